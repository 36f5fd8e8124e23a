import { LAKE_TABLES } from '../contracts/lake-tables.ts';
import type { EngineSession, StepProgress } from '../engine/engine.ts';
import { addDays } from '../kernel/calendar-date.ts';
import { makeFolderDurably, syncWrittenFiles } from '../kernel/durable.ts';
import { crashPoint } from '../kernel/faults.ts';
import { once } from '../kernel/once.ts';
import { inTurns } from '../kernel/turns.ts';
import { distinctPaths, type LiveFile, liveFilesByTable, type NewFile } from './catalogue.ts';
import {
    decideVersions,
    FILE_ORDER,
    forEachTable,
    type JobInputs,
    PUBLISHED_TABLES,
    type PublishedTable,
    registerAllChannels,
    rollUp,
    textsOfReadings,
} from './curation-job.ts';
import { refreshDayMarks } from './day-marks.ts';
import { dimensionSnapshot } from './dimension-snapshot.ts';
import { findStaleEstimates } from './estimate-gaps.ts';
import {
    estimationFingerprints,
    estimationInputs,
    estimationRules,
    readHolidays,
    spanWindow,
    windowVersions,
} from './estimation-inputs.ts';
import { freshFolder, type Lake, type PartitionKey, partitionText } from './lake.ts';
import { useLake } from './lake-use.ts';
import { type PartitionedRows, writePartitions } from './partition-files.ts';
import { partitionColumns, partitionOfRow, sumByPartition } from './partition-rows.ts';
import { partitionSummaries } from './partition-summaries.ts';
import { commitJob, type JobResult, type PartitionResult, recordLookedAt } from './refresh-commit.ts';
import {
    groupIntoJobs,
    isLargeMerge,
    type PlannedRebuild,
    planRefresh,
    type RefreshPlan,
} from './refresh-plan.ts';
import {
    type ComingReadings,
    type FeedStandings,
    newestMarketDay,
    readStates,
    stillAsPlanned,
} from './refresh-state.ts';
import { readValidationInputs } from './validation-inputs.ts';
import { refuseOtherRows, rowsReceived } from './written-rows.ts';

// another process rebuilds these partitions now; when it is done, or dead, its claim is free
const CLAIMED_WAIT_MS = 100;

export interface RefreshProgress {
    readonly done: number;
    readonly total: number;
    /** What the engine does meanwhile, where it tells. */
    readonly step?: StepProgress;
}

export interface RefreshResult {
    readonly rebuilt: number;
    readonly merged: number;
    readonly removed: number;
    readonly changedChannelDays: number;
    /** Partitions whose marks beside other days were made. */
    readonly marked: number;
    readonly lostRaces: number;
}

export const NOTHING: RefreshResult = {
    rebuilt: 0,
    merged: 0,
    removed: 0,
    changedChannelDays: 0,
    marked: 0,
    lostRaces: 0,
};

/** What a refresh would do now, or once what is `coming` is there. */
export async function currentPlan(
    lake: Lake,
    feeds: FeedStandings,
    coming?: ComingReadings,
): Promise<RefreshPlan> {
    return planRefresh(await readStates(lake, feeds, lake.db, coming), lake.bulkEngine.jobLimits);
}

/** The feeds that have delivered by now: asked again for each plan and each job, because a feed may deliver for the first time meanwhile. */
export type ReadFeeds = () => Promise<FeedStandings>;

/**
 * Rebuilds every stale partition and no other. Any number of processes may refresh at once: a partition
 * that another one claimed is left to it, and a commit whose partition moved on is dropped and planned anew.
 */
