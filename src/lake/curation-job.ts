import { CHANNEL_SNAPSHOT, LAKE_TABLES } from '../contracts/lake-tables.ts';
import { compileModel, compileText } from '../engine/compile.ts';
import type { EngineSession, FewTexts, JobLimits } from '../engine/engine.ts';
import type { CalendarDate } from '../kernel/calendar-date.ts';
import { marketDayPeriod } from '../kernel/market-day.ts';
import type { LiveFile } from './catalogue.ts';
import { distinctPaths } from './catalogue.ts';
import { estimateGaps, findStaleEstimates } from './estimate-gaps.ts';
import type { EstimationInputs } from './estimation-inputs.ts';
import { type Lake, partitionText } from './lake.ts';
import type { PlannedRebuild } from './refresh-plan.ts';
import type { FeedPrecedence } from './refresh-state.ts';
import { materialiseModel, viewModel, viewNothing } from './session-models.ts';
import { judgesReadings, registerValidation, type ValidationInputs } from './validation-inputs.ts';
import { knownBy, type Watermark } from './watermark.ts';

/** Inputs of one job, read from the catalogue before the engine starts. */
export interface JobInputs {
    readonly rebuilds: readonly PlannedRebuild[];
    readonly versionFiles: readonly LiveFile[];
    /** Published files of the job's partitions, by table. */
    readonly previous: Readonly<Record<PublishedTable, readonly LiveFile[]>>;
    /** The channel snapshot's file, or a table of the session in its shape. */
    readonly channels: { readonly path: string } | { readonly table: string };
    /** Only versions that were known there count; absent: all. */
    readonly watermark?: Watermark;
    readonly feeds: readonly FeedPrecedence[];
    readonly validation: ValidationInputs;
    readonly estimation: EstimationInputs;
}

export const PUBLISHED_TABLES = [
    'reads_interval',
    'reads_hourly',
    'reads_daily',
    'reading_gaps',
    'rejected_readings',
    'reading_marks',
    'reading_estimates',
] as const;
export type PublishedTable = (typeof PUBLISHED_TABLES)[number];

/** Something of each published table. */
export function forEachTable<T>(of: (table: PublishedTable) => T): Record<PublishedTable, T> {
    return Object.fromEntries(PUBLISHED_TABLES.map((table) => [table, of(table)])) as Record<
        PublishedTable,
        T
    >;
}

/** Order of the rows in the files of each published table; total. In a merge the rows that are kept come first, in the order of their files. */
export const FILE_ORDER: Readonly<Record<PublishedTable, string>> = {
    reads_interval: 'channel_no nulls last, period_from nulls last',
    reads_hourly: 'channel_no nulls last, hour_from nulls last',
    reads_daily: 'channel_no nulls last',
    reading_gaps: 'channel_no nulls last, gap_from nulls last',
    rejected_readings: 'channel_no nulls last, period_from nulls last',
    reading_marks: 'channel_no nulls last, rule_id nulls last, feed_id nulls last',
    reading_estimates: 'channel_no nulls last, gap_from nulls last',
};

const CURATED: Readonly<Record<PublishedTable, string>> = {
    reads_interval: 'curated_intervals',
    reads_hourly: 'curated_hours',
    reads_daily: 'curated_days',
    reading_gaps: 'curated_gaps',
    rejected_readings: 'rejected_intervals',
    reading_marks: 'interval_marks',
    reading_estimates: 'run_estimates',
};

/** Models that say what becomes of each version, in the order in which they build on each other. */
export const VERSION_MODELS = [
    'curation/job_versions',
    'curation/contested_keys',
    'curation/contested_versions',
    'curation/version_outcomes',
    'curation/winning_versions',
    'vee/measured_days',
    'vee/failed_days',
    'vee/judged_versions',
];

/**
 * First half of a job, within an engine session: decides which version wins, and which rules it fails. Leaves `next_reads_interval`,
 * which holds what is to be published, and `curated_intervals`, which holds what was decided: for a `merge`, the
 * channel-days that new version files name, while all others stay as they are in the published files.
 */
