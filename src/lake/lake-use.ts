import { setTimeout as sleep } from 'node:timers/promises';
import type { Lake } from './lake.ts';

/** Held shared by whoever reads or writes files of the lake, for as long as it does. Nobody takes it exclusively. */
const USE_LOCK = 'lake in use';

/** Held shared by a commit that names files, to its end; exclusively while files are removed. */
export const NAMING_LOCK = 'lake file names';

const POLL_MS = 50;

/**
 * Runs a step that reads or writes files of the lake. Until it ends, a sweep removes neither a file that it may read nor one that it
 * has written. The lock belongs to a connection, so it goes with the process, also on `kill -9`; no clock plays a part.
 */
export async function useLake<L extends Pick<Lake, 'db' | 'isInUse'>, T>(
    lake: L,
    work: (lake: L) => Promise<T>,
): Promise<T> {
    if (lake.isInUse) return work(lake);
    return lake.db.withLock(USE_LOCK, 'shared', () => work({ ...lake, isInUse: true }));
}

/** Waits until every step has ended that uses the lake now. It holds up nobody: steps that begin meanwhile are not waited for. */
export async function waitForUsers(lake: Lake, onWait: (steps: number) => void = () => {}): Promise<void> {
    let waitedFor = [...(await lake.db.lockHolders(USE_LOCK))];
    while (waitedFor.length > 0) {
        onWait(waitedFor.length);
        await sleep(POLL_MS);
        const holders = await lake.db.lockHolders(USE_LOCK);
        waitedFor = waitedFor.filter((holder) => holders.has(holder));
    }
}