export async function refresh(
    lake: Lake,
    readFeeds: ReadFeeds,
    onProgress: (progress: RefreshProgress) => void = () => {},
): Promise<RefreshResult> {
    const total = { ...NOTHING };
    for (;;) {
        const plan = await currentPlan(lake, await readFeeds());
        if (lake.stop?.aborted) return total;
        if (plan.rebuilds.length === 0) {
            total.marked = await refreshDayMarks(lake);
            return total;
        }
        let done = 0;
        const { jobLimits, jobsAtOnce } = lake.bulkEngine;
        await inTurns(groupIntoJobs(plan.rebuilds, { ...jobLimits, jobsAtOnce }), jobsAtOnce, async (job) => {
            const partitions = plan.rebuilds.length;
            const onStep = (step: StepProgress) => onProgress({ done, total: partitions, step });
            const result = await useLake(lake, (inUse) => runJob(inUse, readFeeds, job, onStep));
            total.rebuilt += result.rebuilt;
            total.merged += result.merged;
            total.removed += result.removed;
            total.changedChannelDays += result.changedChannelDays;
            total.lostRaces += result.lostRaces;
            done += job.length;
            onProgress({ done, total: partitions });
        });
    }
}

async function runJob(
    lake: Lake,
    readFeeds: ReadFeeds,
    planned: readonly PlannedRebuild[],
    onProgress: (step: StepProgress) => void,
): Promise<RefreshResult> {
    if (lake.stop?.aborted) return NOTHING;
    const claim = await lake.db.claim(planned.map((r) => `rebuild ${partitionText(r)}`));
    try {
        const claimed = planned.filter((r) => claim.held.has(`rebuild ${partitionText(r)}`));
        if (claimed.length === 0) await new Promise((resolve) => setTimeout(resolve, CLAIMED_WAIT_MS));
        // a claim is free again once its work is done: what another process has published since the plan was made is not made twice
        const rebuilds = await stillAsPlanned(lake.db, claimed);
        if (rebuilds.length === 0) return { ...NOTHING, lostRaces: planned.length };
        const inputs = await readJobInputs(lake, readFeeds, rebuilds);
        // a bucket's channels are held in memory and its readings stream past them, never the other way round
        const wishes = { joinsAsWritten: true, opensFilesAgain: true, onProgress };
        const session = await lake.bulkEngine.openSession(wishes);
        try {
            if (rebuilds[0]?.kind === 'estimate') return await estimateAgain(session, lake, inputs);
            return await publishJob(session, lake, inputs);
        } finally {
            await session.close();
        }
    } finally {
        await claim.release();
    }
}

/**
 * Looks several times, each after the plan. What was received or registered meanwhile is read and not recorded, so that the partition stays
 * stale and is made once more; what was published meanwhile makes the commit's compare-and-swap drop the job.
 */
async function readJobInputs(
    lake: Lake,
    readFeeds: ReadFeeds,
    rebuilds: readonly PlannedRebuild[],
): Promise<JobInputs> {
    const newest = await newestMarketDay(lake);
    const rules = estimationRules(lake, newest, await readHolidays(lake, lake.db));
    const days = rebuilds.map((r) => r.marketDay).sort();
    const first = days[0];
    const last = days.at(-1);
    const range = { ...(first ? { from: first } : {}), ...(last ? { to: addDays(last, 1) } : {}) };
    const files = await liveFilesByTable(lake, ['reading_versions', ...PUBLISHED_TABLES], range);
    // after the files: a feed is entered before what it delivers
    const feeds = await readFeeds();
    const inputs: JobInputs = {
        rebuilds,
        versionFiles: files.reading_versions,
        previous: files,
        channels: await dimensionSnapshot(lake, 'channels'),
        feeds: feeds.intervals,
        validation: await readValidationInputs(lake, lake.db, rebuilds),
        estimation: estimationInputs(lake, rules, rebuilds, feeds.registers),
    };
    return ofPartitions(inputs, rebuilds);
}

