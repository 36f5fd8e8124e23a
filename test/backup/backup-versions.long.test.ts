// test limit: 240 s
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { backUpHome } from '../../src/backup/back-up-home.ts';
import { openWorkspace } from '../../src/cli/workspace.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { ingest, refreshAll } from '../../src/pipeline/chain.ts';
import { readStatus } from '../../src/pipeline/status.ts';
import { verifyHome } from '../../src/pipeline/verify-home.ts';
import { openDatabase } from '../../src/store/database.ts';
import { leaseServer } from '../../src/store/embedded-postgres.ts';
import { HOME_FILE, initHome, readHome } from '../../src/store/home.ts';
import { MIGRATIONS } from '../../src/store/migrations.ts';
import { readingsCsv } from '../chain/chain-world.ts';
import { runCommand } from '../cli/run-command.ts';
import { databaseOfTest } from '../shared-database.ts';
import { makeScratchFolder, removeScratchFolder, urlOf } from '../store/scratch-home.ts';
import {
    comparable,
    copyKeptFiles,
    homeContent,
    KEPT_HOMES,
    type KeptName,
    keptContent,
    restoreTables,
} from '../upgrade/kept-home.ts';
import { done, endHome, ownDatabase, restore } from './backup-world.ts';

const folders: string[] = [];
after(async () => {
    for (const folder of folders) await removeScratchFolder(folder);
});

function scratch(): string {
    const folder = makeScratchFolder();
    folders.push(folder);
    return folder;
}

const kept = readdirSync(KEPT_HOMES)
    .flatMap((name) => /^version-(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number);

for (const version of [Math.min(...kept), Math.max(...kept)]) {
    const name: KeptName = `version-${version}`;
    test(`a snapshot of schema ${version} is restored as it was and brought up to the present schema`, async () => {
        const folder = scratch();
        const old = path.join(folder, 'old');
        copyKeptFiles(name, old);
        const home = readHome(old);
        const { databaseUrl: url, databaseSchema: schema } = databaseOfTest();
        const database = url === undefined || schema === undefined ? home.database : { url, schema };
        const db = await openDatabase({ ...database, home: home.folder });
        const backups = path.join(folder, 'backups');
        try {
            await restoreTables(db, name, path.join(folder, 'migrations'));
            await backUpHome({ home, lake: { db, clock: systemClock }, gridtally: 'older' }, backups);
        } finally {
            await db.close();
            await endHome(old);
        }
        const [listed] = await done<{ schema: string }[]>(undefined, ...['backup', 'list', backups]);
        assert.equal(Number(listed?.schema.slice(0, 4)), version);
        const restored = path.join(folder, 'restored');
        const end = await restore(backups, restored, ...ownDatabase());
        assert.equal(end.code, 0, end.said);
        assert.match(end.said, /database schema brought up to/);
        const workspace = await openWorkspace(restored);
        try {
            const newest = readdirSync(MIGRATIONS).filter((name) => /^\d{4}_/.test(name)).length;
            const [row] = await workspace.db.query<{ version: number }>(
                'select max(version) as version from schema_migrations',
            );
            assert.equal(row?.version, newest);
            const [then, now] = comparable(keptContent(name), await homeContent(workspace, name));
            assert.deepEqual(now, then);
            assert.deepEqual((await verifyHome(workspace)).faults, []);
        } finally {
            await workspace.close();
            await endHome(restored);
        }
    });
}

test('a home by address goes to an empty schema of an address, or to a server of its own, and never to a used schema', async () => {
    const folder = scratch();
    const { address, release } = await leaseServer(path.join(folder, 'server'));
    try {
        const home = path.join(folder, 'by address');
        await initHome(home, { databaseUrl: urlOf(address), databaseSchema: 'first' });
        const workspace = await openWorkspace(home);
        const at = Date.parse('2013-05-01T00:00:00Z');
        const bytes = Buffer.from(readingsCsv([{ meter: 'A', at, kwh: '1.5' }]));
        await ingest(workspace, 'generic-csv', [{ sourceKey: 'a.csv', bytes }]);
        await refreshAll(workspace);
        const expected = await readStatus(workspace.lake);
        await workspace.close();
        const backups = path.join(folder, 'backups');
        await done(home, 'backup', backups);
        const used = await restore(backups, path.join(folder, 'used'));
        assert.match(used.said, /error restore\.database-used: the schema first of the database is in use/);
        assert.match((await runCommand(path.join(folder, 'used'), 'status')).said, /error home\.missing/);
        for (const [name, more] of [
            ['other schema', ['--database-schema', 'second']],
            ['own server', ['--embedded', '--database-schema', 'gridtally']],
        ] as const) {
            const target = path.join(folder, name);
            const end = await restore(backups, target, ...more);
            assert.equal(end.code, 0, end.said);
            const opened = await openWorkspace(target);
            const status = await readStatus(opened.lake);
            await opened.close();
            await endHome(target);
            assert.deepEqual(status, expected, name);
            assert.equal(readHome(target).database.url === undefined, name === 'own server');
        }
    } finally {
        await release();
        await endHome(path.join(folder, 'server'));
    }
});

test('a lake that lies elsewhere is never restored over another: the folder must be empty, or be named anew', async () => {
    const folder = scratch();
    const home = path.join(folder, 'home');
    await initHome(home, { marketZone: 'Europe/London', ...databaseOfTest() });
    const settings = path.join(home, HOME_FILE);
    const lake = path.join(folder, 'a lake');
    writeFileSync(settings, readFileSync(settings, 'utf8').replace('lake: lake', `lake: "${lake}"`));
    const workspace = await openWorkspace(home);
    const at = Date.parse('2013-05-01T00:00:00Z');
    const bytes = Buffer.from(readingsCsv([{ meter: 'A', at, kwh: '1.5' }]));
    await ingest(workspace, 'generic-csv', [{ sourceKey: 'a.csv', bytes }]);
    await workspace.close();
    const backups = path.join(folder, 'backups');
    await done(home, 'backup', backups);
    assert.match((await runCommand(home, 'backup', path.join(lake, 'b'))).said, /is a part of the home/);
    await endHome(home);
    const target = path.join(folder, 'target');
    const refused = await restore(backups, target, ...ownDatabase());
    assert.match(refused.said, /error restore\.lake-used: the folder of the lake, .*a lake, is not empty/);
    const both = await restore(backups, target, '--embedded', '--database-url', 'postgres://x/y');
    assert.deepEqual([both.code, existsSync(target)], [2, false]);
    const end = await restore(backups, target, '--lake', 'own', ...ownDatabase());
    assert.equal(end.code, 0, end.said);
    assert.equal(readHome(target).lakeFolder, path.join(target, 'own'));
    assert.equal((await runCommand(target, 'verify')).code, 0);
    await endHome(target);
});
