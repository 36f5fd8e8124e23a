import { z } from 'zod';
import type { InputFault } from '../kernel/errors.ts';
import { parseYaml } from '../kernel/yaml-document.ts';
import { parseCsv } from './csv-document.ts';

/** A file of rows, whatever its format: every field is a text, blank where nothing is said. */
export interface SourceTable {
    readonly file: string;
    readonly columns: readonly string[];
    readonly rows: readonly SourceRow[];
}

export interface SourceRow {
    /** From 1. */
    readonly line: number;
    /** In the order of the table's columns. */
    readonly fields: readonly string[];
    /** Where a field stands when it has a line of its own (YAML). */
    readonly lineOfField?: (column: string) => number;
}

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const rowsSchema = z.array(z.record(z.string(), scalar));

/** Reads CSV; what is wrong with it as a text goes to `faults`. */
export function csvTable(text: string, file: string, faults: InputFault[]): SourceTable {
    const document = parseCsv(text, file);
    for (const fault of document.faults) faults.push(fault);
    return { file, columns: document.header, rows: document.rows };
}

/**
 * Reads YAML: a list of flat maps, or one map whose only key is the kind (`metering_points:`) with such a list. The columns are
 * all keys that occur.
 * @throws GridtallyError `yaml.invalid` for text that is no YAML
 */
export function yamlTable(text: string, file: string, kind: string, faults: InputFault[]): SourceTable {
    const document = parseYaml(text, file);
    const key = kind.replaceAll('-', '_');
    const { path, value } = unwrap(document.value, key);
    const parsed = rowsSchema.safeParse(value ?? []);
    if (!parsed.success) {
        for (const issue of parsed.error.issues) {
            const place = issue.path.map(plainStep);
            const line = document.lineOf([...path, ...place]);
            const message =
                place.length === 0
                    ? `expected a list of ${kind}`
                    : 'expected a map of plain values: an entry is a row, and has no lists or maps in it';
            faults.push({ file, line, field: [...path, ...place].join('.'), message });
        }
        return { file, columns: [], rows: [] };
    }
    const columns = [...new Set(parsed.data.flatMap((row) => Object.keys(row)))];
    const rows = parsed.data.map((row, index) => ({
        line: document.lineOf([...path, index]),
        fields: columns.map((column) => fieldText(row[column])),
        lineOfField: (column: string) => document.lineOf([...path, index, column]),
    }));
    return { file, columns, rows };
}

/** The list below the kind's key, or the document itself where it has no such key. */
export function unwrap(value: unknown, key: string): { path: readonly string[]; value: unknown } {
    const isWrapped = typeof value === 'object' && value !== null && !Array.isArray(value) && key in value;
    if (!isWrapped || Object.keys(value).length !== 1) return { path: [], value };
    return { path: [key], value: (value as Record<string, unknown>)[key] };
}

/** A step of zod's paths as a step of a YAML path. */
export function plainStep(step: PropertyKey): string | number {
    return typeof step === 'number' ? step : String(step);
}

function fieldText(value: z.infer<typeof scalar> | undefined): string {
    return value === undefined || value === null ? '' : String(value).trim();
}