export async function decideVersions(session: EngineSession, lake: Lake, inputs: JobInputs): Promise<void> {
    await registerVersions(session, inputs);
    for (const table of PUBLISHED_TABLES) {
        await session.registerFiles(
            `previous_${table}`,
            LAKE_TABLES[table],
            distinctPaths(inputs.previous[table]),
        );
    }
    const isMerge = isMergeOf(inputs);
    await registerPartitions(session, lake, inputs.rebuilds);
    await registerChannels(session, lake, inputs, isMerge);
    await registerCalendar(session, lake, inputs.rebuilds);
    await registerValidation(session, inputs.validation);
    const isHeld = readsVersionsOnce(lake, inputs);
    if (isHeld) await materialiseModel(session, 'job_versions', 'curation/job_versions');
    else await viewModel(session, 'job_versions', 'curation/job_versions');
    // of a merge they are few, and cost less to hold than to decide again for each table
    const decide = isMerge ? materialiseModel : viewModel;
    await expectDays(session, isMerge);
    await findContested(session, inputs);
    await viewContested(session, isHeld);
    await holdFewContested(session, lake.bulkEngine.jobLimits);
    await materialiseModel(session, 'version_outcomes', 'curation/version_outcomes');
    await decide(session, 'winning_versions', 'curation/winning_versions');
    await judgeReadings(session, inputs.validation, decide);
    await viewModel(session, 'curated_intervals', 'curation/curated_intervals');
    await session.run(nextView(session, 'reads_interval', isMerge));
}

/**
 * Where readings are judged, a copy of the versions in memory costs less than to read and decode the files once more; where they are not, each step
 * better reads the few columns that it needs. Of many small partitions each would be sought in all files again, and what was known at an instant is
 * asked for when the session's files have other names already.
 */
function readsVersionsOnce({ bulkEngine }: Lake, inputs: JobInputs): boolean {
    if (inputs.watermark !== undefined || isMergeOf(inputs)) return true;
    if (heldRows(inputs) > bulkEngine.jobLimits.maxRowsHeld) return false;
    return inputs.rebuilds.length > 1 || judgesReadings(inputs.validation.policy);
}

function heldRows({ rebuilds }: JobInputs): number {
    return rebuilds.reduce((sum, rebuild) => sum + rebuild.heldRows, 0);
}

// more are no longer few
const FEW_TEXTS_MAX = 64;

/**
 * All texts that what a job publishes may have in `quality` and `source_code`, if they are few: those of every version with a value or, of a merge, of the
 * readings that were decided again. Without `flags`: what the rules mark is known only when every reading is judged, as it is written.
 */
export async function textsOfReadings(session: EngineSession, inputs: JobInputs): Promise<FewTexts> {
    const table = isMergeOf(inputs) ? 'curated_intervals' : 'partition_versions';
    const pairs = await session.rows(
        `select distinct quality, source_code from ${table} where kwh is not null limit ${FEW_TEXTS_MAX + 1}`,
    );
    if (pairs.length > FEW_TEXTS_MAX) return {};
    const textsOf = (column: string) => [
        ...new Set(pairs.flatMap((pair) => (pair[column] === null ? [] : [String(pair[column])]))),
    ];
    return { quality: textsOf('quality'), source_code: textsOf('source_code') };
}

// to rank a version costs several times what it costs to find out that nothing contests it
const RANKED_UNASKED_SHARE = 0.1;

/**
 * Leaves `contested_keys`. Where each partition has one file that names every interval once, and little else, whatever the others name may be
 * contested and nothing else is: the large file is not looked through.
 */
async function findContested(session: EngineSession, inputs: JobInputs): Promise<void> {
    const others = filesBesideLargest(inputs);
    if (others === undefined) return materialiseModel(session, 'contested_keys', 'curation/contested_keys');
    await session.registerFiles('other_version_files', LAKE_TABLES.reading_versions, distinctPaths(others));
    await session.materialise(
        'contested_keys',
        `select distinct channel_no, period_from from (${rowsOfPartitions('other_version_files', others, inputs.rebuilds)}) as v`,
    );
}

