import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { createZstdCompress, createZstdDecompress } from 'node:zlib';
import { isUnfinishedName, makeFolderDurably, removeFiles, writeFileDurably } from '../kernel/durable.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { type Release, tryFileLock } from '../store/file-lock.ts';
import { ObjectStore, type StoredObject } from './object-store.ts';
import {
    BACKUP_FORMAT,
    fileLine,
    type HomeFile,
    manifestText,
    type ObjectReference,
    parseFileLine,
    parseManifest,
    type SnapshotManifest,
} from './snapshot-manifest.ts';

/** By this file a folder of backups is known. */
export const BACKUPS_FILE = 'gridtally-backup.json';
const ENDING = '.json';
/** Files that a backup which was cut off had copied already; a hint, believed only where their objects are there. */
const COPIED = 'copied.ndjson.zst';

/** A folder of snapshots of one home, which share the objects that are equal. */
export interface BackupFolder {
    readonly folder: string;
    readonly objects: ObjectStore;
}

/** Opens a folder of backups to write into it, and makes it where it is empty or not there; nobody else uses it meanwhile. Throws `backup.folder-foreign`, `backup.folder-in-use`. */
export async function withNewBackups<T>(
    folder: string,
    homeId: string,
    work: (backups: BackupFolder) => Promise<T>,
): Promise<T> {
    const root = path.resolve(folder);
    const isMade = existsSync(path.join(root, BACKUPS_FILE));
    const strangers = existsSync(root) ? readdirSync(root).filter((name) => !isUnfinishedName(name)) : [];
    if (!isMade && strangers.some((name) => name !== 'lock'))
        throw foreign(root, 'is not empty, and holds no backups');
    await makeFolderDurably(root);
    return locked(root, 'exclusive', async () => {
        if (!existsSync(path.join(root, BACKUPS_FILE))) {
            const head = `${JSON.stringify({ format: BACKUP_FORMAT, home: homeId })}\n`;
            await writeFileDurably(path.join(root, BACKUPS_FILE), head, { mode: 0o600 });
        }
        const { home } = readHead(root);
        if (home !== homeId) throw foreign(root, `holds backups of another home (${home})`);
        const objects = new ObjectStore(root);
        await objects.prepare();
        await makeFolderDurably(path.join(root, 'snapshots'));
        return work({ folder: root, objects });
    });
}

/** Opens a folder of backups that is there. `shared`: to read; others may read too. Throws `backup.folder-foreign`, `backup.folder-in-use`. */
export async function withBackups<T>(
    folder: string,
    mode: 'shared' | 'exclusive',
    work: (backups: BackupFolder) => Promise<T>,
): Promise<T> {
    const root = path.resolve(folder);
    if (!existsSync(path.join(root, BACKUPS_FILE))) throw foreign(root, 'holds no backups');
    readHead(root);
    return locked(root, mode, () => work({ folder: root, objects: new ObjectStore(root) }));
}

function readHead(root: string): { home: string } {
    const file = path.join(root, BACKUPS_FILE);
    const text = readFileSync(file, 'utf8');
    const [, format, home = ''] = /^\{"format":(\d+),"home":"([0-9a-f-]{36})"\}\n$/.exec(text) ?? [];
    if (format === undefined) throw new GridtallyError('backup.damaged', `${file} is not what was written`);
    if (Number(format) > BACKUP_FORMAT)
        throw new GridtallyError('backup.newer', `${root} has the format ${format}`);
    return { home };
}

function foreign(root: string, what: string): GridtallyError {
    return new GridtallyError('backup.folder-foreign', `${root} ${what}`);
}

async function locked<T>(root: string, mode: 'shared' | 'exclusive', work: () => Promise<T>): Promise<T> {
    const release = lockFolder(root, mode);
    try {
        return await work();
    } finally {
        release();
    }
}

