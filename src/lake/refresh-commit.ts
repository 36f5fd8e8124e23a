import { crashPoint } from '../kernel/faults.ts';
import type { Transaction } from '../store/database.ts';
import { insertFiles, type NewFile, openCommit, retireFiles } from './catalogue.ts';
import { type JobInputs, PUBLISHED_TABLES } from './curation-job.ts';
import { type Lake, type PartitionKey, partitionText } from './lake.ts';
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
    readonly missing: number;
    readonly gaps: number;
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

class LostRace extends Error {}

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
                const versions = await swapPartitions(tx, table, commitNo, inputs.rebuilds, result);
                await retireFiles(tx, table, commitNo, inputs.rebuilds);
                const files = result.files[table] ?? [];
                await insertFiles(
                    tx,
                    lake,
                    table,
                    commitNo,
                    files,
                    (key) => versions.get(partitionText(key)) ?? 1,
                );
            }
            const changes = result.files.changed_channel_days ?? [];
            await insertFiles(tx, lake, 'changed_channel_days', commitNo, changes, () => commitNo);
            crashPoint('commit');
        });
    } catch (error) {
        if (!(error instanceof LostRace)) throw error;
        return { rebuilt: 0, merged: 0, removed: 0, changedChannelDays: 0, marked: 0, lostRaces: count };
    }
    return {
        rebuilt: kind === 'curate' ? count : 0,
        merged: kind === 'merge' ? count : 0,
        removed: kind === 'remove' ? count : 0,
        changedChannelDays: result.changedChannelDays,
        marked: 0,
        lostRaces: 0,
    };
}

async function swapPartitions(
    tx: Transaction,
    table: (typeof PUBLISHED_TABLES)[number],
    commitNo: number,
    rebuilds: readonly PlannedRebuild[],
    result: JobResult,
): Promise<Map<string, number>> {
    const summaries = rebuilds.map((r) => result.summaries.get(partitionText(r)));
    const rows = await tx.query<PartitionKey & { version: number }>(
        `insert into partitions (table_name, market_day, bucket, version, commit_no, row_count, checksum, inputs, stats)
         select $1, d, b, e + 1, $2, r, c, i::jsonb, s::jsonb
           from unnest($3::date[], $4::int[], $5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::text[])
                as t(d, b, e, r, c, i, s)
         on conflict (table_name, market_day, bucket) do update
            set version = excluded.version, commit_no = excluded.commit_no, row_count = excluded.row_count,
                checksum = excluded.checksum, inputs = excluded.inputs, stats = excluded.stats
          where partitions.version = excluded.version - 1
         returning market_day as "marketDay", bucket, version`,
        [
            table,
            commitNo,
            rebuilds.map((r) => r.marketDay),
            rebuilds.map((r) => r.bucket),
            rebuilds.map((r) => r.publishedVersion),
            rebuilds.map((r) => rowCount(result, table, r)),
            summaries.map((s) => s?.checksum ?? 'empty'),
            rebuilds.map((r) => JSON.stringify(r.inputs)),
            summaries.map((s) => JSON.stringify(table === 'reads_interval' ? (s ?? {}) : {})),
        ],
    );
    if (rows.length !== rebuilds.length) throw new LostRace();
    return new Map(rows.map((row) => [partitionText(row), row.version]));
}

function rowCount(result: JobResult, table: string, key: PartitionKey): number {
    const parts = (result.files[table] ?? []).flatMap((file) => file.parts);
    return parts
        .filter((p) => partitionText(p) === partitionText(key))
        .reduce((sum, p) => sum + p.rowCount, 0);
}
