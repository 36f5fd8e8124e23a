import { LAKE_TABLES, type LakeTable } from '../contracts/lake-tables.ts';
import type { EngineSession, OwnFiles, PartsWish } from '../engine/engine.ts';
import { makeFolderDurably } from '../kernel/durable.ts';
import type { LiveFile, NewFile } from './catalogue.ts';
import { freshFolder, type Lake, type PartitionKey, partitionText } from './lake.ts';

/** Rows of the session that are to be files of a table. */
export interface PartitionedRows {
    readonly table: LakeTable;
    /** The session's table or view with the rows. */
    readonly source: string;
    /** Total, so that the same content gives the same rows in the same places. */
    readonly order: string;
    /** Of a merge of large partitions. */
    readonly own?: OwnRows;
    readonly fewTexts?: PartsWish['fewTexts'];
}

/** Files that hold nearly all rows of each partition; `source` gives these first, as they lie there. */
export interface OwnRows {
    readonly files: readonly LiveFile[];
    /** The session's view of them. */
    readonly view: string;
    /** By partition, the channels whose rows `source` gives otherwise; nothing of a partition with many, or with none. */
    readonly changedChannels: () => Promise<ReadonlyMap<string, readonly number[]>>;
}

/** Days of 256 quarter-hourly channels: what a merge of few channels writes anew goes by row groups. Other tables have few rows, or only grow. */
const ROW_GROUP_ROWS: Partial<Record<LakeTable, number>> = { reads_interval: 24_576, reads_hourly: 6_144 };

/** One file for each partition that has rows; not synced yet. */
export async function writePartitions(
    session: EngineSession,
    lake: Lake,
    { table, source, order, own, fewTexts }: PartitionedRows,
    partitions: readonly PartitionKey[],
): Promise<NewFile[]> {
    if (partitions.length === 0) return [];
    const columns = LAKE_TABLES[table].map((c) => c.name).join(', ');
    const folder = freshFolder(lake, table);
    await makeFolderDurably(folder);
    const rowGroupRows = ROW_GROUP_ROWS[table];
    const written = await session.writeParts(`select ${columns} from ${source}`, folder, {
        by: [{ column: 'market_day' }, { column: 'channel_no', width: lake.bucketSize }],
        parts: partitions.map(({ marketDay, bucket }) => [marketDay, bucket]),
        order,
        ...(rowGroupRows === undefined ? {} : { rowGroupRows }),
        ...(own ? { own: ownFilesOf(own, partitions) } : {}),
        ...(fewTexts ? { fewTexts } : {}),
    });
    return partitions.flatMap(({ marketDay, bucket }, i): NewFile[] => {
        const file = written[i];
        return file ? [{ ...file, parts: [{ marketDay, bucket, rowCount: file.rowCount }] }] : [];
    });
}

function ownFilesOf(
    { files, view, changedChannels }: OwnRows,
    partitions: readonly PartitionKey[],
): OwnFiles {
    const filesOf = Map.groupBy(files, partitionText);
    const keys = partitions.map(partitionText);
    return {
        files: keys.map((key) => (filesOf.get(key) ?? []).map(({ path }) => path)),
        view,
        async changed() {
            const channels = await changedChannels();
            return keys.map((key) => channels.get(key));
        },
    };
}
