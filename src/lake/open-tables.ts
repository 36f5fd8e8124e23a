import path from 'node:path';
import { OPEN_TABLE_NAMES, type OpenTableName } from '../contracts/open-tables.ts';
import { makeFolderDurably, removeFolder } from '../kernel/durable.ts';
import { crashPoint } from '../kernel/faults.ts';
import { completeStatistics } from './column-statistics.ts';
import { checkpointLines, versionLines } from './delta-actions.ts';
import type { Lake } from './lake.ts';
import { useLake } from './lake-use.ts';
import {
    changesOf,
    forgetOpenTables,
    liveAt,
    markPublished,
    numberVersions,
    type OpenVersion,
    openTableNames,
    removedBy,
    versionsOf,
} from './open-table-catalogue.ts';
import {
    addVersion,
    CHECKPOINT_EVERY,
    correctVersion,
    foreignVersion,
    forgetPointer,
    LOG_LOCK,
    listLog,
    logFolder,
    removeStrangers,
    transactionOf,
    trimLog,
    versionName,
    writeCheckpoint,
} from './open-table-log.ts';

export interface PublishedLog {
    readonly table: OpenTableName;
    /** Folder of the table, for its readers. */
    readonly folder: string;
    /** The first version that can be read, and the newest. */
    readonly firstVersion: number;
    readonly version: number;
    /** Versions that were not in the log, or were otherwise there. */
    readonly written: number;
}

/**
 * Brings the logs of the open tables up to the catalogue: each commit that changed a table is a version of it. What a crash left to do, or a
 * hand removed, is done by the next call; any number of processes may call it at once. Throws `lake.open-table-foreign`.
 */
export async function publishOpenTables(lake: Lake): Promise<PublishedLog[]> {
    await numberVersions(lake);
    return lake.db.withLock(LOG_LOCK, 'shared', () => forEachOpen(lake, publishLog));
}

/** Makes the logs anew from the catalogue, whatever is there: readers find a whole log all the time. */
export async function rebuildOpenTables(lake: Lake): Promise<PublishedLog[]> {
    await numberVersions(lake);
    return lake.db.withLock(LOG_LOCK, 'exclusive', () => forEachOpen(lake, rebuildLog));
}

/** Takes the logs away; a later call of `publishOpenTables` begins anew with version 0. */
export async function closeOpenTables(lake: Lake): Promise<void> {
    if ((await openTableNames(lake.db)).length === 0) return;
    await lake.db.withLock(LOG_LOCK, 'exclusive', async () => {
        for (const table of OPEN_TABLE_NAMES) await removeFolder(logFolder(lake, table));
        await forgetOpenTables(lake.db);
    });
}

/** Files are read for their statistics, and checkpoints are written: no sweep takes either away meanwhile. */
async function forEachOpen(
    lake: Lake,
    work: (lake: Lake, table: OpenTableName) => Promise<PublishedLog>,
): Promise<PublishedLog[]> {
    return useLake(lake, async (inUse) => {
        await completeStatistics(lake);
        const logs: PublishedLog[] = [];
        for (const table of await openTableNames(lake.db)) logs.push(await work(inUse, table));
        return logs;
    });
}

async function publishLog(lake: Lake, table: OpenTableName): Promise<PublishedLog> {
    // the folder before the catalogue: what another process numbers and writes in between is not taken for a stranger's
    const listing = listLog(lake, table);
    const versions = await versionsOf(lake.db, table);
    const { first, newest } = endsOf(versions);
    refuseStrangers(listing.folder, listing.versions, newest);
    // one that is there and was not said to be is another process's, or a stranger's
    const missing = versions.filter((v) => v.publishedAt === null || !listing.versions.has(v.version));
    if (missing.length > 0) {
        await makeFolderDurably(listing.folder);
        // of versions that another process numbered in the meantime
        await completeStatistics(lake);
    }
    await checkpointFirst(lake, table, first, listing.checkpoints);
    let written = 0;
    for (const version of missing) {
        const changes = await changesOf(lake.db, table, version);
        const lines = versionLines(table, version, changes);
        if (await addVersion(listing.folder, version.version, lines)) written += 1;
    }
    const unsaid = versions.filter((v) => v.publishedAt === null).map((v) => v.version);
    crashPoint('publish');
    if (unsaid.length > 0) await markPublished(lake, table, unsaid);
    await checkpointNewest(lake, table, versions, listing.checkpoints);
    await trimLog(lake, table, first.version);
    return published(lake, table, { first, newest, written });
}

