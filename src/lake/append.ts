import type { VersionTable } from '../contracts/lake-tables.ts';
import type { CalendarDate } from '../kernel/calendar-date.ts';
import type { Transaction } from '../store/database.ts';
import { insertFiles, type NewFile } from './catalogue.ts';
import { type Lake, type PartitionKey, partitionText } from './lake.ts';

/**
 * Commits files of `reading_versions`, or of register reads, within the caller's transaction: every touched partition goes up
 * one version, which is what makes a curated partition stale. Rows are locked in key order, so that
 * appends at the same time wait for each other and never deadlock.
 */
export async function commitVersions(
    tx: Transaction,
    lake: Lake,
    commitNo: number,
    files: readonly NewFile[],
    table: VersionTable = 'reading_versions',
): Promise<PartitionKey[]> {
    const added = new Map<string, PartitionKey & { rowCount: number }>();
    for (const part of files.flatMap((file) => file.parts)) {
        const key = partitionText(part);
        const known = added.get(key);
        added.set(key, { ...part, rowCount: (known?.rowCount ?? 0) + part.rowCount });
    }
    const keys = [...added.values()].sort(
        (a, b) => a.marketDay.localeCompare(b.marketDay) || a.bucket - b.bucket,
    );
    if (keys.length === 0) return [];
    const rows = await tx.query<{ marketDay: CalendarDate; bucket: number; version: number }>(
        `insert into partitions (table_name, market_day, bucket, version, commit_no, row_count, checksum, inputs)
         select $5, d, b, 1, $4, r, '', '{}' from unnest($1::date[], $2::int[], $3::bigint[]) as t(d, b, r)
         on conflict (table_name, market_day, bucket) do update
             set version = partitions.version + 1, commit_no = excluded.commit_no,
                 row_count = partitions.row_count + excluded.row_count
         returning market_day as "marketDay", bucket, version`,
        [
            keys.map((k) => k.marketDay),
            keys.map((k) => k.bucket),
            keys.map((k) => k.rowCount),
            commitNo,
            table,
        ],
    );
    const versions = new Map(rows.map((row) => [partitionText(row), row.version]));
    await insertFiles(tx, lake, table, commitNo, files, (key) => versions.get(partitionText(key)) ?? 1);
    return keys;
}
