import { LAKE_TABLES, type LakeTable } from '../contracts/lake-tables.ts';
import { makeFolderDurably, syncWrittenFiles } from '../kernel/durable.ts';
import { assert } from '../kernel/errors.ts';
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
import { oneAtATime, requireRetired } from './waiting-lock.ts';

export interface CompactionResult {
    readonly filesBefore: number;
    readonly filesAfter: number;
}

// a partition spread over more files than this is joined; fewer are read about as fast as one
const JOIN_FROM_FILES = 4;

const ORDER = {
    reading_versions:
        'channel_no nulls last, period_from nulls last, sequence nulls last, ordinal nulls last',
    register_versions: 'channel_no nulls last, read_at nulls last, sequence nulls last, ordinal nulls last',
    quarantined_rows: 'sequence nulls last, line_no nulls last',
    replayed_rows: 'sequence nulls last, line_no nulls last, replayed_contract_no nulls last',
    waiting_rows: 'sequence nulls last, ordinal nulls last',
} as const;

/**
 * Joins the small files of tables that grow by appending. Every version is kept and content stays the
 * same, so nothing becomes stale: a joined file carries the newest partition version of its parts. A file is
 * joined in all its partitions by one commit, never in some: who reads it for one would find the others' rows too.
 */
export async function compact(lake: Lake): Promise<CompactionResult> {
    return oneAtATime(lake, compactTables);
}

async function compactTables(lake: Lake): Promise<CompactionResult> {
    const result = { filesBefore: 0, filesAfter: 0 };
    for (const table of Object.keys(ORDER) as (keyof typeof ORDER)[]) {
        const crowded = partsOfCrowdedFiles(await liveFiles(lake, table));
        const groups = [...Map.groupBy(crowded, partitionText).values()];
        if (groups.length === 0) continue;
        const joined: JoinedPartition[] = [];
        for (const files of groups) joined.push(await joinPartition(lake, table, files));
        await commitJoined(lake, table, joined);
        result.filesBefore += crowded.length;
        result.filesAfter += joined.length;
    }
    return result;
}

/** All parts of the files that stand in a partition with too many. */
function partsOfCrowdedFiles(live: readonly LiveFile[]): LiveFile[] {
    const crowded = [...Map.groupBy(live, partitionText).values()].filter(
        (files) => files.length >= JOIN_FROM_FILES,
    );
    const fileIds = new Set(crowded.flat().map((file) => file.fileId));
    return live.filter((file) => fileIds.has(file.fileId));
}

interface JoinedPartition {
    readonly files: readonly LiveFile[];
    readonly joined: NewFile;
}

async function joinPartition(
    lake: Lake,
    table: keyof typeof ORDER & LakeTable,
    files: readonly LiveFile[],
): Promise<JoinedPartition> {
    const first = files[0];
    assert(first, 'a partition to join has files');
    const session = await lake.engine.openSession();
    try {
        await session.registerFiles('parts', LAKE_TABLES[table], distinctPaths(files));
        const names = LAKE_TABLES[table].map((c) => c.name).join(', ');
        const only =
            table === 'reading_versions' || table === 'register_versions'
                ? `where market_day = date '${first.marketDay}' and bucket = ${first.bucket}`
                : '';
        const folder = freshFolder(lake, table);
        await makeFolderDurably(folder);
        const written = await session.writeFile(
            `select ${names} from parts ${only} order by ${ORDER[table]}`,
            `${folder}/joined.parquet`,
        );
        await syncWrittenFiles([written.path], lake.folder);
        const before = files.reduce((sum, file) => sum + file.rowCount, 0);
        if (before !== written.rowCount)
            throw new Error(`joining ${table} would change its rows from ${before} to ${written.rowCount}`);
        const part = { marketDay: first.marketDay, bucket: first.bucket, rowCount: written.rowCount };
        return { files, joined: { ...written, parts: [part] } };
    } finally {
        await session.close();
    }
}

async function commitJoined(
    lake: Lake,
    table: LakeTable,
    partitions: readonly JoinedPartition[],
): Promise<void> {
    const versions = new Map(
        partitions.flatMap(({ files, joined }) =>
            joined.parts.map((part) => [
                partitionText(part),
                files.reduce((max, file) => Math.max(max, file.addedVersion), 0),
            ]),
        ),
    );
    const files = partitions.flatMap((partition) => partition.files);
    await lake.db.transaction(async (tx) => {
        const commitNo = await openCommit(tx, lake, 'compact', { table, files: files.length });
        const fileIds = [...new Set(files.map((file) => file.fileId))];
        const retired = await retireFiles(tx, table, commitNo, files, fileIds);
        requireRetired(retired, files.length, `files of ${table}`);
        await insertFiles(
            tx,
            lake,
            table,
            commitNo,
            partitions.map(({ joined }) => joined),
            (key) => versions.get(partitionText(key)) ?? 1,
        );
    });
}
