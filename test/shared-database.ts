import { randomBytes } from 'node:crypto';
import { leaseServer } from '../src/store/embedded-postgres.ts';
import { makeScratchFolder, removeScratchFolder, urlOf } from './store/scratch-home.ts';

/** Address of the server that the test files of a run share; absent where there is none. */
const VARIABLE = 'GRIDTALLY_TEST_DATABASE';

/** Starts a server, and tells the test files that are started from now on. Gives what stops it, which may be called twice. */
export async function startSharedDatabase(): Promise<() => Promise<void>> {
    const folder = makeScratchFolder();
    const { address, release } = await leaseServer(folder);
    process.env[VARIABLE] = urlOf(address);
    let ended: Promise<void> | undefined;
    const end = async () => {
        await release();
        await removeScratchFolder(folder);
    };
    return () => {
        ended ??= end();
        return ended;
    };
}

/** Where a home of a test has its tables: a schema of its own on the shared server, or else the server that a home has by itself. */
export function databaseOfTest(): { databaseUrl?: string; databaseSchema?: string } {
    const databaseUrl = process.env[VARIABLE];
    if (databaseUrl === undefined) return {};
    return { databaseUrl, databaseSchema: `test_${randomBytes(8).toString('hex')}` };
}
