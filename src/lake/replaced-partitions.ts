import type { Dimension } from '../contracts/lake-tables.ts';
import type { EngineSession } from '../engine/engine.ts';
import { makeFolderDurably, syncWrittenFiles } from '../kernel/durable.ts';
import { lockWithin } from '../store/database.ts';
import { insertFiles, type NewFile, openCommit, retireFiles } from './catalogue.ts';
import { freshFolder, type Lake, type PartitionKey, partitionText } from './lake.ts';

/** A table that is a copy of rows in Postgres. */
export type CopiedTable = Dimension | 'bill_lines';

/** What a partition holds from now on; no files: nothing. */
export interface ReplacedPartition extends PartitionKey {
    readonly files: readonly NewFile[];
    /** Says what the content was made from. */
    readonly checksum: string;
}

/** Writes the rows of a query, in its order, to one new file, durably: what the partition holds from now on. */
export async function writeReplaced(
    session: EngineSession,
    lake: Lake,
    {
        table,
        name,
        query,
        key,
        checksum,
    }: {
        readonly table: CopiedTable;
        /** Of the file, without its extension. */
        readonly name: string;
        readonly query: string;
        readonly key: PartitionKey;
        readonly checksum: string;
    },
): Promise<ReplacedPartition & { readonly path: string }> {
    const folder = freshFolder(lake, table);
    await makeFolderDurably(folder);
    const file = await session.writeFile(query, `${folder}/${name}.parquet`);
    await syncWrittenFiles([file.path], lake.folder);
    const { marketDay, bucket } = key;
    const parts = [{ marketDay, bucket, rowCount: file.rowCount }];
    return { marketDay, bucket, checksum, files: [{ ...file, parts }], path: file.path };
}

/**
 * Commits new content of whole partitions of a table that is a copy of rows in Postgres. One such commit of a table at a time: so they become
 * visible in the order of their numbers, by which an open table's versions go.
 */
export async function replacePartitions(
    lake: Lake,
    table: CopiedTable,
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
