import { open } from 'node:fs/promises';
import path from 'node:path';

/** fsync waits on the disk, not on the processor; more than this at once gained nothing on one local disk. */
const SYNCS_AT_ONCE = 16;

/** Makes names that were added to, or taken from, a folder survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
    await syncPath(folder);
}

/** fsyncs each path, a file or a folder, a bounded number of them at once. Throws the first error after all have ended. */
export async function syncPaths(paths: readonly string[]): Promise<void> {
    const waiting = [...paths].reverse();
    const takeTurns = async () => {
        for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await syncPath(next);
    };
    const turns = Array.from({ length: Math.min(SYNCS_AT_ONCE, paths.length) }, takeTurns);
    const failure = (await Promise.allSettled(turns)).find((turn) => turn.status === 'rejected');
    if (failure) throw failure.reason;
}

/** `folder` and its ancestors up to and including `root`; `folder` alone where it is not below `root`. */
export function foldersUpTo(folder: string, root: string): string[] {
    const folders = [path.resolve(folder)];
    const top = path.resolve(root);
    if (folders[0] !== top && !folders[0]?.startsWith(top === '/' ? top : top + path.sep)) return folders;
    for (let at = path.resolve(folder); at !== top; ) {
        at = path.dirname(at);
        folders.push(at);
    }
    return folders;
}

async function syncPath(filePath: string): Promise<void> {
    const handle = await open(filePath, 'r');
    try {
        await handle.sync();
    } finally {
        await handle.close();
    }
}
