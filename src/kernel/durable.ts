/**
 * All durable writes of the product go through this module: what it has answered for survives `kill -9` and a power cut, and nothing
 * half-written is ever seen under its real name. Bytes are written under a temporary name, fsynced, renamed, and the folder is fsynced.
 */
import { type Dirent, existsSync, rmSync, truncateSync } from 'node:fs';
import { access, constants, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { DurableFile } from './durable-file.ts';
import { isForgetting, isKept, leavesTornBytes, mayBeLost } from './durable-forgetting.ts';
import { isDiskLimited, requireRoom } from './durable-space.ts';
import { foldersUpTo, syncFolder, syncPaths } from './durable-sync.ts';
import { crashPoint } from './faults.ts';

export { DurableFile, isUnfinishedName } from './durable-file.ts';

/**
 * Writes a whole file at once; readers see the old content, then the new one, never a mixture. Its folder must exist.
 * @param options.mode permissions, 0o644 unless told
 * @param options.replace whether a file of that name is replaced (default) or makes the call fail with EEXIST
 */
export async function writeFileDurably(
    filePath: string,
    content: Uint8Array | string,
    options: { mode?: number; replace?: boolean } = {},
): Promise<void> {
    const file = await DurableFile.create(path.dirname(filePath), {
        ...options,
        label: path.basename(filePath),
    });
    try {
        await file.append(typeof content === 'string' ? Buffer.from(content) : content);
        await file.publish(filePath, options);
    } catch (error) {
        await file.discard();
        throw error;
    }
}

/**
 * Says which files an engine has written or is about to write, so that crash tests lose them until `syncWrittenFiles` is called for them: an
 * engine that does not say so hides from them that the call is missing. Otherwise it does nothing.
 */
export function announceWrittenFiles(paths: readonly string[]): void {
    if (!isForgetting) return;
    for (const filePath of paths) {
        const loseBytes = () => truncateSync(filePath, 0);
        mayBeLost(`name:${filePath}`, leavesTornBytes ? loseBytes : () => rmSync(filePath, { force: true }));
    }
}

/** Writes a new file as an engine would, piece by piece: it survives a power cut once `syncWrittenFiles` was called for it. Its folder must exist. */
export async function writeUnsynced(filePath: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    announceWrittenFiles([filePath]);
    const file = await open(filePath, 'wx', 0o644);
    try {
        for await (const piece of pieces) await file.writeFile(piece);
    } finally {
        await file.close();
    }
}

/**
 * Makes files that something else wrote and closed (DuckDB's `COPY` does not fsync) survive a power cut, with their names: fsyncs the files,
 * then each folder from theirs up to and including `root` (their own folder alone unless told).
 */
export async function syncWrittenFiles(paths: readonly string[], root?: string): Promise<void> {
    announceWrittenFiles(paths);
    crashPoint('file');
    if (isDiskLimited) for (const filePath of paths) requireRoom(filePath, (await stat(filePath)).size);
    await syncPaths(paths);
    const folders = new Set(paths.flatMap((p) => foldersUpTo(path.dirname(p), root ?? path.dirname(p))));
    await syncPaths([...folders]);
    for (const filePath of paths) isKept(`name:${filePath}`);
}

/**
 * As `syncWrittenFiles` for a folder that something else filled: fsyncs it with every file and folder in it.
 * @param options.depth 0 for the names in the folder alone; everything below it unless told
 */
export async function syncTree(folder: string, options: { depth?: 0 } = {}): Promise<void> {
    const below = options.depth === 0 ? [] : await readdir(folder, { recursive: true, withFileTypes: true });
    const isOwnContent = (entry: Dirent) => entry.isFile() || entry.isDirectory();
    await syncPaths([
        ...below.filter(isOwnContent).map((entry) => path.join(entry.parentPath, entry.name)),
        folder,
    ]);
}

/** Folders whose names are known to be on disk, because this process has synced their parents. */
const keptFolders = new Set<string>();

/**
 * Makes a folder with its ancestors, or finds it there; afterwards it survives a power cut. A folder that is there may have been made by another
 * process a moment ago and not be on disk yet, so each folder's parent is synced once per process in any case.
 */
export async function makeFolderDurably(folder: string): Promise<void> {
    const wanted = path.resolve(folder);
    if (keptFolders.has(wanted) && existsSync(wanted)) return;
    const firstMade = await mkdir(wanted, { recursive: true });
    const made = firstMade === undefined ? [] : foldersUpTo(wanted, firstMade);
    for (const fresh of made) keptFolders.delete(fresh);
    if (firstMade !== undefined)
        mayBeLost(`name:${firstMade}`, () => rmSync(firstMade, { recursive: true, force: true }));
    for (const at of foldersUpTo(wanted, path.parse(wanted).root).slice(0, -1)) {
        if (keptFolders.has(at)) break;
        const parent = path.dirname(at);
        // Whoever made `at` could write to its parent; above a parent that we cannot write to nothing was made.
        if (!made.includes(at) && !(await isOpenToUs(parent))) break;
        crashPoint('file');
        await syncFolder(parent);
        keptFolders.add(at);
    }
    if (firstMade !== undefined) isKept(`name:${firstMade}`);
}

/** Removes a folder with all that it holds, if it is there. Not durable: after a power cut some of it may be back. */
export async function removeFolder(folder: string): Promise<void> {
    await rm(folder, { recursive: true, force: true });
}

/** Removes a file, if it is there; afterwards it stays away after a power cut. */
export async function removeFile(filePath: string): Promise<void> {
    await removeFiles([filePath]);
}

/** As `removeFile` for many, with one fsync per folder. */
export async function removeFiles(paths: readonly string[]): Promise<void> {
    crashPoint('file');
    for (const filePath of paths) await rm(filePath, { force: true });
    await syncPaths(
        [...new Set(paths.map((filePath) => path.dirname(filePath)))].filter((folder) => existsSync(folder)),
    );
}

async function isOpenToUs(folder: string): Promise<boolean> {
    return access(folder, constants.R_OK | constants.W_OK).then(
        () => true,
        () => false,
    );
}
