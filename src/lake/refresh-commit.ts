import { crashPoint } from '../kernel/faults.ts';
import { insertFiles, type NewFile, openCommit } from './catalogue.ts';
import { type JobInputs, PUBLISHED_TABLES, type PublishedTable } from './curation-job.ts';
import { type Lake, partitionText } from './lake.ts';
import { LostRace, type SwappedPartition, swapPartitions } from './partition-swap.ts';
import type { RefreshResult } from './refresh.ts';
import type { PlannedRebuild } from './refresh-plan.ts';

/** Sums over the channels of a rebuilt partition; kept with it in the catalogue. */
export interface PartitionResult {
    readonly checksum: string;
    readonly kwh: string;
    readonly channels: number;
    readonly rows: number;
    readonly duplicates: number;
    readonly staleDuplicates: number;
    readonly superseded: number;
    readonly withdrawn: number;
    readonly conflicts: number;
    readonly expected: number;
    readonly measured: number;
    readonly estimated: number;
    /** Of the estimated ones, those that were estimated here. */
    readonly computed: number;
    readonly missing: number;
    readonly gaps: number;
    /** Runs of intervals that no feed gave a value for. */
    readonly runs: number;
    /** Winning versions that a rule rejects. */
    readonly rejected: number;
    readonly marks: readonly CountedMarks[];
}

/** Channel-days and readings that fail a rule; `feedId` null: the rule is about what is not there. */
export interface CountedMarks {
    readonly rule: string;
    readonly severity: string;
    readonly feedId: number | null;
    readonly channelDays: number;
    readonly intervals: number;
}

export interface JobResult {
    readonly files: Readonly<Record<string, readonly NewFile[]>>;
    readonly summaries: ReadonlyMap<string, PartitionResult>;
    readonly changedChannelDays: number;
}

/**
 * Makes the outputs of a job visible in one transaction: files, versions, recorded inputs and the change
 * feed. If any partition was published by someone else since it was planned, nothing is committed (the
 * files become orphans for the sweep) and the caller plans anew.
 */
export async function commitJob(lake: Lake, inputs: JobInputs, result: JobResult): Promise<RefreshResult> {
    const kind = inputs.rebuilds[0]?.kind;
    const count = inputs.rebuilds.length;
    try {
        await lake.db.transaction(async (tx) => {
            const commitNo = await openCommit(tx, lake, 'refresh', { kind, partitions: count });
            for (const table of PUBLISHED_TABLES) {
                const partitions = inputs.rebuilds.map((r) => swapped(r, table, result));
                await swapPartitions(tx, lake, { table, commitNo }, partitions, result.files[table] ?? []);
            }
            const changes = result.files.changed_channel_days ?? [];
            await insertFiles(tx, lake, 'changed_channel_days', commitNo, changes, () => commitNo);
            crashPoint('commit');
        });
        crashPoint('committed');
    } catch (error) {
        if (!(error instanceof LostRace)) throw error;
        return { rebuilt: 0, merged: 0, removed: 0, changedChannelDays: 0, marked: 0, lostRaces: count };
    }
    return {
        rebuilt: kind === 'curate' ? count : 0,
        merged: kind === 'merge' || kind === 'estimate' ? count : 0,
        removed: kind === 'remove' ? count : 0,
        changedChannelDays: result.changedChannelDays,
        marked: 0,
        lostRaces: 0,
    };
}

/** Records what partitions were compared with and found to be as they would be now; nothing where somebody else has published them since. */
export async function recordLookedAt(lake: Lake, rebuilds: readonly PlannedRebuild[]): Promise<void> {
    if (rebuilds.length === 0) return;
    await lake.db.query(
        `update partitions p set inputs = i::jsonb
           from unnest($1::date[], $2::int[], $3::bigint[], $4::text[]) as t (d, b, e, i)
          where p.table_name = any($5) and p.market_day = d and p.bucket = b and p.version = e`,
        [
            rebuilds.map((r) => r.marketDay),
            rebuilds.map((r) => r.bucket),
            rebuilds.map((r) => r.publishedVersion),
            rebuilds.map((r) => JSON.stringify(r.inputs)),
            PUBLISHED_TABLES,
        ],
    );
}

function swapped(rebuild: PlannedRebuild, table: PublishedTable, result: JobResult): SwappedPartition {
    const summary = result.summaries.get(partitionText(rebuild));
    return {
        ...rebuild,
        checksum: summary?.checksum ?? 'empty',
        stats: table === 'reads_interval' ? (summary ?? {}) : {},
    };
}
