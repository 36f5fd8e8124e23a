import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openWorkspace } from '../../src/cli/workspace.ts';
import { clusterOf } from '../../src/store/cluster.ts';
import { leaseServer } from '../../src/store/embedded-postgres.ts';
import { initHome } from '../../src/store/home.ts';
import { readPidFile } from '../../src/store/postmaster.ts';
import { PROGRAM } from '../program.ts';
import { makeScratchFolder, removeScratchFolder } from '../store/scratch-home.ts';

const home = makeScratchFolder();
const ENDLESS = 'select count(*) from range(10000000) a, range(10000000) b';

before(async () => {
    await initHome(home, { marketZone: 'UTC', currency: 'GBP' });
    await (await openWorkspace(home)).close();
});
after(() => removeScratchFolder(home));

const server = async () => readPidFile((await clusterOf(home)).folder);

/** A command that does not end by itself, once its database answers. */
async function startEndless() {
    const args = [PROGRAM, 'sql', ENDLESS, '--home', home];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (text: string) => {
            said += text;
        });
    while ((await server())?.status !== 'ready') await sleep(20);
    // the query itself is not seen from outside
    await sleep(1000);
    const end = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
    return { child, end, said: () => said };
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`a command that ${signal} ends says so in one line, and leaves no server`, async () => {
        const { child, end, said } = await startEndless();
        child.kill(signal);
        assert.deepEqual(await end, [null, signal]);
        assert.equal(
            said(),
            'interrupted: what is published stays, and the same command goes on from there\n',
        );
        assert.equal(await server(), undefined);
    });
}

test('a server that others use stays when one of them is interrupted', async () => {
    const lease = await leaseServer(home);
    const pid = (await server())?.pid;
    const { child, end } = await startEndless();
    child.kill('SIGINT');
    await end;
    assert.equal((await server())?.pid, pid);
    await lease.release();
    assert.equal(await server(), undefined);
});
