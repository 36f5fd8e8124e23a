import { GridtallyError } from '../kernel/errors.ts';
import { type LockCheck, lockWithin, type Transaction } from '../store/database.ts';
import type { Lake } from './lake.ts';
import { useLake } from './lake-use.ts';

const WAITING_LOCK = 'release waiting';
/** Held by a commit of such work from its question whether the lock is still held to its end; who takes the lock waits for it. */
const COMMIT_LOCK = 'release waiting, commit';
const ATTEMPTS_MAX = 3;

/**
 * For one process at a time: what rewrites tables that grow by appending. The lock belongs to a connection, so that of a process may be lost while the process
 * lives on, as when the database restarts; another one may then do the same work. No commit of the first goes through then (`lake.overtaken`), and it begins anew;
 * one that had asked before it was lost is seen by the other.
 */
export async function oneAtATime<T>(lake: Lake, work: (lake: Lake) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
        try {
            return await lake.db.withLock(WAITING_LOCK, 'exclusive', async (isAlone) => {
                await lake.db.transaction((tx) => lockWithin(tx, COMMIT_LOCK, 'exclusive'));
                return useLake({ ...lake, isAlone }, work);
            });
        } catch (error) {
            const isOvertaken = error instanceof GridtallyError && error.code === 'lake.overtaken';
            if (!isOvertaken || attempt === ATTEMPTS_MAX) throw error;
        }
    }
}

/** Throws `lake.overtaken` where the lock is lost; while it is not, nobody else begins before the transaction ends. */
export async function requireAlone(tx: Transaction, isAlone: LockCheck): Promise<void> {
    await lockWithin(tx, COMMIT_LOCK, 'exclusive');
    if (await isAlone(tx)) return;
    throw new GridtallyError('lake.overtaken', 'the lock that this work needs was lost with its connection');
}

/** Throws `lake.overtaken` unless a commit retired all of the files that were read. */
export function requireRetired(retired: number, read: number, what: string): void {
    if (retired === read) return;
    throw new GridtallyError('lake.overtaken', `another process has replaced ${what} meanwhile`);
}
