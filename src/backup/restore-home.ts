import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { utimes } from 'node:fs/promises';
import path from 'node:path';
import { text as readText } from 'node:stream/consumers';
import {
    DurableFile,
    isUnfinishedName,
    makeFolderDurably,
    syncTree,
    writeFileDurably,
} from '../kernel/durable.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { crashPoint } from '../kernel/faults.ts';
import { inTurns } from '../kernel/turns.ts';
import { changeYaml } from '../kernel/yaml-document.ts';
import { type Database, type OpenTransaction, openDatabase } from '../store/database.ts';
import { emptyTables, isSchemaEmpty, setSequences } from '../store/database-content.ts';
import { HOME_FILE, type Home, markHalfRestored, parseHome, readHalfRestored } from '../store/home.ts';
import { bindRestoredHome, restoreIdOf } from '../store/home-binding.ts';
import { makeSchemaAt, newestMigration } from '../store/migrations.ts';
import { type BackupFolder, readFileList, readManifest, snapshotIds, withBackups } from './backup-folder.ts';
import type { HomeFile, SnapshotManifest } from './snapshot-manifest.ts';
import { loadTable } from './table-parts.ts';

/** Settings of the new home that differ from those in the backup. */
export interface RestoreSettings {
    /** Address of another PostgreSQL; `embedded`: the home's own. */
    readonly database?: { readonly url: string } | 'embedded';
    readonly databaseSchema?: string;
    /** Folder of the lake, from the home or absolute. */
    readonly lakeFolder?: string;
}

export interface RestoreOptions {
    /** Folder of backups. */
    readonly from: string;
    /** The newest unless told; where a restore goes on, the one that it began with. */
    readonly snapshot?: string;
    readonly settings?: RestoreSettings;
    readonly onProgress?: (progress: RestoreProgress) => void;
}

export interface RestoreProgress {
    readonly stage: 'files' | 'database';
    readonly done: number;
    readonly total: number;
}

export interface RestoreOutcome {
    readonly snapshot: string;
    /** UTC epoch milliseconds. */
    readonly takenAt: number;
    readonly files: number;
    readonly bytes: number;
    readonly rows: number;
    /** Whether an earlier restore that was cut off has been completed. */
    readonly isContinued: boolean;
}

const COPIES_AT_ONCE = 8;

/** What a restore works with. */
interface Restore {
    readonly backups: BackupFolder;
    readonly manifest: SnapshotManifest;
    readonly files: readonly HomeFile[];
    readonly home: Home;
    readonly restoreId: string;
    readonly onProgress: (progress: RestoreProgress) => void;
}

/**
 * Makes a home from a snapshot, in a folder that is empty or not there, and leaves it marked as half restored: `markRestored` is for
 * the caller, once it has brought up the schema and the open tables. Killed in the middle, the same call goes on. Every byte is compared with its
 * hash. Nothing is written where it throws `home.exists`, `backup.newer`, `backup.snapshot-unknown`, `restore.other-snapshot`, `restore.database-used`,
 * `restore.lake-used` or `database.newer`; it may also throw `backup.damaged` at any time.
 */
export async function restoreHome(folder: string, options: RestoreOptions): Promise<RestoreOutcome> {
    const root = path.resolve(folder);
    return withBackups(options.from, 'shared', async (backups) => {
        const begun = readHalfRestored(root);
        const manifest = chooseSnapshot(backups, options.snapshot, begun?.snapshot);
        refuseNewer(manifest);
        const files = await readFileList(backups, manifest.fileList);
        const settings = await settingsText(backups, files, options.settings ?? {});
        const home = parseHome(settings, root);
        if (begun === undefined) await refuseUsedHome(home);
        // a sweep of this home would remove what another home's lake holds
        if (begun?.lakeFolder !== home.lakeFolder) refuseUsedLake(home);
        const restoreId = begun?.restoreId ?? randomUUID();
        await makeFolderDurably(root);
        await markHalfRestored(root, { snapshot: manifest.id, restoreId, lakeFolder: home.lakeFolder });
        crashPoint('restore');
        await writeFileDurably(path.join(root, HOME_FILE), settings, { mode: 0o600 });
        const { onProgress = () => {} } = options;
        const restore = { backups, manifest, files, home, restoreId, onProgress };
        await placeFiles(restore);
        // names that a killed restore gave may not be on disk
        if (begun !== undefined) await syncPlaces(home);
        await fillDatabase(restore);
        crashPoint('restore');
        return {
            snapshot: manifest.id,
            takenAt: manifest.takenAt,
            files: files.length,
            bytes: manifest.byteCount,
            rows: manifest.tables.reduce((sum, { rows }) => sum + rows, 0),
            isContinued: begun !== undefined,
        };
    });
}

function chooseSnapshot(
    backups: BackupFolder,
    asked: string | undefined,
    begun: string | undefined,
): SnapshotManifest {
    if (asked !== undefined && begun !== undefined && asked !== begun)
        throw new GridtallyError(
            'restore.other-snapshot',
            `the folder holds a part of the snapshot ${begun}`,
        );
    const id = asked ?? begun ?? snapshotIds(backups).at(-1);
    if (id === undefined)
        throw new GridtallyError('backup.snapshot-unknown', `there is no snapshot in ${backups.folder}`);
    return readManifest(backups, id);
}

function refuseNewer({ schemaVersion }: SnapshotManifest): void {
    const own = newestMigration();
    if (schemaVersion.version <= own.version) return;
    throw new GridtallyError(
        'database.newer',
        `the snapshot has the schema of ${schemaVersion.name}, and this gridtally knows ${own.name}`,
    );
}