/** What estimates are made from is recorded as the job saw it: of partitions that its commit publishes the versions that they have by it. */
function withEstimateInputs(
    lake: Lake,
    { rules, seen, spans }: JobInputs['estimation'],
    rebuilds: readonly PlannedRebuild[],
    published: readonly PlannedRebuild[],
): PlannedRebuild[] {
    const versions = seen()?.versions;
    const own = new Map(published.map((r) => [partitionText(r), r.publishedVersion + 1]));
    const fingerprintOf = estimationFingerprints(lake, rules);
    const versionOf = (key: PartitionKey) =>
        own.get(partitionText(key)) ?? versions?.get(partitionText(key)) ?? 0;
    return rebuilds.map((r) => {
        const { spans: _, ...inputs } = r.inputs;
        const range = spans.get(partitionText(r));
        return {
            ...r,
            inputs: {
                ...inputs,
                estimation: fingerprintOf(r.marketDay),
                windows: windowVersions(rules, r, versionOf),
                ...(range === undefined ? {} : { spans: spanWindow(rules, r, range, versionOf) }),
            },
        };
    });
}

/**
 * Partitions whose estimates may be others now: those of which an estimate is are merged, of the others only what was looked at is recorded, last, so
 * that it is never newer than what was.
 */
async function estimateAgain(session: EngineSession, lake: Lake, inputs: JobInputs): Promise<RefreshResult> {
    const { rebuilds, previous, estimation } = inputs;
    const days = [...new Set(rebuilds.map((r) => r.marketDay))];
    const estimates = distinctPaths(previous.reading_estimates);
    await registerAllChannels(session, inputs);
    await findStaleEstimates(session, { ...lake, days, estimation, estimates });
    const stale = await sumByPartition(session, lake, 'stale_estimates', 'count(*) as n');
    const isStale = (r: PlannedRebuild) =>
        stale.has(partitionText(r)) || r.reasons.includes('estimation settings');
    const merged = rebuilds.filter(isStale);
    const result =
        merged.length === 0 ? NOTHING : await publishJob(session, lake, ofPartitions(inputs, merged));
    if (result.lostRaces > 0) return result;
    const others = rebuilds.filter((r) => !isStale(r));
    await recordLookedAt(lake, withEstimateInputs(lake, estimation, others, merged));
    return result;
}

async function publishJob(session: EngineSession, lake: Lake, inputs: JobInputs): Promise<RefreshResult> {
    const result = await writeJob(session, lake, inputs);
    const rebuilds = withEstimateInputs(lake, inputs.estimation, inputs.rebuilds, inputs.rebuilds);
    return commitJob(lake, { ...inputs, rebuilds }, result);
}

/** What the inputs say of these partitions alone. */
function ofPartitions(inputs: JobInputs, rebuilds: readonly PlannedRebuild[]): JobInputs {
    const wanted = new Set(rebuilds.map(partitionText));
    const within = (files: readonly LiveFile[]) => files.filter((file) => wanted.has(partitionText(file)));
    const previous = forEachTable((table) => within(inputs.previous[table]));
    return { ...inputs, rebuilds, previous, versionFiles: within(inputs.versionFiles) };
}

async function writeJob(session: EngineSession, lake: Lake, inputs: JobInputs): Promise<JobResult> {
    await decideVersions(session, lake, inputs);
    const files: Record<string, NewFile[]> = {};
    const fewTexts = once(() => textsOfReadings(session, inputs));
    const changedChannels = once(() => remadeChannels(session, lake));
    const isCurate = inputs.rebuilds[0]?.kind === 'curate';
    const isTakingOver = inputs.rebuilds.every((r) => isLargeMerge(r, lake.bulkEngine.jobLimits));
    const rowsToWrite = (table: PublishedTable): PartitionedRows => {
        const isOfFewTexts = table === 'reads_interval' && (isCurate || isTakingOver);
        const own = { files: inputs.previous[table], view: `previous_${table}`, changedChannels };
        return {
            ...rowsOfJob(table),
            ...(isOfFewTexts ? { fewTexts } : {}),
            ...(isTakingOver ? { own } : {}),
        };
    };
    const intervals = rowsToWrite('reads_interval');
    files.reads_interval = await writePartitions(session, lake, intervals, inputs.rebuilds);
    crashPoint('roll-up');
    // what was decided is read back from the files: cheaper than to decide again for each sum
    if (isCurate)
        await session.registerFiles(
            'curated_intervals',
            LAKE_TABLES.reads_interval,
            files.reads_interval.map((file) => file.path),
        );
    await rollUp(session, lake, inputs);
    files.reads_interval.push(...(await writeEstimates(session, lake, inputs.rebuilds)));
    crashPoint('curate');
    const summaries = await partitionSummaries(session, lake);
    for (const table of PUBLISHED_TABLES) {
        const filled = inputs.rebuilds.filter((r) => rowsOf(summaries.get(partitionText(r)), table) > 0);
        files[table] ??= await writePartitions(session, lake, rowsToWrite(table), filled);
    }
    const changed = await writeChanges(session, lake);
    files.changed_channel_days = changed;
    const received = await rowsReceived(session, lake, inputs.versionFiles, summaries);
    refuseOtherRows(inputs.rebuilds, files, summaries, received);
    const paths = Object.values(files).flatMap((list) => list.map((file) => file.path));
    await syncWrittenFiles(paths, lake.folder);
    return { files, summaries, changedChannelDays: changed.reduce((sum, f) => sum + f.rowCount, 0) };
}

