import type { CatalogueTable } from '../contracts/lake-tables.ts';
import type { Transaction } from '../store/database.ts';
import { insertFiles, type NewFile, retireFiles, rowsByPartition } from './catalogue.ts';
import { type Lake, type PartitionKey, partitionText } from './lake.ts';

/** Somebody else has published one of the partitions since they were planned. */
export class LostRace extends Error {}

/** What a partition of a table is from now on, beside its files. */
export interface SwappedPartition extends PartitionKey {
    /** The version that it replaces; 0: none. */
    readonly publishedVersion: number;
    readonly checksum: string;
    readonly inputs: object;
    readonly stats: object;
}

/** Makes files the content of partitions by compare-and-swap on the version of each. Throws `LostRace`; then the transaction must not commit. */
export async function swapPartitions(
    tx: Transaction,
    lake: Lake,
    { table, commitNo }: { readonly table: CatalogueTable; readonly commitNo: number },
    partitions: readonly SwappedPartition[],
    files: readonly NewFile[],
): Promise<void> {
    const rowCounts = rowsByPartition(files);
    const rows = await tx.query(
        `insert into partitions (table_name, market_day, bucket, version, commit_no, row_count, checksum, inputs, stats)
         select $1, d, b, e + 1, $2, r, c, i::jsonb, s::jsonb
           from unnest($3::date[], $4::int[], $5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::text[])
                as t(d, b, e, r, c, i, s)
         on conflict (table_name, market_day, bucket) do update
            set version = excluded.version, commit_no = excluded.commit_no, row_count = excluded.row_count,
                checksum = excluded.checksum, inputs = excluded.inputs, stats = excluded.stats
          where partitions.version = excluded.version - 1
         returning bucket`,
        [
            table,
            commitNo,
            partitions.map((p) => p.marketDay),
            partitions.map((p) => p.bucket),
            partitions.map((p) => p.publishedVersion),
            partitions.map((p) => rowCounts.get(partitionText(p)) ?? 0),
            partitions.map((p) => p.checksum),
            partitions.map((p) => JSON.stringify(p.inputs)),
            partitions.map((p) => JSON.stringify(p.stats)),
        ],
    );
    if (rows.length !== partitions.length) throw new LostRace();
    const versions = new Map(partitions.map((p) => [partitionText(p), p.publishedVersion + 1]));
    await retireFiles(tx, table, commitNo, partitions);
    await insertFiles(tx, lake, table, commitNo, files, (key) => versions.get(partitionText(key)) ?? 1);
}