/** Undefined: a partition has no large file that names each interval once, or much besides. */
function filesBesideLargest({ rebuilds, versionFiles }: JobInputs): readonly LiveFile[] | undefined {
    const files = Map.groupBy(versionFiles, partitionText);
    const largest = new Set<number>();
    for (const parts of files.values()) {
        const part = parts.reduce((most, file) => (file.rowCount > most.rowCount ? file : most));
        if (!part.hasEachIntervalOnce) return undefined;
        largest.add(part.fileId);
    }
    // a file that is another partition's largest must not be one of two here: both could name an interval
    for (const rebuild of rebuilds) {
        const parts = files.get(partitionText(rebuild)) ?? [];
        if (parts.filter(({ fileId }) => largest.has(fileId)).length > 1) return undefined;
    }
    const others = versionFiles.filter(({ fileId }) => !largest.has(fileId));
    const rows = (of: readonly LiveFile[]) => of.reduce((sum, { rowCount }) => sum + rowCount, 0);
    return rows(others) <= rows(versionFiles) * RANKED_UNASKED_SHARE ? others : undefined;
}

/** Leaves `contested_versions`. Of versions that are not held, those that nothing contests are left out before they are looked at in any other way. */
async function viewContested(session: EngineSession, isHeld: boolean): Promise<void> {
    if (isHeld) return viewModel(session, 'contested_versions', 'curation/contested_versions');
    await session.run(
        compileText(
            `create or replace temp view contested_rows as
             select v.* from partition_versions as v
              inner join contested_keys as k
                on k.channel_no = v.channel_no and same_instant(k.period_from, v.period_from)`,
            session.dialect,
            'contested_rows',
        ),
    );
    await viewModel(session, 'contested_job_versions', 'curation/job_versions', {
        partition_versions: 'contested_rows',
    });
    await viewModel(session, 'contested_versions', 'curation/contested_versions', {
        job_versions: 'contested_job_versions',
    });
}

/**
 * The join that finds contested versions, beneath the windows that rank them, took DuckDB 1.5 more than twice as long as each by itself (3.8 against
 * 1.6 s for 58,000 contested of 5.8 million). Of many contested versions a copy would cost more.
 */
async function holdFewContested(session: EngineSession, limits: JobLimits): Promise<void> {
    if (!limits.holdsSmallSteps) return;
    const [contested] = await session.rows('select count(*) as n from contested_keys');
    if (Number(contested?.n) > limits.maxRowsHeld * RANKED_UNASKED_SHARE) return;
    await session.materialise('held_contested_versions', 'select * from contested_versions');
    await session.run(
        'create or replace temp view contested_versions as select * from held_contested_versions',
    );
}

/**
 * Second half: sums what `curated_intervals` holds. Leaves `next_<table>` for the other published tables, and
 * `changed_channel_days`.
 */
export async function rollUp(session: EngineSession, lake: Lake, inputs: JobInputs): Promise<void> {
    const isMerge = isMergeOf(inputs);
    await session.run('create or replace temp view summed_intervals as select * from curated_intervals');
    await materialiseModel(session, 'received_hours', 'curation/present_hours');
    for (const name of ['incomplete_days', 'unread_slots'])
        await materialiseModel(session, name, `curation/${name}`);
    const days = [...new Set(inputs.rebuilds.map((r) => r.marketDay))];
    const decided = isMerge ? { decidedDays: 'select market_day, channel_no from remade_days' } : {};
    const { estimation } = inputs;
    const hasGaps = await estimateGaps(session, { ...lake, days, estimation, ...decided });
    if (hasGaps) await addEstimates(session);
    else await session.run('create or replace temp view present_hours as select * from received_hours');
    // a copy of many hours costs more than to compute them once for their file and once for the days
    const keepHours = heldRows(inputs) > lake.bulkEngine.jobLimits.maxRowsHeld ? viewModel : materialiseModel;
    await keepHours(session, 'curated_hours', 'curation/curated_hours');
    for (const name of ['curated_days', 'curated_gaps'])
        await materialiseModel(session, name, `curation/${name}`);
    await materialiseModel(session, 'interval_marks', 'vee/interval_marks');
    for (const table of PUBLISHED_TABLES)
        if (table !== 'reads_interval') await session.run(nextView(session, table, isMerge));
    await materialiseModel(session, 'changed_channel_days', 'curation/changed_days');
}

