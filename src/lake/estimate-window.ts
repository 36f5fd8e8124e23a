import { addDays, type CalendarDate, listDays } from '../kernel/calendar-date.ts';
import type { Transaction } from '../store/database.ts';
import { distinctPaths, type LiveFile, liveFiles, liveFilesByTable } from './catalogue.ts';
import { type ChannelShapes, NO_SHAPES, readChannelShapes } from './channel-shapes.ts';
import type { EstimationRules } from './estimation-inputs.ts';
import { type Lake, type PartitionKey, partitionText } from './lake.ts';
import { readSpanSettings, type SpanInputs } from './register-advances.ts';
import type { RegisterFeed } from './register-reads.ts';
import type { Watermark } from './watermark.ts';

/** What estimates look at beside what is decided in their job, of one moment: digests, values and the versions that are recorded must be of the same commits. */
export interface EstimateWindow {
    readonly versions: ReadonlyMap<string, number>;
    readonly files: Readonly<Record<WindowTable, readonly LiveFile[]>>;
    /** Of channels of the partitions, on all days that are looked at. */
    readonly shapes: ChannelShapes;
    /** Absent: no register was read within reach. */
    readonly registers?: RegisterLook;
}

/** Reads of registers that estimates may be scaled to. */
export interface RegisterLook extends SpanInputs {
    /** Absolute paths of files of `register_versions`. */
    readonly paths: readonly string[];
    readonly feeds: readonly RegisterFeed[];
    /** Only reads that were known there count; absent: all. */
    readonly watermark?: Watermark;
}

export const WINDOW_TABLES = ['reads_interval', 'reads_daily', 'reading_estimates'] as const;
export type WindowTable = (typeof WINDOW_TABLES)[number];

export const NO_WINDOW: EstimateWindow = {
    versions: new Map(),
    files: { reads_interval: [], reads_daily: [], reading_estimates: [] },
    shapes: NO_SHAPES,
};

type Reader = Pick<Transaction, 'query'>;

/** Where registers were read within reach of these partitions, all that lies between them and those reads may be looked at. */
export async function readEstimateWindow(
    lake: Lake,
    tx: Reader,
    rules: EstimationRules,
    asked: { readonly partitions: readonly PartitionKey[]; readonly feeds: readonly RegisterFeed[] },
): Promise<EstimateWindow> {
    const registers = await readRegisters(lake, tx, rules, asked);
    const daysOf =
        registers === undefined
            ? rules.windowOf
            : (day: CalendarDate) => daysWithWindows(rules, rules.reachOf(day));
    const wanted = asked.partitions.flatMap(({ marketDay, bucket }) =>
        daysOf(marketDay).map((day): PartitionKey => ({ marketDay: day, bucket })),
    );
    const shaped = asked.partitions.flatMap(({ marketDay, bucket }) =>
        [marketDay, ...(registers === undefined ? [] : rules.reachOf(marketDay))].map((day) => ({
            marketDay: day,
            bucket,
        })),
    );
    const days = [...new Set(wanted.map(({ marketDay }) => marketDay))].sort();
    const buckets = [...new Set(asked.partitions.map(({ bucket }) => bucket))];
    return {
        versions: await readVersions(tx, days, buckets),
        files: await readFiles(lake, tx, { days, buckets, wanted: new Set(wanted.map(partitionText)) }),
        shapes: await readChannelShapes(lake, tx, shaped),
        ...(registers === undefined ? {} : { registers }),
    };
}

/** These days and those that estimates of each may look at. */
export function daysWithWindows(rules: EstimationRules, days: readonly CalendarDate[]): CalendarDate[] {
    return [...new Set(days.flatMap((day) => [day, ...rules.windowOf(day)]))].sort();
}

async function readRegisters(
    lake: Lake,
    tx: Reader,
    rules: EstimationRules,
    { partitions, feeds }: { partitions: readonly PartitionKey[]; feeds: readonly RegisterFeed[] },
): Promise<RegisterLook | undefined> {
    const days = partitions.flatMap(({ marketDay }) => rules.reachOf(marketDay)).sort();
    const [first, last] = [days[0], days.at(-1)];
    if (first === undefined || last === undefined) return undefined;
    // whose a read is may have changed since it came, so its own bucket is no guide
    const files = await liveFiles(lake, 'register_versions', { from: first, to: addDays(last, 1) }, tx);
    if (files.length === 0) return undefined;
    const ends = [...new Set(partitions.map(({ bucket }) => bucket))].flatMap((bucket) =>
        [first, last].map((marketDay) => ({ marketDay, bucket })),
    );
    return { paths: distinctPaths(files), feeds, ...(await readSpanSettings(lake, tx, ends)) };
}

async function readVersions(
    db: Reader,
    days: readonly CalendarDate[],
    buckets: readonly number[],
): Promise<Map<string, number>> {
    const rows = await db.query<PartitionKey & { version: number }>(
        `select market_day as "marketDay", bucket, version from partitions
          where table_name = 'reads_interval' and market_day = any($1::date[]) and bucket = any($2::int[])`,
        [days, buckets],
    );
    return new Map(rows.map((row) => [partitionText(row), row.version]));
}

async function readFiles(
    lake: Lake,
    db: Reader,
    {
        days,
        buckets,
        wanted,
    }: { days: readonly CalendarDate[]; buckets: readonly number[]; wanted: ReadonlySet<string> },
): Promise<EstimateWindow['files']> {
    const [first, last] = [days[0], days.at(-1)];
    if (first === undefined || last === undefined) return NO_WINDOW.files;
    const range = { from: first, to: addDays(last, 1), buckets };
    const live = await liveFilesByTable(lake, WINDOW_TABLES, range, db);
    const within = (files: readonly LiveFile[]) => files.filter((file) => wanted.has(partitionText(file)));
    return {
        reads_interval: within(live.reads_interval),
        reads_daily: within(live.reads_daily),
        reading_estimates: within(live.reading_estimates),
    };
}

/** Every day of a range, both ends included. */
export function daysOfRange({ first, last }: DayRange): CalendarDate[] {
    return listDays({ from: first, to: addDays(last, 1) });
}

/** Both ends belong to it. */
export interface DayRange {
    readonly first: CalendarDate;
    readonly last: CalendarDate;
}

/** The shortest range that has both. */
export function joinedRange(a: DayRange | undefined, b: DayRange): DayRange {
    if (a === undefined) return b;
    return { first: a.first < b.first ? a.first : b.first, last: a.last > b.last ? a.last : b.last };
}
