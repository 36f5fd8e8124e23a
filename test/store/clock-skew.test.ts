import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { after } from 'node:test';
import { openWorkspace, type Workspace } from '../../src/cli/workspace.ts';
import type { GridtallyError } from '../../src/kernel/errors.ts';
import { ingest, refreshAll } from '../../src/pipeline/chain.ts';
import { leaseServer } from '../../src/store/embedded-postgres.ts';
import { initHome } from '../../src/store/home.ts';
import { readingsCsv } from '../chain/chain-world.ts';
import { makeScratchFolder, removeScratchFolder, urlOf } from './scratch-home.ts';

const folder = makeScratchFolder();
after(() => removeScratchFolder(folder));

async function within<T>(home: string, work: (workspace: Workspace) => Promise<T>): Promise<T> {
    const workspace = await openWorkspace(home);
    try {
        return await work(workspace);
    } finally {
        await workspace.close();
    }
}

const commits = (workspace: Workspace) =>
    workspace.lake.db.query('select commit_no, kind from commits order by commit_no');

test('a machine whose clock is wrong opens no home of a shared database, and refreshes once it is right', async (t) => {
    const lease = await leaseServer(folder);
    try {
        const home = path.join(folder, 'home');
        await initHome(home, { databaseUrl: urlOf(lease.address), databaseSchema: 'shared' });
        const file = path.join(folder, 'readings.csv');
        writeFileSync(file, readingsCsv([{ meter: 'A', at: Date.UTC(2013, 4, 1), kwh: '1.5' }]));
        const before = await within(home, async (workspace) => {
            await ingest(workspace, 'generic-csv', [{ sourceKey: 'readings.csv', path: file }]);
            return commits(workspace);
        });
        const now = Date.now;
        const clock = t.mock.method(Date, 'now', () => now() + 600_000);
        await assert.rejects(within(home, refreshAll), (error: GridtallyError) => {
            assert.equal(error.code, 'home.clock-skew');
            assert.match(
                error.message,
                /^the clock of this machine is (600|599) s ahead of that of the database server$/,
            );
            return true;
        });
        clock.mock.restore();
        await within(home, async (workspace) => {
            assert.deepEqual(await commits(workspace), before);
            assert.equal((await refreshAll(workspace)).rebuilt, 1);
        });
    } finally {
        await lease.release();
    }
});
