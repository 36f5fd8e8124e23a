import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { GridtallyError } from '../kernel/errors.ts';
import { crashPoint } from '../kernel/faults.ts';
import { inTurns } from '../kernel/turns.ts';
import type { Lake } from '../lake/lake.ts';
import { useLake } from '../lake/lake-use.ts';
import type { OpenTransaction } from '../store/database.ts';
import { contentTables, sequenceStates, steadyText } from '../store/database-content.ts';
import { HOME_FILE, type Home } from '../store/home.ts';
import {
    type BackupFolder,
    forgetCopied,
    noteCopied,
    notedCopies,
    readFileList,
    readManifest,
    snapshotIds,
    withNewBackups,
    writeFileList,
    writeManifest,
} from './backup-folder.ts';
import { BACKUP_FORMAT, type HomeFile, type SnapshotManifest } from './snapshot-manifest.ts';
import { saveTable } from './table-parts.ts';

/** What is backed up. */
export interface BackupSource {
    readonly home: Home;
    readonly lake: Pick<Lake, 'db' | 'clock' | 'isInUse'>;
    /** Version of the program, for people who look at the manifest. */
    readonly gridtally: string;
}

export interface BackupProgress {
    readonly stage: 'database' | 'files';
    readonly done: number;
    readonly total: number;
}

export interface BackupOutcome {
    readonly id: string;
    /** UTC epoch milliseconds. */
    readonly takenAt: number;
    /** Files of the home in the snapshot, and their bytes. */
    readonly files: number;
    readonly bytes: number;
    /** Of those, files that no earlier snapshot had. */
    readonly copiedFiles: number;
    /** All that was added to the folder but for the manifest: files, and rows of the database compressed. */
    readonly addedBytes: number;
}

/** What the snapshot shows, but for the bytes of files. */
interface Moment extends Pick<SnapshotManifest, 'takenAt' | 'schemaVersion' | 'tables' | 'sequences'> {
    readonly files: readonly WantedFile[];
    readonly addedBytes: number;
}

type WantedFile = Pick<HomeFile, 'root' | 'path'> & {
    /** Bytes that the catalogue says the file has; null: it does not say. */
    readonly catalogued: number | null;
};

const COPIES_AT_ONCE = 8;

/**
 * Adds a snapshot of the home to a folder of backups while anything else goes on: rows of the database as one transaction sees them, and the
 * files that these rows name, which never change. What an earlier snapshot has is not copied again. It is there from the moment its manifest is written,
 * last of all; killed before that, the next backup goes on. Throws `backup.folder-foreign`, `backup.folder-in-use`, `backup.source-damaged`.
 */
export async function backUpHome(
    source: BackupSource,
    folder: string,
    onProgress: (progress: BackupProgress) => void = () => {},
): Promise<BackupOutcome> {
    refuseInside(source.home, folder);
    return withNewBackups(folder, source.home.id, (backups) =>
        // no sweep takes away what the snapshot names
        useLake(source.lake, async () => {
            const moment = await source.lake.db.transaction(
                (tx) => readMoment(tx, source, backups, onProgress),
                { isolation: 'repeatable read', readOnly: true },
            );
            crashPoint('backup');
            const copied = await copyFiles(source, backups, moment.files, onProgress);
            const fileList = await writeFileList(backups, copied.files);
            const id = snapshotId(moment.takenAt);
            const byteCount = copied.files.reduce((sum, { size }) => sum + size, 0);
            const { files: _, addedBytes, ...shown } = moment;
            crashPoint('backup');
            await backups.objects.settle();
            await writeManifest(backups, {
                format: BACKUP_FORMAT,
                id,
                ...shown,
                gridtally: source.gridtally,
                home: fixedSettings(source.home),
                fileList: { sha256: fileList.sha256, size: fileList.size },
                fileCount: copied.files.length,
                byteCount,
            });
            crashPoint('backup');
            await forgetCopied(backups);
            return {
                id,
                takenAt: moment.takenAt,
                files: copied.files.length,
                bytes: byteCount,
                copiedFiles: copied.newFiles,
                addedBytes: addedBytes + copied.newBytes + (fileList.isNew ? fileList.size : 0),
            };
        }),
    );
}

/** A backup must outlive its home, and what lies in the lake without a name is swept. */
function refuseInside(home: Home, folder: string): void {
    const place = path.resolve(folder);
    for (const owned of [home.folder, home.lakeFolder])
        if (place === owned || place.startsWith(owned + path.sep))
            throw new GridtallyError('backup.folder-foreign', `${place} is a part of the home`);
}

function fixedSettings({ id, marketZone, currency, bucketSize }: Home): SnapshotManifest['home'] {
    return { id, marketZone, currency, bucketSize };
}

/** Sorts by time; the end tells two of one instant apart. */
function snapshotId(takenAt: number): string {
    const [day = '', time = ''] = new Date(takenAt).toISOString().slice(0, 23).split('T');
    return `${day}-${time.replaceAll(/[:.]/g, '')}-${randomBytes(2).toString('hex')}`;
}

