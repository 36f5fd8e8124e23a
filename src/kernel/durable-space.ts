import { constants } from 'node:os';

/**
 * A full disk, for tests: with GRIDTALLY_DISK_FULL=5000 the durable writes of this process find room for 5,000 bytes, and then none. What is
 * written by an engine counts when it is to be made durable, as where a file system finds out at the fsync.
 */
const wish = process.env.GRIDTALLY_DISK_FULL ?? '';

export const isDiskLimited = wish !== '';

let bytesLeft = isDiskLimited ? Number(wish) : Number.POSITIVE_INFINITY;

/** How many of the bytes may be written now, at least one. Throws ENOSPC where there is no room at all. */
export function roomFor(path: string, bytes: number): number {
    if (bytesLeft <= 0) throw noSpaceLeft(path);
    const room = Math.min(bytes, bytesLeft);
    bytesLeft -= room;
    return room;
}

/** Takes room for all of the bytes. Throws ENOSPC where there is less. */
export function requireRoom(path: string, bytes: number): void {
    if (bytes > bytesLeft) {
        bytesLeft = 0;
        throw noSpaceLeft(path);
    }
    bytesLeft -= bytes;
}

/** As Node tells it. */
function noSpaceLeft(path: string): Error {
    return Object.assign(new Error(`ENOSPC: no space left on device, write '${path}'`), {
        code: 'ENOSPC',
        errno: -constants.errno.ENOSPC,
        syscall: 'write',
        path,
    });
}
