import type { RowRule } from '../contracts/ingest-rules.ts';
import type { RandomStream } from './random-stream.ts';
import { type LineFields, type LineFormat, readingLine } from './reading-line.ts';

/** A line that breaks exactly one rule, whatever the rest of the platform knows. */
export interface GarbageLine {
    readonly line: string;
    readonly rule: RowRule;
}

/** What the line is made from: a good reading, and what decides which kinds apply to it. */
export interface GarbageSource {
    readonly fields: LineFields;
    readonly hasExport: boolean;
    /** Whether master data say how long the channel's intervals are. */
    readonly isRegistered: boolean;
}

interface GarbageKind {
    readonly rule: RowRule | { readonly csv: RowRule; readonly ndjson: RowRule };
    readonly appliesTo?: (source: GarbageSource, format: LineFormat) => boolean;
    readonly change: (fields: LineFields) => Partial<LineFields>;
}

const hasAllColumns = (_source: GarbageSource, format: LineFormat) => format.feed !== 'lcl';

/** Changes of one field; those of stamps serve both stamp formats, which differ in single characters. */
const FIELD_KINDS: readonly GarbageKind[] = [
    { rule: 'row.value-format', change: () => ({ value: 'abc' }) },
    {
        rule: { csv: 'row.fields', ndjson: 'row.value-format' },
        change: ({ value }) => ({ value: value.replace('.', ',') }),
    },
    { rule: 'row.value-format', change: () => ({ value: '1_000' }) },
    { rule: 'row.value-format', change: () => ({ value: '2.5e3' }) },
    { rule: 'row.value-format', change: () => ({ value: 'NaN' }) },
    { rule: 'row.value-format', change: () => ({ value: '-Infinity' }) },
    { rule: 'row.value-format', change: ({ value }) => ({ value: `+${value}` }) },
    { rule: 'row.value-missing', change: () => ({ value: '' }) },
    { rule: 'row.value-too-large', change: () => ({ value: '123456789.125' }) },
    {
        rule: 'row.value-negative',
        appliesTo: ({ hasExport }) => !hasExport,
        change: () => ({ value: '-0.250' }),
    },
    { rule: 'row.value-decimals', change: ({ value }) => ({ value: `${value}000001` }) },
    {
        rule: 'row.stamp-impossible',
        change: ({ stamp }) => ({ stamp: `${stamp.slice(0, 4)}-02-30${stamp.slice(10)}` }),
    },
    {
        rule: 'row.stamp-impossible',
        change: ({ stamp }) => ({ stamp: `${stamp.slice(0, 11)}25${stamp.slice(13)}` }),
    },
    {
        rule: 'row.stamp-impossible',
        change: ({ stamp }) => ({ stamp: stamp.replace(/\d\d:\d\d:\d\d/, '24:00:00') }),
    },
    {
        rule: 'row.stamp-format',
        change: ({ stamp }) => ({
            stamp: `${stamp.slice(8, 10)}/${stamp.slice(5, 7)}/${stamp.slice(0, 4)} 00:30`,
        }),
    },
    // The same day of a leap year, so that the stamp stays on the grid of the local day.
    { rule: 'row.stamp-future', change: ({ stamp }) => ({ stamp: `2096${stamp.slice(4)}` }) },
    { rule: 'row.meter-blank', change: () => ({ meterId: '' }) },
    { rule: 'row.quality', appliesTo: hasAllColumns, change: () => ({ quality: 'X' }) },
    { rule: 'row.minutes', appliesTo: hasAllColumns, change: () => ({ minutes: '7' }) },
    {
        rule: 'row.version',
        appliesTo: (_source, format) => format.isStamped,
        change: ({ version }) => ({ version: `v${version}` }),
    },
    {
        rule: 'row.interval-length',
        appliesTo: (source, format) =>
            hasAllColumns(source, format) && source.isRegistered && source.fields.minutes !== '5',
        // Every grid of 10 minutes or more is also one of 5.
        change: () => ({ minutes: '5' }),
    },
];

/** Draws one kind of garbage that applies to the reading. */
export function garbageLine(random: RandomStream, format: LineFormat, source: GarbageSource): GarbageLine {
    const isCsv = format.feed !== 'generic-ndjson';
    const kinds = FIELD_KINDS.filter((kind) => kind.appliesTo?.(source, format) ?? true);
    const choice = random.between(0, kinds.length + 1);
    const kind = kinds[choice];
    if (kind === undefined) return brokenLine(readingLine(format, source.fields), isCsv, choice % 2 === 0);
    const line = readingLine(format, { ...source.fields, ...kind.change(source.fields) });
    const { rule } = kind;
    return { line, rule: typeof rule === 'string' ? rule : isCsv ? rule.csv : rule.ndjson };
}

/** A line cut off (too few fields), or with something behind it (too many). */
function brokenLine(line: string, isCsv: boolean, isCut: boolean): GarbageLine {
    const rule = isCsv ? 'row.fields' : 'row.json';
    if (!isCut) return { line: isCsv ? `${line},extra,fields` : `${line} extra`, rule };
    return { line: line.slice(0, line.lastIndexOf(',')), rule };
}
