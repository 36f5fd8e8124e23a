import { z } from 'zod';
import { tryCalendarDate } from '../kernel/calendar-date.ts';
import { formatDecimal, tryDecimal } from '../kernel/decimal.ts';
import type { InputFault } from '../kernel/errors.ts';
import { parseYaml, type YamlDocument, type YamlPath } from '../kernel/yaml-document.ts';
import type { LoadSource } from './master-data-kind.ts';
import { plainStep, unwrap } from './source-table.ts';

/** A price is `numeric(18, 8)` in the database and in the engine. */
const PRICE_DECIMALS = 8;
const PRICE_WHOLE_DIGITS = 10;

/** A text that is not blank; whole numbers are taken as their digits, so that ids need no quotes. */
export const idSchema = z
    .union([z.string(), z.number().transform(String)], {
        error: ({ input }) => (input === undefined ? 'is missing: expected a text' : 'expected a text'),
    })
    .pipe(z.string().trim().min(1, 'is blank').max(100, 'is longer than 100 characters'));

export const dateSchema = z
    .string({
        error: ({ input }) => `${input === undefined ? 'is missing: ' : ''}expected a date as YYYY-MM-DD`,
    })
    .refine((text) => tryCalendarDate(text) !== undefined, 'is not a date that exists, as YYYY-MM-DD')
    .refine((text) => text >= '1970-01-01' && text <= '2100-12-31', 'is not between 1970 and 2100');

/** An exact number as text in its shortest form, such as `0.1176`. */
export const priceSchema = z
    .union([z.string(), z.number().transform(String)], { error: 'expected a decimal number such as 0.1176' })
    .transform((text, context) => {
        const price = shortPrice(text);
        if (price !== undefined) return price;
        context.addIssue(
            `${JSON.stringify(text)} is not a decimal number with at most ${PRICE_DECIMALS} decimals`,
        );
        return z.NEVER;
    });

/** The shortest form of a price, or `undefined` for a text that is no number or is not exact in the database. */
export function shortPrice(text: string): string | undefined {
    const parsed = tryDecimal(text);
    if (parsed === undefined) return undefined;
    const short = formatDecimal(parsed, { minScale: 0 });
    const [whole = '', decimals = ''] = short.replace('-', '').split('.');
    return whole.length <= PRICE_WHOLE_DIGITS && decimals.length <= PRICE_DECIMALS ? short : undefined;
}

export interface DocumentItems<Item> {
    readonly items: readonly Item[];
    /** Line of a place within the list of items. */
    readonly lineOf: (path: YamlPath) => number;
}

/**
 * Reads a YAML list (bare, or below the kind's name) by a schema. Every fault goes to `faults` with its line; then there
 * are no items.
 * @throws GridtallyError `yaml.invalid` for text that is no YAML
 */
export function readItems<Schema extends z.ZodType>(
    source: LoadSource,
    kind: string,
    schema: Schema,
    faults: InputFault[],
): DocumentItems<z.output<Schema>> {
    const document = parseYaml(source.text, source.file);
    const { path, value } = unwrap(document.value, kind);
    const lineOf = (place: YamlPath) => document.lineOf([...path, ...place]);
    const parsed = z.array(schema, `expected a list of ${kind}`).safeParse(value ?? []);
    if (parsed.success) return { items: parsed.data, lineOf };
    for (const issue of parsed.error.issues) faults.push(...faultsOf(issue, source.file, path, document));
    return { items: [], lineOf };
}

function faultsOf(
    issue: z.core.$ZodIssue,
    file: string,
    prefix: YamlPath,
    document: YamlDocument,
): InputFault[] {
    const path = [...prefix, ...issue.path.map(plainStep)];
    if (issue.code !== 'unrecognized_keys') return [faultAt(path, issue.message)];
    return issue.keys.map((key) => faultAt([...path, key], 'unknown key'));

    function faultAt(place: YamlPath, message: string): InputFault {
        return { file, line: document.lineOf(place), field: place.join('.'), message };
    }
}
