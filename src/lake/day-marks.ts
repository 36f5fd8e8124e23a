import { LAKE_TABLES } from '../contracts/lake-tables.ts';
import { compileModel } from '../engine/compile.ts';
import type { EngineSession } from '../engine/engine.ts';
import { syncWrittenFiles } from '../kernel/durable.ts';
import { crashPoint } from '../kernel/faults.ts';
import type { Database, Transaction } from '../store/database.ts';
import { distinctPaths, liveFiles, type NewFile, openCommit } from './catalogue.ts';
import { type PairedChannel, pairsOfPartitions, readCheckPairs, registerPairs } from './check-pairs.ts';
import {
    type DailyPartition,
    type DayMarkInputs,
    groupMarkJobs,
    lookBackOf,
    type PlannedDayMarks,
    planDayMarks,
    windowFrom,
    windowOf,
} from './day-mark-plan.ts';
import { type Lake, type PartitionKey, partitionText } from './lake.ts';
import { useLake } from './lake-use.ts';
import { writePartitions } from './partition-files.ts';
import { countMarks } from './partition-summaries.ts';
import { LostRace, swapPartitions } from './partition-swap.ts';
import type { CountedMarks } from './refresh-commit.ts';
import { materialiseModel } from './session-models.ts';
import {
    attributesOf,
    readValidationInputs,
    registerValidation,
    settingsFingerprints,
    type ValidationInputs,
    validatingAttributes,
} from './validation-inputs.ts';

const MODEL = 'vee/day_marks';
const FILE_ORDER = 'channel_no nulls last, rule_id nulls last';
// another process makes these marks now; when it is done, or dead, its claim is free
const CLAIMED_WAIT_MS = 100;

/** The day marks that are stale now or, with `rebuilt`, will be once these partitions are made anew. */
export async function currentMarkPlan(
    lake: Lake,
    rebuilt: readonly PartitionKey[] = [],
): Promise<PlannedDayMarks[]> {
    const { fingerprint } = compileModel(MODEL, lake.bulkEngine.dialect);
    const rules = { model: fingerprint, bucketSize: lake.bucketSize };
    return planDayMarks(await dailyPartitions(lake), lookBackOf(lake.validation), rules, rebuilt);
}

/**
 * Makes anew every stale partition of `day_marks`; gives how many this process made. They are made after what they look at, so that a correction
 * rewrites no readings of the weeks after it. Any number of processes may do so at once.
 */
export async function refreshDayMarks(lake: Lake): Promise<number> {
    let marked = 0;
    for (;;) {
        const planned = await currentMarkPlan(lake);
        if (planned.length === 0 || lake.stop?.aborted) return marked;
        for (const job of groupMarkJobs(planned)) {
            if (lake.stop?.aborted) return marked;
            marked += await useLake(lake, (inUse) => runMarkJob(inUse, job));
        }
    }
}

async function dailyPartitions(lake: Lake, db: Pick<Database, 'query'> = lake.db): Promise<DailyPartition[]> {
    interface Row extends PartitionKey {
        readonly version: number;
        readonly rowCount: number;
        readonly hasEstimates: boolean;
        readonly attributes: string;
        readonly markVersion: number | null;
        readonly inputs: DayMarkInputs | null;
    }
    const settingsOf = await settingsFingerprints(lake, db, ['other-days', 'other-channels']);
    const pairsOf = pairsOfPartitions(await readCheckPairs(lake, db), lake.bucketSize);
    const rows = await db.query<Row>(
        `select k.market_day as "marketDay", k.bucket, k.version, k.row_count as "rowCount",
                coalesce((i.stats ->> 'estimated')::bigint, 0) > 0 as "hasEstimates", ${attributesOf('k', '$1')} as attributes,
                m.version as "markVersion", m.inputs
           from partitions k
           left join partitions i on i.table_name = 'reads_interval' and i.market_day = k.market_day and i.bucket = k.bucket
           left join partitions m on m.table_name = 'day_marks' and m.market_day = k.market_day and m.bucket = k.bucket
          where k.table_name = 'reads_daily'`,
        [validatingAttributes(lake)],
    );
    return rows.map(({ markVersion, inputs, ...row }) => ({
        ...row,
        pairs: pairsOf(row),
        settings: settingsOf(row),
        ...(markVersion !== null && inputs !== null ? { published: { version: markVersion, inputs } } : {}),
    }));
}

