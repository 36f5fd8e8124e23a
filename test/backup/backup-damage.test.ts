// test limit: 240 s
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { backUpHome } from '../../src/backup/back-up-home.ts';
import { readFileList, withBackups } from '../../src/backup/backup-folder.ts';
import { pruneBackups } from '../../src/backup/prune-backups.ts';
import { restoreHome } from '../../src/backup/restore-home.ts';
import {
    type HomeFile,
    manifestText,
    parseManifest,
    type SnapshotManifest,
} from '../../src/backup/snapshot-manifest.ts';
import { type BackupDamage, verifyBackups } from '../../src/backup/verify-backup.ts';
import { GridtallyError } from '../../src/kernel/errors.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { readHome } from '../../src/store/home.ts';
import { type ChainWorld, openChainWorld, readingsCsv } from '../chain/chain-world.ts';
import { runCommand } from '../cli/run-command.ts';
import { databaseOfTest } from '../shared-database.ts';

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
    ({ id } = await backUp(backups));
    manifest = parseManifest(readFileSync(manifestFile(), 'utf8'), id);
    files = await withBackups(backups, 'shared', (folder) => readFileList(folder, manifest.fileList));
});

after(() => world.end());

const manifestFile = () => path.join(backups, 'snapshots', `${id}.json`);
const objectFile = (sha256: string) => path.join(backups, 'objects', sha256.slice(0, 2), sha256);

/** What a command would print of the refusal; the commands themselves are run where their status matters. */
async function refusal(work: Promise<unknown>): Promise<string> {
    const error = await work.then(
        () => assert.fail('it was not refused'),
        (thrown) => thrown,
    );
    assert.ok(error instanceof GridtallyError, String(error));
    return `error ${error.code}: ${error.message}`;
}

/** Into a database of its own; the newest snapshot unless told. */
function restoreInto(home: string, snapshot?: string): Promise<unknown> {
    const { databaseUrl: url, databaseSchema } = databaseOfTest();
    const settings = url === undefined ? { database: 'embedded' as const } : { database: { url } };
    return restoreHome(home, {
        from: backups,
        settings: { ...settings, ...(databaseSchema === undefined ? {} : { databaseSchema }) },
        ...(snapshot === undefined ? {} : { snapshot }),
    });
}

const backUp = (folder: string) =>
    backUpHome({ home: world.workspace.home, lake: world.workspace.lake, gridtally: 'test' }, folder);

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
        const said = await refusal(restoreInto(home));
        assert.match(said, new RegExp(`^error backup\\.damaged: .*${sha256} does not have its SHA-256`));
        assert.match(await refusal((async () => readHome(home))()), /^error home\.(half-restored|missing)/);
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
    await backUp(backups);
    assert.deepEqual((await verifyBackups(backups)).damaged, []);
});

test('a manifest or a list of files that was changed is not believed', async () => {
    for (const file of [manifestFile(), objectFile(manifest.fileList.sha256)]) {
        const mend = damage(file);
        const { damaged } = await verifyBackups(backups);
        assert.ok(damaged.every(({ holds }) => holds === 'what the snapshot is made of'));
        assert.ok(damaged.some(({ snapshots }) => snapshots.includes(id)));
        const home = path.join(world.folder, 'never');
        assert.match(await refusal(restoreInto(home, id)), /^error backup\.damaged: /);
        // a snapshot that stays and cannot tell what it needs keeps all objects
        const policy = { newest: 2, daily: 0, weekly: 0, monthly: 0 };
        assert.match(await refusal(pruneBackups(backups, policy)), /^error backup\.damaged: /);
        mend();
    }
    assert.deepEqual((await verifyBackups(backups)).damaged, []);
});

test('a snapshot of a newer program is refused, by its form and by its schema', async () => {
    const whole = readFileSync(manifestFile(), 'utf8');
    const home = path.join(world.folder, 'never');
    const asked = () => refusal(restoreInto(home, id));
    const schemaVersion = { version: 9001, name: '9001_later.sql' };
    writeFileSync(manifestFile(), manifestText({ ...manifest, schemaVersion }));
    assert.match(await asked(), /error database\.newer: the snapshot has the schema of 9001_later\.sql/);
    writeFileSync(manifestFile(), whole.replace('"format": 1', '"format": 2'));
    assert.match(await asked(), /error backup\.newer: .* has the format 2/);
    writeFileSync(manifestFile(), whole);
    assert.match(await refusal(restoreInto(home, 'none')), /error backup\.snapshot-unknown/);
});

test('a file that the home has lost, or that is longer than it should be, stops the backup', async () => {
    const [file] = await world.workspace.db.query<{ path: string }>(
        `select path from lake_files where table_name = 'reads_daily'`,
    );
    const place = path.join(world.workspace.lake.folder, file?.path ?? '');
    const whole = readFileSync(place);
    writeFileSync(place, Buffer.concat([whole, Buffer.from('more')]));
    assert.match(
        await refusal(backUp(backups)),
        /error backup\.source-damaged: .*parquet has \d+ bytes where \d+ were written/,
    );
    rmSync(place);
    assert.match(await refusal(backUp(backups)), /error backup\.source-damaged: .*parquet is missing/);
    writeFileSync(place, whole);
});

test('a folder that is no backup, of another home, in use, or within the home is refused', async () => {
    const run = (folder: string) => refusal(backUp(folder));
    assert.match(await run(path.join(world.homeFolder, 'backups')), /is a part of the home/);
    assert.match(await run(world.folder), /is not empty, and holds no backups/);
    const head = path.join(backups, 'gridtally-backup.json');
    const own = readFileSync(head, 'utf8');
    writeFileSync(head, own.replace(/[0-9a-f]{8}-/, '00000000-'));
    assert.match(await run(backups), /holds backups of another home \(00000000-/);
    writeFileSync(head, own);
    await withBackups(backups, 'exclusive', async () => {
        assert.match(await run(backups), /error backup\.folder-in-use: /);
    });
});
