import type { EngineSession } from '../engine/engine.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { type LiveFile, type NewFile, rowsByPartition } from './catalogue.ts';
import { type Lake, type PartitionKey, partitionText } from './lake.ts';
import { sumByPartition } from './partition-rows.ts';
import type { PartitionResult } from './refresh-commit.ts';

/**
 * Rows received of each partition, within the validity of their channels, counted where they came from: what the days of a job say of them is a sum over the
 * files that the job wrote. That sum is the number where it is that of the catalogue too; the versions of other partitions, of which some lie
 * outside of the validity or a file is missing, are counted.
 */
export async function rowsReceived(
    session: EngineSession,
    lake: Lake,
    versionFiles: readonly LiveFile[],
    summaries: ReadonlyMap<string, PartitionResult>,
): Promise<Map<string, number>> {
    const received = rowsByPartition(versionFiles.map((file) => ({ parts: [file] })));
    const told = new Map([...summaries].map(([key, { rows }]) => [key, rows]));
    const keys = new Set([...received.keys(), ...told.keys()]);
    if ([...keys].every((key) => (received.get(key) ?? 0) === (told.get(key) ?? 0))) return told;
    const counted = await sumByPartition(session, lake, 'job_versions', 'count(*) as n');
    const summed = await sumByPartition(session, lake, 'curated_days', 'sum(row_count) as n');
    // of a merge both are of the channel-days that it makes anew
    return new Map(
        [...keys].map((key) => [
            key,
            (told.get(key) ?? 0) + Number(counted.get(key)?.n ?? 0) - Number(summed.get(key)?.n ?? 0),
        ]),
    );
}

/**
 * A second look at what an engine wrote, before it is published: each partition must have as many intervals in its files as rows that were `received` and
 * are not accounted for otherwise, and those that were estimated; and a row for each channel, gap and run. Throws `engine.rows-differ`.
 */
export function refuseOtherRows(
    partitions: readonly PartitionKey[],
    files: Readonly<Record<string, readonly NewFile[]>>,
    summaries: ReadonlyMap<string, PartitionResult>,
    received: ReadonlyMap<string, number>,
): void {
    for (const table of ['reads_interval', 'reads_daily', 'reading_gaps', 'reading_estimates'] as const) {
        const written = rowsByPartition(files[table] ?? []);
        for (const partition of partitions) {
            const key = partitionText(partition);
            const summary = summaries.get(key);
            const expected = expectedRows(received.get(key) ?? 0, summary)[table];
            const found = written.get(key) ?? 0;
            if (found !== expected)
                throw new GridtallyError(
                    'engine.rows-differ',
                    `${table} of ${key} has ${found} rows in the files that were written, and should have ${expected}`,
                );
        }
    }
}

function expectedRows(received: number, of: PartitionResult | undefined) {
    if (of === undefined)
        return { reads_interval: received, reads_daily: 0, reading_gaps: 0, reading_estimates: 0 };
    const besides = of.superseded + of.withdrawn + of.duplicates + of.staleDuplicates + of.rejected;
    return {
        reads_interval: received - besides + of.computed,
        reads_daily: of.channels,
        reading_gaps: of.gaps,
        reading_estimates: of.runs,
    };
}