async function runMarkJob(lake: Lake, planned: readonly PlannedDayMarks[]): Promise<number> {
    const claim = await lake.db.claim(planned.map((p) => `marks ${partitionText(p)}`));
    try {
        const job = planned.filter((p) => claim.held.has(`marks ${partitionText(p)}`));
        if (job.length === 0) {
            await new Promise((resolve) => setTimeout(resolve, CLAIMED_WAIT_MS));
            return 0;
        }
        const session = await lake.bulkEngine.openSession({ joinsAsWritten: true });
        try {
            await registerWindow(session, lake, job);
            const by = {
                validation: await readValidationInputs(lake, lake.db, job),
                pairs: await readCheckPairs(lake, lake.db),
            };
            await registerMarks(session, lake, job, by);
            const counts = await countMarks(
                session,
                lake,
                'marked_days',
                'cast(null as smallint) as feed_id, count(*) as days, 0 as intervals',
            );
            const files = await writeMarks(session, lake, job, counts);
            return await commitMarks(lake, job, files, counts);
        } finally {
            await session.close();
        }
    } finally {
        await claim.release();
    }
}

/** Reads what is published now: where that is newer than the plan, what is recorded stays older, and the marks are made once more. */
async function registerWindow(
    session: EngineSession,
    lake: Lake,
    job: readonly PlannedDayMarks[],
): Promise<void> {
    const back = lookBackOf(lake.validation);
    const wanted = windowOf(job, back);
    const from = windowFrom(job, back);
    const files = await liveFiles(lake, 'reads_daily', from === undefined ? {} : { from });
    const needed = files.filter((file) => wanted.has(partitionText(file)));
    await session.registerFiles('window_days', LAKE_TABLES.reads_daily, distinctPaths(needed));
}

/** Over the session's table `window_days`, rows of `reads_daily`; leaves the table `marked_days` for these partitions. */
export async function registerMarks(
    session: EngineSession,
    lake: Pick<Lake, 'bucketSize'>,
    partitions: readonly PartitionKey[],
    by: { readonly validation: ValidationInputs; readonly pairs: readonly PairedChannel[] },
): Promise<void> {
    await registerValidation(session, by.validation);
    await registerPairs(session, by.pairs);
    await session.registerRows(
        'mark_partitions',
        [
            { name: 'market_day', type: 'date' },
            { name: 'first_channel_no', type: 'integer' },
            { name: 'end_channel_no', type: 'bigint' },
        ],
        partitions.map((p) => [p.marketDay, p.bucket * lake.bucketSize, (p.bucket + 1) * lake.bucketSize]),
    );
    await materialiseModel(session, 'marked_days', MODEL);
}

async function writeMarks(
    session: EngineSession,
    lake: Lake,
    job: readonly PlannedDayMarks[],
    counts: ReadonlyMap<string, readonly CountedMarks[]>,
): Promise<NewFile[]> {
    const rows = { table: 'day_marks', source: 'marked_days', order: FILE_ORDER } as const;
    const filled = job.filter((p) => counts.has(partitionText(p)));
    const files = await writePartitions(session, lake, rows, filled);
    await syncWrittenFiles(
        files.map((file) => file.path),
        lake.folder,
    );
    return files;
}

/** All or, where another process has published one of the partitions since, nothing; gives how many. */
async function commitMarks(
    lake: Lake,
    job: readonly PlannedDayMarks[],
    files: readonly NewFile[],
    counts: ReadonlyMap<string, readonly CountedMarks[]>,
): Promise<number> {
    const partitions = job.map((p) => ({
        ...p,
        checksum: '',
        stats: { marks: counts.get(partitionText(p)) ?? [] },
    }));
    const commit = async (tx: Transaction) => {
        const commitNo = await openCommit(tx, lake, 'day-marks', { partitions: job.length });
        await swapPartitions(tx, lake, { table: 'day_marks', commitNo }, partitions, files);
        crashPoint('commit');
        return job.length;
    };
    return lake.db.transaction(commit).catch((error) => {
        if (error instanceof LostRace) return 0;
        throw error;
    });
}
