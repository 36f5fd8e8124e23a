// test limit: 240 s
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { openDatabase } from '../../src/store/database.ts';
import { leaseServer } from '../../src/store/embedded-postgres.ts';
import { makeScratchFolder, removeScratchFolder, urlOf } from '../store/scratch-home.ts';
import { runCommand } from './run-command.ts';

test('a town may have its tables in a database that is there, and leaves none of the old ones there when it is made anew', async () => {
    const folder = makeScratchFolder();
    const server = await leaseServer(path.join(folder, 'server'));
    const elsewhere = path.join(folder, 'elsewhere');
    const url = urlOf(server.address);
    const demo = (...args: string[]) => runCommand(undefined, 'demo', '--home', elsewhere, '--exit', ...args);
    const db = await openDatabase({ url, schema: 'town', home: folder });
    try {
        const there = ['--database-url', url, '--database-schema', 'town'];
        const made = await demo('--homes', '1', ...there);
        assert.equal(made.code, 0, made.said);
        assert.ok(!existsSync(path.join(elsewhere, 'home', 'database', 'data')));
        const received = async () =>
            (await db.query<{ n: number }>('select count(*) as n from segments'))[0]?.n;
        const segments = await received();
        assert.ok(Number(segments) > 0);
        const moved = await demo('--database-url', url, '--database-schema', 'another');
        assert.equal(moved.code, 2, moved.said);
        assert.match(moved.said, /another database/);
        const again = await demo('--homes', '1', '--fresh', ...there);
        assert.equal(again.code, 0, again.said);
        assert.equal(await received(), segments);
    } finally {
        await db.close();
        await server.release();
        await removeScratchFolder(folder);
    }
});
