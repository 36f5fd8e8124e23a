// test limit: 240 s
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { backUpHome } from '../../src/backup/back-up-home.ts';
import { openWorkspace } from '../../src/cli/workspace.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { ingest, refreshAll } from '../../src/pipeline/chain.ts';
import { readStatus } from '../../src/pipeline/status.ts';
import { openDatabase } from '../../src/store/database.ts';
import { leaseServer } from '../../src/store/embedded-postgres.ts';
import { initHome, readHome } from '../../src/store/home.ts';
import { MIGRATIONS } from '../../src/store/migrations.ts';
import { readingsCsv } from '../chain/chain-world.ts';
import { runCommand } from '../cli/run-command.ts';
import { makeScratchFolder, removeScratchFolder, urlOf } from '../store/scratch-home.ts';
import {
    comparable,
    copyKeptFiles,
    homeContent,
    KEPT_HOMES,
    keptContent,
    restoreTables,
} from '../upgrade/kept-home.ts';
import { done, endHome, restore } from './backup-world.ts';

const folders: string[] = [];
after(async () => {
    for (const folder of folders) await removeScratchFolder(folder);
});

function scratch(): string {
    const folder = makeScratchFolder();
    folders.push(folder);
    return folder;
}

for (const version of readdirSync(KEPT_HOMES).map((name) => Number(name.replace('version-', '')))) {
    test(`a snapshot of schema ${version} is restored as it was and brought up to the present schema`, async () => {
        const folder = scratch();
        const old = path.join(folder, 'old');
        copyKeptFiles(version, old);
        const home = readHome(old);
        const db = await openDatabase({ ...home.database, home: home.folder });
        const backups = path.join(folder, 'backups');
        try {
            await restoreTables(db, version, path.join(folder, 'migrations'));
            await backUpHome({ home, lake: { db, clock: systemClock }, gridtally: 'older' }, backups);
        } finally {
            await db.close();
            await endHome(old);
        }
        const [{ schema } = { schema: '' }] = await done<{ schema: string }[]>(
            undefined,
            ...['backup', 'list', backups],
        );
        assert.equal(Number(schema.slice(0, 4)), version);
        const restored = path.join(folder, 'restored');
        const end = await restore(backups, restored);
        assert.equal(end.code, 0, end.said);
        assert.match(end.said, /database schema brought up to/);
        const workspace = await openWorkspace(restored);
        try {
            const newest = readdirSync(MIGRATIONS).filter((name) => /^\d{4}_/.test(name)).length;
            const [row] = await workspace.db.query<{ version: number }>(
                'select max(version) as version from schema_migrations',
            );
            assert.equal(row?.version, newest);
            const [kept, now] = comparable(keptContent(version), await homeContent(workspace));
            assert.deepEqual(now, kept);
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
