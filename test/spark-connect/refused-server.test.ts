import assert from 'node:assert/strict';
import test from 'node:test';
import { GridtallyError } from '../../src/kernel/errors.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { openChainWorld, publishedContent, readingsCsv } from '../chain/chain-world.ts';
import { startCuttingProxy } from '../engines/cutting-proxy.ts';
import { startAnsweringServer } from './answering-server.ts';

const TRIES = 3;

const SERVERS = [
    {
        what: 'an old server',
        answers: { version: '3.5.4' },
        code: 'engine.too-old',
        message: /^the server is Spark 3\.5\.4, and 4\.0 is needed$/,
    },
    {
        what: 'a server that takes no settings',
        answers: { version: '4.1.0', settingsFault: 'CANNOT_MODIFY_CONFIG' },
        code: 'engine.failed',
        message: /^sc:\/\/127\.0\.0\.1:\d+ failed: CANNOT_MODIFY_CONFIG/,
    },
] as const;

for (const { what, answers, code, message } of SERVERS)
    test(`${what} is refused and left as it was, and the next refresh with another engine completes`, async () => {
        const server = await startAnsweringServer(answers);
        const proxy = await startCuttingProxy(server.port);
        const world = await openChainWorld({
            marketZone: 'Etc/UTC',
            engine: `sc://127.0.0.1:${proxy.port}`,
        });
        try {
            const at = Date.UTC(2013, 4, 1);
            await world.ingest('generic-csv', { 'a.csv': readingsCsv([{ meter: 'A', at, kwh: '1.5' }]) });
            for (let tried = 0; tried < TRIES; tried += 1)
                await assert.rejects(refreshAll(world.workspace), (error) => {
                    assert.ok(error instanceof GridtallyError, String(error));
                    assert.equal(error.code, code, error.message);
                    assert.match(error.message, message);
                    return true;
                });
            assert.equal(server.opened.length, TRIES);
            assert.deepEqual(server.released, server.opened);
            assert.equal(await connectionsLeft(proxy.cut), 0);
            const { lake } = world.workspace;
            const published = `select * from partitions where table_name not in ('reading_versions', 'channels')`;
            assert.deepEqual(await lake.db.query(published), []);
            const mended = { ...world.workspace, lake: { ...lake, bulkEngine: lake.engine } };
            assert.equal((await refreshAll(mended)).rebuilt, 1);
            assert.ok((await publishedContent(world)).some((line) => line.includes(' 1.500000 ')));
        } finally {
            await world.end();
            await proxy.end();
            server.end();
        }
    });

/** A closed client says goodbye in its own time; one that was forgotten never does. */
async function connectionsLeft(cut: () => number): Promise<number> {
    await new Promise((resolve) => setTimeout(resolve, 500));
    return cut();
}