async function readMoment(
    tx: OpenTransaction,
    { home, lake }: BackupSource,
    { objects }: BackupFolder,
    onProgress: (progress: BackupProgress) => void,
): Promise<Moment> {
    await steadyText(tx);
    const takenAt = lake.clock.now();
    const named = await tx.query<WantedFile>(
        `select 'lake' as root, path, byte_count as catalogued from lake_files
         union all select 'raw', path, null from segments order by 1, 2`,
    );
    const [schemaVersion] = await tx.query<{ version: number; name: string }>(
        'select version, name from schema_migrations order by version desc limit 1',
    );
    if (schemaVersion === undefined) throw new Error('a home has migrations');
    const tables: SnapshotManifest['tables'] = [];
    let addedBytes = 0;
    const wanted = await contentTables(tx);
    for (const table of wanted) {
        onProgress({ stage: 'database', done: tables.length, total: wanted.length });
        const saved = await saveTable(tx, objects, table, (bytes) => {
            addedBytes += bytes;
        });
        tables.push(saved);
        crashPoint('backup');
    }
    const sequences = await sequenceStates(tx);
    return { takenAt, schemaVersion, tables, sequences, files: [...named, ...ownFiles(home)], addedBytes };
}

/** Settings, load shapes and contracts. */
function ownFiles(home: Home): WantedFile[] {
    const feeds = path.join(home.folder, 'feeds');
    const found = existsSync(feeds) ? readdirSync(feeds, { recursive: true, encoding: 'utf8' }) : [];
    // what a link leads to is what the home reads
    const contracts = found.map((name) => path.join('feeds', name)).filter((file) => isFile(home, file));
    const shapes = home.loadShapeFile === undefined ? [] : [home.loadShapeFile];
    return [HOME_FILE, ...shapes, ...contracts.sort()].map((file) => ({
        root: 'home',
        path: file,
        catalogued: null,
    }));
}

function isFile(home: Home, file: string): boolean {
    return statSync(path.join(home.folder, file), { throwIfNoEntry: false })?.isFile() === true;
}

interface CopiedFiles {
    readonly files: readonly HomeFile[];
    readonly newFiles: number;
    readonly newBytes: number;
}

async function copyFiles(
    source: BackupSource,
    backups: BackupFolder,
    wanted: readonly WantedFile[],
    onProgress: (progress: BackupProgress) => void,
): Promise<CopiedFiles> {
    const known = await knownFiles(backups);
    const files: HomeFile[] = [];
    const count = { newFiles: 0, newBytes: 0 };
    const note = copyNotes(backups);
    await inTurns(wanted, COPIES_AT_ONCE, async (file) => {
        const from = sourcePath(source.home, file);
        const state = sourceState(from, file);
        const before = known.get(keyOf(file));
        const isSame = before?.size === state.size && before.modifiedAt === state.modifiedAt;
        if (isSame && backups.objects.has(before)) files.push(before);
        else {
            const { sha256, size, isNew } = await backups.objects.addFile(from);
            if (file.root !== 'home' && size !== state.size)
                throw damagedSource(from, 'changed while it was copied');
            const { root, path: relative } = file;
            const copied = { root, path: relative, size, sha256, modifiedAt: state.modifiedAt };
            files.push(copied);
            count.newFiles += isNew ? 1 : 0;
            count.newBytes += isNew ? size : 0;
            await note(copied);
            crashPoint('backup');
        }
        onProgress({ stage: 'files', done: files.length, total: wanted.length });
    });
    files.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    return { files, ...count };
}

const NOTES_FROM_FILES = 8;
const NOTE_AGAIN_MS = 60_000;

/** Notes what has been copied whenever that has doubled, and once a minute: a note is a list of all of it. */
function copyNotes(backups: BackupFolder): (file: HomeFile) => Promise<void> {
    const copied: HomeFile[] = [];
    let next = NOTES_FROM_FILES;
    let notedAt = performance.now();
    let noting = Promise.resolve();
    return async (file) => {
        copied.push(file);
        if (copied.length < next && performance.now() - notedAt < NOTE_AGAIN_MS) return;
        next = Math.max(next, 2 * copied.length);
        notedAt = performance.now();
        noting = noting.then(() => noteCopied(backups, [...copied]));
        await noting;
    };
}

/** Files whose bytes need not be read to be known: those of the newest snapshot, and what a backup that was cut off had copied. */
async function knownFiles(backups: BackupFolder): Promise<Map<string, HomeFile>> {
    const listed = await newestList(backups);
    const noted = await notedCopies(backups);
    return new Map([...listed, ...noted].map((file) => [keyOf(file), file]));
}

/** None where the newest snapshot cannot tell: then every file is read. */
async function newestList(backups: BackupFolder): Promise<HomeFile[]> {
    const newest = snapshotIds(backups).at(-1);
    if (newest === undefined) return [];
    try {
        return await readFileList(backups, readManifest(backups, newest).fileList);
    } catch (error) {
        if (error instanceof GridtallyError && error.code === 'backup.damaged') return [];
        throw error;
    }
}

function keyOf({ root, path: relative }: Pick<HomeFile, 'root' | 'path'>): string {
    return `${root}/${relative}`;
}

function sourcePath(home: Home, { root, path: relative }: WantedFile): string {
    const folders = { lake: home.lakeFolder, raw: home.rawFolder, home: home.folder };
    return path.join(folders[root], relative);
}

function sourceState(from: string, { catalogued }: WantedFile): Pick<HomeFile, 'size' | 'modifiedAt'> {
    const found = statSync(from, { throwIfNoEntry: false });
    if (found === undefined) throw damagedSource(from, 'is missing');
    if (catalogued !== null && catalogued !== found.size)
        throw damagedSource(from, `has ${found.size} bytes where ${catalogued} were written`);
    return { size: found.size, modifiedAt: Math.round(found.mtimeMs) };
}

function damagedSource(file: string, what: string): GridtallyError {
    return new GridtallyError('backup.source-damaged', `${file} ${what}`);
}