// a partition with more has them in most of its row groups
const CHANGED_CHANNELS_MAX = 500;

/** By partition, the channels that a merge makes anew; nothing of a partition in which they are many. */
async function remadeChannels(session: EngineSession, lake: Lake): Promise<Map<string, number[]>> {
    const remade = `select ${partitionColumns(session, lake)}, channel_no from remade_days`;
    const few = `select market_day, bucket from (${remade}) as c group by 1, 2 having count(*) <= ${CHANGED_CHANNELS_MAX}`;
    const rows = await session.rows(
        `select r.market_day, r.bucket, r.channel_no from (${remade}) as r
          inner join (${few}) as f on f.market_day = r.market_day and f.bucket = r.bucket`,
    );
    const channels = Map.groupBy(rows, partitionOfRow);
    return new Map([...channels].map(([key, of]) => [key, of.map((row) => Number(row.channel_no))]));
}

/** What was estimated lies in files of its own beside the readings: those are written when nobody knows yet what is missing. */
async function writeEstimates(
    session: EngineSession,
    lake: Lake,
    rebuilds: readonly PlannedRebuild[],
): Promise<NewFile[]> {
    const filled = await sumByPartition(session, lake, 'estimated_intervals', 'count(*) as n');
    return writePartitions(
        session,
        lake,
        rowsOfJob('reads_interval', 'estimated_intervals'),
        rebuilds.filter((r) => filled.has(partitionText(r))),
    );
}

function rowsOfJob(table: PublishedTable, source = `next_${table}`): PartitionedRows {
    return { table, source, order: FILE_ORDER[table] };
}

function rowsOf(summary: PartitionResult | undefined, table: PublishedTable): number {
    if (!summary) return 0;
    if (table === 'reading_gaps') return summary.gaps;
    if (table === 'rejected_readings') return summary.rejected;
    if (table === 'reading_marks') return summary.marks.length;
    if (table === 'reading_estimates') return summary.runs;
    if (table === 'reads_hourly') return summary.expected + summary.measured + summary.estimated;
    return summary.channels;
}

/** One file for the whole job; it belongs to every market day that it names. */
async function writeChanges(session: EngineSession, lake: Lake): Promise<NewFile[]> {
    const days = await session.rows(
        `select cast(market_day as ${session.typeName('string')}) as market_day, count(*) as row_count
           from changed_channel_days group by market_day`,
    );
    if (days.length === 0) return [];
    const folder = freshFolder(lake, 'changed_channel_days');
    await makeFolderDurably(folder);
    const columns = LAKE_TABLES.changed_channel_days.map((c) => c.name).join(', ');
    const written = await session.writeFile(
        `select ${columns} from changed_channel_days order by market_day nulls last, channel_no nulls last`,
        `${folder}/changes.parquet`,
    );
    const parts = days.map((d) => ({
        marketDay: String(d.market_day) as never,
        bucket: 0,
        rowCount: Number(d.row_count),
    }));
    return [{ ...written, parts }];
}
