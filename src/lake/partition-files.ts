import { LAKE_TABLES, type LakeTable } from '../contracts/lake-tables.ts';
import type { EngineSession } from '../engine/engine.ts';
import { makeFolderDurably } from '../kernel/durable.ts';
import type { LiveFile, NewFile } from './catalogue.ts';
import { freshFolder, type Lake, type PartitionKey, partitionText } from './lake.ts';

/** Rows of the session that are to be files of a table. */
export interface PartitionedRows {
    readonly table: LakeTable;
    /** The session's table or view with the rows. */
    readonly source: string;
    /** Total, so that the same content gives the same bytes. */
    readonly order: string;
    /** Of a merge of large partitions: files that hold nearly all rows of each; `source` gives these first, as they lie there. */
    readonly ownFiles?: readonly LiveFile[];
}

/** One file for each partition that has rows; not synced yet. */
export async function writePartitions(
    session: EngineSession,
    lake: Lake,
    { table, source, order, ownFiles }: PartitionedRows,
    partitions: readonly PartitionKey[],
): Promise<NewFile[]> {
    if (partitions.length === 0) return [];
    const columns = LAKE_TABLES[table].map((c) => c.name).join(', ');
    const folder = freshFolder(lake, table);
    await makeFolderDurably(folder);
    const filesOf = Map.groupBy(ownFiles ?? [], partitionText);
    const pathsOf = (key: PartitionKey) => (filesOf.get(partitionText(key)) ?? []).map(({ path }) => path);
    const written = await session.writeParts(`select ${columns} from ${source}`, folder, {
        by: [{ column: 'market_day' }, { column: 'channel_no', width: lake.bucketSize }],
        parts: partitions.map(({ marketDay, bucket }) => [marketDay, bucket]),
        order,
        ...(ownFiles ? { ownFiles: partitions.map(pathsOf) } : {}),
    });
    return partitions.flatMap(({ marketDay, bucket }, i): NewFile[] => {
        const file = written[i];
        return file ? [{ ...file, parts: [{ marketDay, bucket, rowCount: file.rowCount }] }] : [];
    });
}
