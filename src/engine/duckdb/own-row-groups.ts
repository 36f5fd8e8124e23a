import type { FewTexts, TableColumn } from '../engine.ts';
import type { Struct } from '../parquet/compact-protocol.ts';
import { canJoin, type PickedRowGroups } from '../parquet/join-row-groups.ts';
import { type RowGroupSpan, readFooter, rowGroupSpans, soleValues } from '../parquet/parquet-footer.ts';
import { sqlText } from '../sql-text.ts';

/** A file that holds rows of a part, and what its row groups span of the column by which the part is sorted first. */
export interface OwnFile {
    readonly file: string;
    readonly footer: Struct;
    readonly spans: readonly RowGroupSpan[];
}

/** Undefined: there is none, or one that does not say what its row groups span. */
export function readOwnFiles(files: readonly string[], column: string): readonly OwnFile[] | undefined {
    const own: OwnFile[] = [];
    for (const file of files) {
        const footer = readFooter(file);
        const spans = rowGroupSpans(footer, column);
        if (spans === undefined) return undefined;
        own.push({ file, footer, spans });
    }
    return own.length === 0 ? undefined : own;
}

// in so many row groups, on average, what is sought in a file may lie
const OVERLAPS_MAX = 5;

/** Whether the row groups of files hardly overlap: one value lies in few of them. */
export function areInOrder(own: readonly OwnFile[]): boolean {
    const spans = own.flatMap((each) => each.spans);
    const low = Math.min(...spans.map((span) => span.low));
    const high = Math.max(...spans.map((span) => span.high));
    const sum = spans.reduce((width, span) => width + span.high - span.low + 1, 0);
    return sum <= OVERLAPS_MAX * (high - low + 1);
}

/** By name, SQL of the value that all rows of the files have in a column: not to read it saves as much as it takes to write it. */
export function sharedValues(
    own: readonly OwnFile[],
    columns: readonly TableColumn[],
): ReadonlyMap<string, string> {
    const shared = new Map<string, string>();
    for (const { name, type } of columns) {
        const values = valuesOf(own, name);
        const [value] = values ?? [];
        if (values?.size !== 1 || value === undefined) continue;
        const text = valueText(value, type);
        if (text !== undefined) shared.set(name, text);
    }
    return shared;
}

/** Of columns with few texts besides those in the files, all of them: of those columns whose texts the files tell. */
export function withTextsOf(own: readonly OwnFile[], few: FewTexts): FewTexts {
    const all: Record<string, readonly string[]> = {};
    for (const [column, texts] of Object.entries(few)) {
        const values = valuesOf(own, column);
        if (values === undefined) continue;
        const told = [...values].filter((value) => value !== null).map(String);
        all[column] = [...new Set([...texts, ...told])];
    }
    return all;
}

/** Undefined: a row group has several, or does not say. */
function valuesOf(own: readonly OwnFile[], column: string): Set<number | string | null> | undefined {
    const values = new Set<number | string | null>();
    for (const { footer } of own) {
        const sole = soleValues(footer, column);
        if (sole === undefined) return undefined;
        for (const value of sole) values.add(value);
    }
    return values;
}

const WHOLE = new Set(['smallint', 'integer', 'bigint']);

function valueText(value: number | string | null, type: string): string | undefined {
    if (value === null) return 'null';
    if (typeof value === 'string') return type === 'string' ? sqlText(value) : undefined;
    if (!Number.isSafeInteger(value)) return undefined;
    if (type === 'date') return `make_date(${value})`;
    return WHOLE.has(type) ? String(value) : undefined;
}

export interface SplitRowGroups {
    /** In which no row changes. */
    readonly kept: readonly PickedRowGroups[];
    readonly keptRows: number;
    /** Those in which rows of a changed value may lie. */
    readonly touched: readonly PickedRowGroups[];
}

// to write few rows beside many costs a file on the way and a copy of the bytes
const KEPT_SHARE_MIN = 0.5;

/** Undefined where too few row groups would stay as they are, or where they cannot stand in one file. */
export function splitRowGroups(
    own: readonly OwnFile[],
    changed: readonly number[],
): SplitRowGroups | undefined {
    const isTouched = touchedBy(changed);
    const pick = (isWanted: (span: RowGroupSpan) => boolean) =>
        own.map(({ file, footer, spans }) => ({
            file,
            footer,
            places: spans.flatMap((span, place) => (isWanted(span) ? [place] : [])),
        }));
    const rowsOf = (spans: readonly RowGroupSpan[]) => spans.reduce((sum, { rowCount }) => sum + rowCount, 0);
    const spans = own.flatMap((each) => each.spans);
    const keptRows = rowsOf(spans.filter((span) => !isTouched(span)));
    if (keptRows < rowsOf(spans) * KEPT_SHARE_MIN) return undefined;
    if (!canJoin(own.map(({ footer }) => footer))) return undefined;
    return { kept: pick((span) => !isTouched(span)), keptRows, touched: pick(isTouched) };
}

/** Whether any of the numbers lies within a span. */
function touchedBy(numbers: readonly number[]): (span: RowGroupSpan) => boolean {
    const sorted = Float64Array.from(numbers).sort();
    return ({ low, high }) => {
        // the first that is not below
        let [from, to] = [0, sorted.length];
        while (from < to) {
            const middle = (from + to) >> 1;
            if ((sorted[middle] ?? 0) < low) from = middle + 1;
            else to = middle;
        }
        return from < sorted.length && (sorted[from] ?? 0) <= high;
    };
}