/** Leaves `present_hours`: received_hours, but for days with estimates, which are summed again with these. */
async function addEstimates(session: EngineSession): Promise<void> {
    await session.materialise(
        'estimated_days',
        'select distinct market_day, channel_no from estimated_intervals',
    );
    const ofDay = 'd.market_day = v.market_day and d.channel_no = v.channel_no';
    const columns = LAKE_TABLES.reads_interval.map(({ name }) => `v.${name}`).join(', ');
    await session.run(
        `create or replace temp view summed_intervals as
         select ${columns} from curated_intervals as v inner join estimated_days as d on ${ofDay}
         union all select ${columns} from estimated_intervals as v`,
    );
    await materialiseModel(session, 'estimated_hours', 'curation/present_hours');
    await session.run(
        `create or replace temp view present_hours as
         select v.* from received_hours as v left join estimated_days as d on ${ofDay} where d.channel_no is null
         union all select * from estimated_hours`,
    );
}

function isMergeOf({ rebuilds }: JobInputs): boolean {
    return rebuilds[0]?.kind === 'merge' || rebuilds[0]?.kind === 'estimate';
}

/**
 * Leaves `judged_versions`, and `failed_days` and `rejected_intervals`. Where a home judges no readings at all, it sums none for that; where no day
 * of the job fails a rule, no reading is looked up among those of days that do: a tenth of what writing them costs.
 */
async function judgeReadings(
    session: EngineSession,
    { policy }: ValidationInputs,
    decide: typeof viewModel,
): Promise<void> {
    const isJudging = judgesReadings(policy);
    const compute = isJudging ? materialiseModel : viewNothing;
    await compute(session, 'measured_days', 'vee/measured_days');
    await compute(session, 'failed_days', 'vee/failed_days');
    const [failed] = isJudging ? await session.rows('select count(*) as n from failed_days') : [];
    if (Number(failed?.n ?? 0) > 0) {
        await decide(session, 'judged_versions', 'vee/judged_versions');
        await materialiseModel(session, 'rejected_intervals', 'vee/rejected_intervals');
        return;
    }
    const passed = 'select w.*, 0 as is_rejected from winning_versions as w';
    await session.run(`create or replace temp view judged_versions as ${passed}`);
    await session.registerRows('rejected_intervals', LAKE_TABLES.rejected_readings, []);
}

function modelSql(session: EngineSession, model: string): string {
    return compileModel(model, session.dialect).sql;
}

/** The rows to publish: what was computed and, for a merge, before it every other channel-day as it was. */
function nextView(session: EngineSession, table: PublishedTable, isMerge: boolean): string {
    const columns = LAKE_TABLES[table]
        .map((c) => `cast(t.${c.name} as ${session.typeName(c.type)}) as ${c.name}`)
        .join(', ');
    const kept = LAKE_TABLES[table].map((c) => `p.${c.name}`).join(', ');
    const computed = `select ${columns} from ${CURATED[table]} as t`;
    if (!isMerge) return `create or replace temp view next_${table} as ${computed}`;
    return `create or replace temp view next_${table} as
            select ${kept} from previous_${table} as p
              left join remade_days as c on c.market_day = p.market_day and c.channel_no = p.channel_no
             where c.channel_no is null
             union all select * from (${computed} order by ${FILE_ORDER[table]}) as t`;
}

async function registerPartitions(
    session: EngineSession,
    lake: Lake,
    rebuilds: readonly PlannedRebuild[],
): Promise<void> {
    await session.registerRows(
        'job_partitions',
        [
            { name: 'market_day', type: 'date' },
            { name: 'bucket', type: 'integer' },
            { name: 'first_channel_no', type: 'integer' },
            { name: 'end_channel_no', type: 'bigint' },
            { name: 'is_expected', type: 'integer' },
        ],
        rebuilds.map((r) => [
            r.marketDay,
            r.bucket,
            r.bucket * lake.bucketSize,
            (r.bucket + 1) * lake.bucketSize,
            r.isExpected ? 1 : 0,
        ]),
    );
}