function lockFolder(root: string, mode: 'shared' | 'exclusive'): Release {
    const file = path.join(root, 'lock');
    // what cannot be written to, nobody changes while it is read
    if (mode === 'shared' && !isWritable(root)) return () => {};
    const release = tryFileLock(file, mode);
    if (release === undefined)
        throw new GridtallyError('backup.folder-in-use', `another gridtally works on the backups in ${root}`);
    return release;
}

function isWritable(folder: string): boolean {
    try {
        accessSync(folder, constants.W_OK);
        return true;
    } catch {
        return false;
    }
}

/** Ids of the snapshots, oldest first. */
export function snapshotIds({ folder }: Pick<BackupFolder, 'folder'>): string[] {
    const snapshots = path.join(folder, 'snapshots');
    if (!existsSync(snapshots)) return [];
    return readdirSync(snapshots)
        .filter((name) => name.endsWith(ENDING) && !isUnfinishedName(name))
        .map((name) => name.slice(0, -ENDING.length))
        .sort();
}

/** Throws `backup.snapshot-unknown`, `backup.damaged`, `backup.newer`. */
export function readManifest({ folder }: Pick<BackupFolder, 'folder'>, id: string): SnapshotManifest {
    const file = manifestFile(folder, id);
    if (!snapshotIds({ folder }).includes(id))
        throw new GridtallyError('backup.snapshot-unknown', `there is no snapshot ${id} in ${folder}`);
    const found = parseManifest(readFileSync(file, 'utf8'), file);
    if (found.id !== id) throw new GridtallyError('backup.damaged', `${file} is the manifest of ${found.id}`);
    return found;
}

/** From here on the snapshot is there. */
export async function writeManifest({ folder }: BackupFolder, manifest: SnapshotManifest): Promise<void> {
    await writeFileDurably(manifestFile(folder, manifest.id), manifestText(manifest), {
        mode: 0o600,
        replace: false,
    });
}

export async function removeManifests({ folder }: BackupFolder, ids: readonly string[]): Promise<void> {
    await removeFiles(ids.map((id) => manifestFile(folder, id)));
}

function manifestFile(folder: string, id: string): string {
    return path.join(folder, 'snapshots', `${id}${ENDING}`);
}

/** Writes the list of a snapshot's files as an object. */
export async function writeFileList(
    { objects }: BackupFolder,
    files: readonly HomeFile[],
): Promise<StoredObject> {
    return objects.add(compressedList(files));
}

/** Throws `backup.damaged`. */
export async function readFileList(
    { objects }: BackupFolder,
    reference: ObjectReference,
): Promise<HomeFile[]> {
    const file = objects.pathOf(reference.sha256);
    const fault = await objects.fault(reference);
    if (fault !== undefined) throw new GridtallyError('backup.damaged', `${file} ${fault}`);
    return readList(objects.read(reference.sha256), file);
}

/** Says what a backup under way has copied so far, for the one that goes on should it be killed. */
export async function noteCopied(backups: BackupFolder, files: readonly HomeFile[]): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of compressedList(files)) chunks.push(chunk);
    await writeFileDurably(path.join(backups.folder, COPIED), Buffer.concat(chunks), { mode: 0o600 });
}

export async function notedCopies({ folder }: BackupFolder): Promise<HomeFile[]> {
    const file = path.join(folder, COPIED);
    if (!existsSync(file)) return [];
    // a hint that cannot be read is none
    return readList(Readable.from([readFileSync(file)]), file).catch(() => []);
}

export async function forgetCopied({ folder }: BackupFolder): Promise<void> {
    await removeFiles([path.join(folder, COPIED)]);
}

function compressedList(files: readonly HomeFile[]): AsyncIterable<Buffer> {
    return Readable.from(files.map(fileLine), { objectMode: false }).pipe(createZstdCompress());
}

async function readList(bytes: AsyncIterable<Buffer>, file: string): Promise<HomeFile[]> {
    const text = Readable.from(bytes, { objectMode: false }).pipe(createZstdDecompress());
    const found: HomeFile[] = [];
    for await (const line of createInterface({ input: text, crlfDelay: Number.POSITIVE_INFINITY }))
        found.push(parseFileLine(line, file));
    return found;
}
