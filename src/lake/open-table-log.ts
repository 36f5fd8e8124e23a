import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { OPEN_TABLES, type OpenTableName } from '../contracts/open-tables.ts';
import { compileText } from '../engine/compile.ts';
import { makeFolderDurably, removeFile, removeFiles, writeFileDurably } from '../kernel/durable.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { crashPoint } from '../kernel/faults.ts';
import { type LogLine, linesText } from './delta-actions.ts';
import { freshFolder, type Lake } from './lake.ts';

/** Held shared by those who add to logs, exclusively by one who makes them anew or compares them. */
export const LOG_LOCK = 'open table logs';

export const LOG_FOLDER = '_delta_log';
const POINTER = '_last_checkpoint';

/** Readers begin at a checkpoint and read the versions after it: as often as Delta itself makes one. */
export const CHECKPOINT_EVERY = 10;

/** The log of one table as files: what is in the folder, by version. */
export interface LogListing {
    readonly folder: string;
    readonly versions: ReadonlySet<number>;
    readonly checkpoints: readonly number[];
    /** Names that are neither. */
    readonly others: readonly string[];
}

export function logFolder(lake: Lake, table: OpenTableName): string {
    return path.join(lake.folder, table, LOG_FOLDER);
}

export function listLog(lake: Lake, table: OpenTableName): LogListing {
    const folder = logFolder(lake, table);
    const names = existsSync(folder) ? readdirSync(folder) : [];
    const numbers = (form: RegExp) => names.flatMap((name) => form.exec(name)?.[1] ?? []).map(Number);
    return {
        folder,
        versions: new Set(numbers(/^(\d{20})\.json$/)),
        checkpoints: numbers(/^(\d{20})\.checkpoint\.parquet$/).sort((a, b) => a - b),
        others: names.filter((name) => !/^\d{20}\.(json|checkpoint\.parquet)$/.test(name)),
    };
}

export function versionName(version: number): string {
    return `${String(version).padStart(20, '0')}.json`;
}

function checkpointName(version: number): string {
    return `${String(version).padStart(20, '0')}.checkpoint.parquet`;
}

/**
 * Adds a version unless it is there: of several processes that do so at once, one creates the file and the others find it. A file that
 * is not what the catalogue says was written by a stranger: then it throws `lake.open-table-foreign` and changes nothing. Gives whether it
 * was this call that created the file.
 */
export async function addVersion(
    folder: string,
    version: number,
    lines: readonly LogLine[],
): Promise<boolean> {
    const file = path.join(folder, versionName(version));
    const text = linesText(lines);
    crashPoint('publish');
    try {
        await writeFileDurably(file, text, { replace: false });
        return true;
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        if (readFileSync(file, 'utf8') === text) return false;
        throw foreignVersion(file, 'is not what the catalogue says');
    }
}

export function foreignVersion(file: string, how: string): GridtallyError {
    const why = 'another program wrote into the table, or the database was restored from a backup';
    return new GridtallyError('lake.open-table-foreign', `${file} ${how}: ${why}`);
}

/** The commit that a version says it is of; undefined where there is no such version, or it does not say. */
export function transactionOf(folder: string, version: number): number | undefined {
    const file = path.join(folder, versionName(version));
    if (!existsSync(file)) return undefined;
    const found = /^\{"txn":\{"appId":"gridtally","version":(\d+)/m.exec(readFileSync(file, 'utf8'));
    return found ? Number(found[1]) : undefined;
}

/** Makes a version what it should be; gives whether it was not. */
export async function correctVersion(
    folder: string,
    version: number,
    lines: readonly LogLine[],
): Promise<boolean> {
    const file = path.join(folder, versionName(version));
    const text = linesText(lines);
    if (existsSync(file) && readFileSync(file, 'utf8') === text) return false;
    await writeFileDurably(file, text);
    return true;
}

/**
 * Writes a checkpoint: the engine makes the file elsewhere in the lake, because under its own name it must be whole from its first moment on.
 * Then readers are told of it, unless they know a later one.
 */
export async function writeCheckpoint(
    lake: Lake,
    table: OpenTableName,
    version: number,
    lines: readonly LogLine[],
): Promise<void> {
    const folder = freshFolder(lake, table);
    await makeFolderDurably(folder);
    const session = await lake.engine.openSession();
    const draft = path.join(folder, 'checkpoint.parquet');
    try {
        const rows = lines.map((line) => [JSON.stringify({ ...NO_ACTION, ...line })]);
        await session.registerRows('log_lines', [{ name: 'line', type: 'string' }], rows);
        const query = compileText('select log_actions(line) from log_lines', session.dialect, 'a checkpoint');
        await session.writeFile(query, draft);
    } finally {
        await session.close();
    }
    crashPoint('publish');
    const logFolderOf = logFolder(lake, table);
    await writeFileDurably(path.join(logFolderOf, checkpointName(version)), readFileSync(draft));
    await removeFile(draft);
    if ((pointedAt(logFolderOf) ?? -1) < version) await pointAt(logFolderOf, version, lines.length);
}

const NO_ACTION = { protocol: null, metaData: null, txn: null, remove: null, add: null };

function pointedAt(folder: string): number | undefined {
    const file = path.join(folder, POINTER);
    if (!existsSync(file)) return undefined;
    const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version?: number };
    return version;
}

async function pointAt(folder: string, version: number, size: number): Promise<void> {
    await writeFileDurably(path.join(folder, POINTER), JSON.stringify({ version, size }));
}

/**
 * Removes what no reader needs: versions before the first that can be read, and checkpoints but the first version's and the two newest.
 */
export async function trimLog(lake: Lake, table: OpenTableName, first: number): Promise<void> {
    const { folder, versions, checkpoints } = listLog(lake, table);
    const kept = new Set([...(first > 0 ? [first] : []), ...checkpoints.slice(-2)]);
    const old = [
        ...[...versions].filter((version) => version < first).map(versionName),
        ...checkpoints.filter((version) => version < first || !kept.has(version)).map(checkpointName),
    ];
    if (old.length > 0) await removeFiles(old.map((name) => path.join(folder, name)));
}

/** Removes everything but these versions and checkpoints, so that nothing stays that the catalogue does not say. */
export async function removeStrangers(
    listing: LogListing,
    kept: { readonly versions: readonly number[]; readonly checkpoints: readonly number[] },
): Promise<void> {
    const wanted = new Set([
        POINTER,
        ...kept.versions.map(versionName),
        ...kept.checkpoints.map(checkpointName),
    ]);
    const found = [
        ...listing.others,
        ...[...listing.versions].map(versionName),
        ...listing.checkpoints.map(checkpointName),
    ];
    const strangers = found.filter((name) => !wanted.has(name));
    if (strangers.length > 0) await removeFiles(strangers.map((name) => path.join(listing.folder, name)));
}

/** Readers then look for checkpoints by themselves. */
export async function forgetPointer(folder: string): Promise<void> {
    await removeFile(path.join(folder, POINTER));
}

/** Whether a path below the lake's folder belongs to a log, and not to a write of one that was cut off. */
export function isInLog(file: string): boolean {
    const [table = '', folder] = file.split(path.sep);
    return folder === LOG_FOLDER && table in OPEN_TABLES;
}
