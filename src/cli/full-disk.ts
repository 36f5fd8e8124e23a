import { GridtallyError } from '../kernel/errors.ts';

/** What the system, and Postgres by its SQLSTATE 53100, says where there is no room; EFBIG: a limit of the size of files. */
const CODES: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', '53100']);

/** As the C library words the same, in what the engine says. */
const WORDS = /No space left on device|Disk quota exceeded|File too large/;

/** An error that says that a disk is full as one of the catalogue; any other as it is. */
export function explainFullDisk(error: unknown): unknown {
    if (error instanceof GridtallyError || !(error instanceof Error)) return error;
    const { code } = error as { code?: unknown };
    if (!CODES.has(code) && !WORDS.test(error.message)) return error;
    return new GridtallyError('home.disk-full', error.message, { cause: error });
}
