// test limit: 300 s
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { planRefreshOf, refreshAll } from '../../src/pipeline/chain.ts';
import { ingestTown } from '../../src/pipeline/town-chain.ts';
import { publishedContent, variedContract } from '../chain/chain-world.ts';
import { openRebuildTown, type RebuildTown, rebuild, wholeContent } from '../chain/rebuild-world.ts';
import { runCommand } from '../cli/run-command.ts';
import { differences } from '../crash/home-content.ts';
import { databaseRows, done, endHome, filesOf, inHome, ownDatabase, restore } from './backup-world.ts';

let given: RebuildTown;
let backups: string;
let restored: string;
let first: Record<string, unknown>;
let linked: string;
let rows: Map<string, string[]>;

before(async () => {
    given = await openRebuildTown();
    const { folder, homeFolder, workspace } = given.town;
    backups = path.join(folder, 'my backups');
    restored = path.join(folder, 'restored home');
    const target = path.join(folder, 'elsewhere.yaml');
    linked = variedContract('generic-csv', 'linked', {});
    writeFileSync(target, linked);
    symlinkSync(target, path.join(homeFolder, 'feeds', 'linked.odcs.yaml'));
    rows = await databaseRows(workspace.db);
    first = await done(homeFolder, 'backup', backups);
});

after(async () => {
    await endHome(restored);
    await given.town.end();
});

test('a restored home has every row, file, contract and setting of the one that was backed up', async () => {
    const { town } = given;
    const end = await restore(backups, restored, ...ownDatabase());
    assert.equal(end.code, 0, end.said);
    const files = (folder: string) =>
        [...filesOf(folder)].filter(([file]) => !file.includes('_delta_log')).map((entry) => entry.join(' '));
    for (const part of ['lake', 'raw', 'feeds'])
        assert.deepEqual(files(path.join(restored, part)), files(path.join(town.homeFolder, part)), part);
    const settings = readFileSync(path.join(restored, 'gridtally.yaml'), 'utf8');
    assert.equal(readFileSync(path.join(restored, 'feeds', 'linked.odcs.yaml'), 'utf8'), linked);
    assert.match(settings, /# IANA zone whose local days are the market days/);
    await inHome(restored, town, async ({ workspace }) => {
        const found = await databaseRows(workspace.db);
        assert.deepEqual([...found.keys()], [...rows.keys()]);
        for (const [table, lines] of rows) assert.deepEqual(found.get(table), lines, table);
    });
});

test('it passes the check of all that is stored', async () => {
    const { isSound, faults } = await done(restored, 'verify');
    assert.deepEqual([isSound, faults], [true, []]);
});

test('it publishes the same, also as it was known earlier, and nothing of it is stale', async () => {
    const { town, expected, known } = given;
    await inHome(restored, town, async (world) => {
        assert.deepEqual(differences(expected, await wholeContent(world), 'restored'), []);
        assert.deepEqual(await publishedContent(world, known.at), known.content);
        assert.deepEqual((await planRefreshOf(world.workspace)).rebuilds, []);
    });
});

test('the same deliveries are known there, and are duplicates', async () => {
    const { town, expected } = given;
    await inHome(restored, town, async (world) => {
        const { received } = await ingestTown(world.workspace, town.townFolder, 'town');
        assert.ok(received.payloads > 10);
        assert.equal(received.repeats, received.payloads);
        await refreshAll(world.workspace);
        assert.deepEqual(differences(expected, await wholeContent(world), 'ingested again'), []);
    });
});

test('its lake can be made anew from its raw segments', async () => {
    const { town, expected } = given;
    await inHome(restored, town, async (world) => {
        const { contentBefore, contentRebuilt } = await rebuild(world);
        assert.equal(contentRebuilt, contentBefore);
        assert.deepEqual(differences(expected, await wholeContent(world), 'rebuilt'), []);
    });
});

test('a restore refuses a folder, and a database, that is in use', async () => {
    const { folder } = given.town;
    const again = await restore(backups, restored, ...ownDatabase());
    assert.equal(again.code, 1);
    assert.match(again.said, /error home\.exists: .* is not empty/);
    const used = path.join(folder, 'used');
    mkdirSync(used);
    writeFileSync(path.join(used, 'file'), 'mine');
    assert.match((await restore(backups, used, ...ownDatabase())).said, /error home\.exists/);
    assert.deepEqual([...filesOf(used).keys()], ['file']);
    const nowhere = await runCommand(undefined, 'restore', folder, '--home', path.join(folder, 'new'));
    assert.match(nowhere.said, /error backup\.folder-foreign: .* holds no backups/);
    assert.equal(existsSync(path.join(folder, 'new')), false);
});

test('a second backup adds what is new, and the list tells both', async () => {
    const { town } = given;
    const before = filesOf(backups);
    const second = await done(town.homeFolder, 'backup', backups);
    assert.deepEqual([second.copiedFiles, second.files], [0, first.files]);
    const added = [...filesOf(backups)].filter(([file]) => !before.has(file));
    assert.deepEqual(
        added.map(([file]) => file),
        [`snapshots/${second.id}.json`],
    );
    const list = await done<{ id: string }[]>(undefined, 'backup', 'list', backups);
    assert.deepEqual(
        list.map(({ id }) => id),
        [first.id, second.id].sort(),
    );
});
