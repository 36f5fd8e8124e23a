import { LAKE_TABLES, type LakeTable } from '../contracts/lake-tables.ts';
import { makeFolderDurably, syncWrittenFiles } from '../kernel/durable.ts';
import {
    distinctPaths,
    insertFiles,
    type LiveFile,
    liveFiles,
    type NewFile,
    openCommit,
    retireFiles,
} from './catalogue.ts';
import { freshFolder, type Lake, partitionText } from './lake.ts';

export interface CompactionResult {
    readonly filesBefore: number;
    readonly filesAfter: number;
}

// a partition spread over more files than this is joined; fewer are read about as fast as one
const JOIN_FROM_FILES = 4;

const ORDER = {
    reading_versions:
        'channel_no nulls last, period_from nulls last, sequence nulls last, ordinal nulls last',
    quarantined_rows: 'sequence nulls last, line_no nulls last',
    waiting_rows: 'sequence nulls last, ordinal nulls last',
} as const;

/**
 * Joins the small files of tables that grow by appending. Every version is kept and content stays the
 * same, so nothing becomes stale: the joined file carries the newest partition version of its parts.
 */
export async function compact(lake: Lake): Promise<CompactionResult> {
    return lake.db.withLock('release waiting', 'exclusive', async () => {
        const result = { filesBefore: 0, filesAfter: 0 };
        for (const table of ['reading_versions', 'quarantined_rows', 'waiting_rows'] as const) {
            const groups = Map.groupBy(await liveFiles(lake, table), partitionText);
            for (const files of groups.values()) {
                if (files.length < JOIN_FROM_FILES) continue;
                await joinPartition(lake, table, files);
                result.filesBefore += files.length;
                result.filesAfter += 1;
            }
        }
        return result;
    });
}

async function joinPartition(
    lake: Lake,
    table: keyof typeof ORDER & LakeTable,
    files: readonly LiveFile[],
): Promise<void> {
    const first = files[0];
    if (!first) return;
    const session = await lake.engine.openSession();
    try {
        await session.registerFiles('parts', LAKE_TABLES[table], distinctPaths(files));
        const names = LAKE_TABLES[table].map((c) => c.name).join(', ');
        const only =
            table === 'reading_versions'
                ? `where market_day = date '${first.marketDay}' and bucket = ${first.bucket}`
                : '';
        const folder = freshFolder(lake, table);
        await makeFolderDurably(folder);
        const written = await session.writeFile(
            `select ${names} from parts ${only} order by ${ORDER[table]}`,
            `${folder}/joined.parquet`,
        );
        await syncWrittenFiles([written.path], lake.folder);
        await commitJoined(lake, table, files, {
            ...written,
            parts: [{ marketDay: first.marketDay, bucket: first.bucket, rowCount: written.rowCount }],
        });
    } finally {
        await session.close();
    }
}

async function commitJoined(
    lake: Lake,
    table: LakeTable,
    files: readonly LiveFile[],
    joined: NewFile,
): Promise<void> {
    const version = files.reduce((max, file) => Math.max(max, file.addedVersion), 0);
    const before = files.reduce((sum, file) => sum + file.rowCount, 0);
    if (before !== joined.rowCount)
        throw new Error(`joining ${table} would change its rows from ${before} to ${joined.rowCount}`);
    await lake.db.transaction(async (tx) => {
        const commitNo = await openCommit(tx, lake, 'compact', { table, files: files.length });
        await retireFiles(
            tx,
            table,
            commitNo,
            joined.parts,
            files.map((file) => file.fileId),
        );
        await insertFiles(tx, lake, table, commitNo, [joined], () => version);
    });
}