/** Leaves the session's table `market_days`, or one of that shape under another name. */
export async function registerMarketDays(
    session: EngineSession,
    { zone }: Pick<Lake, 'zone'>,
    days: readonly CalendarDate[],
    table = 'market_days',
): Promise<void> {
    const periods = days.map((day) => ({ day, ...marketDayPeriod(zone, day) }));
    await session.registerRows(
        table,
        [
            { name: 'market_day', type: 'date' },
            { name: 'day_from_us', type: 'bigint' },
            { name: 'day_to_us', type: 'bigint' },
        ],
        periods.map((p) => [p.day, p.from * 1000, p.to * 1000]),
    );
}

/** Leaves the session's table `feed_precedence`. */
export async function registerFeeds(session: EngineSession, feeds: readonly FeedPrecedence[]): Promise<void> {
    await session.registerRows(
        'feed_precedence',
        [
            { name: 'feed_id', type: 'smallint' },
            { name: 'rank', type: 'integer' },
            { name: 'newest_always', type: 'integer' },
            { name: 'is_backfill', type: 'integer' },
        ],
        feeds.map((f) => [f.feedId, f.rank, f.newestAlways ? 1 : 0, f.isBackfill ? 1 : 0]),
    );
}

async function registerCalendar(
    session: EngineSession,
    lake: Lake,
    rebuilds: readonly PlannedRebuild[],
): Promise<void> {
    const days = [...new Set(rebuilds.map((r) => r.marketDay))];
    await registerMarketDays(session, lake, days);
    const periods = days.map((day) => ({ day, ...marketDayPeriod(lake.zone, day) }));
    await session.registerRows(
        'day_hours',
        [
            { name: 'market_day', type: 'date' },
            { name: 'hour_no', type: 'bigint' },
            { name: 'hour_from_us', type: 'bigint' },
            { name: 'hour_to_us', type: 'bigint' },
        ],
        periods.flatMap((p) =>
            starts(p, 60).map((from, i) => [p.day, i, from * 1000, Math.min(from + 3_600_000, p.to) * 1000]),
        ),
    );
    const used = await session.rows('select distinct interval_minutes from channels');
    const lengths = used.map((row) => Number(row.interval_minutes));
    await session.registerRows(
        'day_slots',
        [
            { name: 'market_day', type: 'date' },
            { name: 'interval_minutes', type: 'smallint' },
            { name: 'slot_no', type: 'integer' },
            { name: 'slot_from_us', type: 'bigint' },
        ],
        periods.flatMap((p) =>
            lengths.flatMap((minutes) =>
                starts(p, minutes)
                    // no reading may cross midnight, so none is expected that would
                    .filter((from) => from + minutes * 60_000 <= p.to)
                    .map((from, i) => [p.day, minutes, i, from * 1000]),
            ),
        ),
    );
}

function starts(p: { from: number; to: number }, minutes: number): number[] {
    const length = minutes * 60_000;
    return Array.from({ length: Math.ceil((p.to - p.from) / length) }, (_, i) => p.from + i * length);
}

async function registerVersions(session: EngineSession, inputs: JobInputs): Promise<void> {
    await session.registerFiles(
        'version_files',
        LAKE_TABLES.reading_versions,
        distinctPaths(inputs.versionFiles),
    );
    const mergedFrom = new Map(inputs.rebuilds.map((r) => [partitionText(r), r.mergedFromVersion]));
    const unseen = inputs.versionFiles.filter(
        (f) => f.addedVersion > (mergedFrom.get(partitionText(f)) ?? 0),
    );
    await session.registerFiles('unseen_version_files', LAKE_TABLES.reading_versions, distinctPaths(unseen));
    await registerFeeds(session, inputs.feeds);
}

/** The channels of the job's buckets; for a merge, narrows versions and channels to the channel-days that unseen files name. */
async function registerChannels(
    session: EngineSession,
    lake: Lake,
    inputs: JobInputs,
    isMerge: boolean,
): Promise<void> {
    await registerAllChannels(session, inputs);
    if (isMerge) await registerRemade(session, lake, inputs);
    const versions = isMerge
        ? ofRemadeDays('select * from version_files')
        : rowsOfPartitions('version_files', inputs.versionFiles, inputs.rebuilds);
    const known = inputs.watermark === undefined ? '' : ` where ${knownBy(inputs.watermark)}`;
    await session.run(
        `create or replace temp view partition_versions as select * from (${versions}) as v${known}`,
    );
    const within = 'path' in inputs.channels ? withinBuckets(lake, inputs.rebuilds) : 'true';
    const only = isMerge ? ' and channel_no in (select channel_no from remade_days)' : '';
    await session.materialise('channels', `select * from all_channels where (${within})${only}`);
}

