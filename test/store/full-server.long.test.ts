import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { leaseServer } from '../../src/store/embedded-postgres.ts';
import { makeScratchFolder, removeScratchFolder } from './scratch-home.ts';
import { killWorkers, WorkerProcess } from './worker-process.ts';

const home = makeScratchFolder();

after(async () => {
    await killWorkers();
    await removeScratchFolder(home);
});

test('who opens a home whose embedded server has no connection left finds the server, and waits for a connection', async () => {
    const { address, release } = await leaseServer(home);
    const clients: pg.Client[] = [];
    const fill = async (): Promise<string | undefined> => {
        for (;;) {
            const client = new pg.Client({ ...address, ssl: false });
            client.on('error', () => {});
            try {
                await client.connect();
                clients.push(client);
            } catch (error) {
                return (error as { code?: string }).code;
            }
        }
    };
    try {
        assert.equal(await fill(), '53300');
        const worker = new WorkerProcess(home);
        const opened = worker.open().then(() => true);
        assert.equal(await Promise.race([opened, sleep(4000, false)]), false, 'it waits');
        // the server is there: who looks for it need not wait, and holds up nobody else who does
        const found = leaseServer(home);
        assert.ok(await Promise.race([found, sleep(5000, undefined)]));
        await (await found).release();
        for (const client of clients.splice(0)) await client.end();
        assert.equal(await opened, true);
        await worker.leave();
    } finally {
        await Promise.all(clients.map((client) => client.end()));
        await release();
    }
});
