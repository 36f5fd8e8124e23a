import { CsvError, parse } from 'csv-parse/sync';
import type { InputFault } from '../kernel/errors.ts';

export interface CsvRow {
    /** Line of the row's end, from 1; a quoted field may hold line breaks. */
    readonly line: number;
    readonly fields: readonly string[];
}

export interface CsvDocument {
    readonly header: readonly string[];
    readonly rows: readonly CsvRow[];
    /** Faults of the text as such; rows with them are not in `rows`. */
    readonly faults: readonly InputFault[];
}

interface ParsedRecord {
    readonly record: string[];
    readonly info: { readonly lines: number };
}

/**
 * Reads comma-separated text with one header line: double quotes where needed, any line ending, byte order mark and blank
 * lines skipped, blanks around fields removed. Every row with another number of fields than the header is a fault; a broken
 * quote ends the reading, because nobody can tell where the next row begins.
 */
export function parseCsv(text: string, file: string): CsvDocument {
    let records: ParsedRecord[];
    const { stackTraceLimit } = Error;
    // the library makes an error of each odd row, most of whose time its stack takes
    Error.stackTraceLimit = 0;
    try {
        records = parse(text, {
            bom: true,
            info: true,
            relax_column_count: true,
            skip_empty_lines: true,
            trim: true,
        }) as unknown as ParsedRecord[];
    } catch (error) {
        if (!(error instanceof CsvError)) throw error;
        return { header: [], rows: [], faults: [quoteFault(error, file)] };
    } finally {
        Error.stackTraceLimit = stackTraceLimit;
    }
    const [first, ...others] = records;
    if (first === undefined) {
        return { header: [], rows: [], faults: [{ file, line: 1, message: 'the file has no header line' }] };
    }
    return separate(first.record, others, file);
}

function separate(header: readonly string[], records: readonly ParsedRecord[], file: string): CsvDocument {
    const rows: CsvRow[] = [];
    const faults: InputFault[] = [];
    for (const { record, info } of records) {
        if (record.length === header.length) rows.push({ line: info.lines, fields: record });
        else {
            faults.push({
                file,
                line: info.lines,
                message: `the row has ${record.length} fields, the header has ${header.length}`,
            });
        }
    }
    return { header, rows, faults };
}

function quoteFault(error: CsvError, file: string): InputFault {
    const line = (error as { lines?: unknown }).lines;
    return {
        file,
        ...(typeof line === 'number' ? { line } : {}),
        message: `a quote stands where none may, or is not closed (${error.message})`,
    };
}