async function expectDays(session: EngineSession, isMerge: boolean): Promise<void> {
    const model = 'curation/expected_channel_days';
    if (isMerge) await session.materialise('expected_channel_days', ofRemadeDays(modelSql(session, model)));
    else await viewModel(session, 'expected_channel_days', model);
}

/** Those rows of a query that are of a channel-day which a merge makes anew. */
function ofRemadeDays(query: string): string {
    return `select v.* from (${query}) as v
             inner join remade_days as r on r.market_day = v.market_day and r.channel_no = v.channel_no`;
}

/** Rows of a table of versions, whose files may hold more, for the partitions of a job; of a single one told by constants, by which the engine reads less. */
function rowsOfPartitions(
    table: string,
    files: readonly LiveFile[],
    rebuilds: readonly PlannedRebuild[],
): string {
    if (!holdMore(files, rebuilds)) return `select * from ${table}`;
    const [first, ...others] = rebuilds;
    if (first && others.length === 0)
        return `select * from ${table} where market_day = date '${first.marketDay}' and bucket = ${first.bucket}`;
    return `select f.* from ${table} as f
             inner join job_partitions as p on p.market_day = f.market_day and p.bucket = f.bucket`;
}

/** Whether there are rows in these files beside those of the partitions of a job. */
function holdMore(files: readonly LiveFile[], rebuilds: readonly PlannedRebuild[]): boolean {
    const wanted = new Set(rebuilds.map(partitionText));
    const listed = Map.groupBy(files, ({ fileId }) => fileId);
    return [...listed.values()].some((parts) => {
        const own = parts.filter((part) => wanted.has(partitionText(part)));
        return own.reduce((sum, part) => sum + part.rowCount, 0) < (parts[0]?.fileRowCount ?? 0);
    });
}

/** Leaves `all_channels`. */
export async function registerAllChannels(
    session: EngineSession,
    { channels }: Pick<JobInputs, 'channels'>,
): Promise<void> {
    if ('path' in channels) await session.registerFiles('all_channels', CHANNEL_SNAPSHOT, [channels.path]);
    else await session.run(`create or replace temp view all_channels as select * from ${channels.table}`);
}

/**
 * Leaves `remade_days`: channel-days of the job that unseen files name, and those whose estimates are no longer what they would be now or look at one of the
 * former.
 */
async function registerRemade(session: EngineSession, lake: Lake, inputs: JobInputs): Promise<void> {
    const { estimation, rebuilds, previous } = inputs;
    const days = [...new Set(rebuilds.map((r) => r.marketDay))];
    const estimates = distinctPaths(previous.reading_estimates);
    // a job that is about estimates alone has looked already
    if (rebuilds[0]?.kind !== 'estimate')
        await findStaleEstimates(session, { ...lake, days, estimation, estimates });
    const isAnew = rebuilds.some((r) => r.reasons.includes('estimation settings'));
    const estimated = ['previous_reading_gaps', 'previous_reading_estimates'];
    const anew = isAnew ? estimated.map((t) => ` union select market_day, channel_no from ${t}`) : [];
    await session.materialise(
        'named_days',
        `select distinct v.market_day, v.channel_no from unseen_version_files as v
          inner join job_partitions as p on p.market_day = v.market_day and p.bucket = v.bucket`,
    );
    await session.materialise(
        'remade_days',
        `select market_day, channel_no from named_days
         union select market_day, channel_no from stale_estimates${anew.join('')}
         union select market_day, channel_no from previous_reading_estimates
                where channel_no in (select channel_no from named_days)`,
    );
}

function withinBuckets(lake: Lake, rebuilds: readonly PlannedRebuild[]): string {
    const buckets = [...new Set(rebuilds.map((r) => r.bucket))];
    const ranges = buckets.map(
        (b) => `channel_no >= ${b * lake.bucketSize} and channel_no < ${(b + 1) * lake.bucketSize}`,
    );
    return ranges.join(' or ') || 'false';
}
