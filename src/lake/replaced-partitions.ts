import type { Dimension } from '../contracts/lake-tables.ts';
import { lockWithin } from '../store/database.ts';
import { insertFiles, type NewFile, openCommit, retireFiles } from './catalogue.ts';
import { type Lake, type PartitionKey, partitionText } from './lake.ts';

/** What a partition holds from now on; no files: nothing. */
export interface ReplacedPartition extends PartitionKey {
    readonly files: readonly NewFile[];
    /** Says what the content was made from. */
    readonly checksum: string;
}

/**
 * Commits new content of whole partitions of a table that is a copy of rows in Postgres. One such commit of a table at a time: so they become
 * visible in the order of their numbers, by which an open table's versions go.
 */
export async function replacePartitions(
    lake: Lake,
    table: Dimension | 'bill_lines',
    replaced: readonly ReplacedPartition[],
    detail: object,
): Promise<void> {
    await lake.db.transaction(async (tx) => {
        await lockWithin(tx, `replace ${table}`, 'exclusive');
        const commitNo = await openCommit(tx, lake, table, detail);
        const rows = await tx.query<PartitionKey & { version: number }>(
            `insert into partitions (table_name, market_day, bucket, version, commit_no, row_count, checksum, inputs)
             select $1, d, b, 1, $2, r, c, '{}' from unnest($3::date[], $4::int[], $5::bigint[], $6::text[]) as t(d, b, r, c)
             on conflict (table_name, market_day, bucket) do update
                 set version = partitions.version + 1, commit_no = excluded.commit_no,
                     row_count = excluded.row_count, checksum = excluded.checksum
             returning market_day as "marketDay", bucket, version`,
            [
                table,
                commitNo,
                replaced.map((p) => p.marketDay),
                replaced.map((p) => p.bucket),
                replaced.map((p) => p.files.reduce((sum, file) => sum + file.rowCount, 0)),
                replaced.map((p) => p.checksum),
            ],
        );
        const versions = new Map(rows.map((row) => [partitionText(row), row.version]));
        await retireFiles(tx, table, commitNo, replaced);
        const files = replaced.flatMap((p) => p.files);
        await insertFiles(tx, lake, table, commitNo, files, (key) => versions.get(partitionText(key)) ?? 1);
    });
}
