import { GridtallyError } from '../kernel/errors.ts';
import { type NewFile, rowsByPartition } from './catalogue.ts';
import { type PartitionKey, partitionText } from './lake.ts';
import type { PartitionResult } from './refresh-commit.ts';

/**
 * A second look at what an engine wrote, before it is published: each partition must have as many intervals in its files as rows that were received and
 * are not accounted for otherwise, and those that were estimated; and a row for each channel, gap and run. The rows received are counted where they came
 * from: sums alone would agree with the files, as they are read back from them. Throws `engine.rows-differ`.
 */
export function refuseOtherRows(
    partitions: readonly PartitionKey[],
    files: Readonly<Record<string, readonly NewFile[]>>,
    summaries: ReadonlyMap<string, PartitionResult>,
): void {
    for (const table of ['reads_interval', 'reads_daily', 'reading_gaps', 'reading_estimates'] as const) {
        const written = rowsByPartition(files[table] ?? []);
        for (const partition of partitions) {
            const key = partitionText(partition);
            const summary = summaries.get(key);
            const expected = summary === undefined ? 0 : expectedRows(summary)[table];
            const found = written.get(key) ?? 0;
            if (found !== expected)
                throw new GridtallyError(
                    'engine.rows-differ',
                    `${table} of ${key} has ${found} rows in the files that were written, and should have ${expected}`,
                );
        }
    }
}

function expectedRows(of: PartitionResult) {
    const besides = of.superseded + of.withdrawn + of.duplicates + of.staleDuplicates + of.rejected;
    return {
        reads_interval: of.rows - besides + of.computed,
        reads_daily: of.channels,
        reading_gaps: of.gaps,
        reading_estimates: of.runs,
    };
}
