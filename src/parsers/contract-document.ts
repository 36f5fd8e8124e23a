import * as z from 'zod';
import { isFeedName } from '../kernel/ids.ts';

/**
 * The parts of an Open Data Contract Standard v3.1 document that gridtally reads, and the names of those that it leaves to
 * people and other tools. A key that is in neither is refused: it is most often a misspelt one.
 */
const anything = z.unknown().optional();

const customProperties = z
    .array(
        z.strictObject({
            id: z.string().optional(),
            property: z.string(),
            value: z.unknown(),
            description: z.string().optional(),
        }),
    )
    .default([]);

const descriptive = {
    id: anything,
    description: anything,
    businessName: anything,
    tags: anything,
    authoritativeDefinitions: anything,
    quality: anything,
    relationships: anything,
    physicalName: anything,
    physicalType: anything,
};

const property = z.strictObject({
    ...descriptive,
    name: z.string().min(1),
    logicalType: z.enum(['string', 'date', 'timestamp', 'time', 'number', 'integer', 'boolean']),
    required: z.boolean().default(false),
    primaryKey: anything,
    primaryKeyPosition: anything,
    unique: anything,
    examples: anything,
    classification: anything,
    criticalDataElement: anything,
    customProperties,
});

const schemaObject = z.strictObject({
    ...descriptive,
    name: z.string().min(1),
    logicalType: z.literal('object').optional(),
    dataGranularityDescription: anything,
    properties: z.array(property).min(1),
    customProperties,
});

export const contractDocument = z.strictObject({
    apiVersion: z.literal('v3.1.0'),
    kind: z.literal('DataContract'),
    id: z.string().min(1),
    name: z
        .string()
        .refine(
            isFeedName,
            'A feed is named by a lower-case letter, then letters, digits, - and _ (63 at most).',
        ),
    version: z.string().min(1),
    status: z.enum(['proposed', 'draft', 'active', 'deprecated', 'retired']),
    schema: z.array(schemaObject).length(1, 'A feed has one kind of record: one schema.'),
    customProperties: z
        .array(z.unknown())
        .max(0, 'Custom properties of the contract itself are not read: put them below schema.')
        .default([]),
    tenant: anything,
    domain: anything,
    dataProduct: anything,
    description: anything,
    tags: anything,
    servers: anything,
    team: anything,
    roles: anything,
    support: anything,
    price: anything,
    slaProperties: anything,
    slaDefaultElement: anything,
    authoritativeDefinitions: anything,
    contractCreatedTs: anything,
});

/** What the feed's own settings are read from. */
export const contractParts = z.object({ schema: z.array(schemaObject) });

export type ContractParts = z.infer<typeof contractParts>;
export type CustomProperties = z.infer<typeof customProperties>;
