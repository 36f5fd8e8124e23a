import * as z from 'zod';
import { isFeedName } from '../kernel/ids.ts';
import { columnSettings, feedSettings } from './contract-settings.ts';
import { plainName } from './header-difference.ts';

/**
 * The parts of an Open Data Contract Standard v3.1 document that gridtally reads, and the names of those that it leaves to
 * people and other tools. A key that is in neither is refused: it is most often a misspelt one.
 */
const anything = z.unknown().optional();

/** What the standard has for objects and lists within a property. */
const nested = z.undefined('A column holds one value: what lies within it is not read.').optional();

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

/** Those of the contract itself belong to others; a setting of gridtally would have no effect there. */
const contractProperties = customProperties.superRefine((properties, context) => {
    for (const [i, { property }] of properties.entries()) {
        const message = misplacement(property);
        if (message !== undefined) context.addIssue({ code: 'custom', path: [i, 'property'], message });
    }
});

const PLACES = [
    { names: Object.keys(feedSettings.shape), place: 'the customProperties of the schema' },
    { names: Object.keys(columnSettings.shape), place: 'the customProperties of a column' },
];

function misplacement(property: string): string | undefined {
    for (const { names, place } of PLACES) {
        const known = names.find((name) => plainName(name) === plainName(property));
        if (known === property) return `${property} is not read here: it belongs to ${place}.`;
        if (known !== undefined) {
            return `${property} is not read here, and differs from ${known} in case and signs only, which belongs to ${place}. Call it otherwise if it is not that.`;
        }
    }
    return undefined;
}

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
    // The form, clock and limits that these may name are read from the custom properties alone.
    logicalTypeOptions: anything,
    primaryKey: anything,
    primaryKeyPosition: anything,
    partitioned: anything,
    partitionKeyPosition: anything,
    unique: anything,
    examples: anything,
    classification: anything,
    encryptedName: anything,
    criticalDataElement: anything,
    transformSourceObjects: anything,
    transformLogic: anything,
    transformDescription: anything,
    items: nested,
    properties: nested,
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
    status: z.string().regex(/\S/, 'A status is a text that is not blank, such as active.'),
    schema: z.array(schemaObject).length(1, 'A feed has one kind of record: one schema.'),
    customProperties: contractProperties,
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
