// test limit: 240 s
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { readFileList, withBackups } from '../../src/backup/backup-folder.ts';
import {
    type HomeFile,
    manifestText,
    parseManifest,
    type SnapshotManifest,
} from '../../src/backup/snapshot-manifest.ts';
import { type BackupDamage, verifyBackups } from '../../src/backup/verify-backup.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { type ChainWorld, openChainWorld, readingsCsv } from '../chain/chain-world.ts';
import { runCommand } from '../cli/run-command.ts';
import { done, endHome, ownDatabase, restore } from './backup-world.ts';

let world: ChainWorld;
let backups: string;
let id: string;
let manifest: SnapshotManifest;
let files: HomeFile[];

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC' });
    const at = Date.parse('2013-05-01T00:00:00Z');
    await world.ingest('generic-csv', { 'one.csv': readingsCsv([{ meter: 'A', at, kwh: '1.5' }]) });
    await refreshAll(world.workspace);
    backups = path.join(world.folder, 'backups');
    ({ id } = await done<{ id: string }>(world.homeFolder, 'backup', backups));
    manifest = parseManifest(readFileSync(manifestFile(), 'utf8'), id);
    files = await withBackups(backups, 'shared', (folder) => readFileList(folder, manifest.fileList));
});

after(() => world.end());

const manifestFile = () => path.join(backups, 'snapshots', `${id}.json`);
const objectFile = (sha256: string) => path.join(backups, 'objects', sha256.slice(0, 2), sha256);

/** Changes one byte in the middle, and gives what takes it back. */
function damage(file: string): () => void {
    const whole = readFileSync(file);
    const changed = Buffer.from(whole);
    const at = changed.length >> 1;
    changed[at] = (changed[at] ?? 0) ^ 1;
    writeFileSync(file, changed);
    return () => writeFileSync(file, whole);
}

function objects(): { readonly sha256: string; readonly holds: string }[] {
    const segments = manifest.tables.find(({ name }) => name === 'segments')?.parts ?? [];
    const ofFile = (root: string) => files.find((file) => file.root === root);
    return [
        ...segments.slice(0, 1).map(({ sha256 }) => ({ sha256, holds: 'rows of the table segments' })),
        ...(['lake', 'raw', 'home'] as const).flatMap((root) => {
            const file = ofFile(root);
            return file === undefined ? [] : [{ sha256: file.sha256, holds: `${root}/${file.path}` }];
        }),
    ];
}

test('a changed byte of any object is found by verify and by restore, and named with what it holds', async () => {
    const wanted = objects();
    assert.equal(wanted.length, 4);
    for (const { sha256, holds } of wanted) {
        const mend = damage(objectFile(sha256));
        const { damaged } = await verifyBackups(backups);
        const expected: BackupDamage = {
            file: objectFile(sha256),
            what: 'does not have its SHA-256',
            holds,
            snapshots: [id],
        };
        assert.deepEqual(damaged, [expected]);
        const home = path.join(world.folder, `from ${sha256}`);
        try {
            const end = await restore(backups, home, ...ownDatabase());
            assert.equal(end.code, 1);
            assert.match(
                end.said,
                new RegExp(`error backup\\.damaged: .*${sha256} does not have its SHA-256`),
            );
            const used = await runCommand(home, 'status');
            assert.match(used.said, /error home\.(half-restored|missing)/);
        } finally {
            await endHome(home);
        }
        mend();
    }
    assert.deepEqual((await verifyBackups(backups)).damaged, []);
});

test('the command that verifies exits with 1 and says what to do; the next backup brings what was removed', async () => {
    const [object] = objects();
    assert.ok(object);
    damage(objectFile(object.sha256));
    const told = await runCommand(undefined, 'backup', 'verify', backups);
    assert.equal(told.code, 1);
    assert.match(
        told.out,
        /damage found\ndamaged: .* does not have its SHA-256: rows of the table segments, of /,
    );
    rmSync(objectFile(object.sha256));
    assert.match((await verifyBackups(backups)).damaged[0]?.what ?? '', /is missing/);
    await done(world.homeFolder, 'backup', backups);
    assert.deepEqual((await verifyBackups(backups)).damaged, []);
});

test('a manifest or a list of files that was changed is not believed', async () => {
    for (const file of [manifestFile(), objectFile(manifest.fileList.sha256)]) {
        const mend = damage(file);
        const { damaged } = await verifyBackups(backups);
        assert.ok(damaged.every(({ holds }) => holds === 'what the snapshot is made of'));
        assert.ok(damaged.some(({ snapshots }) => snapshots.includes(id)));
        const home = path.join(world.folder, 'never');
        const end = await restore(backups, home, '--snapshot', id, ...ownDatabase());
        assert.match(end.said, /error backup\.damaged: /);
        // a snapshot that stays and cannot tell what it needs keeps all objects
        const pruned = await runCommand(undefined, 'backup', 'prune', backups, '--keep', '2');
        assert.match(pruned.said, /error backup\.damaged: /);
        mend();
    }
    assert.deepEqual((await verifyBackups(backups)).damaged, []);
});

test('a snapshot of a newer program is refused, by its form and by its schema', async () => {
    const whole = readFileSync(manifestFile(), 'utf8');
    const home = path.join(world.folder, 'never');
    const asked = () => restore(backups, home, '--snapshot', id, ...ownDatabase());
    const schemaVersion = { version: 9001, name: '9001_later.sql' };
    writeFileSync(manifestFile(), manifestText({ ...manifest, schemaVersion }));
    assert.match(
        (await asked()).said,
        /error database\.newer: the snapshot has the schema of 9001_later\.sql/,
    );
    writeFileSync(manifestFile(), whole.replace('"format": 1', '"format": 2'));
    assert.match((await asked()).said, /error backup\.newer: .* has the format 2/);
    writeFileSync(manifestFile(), whole);
    assert.match((await restore(backups, home, '--snapshot', 'none')).said, /error backup\.snapshot-unknown/);
});

test('a file that the home has lost, or that is longer than it should be, stops the backup', async () => {
    const [file] = await world.workspace.db.query<{ path: string }>(
        `select path from lake_files where table_name = 'reads_daily'`,
    );
    const place = path.join(world.workspace.lake.folder, file?.path ?? '');
    const whole = readFileSync(place);
    writeFileSync(place, Buffer.concat([whole, Buffer.from('more')]));
    const longer = await runCommand(world.homeFolder, 'backup', backups);
    assert.equal(longer.code, 1);
    assert.match(longer.said, /error backup\.source-damaged: .*parquet has \d+ bytes where \d+ were written/);
    rmSync(place);
    const lost = await runCommand(world.homeFolder, 'backup', backups);
    assert.match(lost.said, /error backup\.source-damaged: .*parquet is missing/);
    writeFileSync(place, whole);
});

test('a folder that is no backup, of another home, in use, or within the home is refused', async () => {
    const run = (folder: string) => runCommand(world.homeFolder, 'backup', folder);
    assert.match((await run(path.join(world.homeFolder, 'backups'))).said, /is a part of the home/);
    assert.match((await run(world.folder)).said, /is not empty, and holds no backups/);
    const head = path.join(backups, 'gridtally-backup.json');
    const own = readFileSync(head, 'utf8');
    writeFileSync(head, own.replace(/[0-9a-f]{8}-/, '00000000-'));
    assert.match((await run(backups)).said, /holds backups of another home \(00000000-/);
    writeFileSync(head, own);
    await withBackups(backups, 'exclusive', async () => {
        assert.match((await run(backups)).said, /error backup\.folder-in-use: /);
    });
});