/** The backup's `gridtally.yaml` with what is to be otherwise in the new home; its comments stay. */
async function settingsText(
    backups: BackupFolder,
    files: readonly HomeFile[],
    { database, databaseSchema, lakeFolder }: RestoreSettings,
): Promise<string> {
    const saved = files.find((file) => file.root === 'home' && file.path === HOME_FILE);
    if (saved === undefined) throw new GridtallyError('backup.damaged', `the snapshot has no ${HOME_FILE}`);
    const fault = await backups.objects.fault(saved);
    if (fault !== undefined) throw damagedObject(backups, saved, fault);
    const text = await readText(backups.objects.read(saved.sha256));
    const url = database === 'embedded' ? undefined : database?.url;
    return changeYaml(text, [
        ...(database === undefined ? [] : [{ at: ['database', 'url'], value: url }]),
        ...(databaseSchema === undefined ? [] : [{ at: ['database', 'schema'], value: databaseSchema }]),
        ...(lakeFolder === undefined ? [] : [{ at: ['store', 'lake'], value: lakeFolder }]),
    ]);
}

async function refuseUsedHome(home: Home): Promise<void> {
    if (namesIn(home.folder).length > 0)
        throw new GridtallyError('home.exists', `${home.folder} is not empty`);
    // an embedded one is made in the folder, which is empty
    if (home.database.url === undefined) return;
    const db = await openDatabase({ ...home.database, home: home.folder });
    try {
        if (!(await isSchemaEmpty(db))) throw usedDatabase(db);
    } finally {
        await db.close();
    }
}

function refuseUsedLake({ lakeFolder }: Home): void {
    if (namesIn(lakeFolder).length === 0) return;
    throw new GridtallyError('restore.lake-used', `the folder of the lake, ${lakeFolder}, is not empty`);
}

function usedDatabase(db: Database): GridtallyError {
    return new GridtallyError('restore.database-used', `the schema ${db.schema} of the database is in use`);
}

function namesIn(folder: string): string[] {
    return existsSync(folder) ? readdirSync(folder).filter((name) => !isUnfinishedName(name)) : [];
}

async function placeFiles({ backups, files, home, onProgress }: Restore): Promise<void> {
    const folders = { lake: home.lakeFolder, raw: home.rawFolder, home: home.folder };
    let done = 0;
    await inTurns(files, COPIES_AT_ONCE, async (file) => {
        const target = path.join(folders[file.root], file.path);
        const isThere = statSync(target, { throwIfNoEntry: false })?.size === file.size;
        const isSettings = file.root === 'home' && file.path === HOME_FILE;
        // a file has its name only once it is whole
        if (!isSettings && !isThere) await placeFile(backups, file, target);
        done += 1;
        onProgress({ stage: 'files', done, total: files.length });
        crashPoint('restore');
    });
}

async function syncPlaces(home: Home): Promise<void> {
    for (const folder of [home.lakeFolder, home.rawFolder, path.join(home.folder, 'feeds')])
        if (existsSync(folder)) await syncTree(folder);
}

async function placeFile(backups: BackupFolder, file: HomeFile, target: string): Promise<void> {
    await makeFolderDurably(path.dirname(target));
    const written = await DurableFile.create(path.dirname(target), { label: 'restored' });
    try {
        const content = createHash('sha256');
        if (!backups.objects.has(file)) throw damagedObject(backups, file, 'is missing or cut off');
        for await (const chunk of backups.objects.read(file.sha256)) {
            content.update(chunk);
            await written.append(chunk);
        }
        if (content.digest('hex') !== file.sha256)
            throw damagedObject(backups, file, 'does not have its SHA-256');
        await written.publish(target);
        // so that the next backup knows it without reading it
        await utimes(target, new Date(), new Date(file.modifiedAt));
    } finally {
        await written.discard();
    }
}

function damagedObject({ objects }: BackupFolder, file: HomeFile, fault: string): GridtallyError {
    const message = `${objects.pathOf(file.sha256)} ${fault}: it is ${file.path}`;
    return new GridtallyError('backup.damaged', message);
}

/** All of the database in one transaction, so that it is there or not. */
async function fillDatabase(restore: Restore): Promise<void> {
    const { home, manifest, restoreId, backups } = restore;
    for (const part of manifest.tables.flatMap(({ parts }) => parts)) {
        const fault = await backups.objects.fault(part);
        if (fault === undefined) continue;
        const message = `${backups.objects.pathOf(part.sha256)} ${fault}: it holds rows of the database`;
        throw new GridtallyError('backup.damaged', message);
    }
    const db = await openDatabase({ ...home.database, home: home.folder });
    try {
        if ((await restoreIdOf(db)) === restoreId) return;
        if (!(await isSchemaEmpty(db))) throw usedDatabase(db);
        await db.transaction(async (tx) => {
            await makeSchemaAt(tx, manifest.schemaVersion);
            await loadTables(tx, restore);
            await setSequences(tx, manifest.sequences);
            await bindRestoredHome(tx, db.schema, { ...manifest.home }, restoreId);
        });
        // plans are made from statistics, which a new table has none of
        await db.query(`analyze ${manifest.tables.map(({ name }) => name).join(', ')}`);
    } finally {
        await db.close();
    }
}

async function loadTables(tx: OpenTransaction, { manifest, backups, onProgress }: Restore): Promise<void> {
    await emptyTables(tx, manifest.tables);
    for (const [done, table] of manifest.tables.entries()) {
        onProgress({ stage: 'database', done, total: manifest.tables.length });
        await loadTable(tx, backups.objects, table);
        crashPoint('restore');
    }
}
