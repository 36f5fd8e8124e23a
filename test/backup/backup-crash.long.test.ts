// test limit: 400 s
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { pruneBackups } from '../../src/backup/prune-backups.ts';
import { verifyBackups } from '../../src/backup/verify-backup.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { readHome } from '../../src/store/home.ts';
import { type ChainWorld, openChainWorld, publishedContent, readingsCsv } from '../chain/chain-world.ts';
import { runCommand, runCommandWith } from '../cli/run-command.ts';
import { databaseRows, done, endHome, filesOf, inHome, ownDatabase } from './backup-world.ts';

const HOUR = 3_600_000;
const FROM = Date.parse('2013-05-01T00:00:00Z');
let world: ChainWorld;
let content: string[];

before(async () => {
    world = await openChainWorld({ marketZone: 'Europe/London' });
    for (let n = 0; n < 5; n += 1) await deliver(n);
    content = await publishedContent(world);
});

after(() => world.end());

async function deliver(n: number): Promise<void> {
    const rows = Array.from({ length: 30 }, (_, i) => ({
        meter: `M${i % 3}`,
        at: FROM + n * 24 * HOUR + i * HOUR,
        minutes: 60,
        kwh: `${n}.${i}`,
    }));
    await world.ingest('generic-csv', { [`${n}.csv`]: readingsCsv(rows) });
    await refreshAll(world.workspace);
}

/** Passes of the stage at which to kill, from the first to the last. */
function someOf(passes: number): number[] {
    return [1, Math.floor(0.2 * passes), Math.floor(0.7 * passes), passes];
}

test('a backup that is killed leaves the earlier snapshots whole, and the next run goes on', async () => {
    const backups = path.join(world.folder, 'killed backups');
    const first = await done<{ id: string; files: number }>(world.homeFolder, 'backup', backups);
    const before = await namedFiles();
    await deliver(5);
    content = await publishedContent(world);
    const tables = (await databaseRows(world.workspace.db)).size;
    const kept = new Map([...filesOf(backups)]);
    const fresh = (await namedFiles()) - before;
    assert.ok(fresh >= 8, `${fresh} files to copy`);
    // in the first and the last table, after the first file, and before the manifest
    for (const [i, pass] of [1, tables, tables + 2, tables + 1 + fresh + 1].entries()) {
        const variables = {
            GRIDTALLY_HOME: world.homeFolder,
            GRIDTALLY_CRASH: `backup:${pass}`,
            GRIDTALLY_FORGET_UNSYNCED: i % 2 === 0 ? 'torn' : '',
        };
        const end = await runCommandWith(variables, 'backup', backups);
        assert.equal(end.code, -1, `pass ${pass}: ${end.said}`);
        const { snapshots, damaged } = await verifyBackups(backups);
        assert.deepEqual([snapshots, damaged], [[first.id], []]);
        const now = filesOf(backups);
        for (const [file, size] of kept) assert.equal(now.get(file), size, file);
    }
    // what it had copied is noted for the next one
    assert.ok(existsSync(path.join(backups, 'copied.ndjson.zst')));
    const second = await done<{ id: string; copiedFiles: number }>(world.homeFolder, 'backup', backups);
    assert.ok(second.id > first.id);
    assert.equal(existsSync(path.join(backups, 'copied.ndjson.zst')), false);
    await pruneBackups(backups, { newest: 2, daily: 0, weekly: 0, monthly: 0 });
    const { snapshots, damaged, unnamed } = await verifyBackups(backups);
    assert.deepEqual([snapshots, damaged, unnamed], [[first.id, second.id], [], 0]);
    await restoreAndCompare(backups, 'after killed backups', second.id);
});

test('a restore that is killed says so, cannot be used, and goes on when it is run again', async () => {
    const backups = path.join(world.folder, 'backups');
    const { id, files } = await done<{ id: string; files: number }>(world.homeFolder, 'backup', backups);
    const tables = (await databaseRows(world.workspace.db)).size;
    const home = path.join(world.folder, 'half a home');
    const asked = ['restore', backups, '--home', home, ...ownDatabase()];
    // the mark, each file, each table, the end
    const passes = 1 + files + tables + 1;
    try {
        for (const [i, pass] of someOf(passes).entries()) {
            const variables = {
                GRIDTALLY_CRASH: `restore:${pass}`,
                GRIDTALLY_FORGET_UNSYNCED: i % 2 === 0 ? 'torn' : '',
            };
            const end = await runCommandWith(variables, ...asked);
            assert.equal(end.code, -1, `pass ${pass}: ${end.said}`);
            assert.throws(() => readHome(home), { code: 'home.half-restored' });
        }
        const used = await runCommand(home, 'status');
        assert.equal(used.code, 1);
        assert.match(used.said, /error home\.half-restored: .* has been restored in part only/);
        const other = await runCommand(undefined, ...asked, '--snapshot', 'other');
        assert.match(other.said, /error restore\.other-snapshot: .* part of the snapshot/);
        const elsewhere = await runCommand(undefined, ...asked, '--lake', world.workspace.lake.folder);
        assert.match(elsewhere.said, /error restore\.lake-used: /);
        const end = await done<{ snapshot: string; isContinued: boolean }>(undefined, ...asked);
        assert.deepEqual([end.snapshot, end.isContinued], [id, true]);
        await inHome(home, world, async (restored) => {
            assert.deepEqual(await publishedContent(restored), content);
        });
    } finally {
        await endHome(home);
    }
});

async function namedFiles(): Promise<number> {
    const [row] = await world.workspace.db.query<{ n: number }>(
        'select (select count(*) from lake_files) + (select count(*) from segments) as n',
    );
    return row?.n ?? 0;
}

async function restoreAndCompare(backups: string, name: string, id: string): Promise<void> {
    const home = path.join(world.folder, name);
    await done(undefined, 'restore', backups, '--home', home, '--snapshot', id, ...ownDatabase());
    try {
        await inHome(home, world, async (restored) => {
            assert.deepEqual(await publishedContent(restored), content);
        });
    } finally {
        await endHome(home);
    }
}