async function rebuildLog(lake: Lake, table: OpenTableName): Promise<PublishedLog> {
    const { folder } = listLog(lake, table);
    const versions = await versionsOf(lake.db, table);
    const { first, newest } = endsOf(versions);
    await makeFolderDurably(folder);
    await forgetPointer(folder);
    const checkpoints = [
        ...(await checkpointFirst(lake, table, first, [])),
        ...(await checkpointNewest(lake, table, versions, [])),
    ];
    let written = 0;
    for (const version of versions) {
        // what it removed is swept and cannot be told again; a reader that is as old as that may still ask
        if (version === first && isOwnVersion(folder, version)) continue;
        const changes = await changesOf(lake.db, table, version);
        const lines = versionLines(table, version, changes);
        if (await correctVersion(folder, version.version, lines)) written += 1;
    }
    const numbers = versions.map((v) => v.version);
    await removeStrangers(listLog(lake, table), { versions: numbers, checkpoints });
    await markPublished(lake, table, numbers);
    return published(lake, table, { first, newest, written });
}

function endsOf(versions: readonly OpenVersion[]): { first: OpenVersion; newest: OpenVersion } {
    const [first, newest] = [versions[0], versions.at(-1)];
    if (first === undefined || newest === undefined) throw new Error('an open table has a version');
    return { first, newest };
}

function isOwnVersion(folder: string, { version, commitNo }: OpenVersion): boolean {
    return version > 0 && transactionOf(folder, version) === commitNo;
}

function refuseStrangers(folder: string, found: ReadonlySet<number>, newest: OpenVersion): void {
    const beyond = [...found].filter((version) => version > newest.version).sort((a, b) => a - b)[0];
    if (beyond === undefined) return;
    throw foreignVersion(path.join(folder, versionName(beyond)), 'is a version that the catalogue has not');
}

/** A log whose beginning was swept begins with a checkpoint. */
async function checkpointFirst(
    lake: Lake,
    table: OpenTableName,
    first: OpenVersion,
    known: readonly number[],
): Promise<number[]> {
    return first.version > 0 && !known.includes(first.version) ? checkpointAt(lake, table, first) : [];
}

async function checkpointNewest(
    lake: Lake,
    table: OpenTableName,
    versions: readonly OpenVersion[],
    known: readonly number[],
): Promise<number[]> {
    const due = versions.findLast((v) => v.version > 0 && v.version % CHECKPOINT_EVERY === 0);
    return due !== undefined && due.version > (known.at(-1) ?? 0) ? checkpointAt(lake, table, due) : [];
}

/** Gives the version of the checkpoint. */
async function checkpointAt(lake: Lake, table: OpenTableName, version: OpenVersion): Promise<number[]> {
    const live = await liveAt(lake.db, table, version.commitNo);
    const removed = await removedBy(lake.db, table, version.commitNo);
    await writeCheckpoint(lake, table, version.version, checkpointLines(table, version, { live, removed }));
    return [version.version];
}

function published(
    lake: Lake,
    table: OpenTableName,
    log: { first: OpenVersion; newest: OpenVersion; written: number },
): PublishedLog {
    const [firstVersion, version] = [log.first.version, log.newest.version];
    return { table, folder: path.join(lake.folder, table), firstVersion, version, written: log.written };
}
