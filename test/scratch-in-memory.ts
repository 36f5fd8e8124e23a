import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { isAlive } from '../src/store/postmaster.ts';

const MEMORY = '/dev/shm';
const TMPFS = 0x01_02_19_94;
/** A run of all quick files holds half a gigabyte at once. */
const FREE_BYTES_MIN = 4e9;
const PREFIX = 'gridtally-tests-';

/**
 * Puts the scratch folders of the test files that are started from now on into memory, where there is room: the quick files make and remove a
 * hundred thousand small files, which takes the disk a seventh of the run. Where TMPDIR is set, that is what counts. What runs longer, or is named, uses the
 * disk, as homes do. Gives what leaves none of it; undefined where the disk is used.
 */
export function useMemoryForScratch(): (() => void) | undefined {
    if (process.env.TMPDIR !== undefined || !hasRoom()) return undefined;
    removeLeftovers();
    const folder = mkdtempSync(path.join(MEMORY, `${PREFIX}${process.pid}-`));
    chmodSync(folder, 0o1777);
    process.env.TMPDIR = folder;
    return () => rmSync(folder, { recursive: true, force: true });
}

function hasRoom(): boolean {
    if (!existsSync(MEMORY) || process.availableMemory() < 2 * FREE_BYTES_MIN) return false;
    const { type, bavail, bsize } = statfsSync(MEMORY);
    return type === TMPFS && bavail * bsize > FREE_BYTES_MIN;
}

/** Of runs that were killed: memory comes back only when they are removed. */
function removeLeftovers(): void {
    for (const name of readdirSync(MEMORY)) {
        if (!name.startsWith(PREFIX) || isAlive(Number.parseInt(name.slice(PREFIX.length), 10))) continue;
        try {
            rmSync(path.join(MEMORY, name), { recursive: true, force: true });
        } catch {
            // it is another account's
        }
    }
}
