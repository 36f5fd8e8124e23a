import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { GridtallyError } from '../kernel/errors.ts';

export type LockMode = 'shared' | 'exclusive';
export type Release = () => void;

/**
 * A lock on a file that the kernel releases when the process ends, however it ends: SQLite takes the
 * byte-range locks that Node itself does not offer. Undefined: someone else holds it.
 */
export function tryFileLock(file: string, mode: LockMode): Release | undefined {
    const db = new DatabaseSync(file);
    try {
        db.exec('pragma journal_mode = memory; pragma busy_timeout = 0');
        db.exec(mode === 'exclusive' ? 'begin exclusive' : 'begin; select count(*) from sqlite_schema');
        return () => db.close();
    } catch (error) {
        db.close();
        if (/locked|busy/i.test(String(error))) return undefined;
        throw error;
    }
}

/** Waits for the lock; throws `database.start-failed` after `timeoutMs`. */
export async function fileLock(file: string, mode: LockMode, timeoutMs = 60_000): Promise<Release> {
    const end = Date.now() + timeoutMs;
    for (;;) {
        const release = tryFileLock(file, mode);
        if (release) return release;
        if (Date.now() > end) {
            throw new GridtallyError('database.start-failed', `gave up waiting for the lock ${file}`);
        }
        await sleep(15 + Math.random() * 30);
    }
}
