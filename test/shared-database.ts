import { randomBytes } from 'node:crypto';
import { once } from '../src/kernel/once.ts';
import { openDatabase } from '../src/store/database.ts';
import { leaseServer } from '../src/store/embedded-postgres.ts';
import { makeScratchFolder, removeScratchFolder, urlOf } from './store/scratch-home.ts';

/** Address of the server that the test files of a run share; absent where there is none. Who runs the tests may name one that is there. */
const ADDRESS = 'GRIDTALLY_TEST_DATABASE';
/** What the names of the schemas of a run begin with. */
const PREFIX = 'GRIDTALLY_TEST_SCHEMAS';

/** Starts a server unless one was named, and tells the test files that are started from now on. Gives what leaves none of it, which may be called twice. */
export async function startSharedDatabase(): Promise<() => Promise<void>> {
    const prefix = `test_${randomBytes(4).toString('hex')}`;
    process.env[PREFIX] = prefix;
    const named = process.env[ADDRESS];
    if (named !== undefined) return once(() => dropSchemas(named, prefix));
    const folder = makeScratchFolder();
    const { address, release } = await leaseServer(folder);
    process.env[ADDRESS] = urlOf(address);
    return once(async () => {
        await release();
        await removeScratchFolder(folder);
    });
}

/** Where a home of a test has its tables: a schema of its own on the shared server, or else the server that a home has by itself. */
export function databaseOfTest(): { databaseUrl?: string; databaseSchema?: string } {
    const databaseUrl = process.env[ADDRESS];
    const prefix = process.env[PREFIX];
    if (databaseUrl === undefined || prefix === undefined) return {};
    return { databaseUrl, databaseSchema: `${prefix}_${randomBytes(8).toString('hex')}` };
}

async function dropSchemas(url: string, prefix: string): Promise<void> {
    const own = `${prefix}_run`;
    const db = await openDatabase({ url, schema: own, home: import.meta.dirname });
    try {
        const schemas = await db.query<{ name: string }>(
            'select nspname as name from pg_namespace where starts_with(nspname, $1)',
            [prefix],
        );
        // one at a time: each takes a lock of every table that it holds
        for (const { name } of schemas) await db.query(`drop schema ${name} cascade`);
    } finally {
        await db.close();
    }
}
