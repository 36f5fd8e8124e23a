// test limit: 300 s
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { OPEN_TABLE_NAMES, type OpenTableName } from '../../src/contracts/open-tables.ts';
import { rebuildOpenTables } from '../../src/lake/open-tables.ts';
import { refresh } from '../../src/lake/refresh.ts';
import { feedsOf, precedenceOf } from '../../src/pipeline/chain.ts';
import { runWorker, type WorkerEnd } from '../crash/worker-run.ts';
import { readingsCsv } from './chain-world.ts';
import { actionsOf, logBytes, snapshotOf, versionsIn } from './delta-replay.ts';
import {
    columnsOf,
    type OpenTablesWorld,
    openOpenTablesWorld,
    publishedRows,
    rowTexts,
} from './open-tables-world.ts';

let world: OpenTablesWorld;

before(async () => {
    world = await openOpenTablesWorld();
    await world.deliver([...world.readings('M1', [0, 30], 1), ...world.readings('M2', [0, 30], 1)]);
});

after(() => world.end());

let corrections = 1;

/** Commits to the lake, and leaves the logs to be written by whoever comes next. */
async function correct(times: number): Promise<void> {
    const { workspace } = world;
    for (let n = 0; n < times; n += 1) {
        corrections += 1;
        world.clock.at += 3_600_000;
        const rows = world.readings('M1', [corrections % 24, (corrections % 24) + 1], corrections);
        await world.ingest('waits', { [`${corrections}.csv`]: readingsCsv(rows) });
        await refresh(workspace.lake, async () => precedenceOf(await feedsOf(workspace)));
    }
}

function publishInWorker(crash: string, forget: string): Promise<WorkerEnd> {
    return runWorker({
        home: world.homeFolder,
        steps: [{ kind: 'refresh' }],
        crash,
        forget,
        compileCache: path.join(world.folder, 'compiled'),
    });
}

/** Every version that is there is whole, and nothing stands between the versions. */
function assertWhole(): void {
    for (const table of OPEN_TABLE_NAMES) {
        const versions = versionsIn(world.folderOf(table));
        assert.deepEqual(
            versions,
            versions.map((_, i) => i),
        );
        for (const version of versions)
            assert.ok(actionsOf(world.folderOf(table), version).some((action) => action.txn));
    }
}

async function assertCaughtUp(): Promise<void> {
    assertWhole();
    const { lake } = world.workspace;
    const before = OPEN_TABLE_NAMES.map((table) => jsonBytes(table));
    const rebuilt = await rebuildOpenTables(lake);
    assert.deepEqual(
        rebuilt.map((log) => log.written),
        OPEN_TABLE_NAMES.map(() => 0),
    );
    assert.deepEqual(
        OPEN_TABLE_NAMES.map((table) => jsonBytes(table)),
        before,
    );
    await world.withViews(async (session) => {
        for (const table of OPEN_TABLE_NAMES) {
            const folder = world.folderOf(table);
            const { files } = await snapshotOf(folder, versionsIn(folder).at(-1) ?? 0);
            const paths = [...files.keys()].map((file) => path.join(folder, file));
            await session.registerFiles('held', columnsOf(table), paths);
            const rows = await rowTexts(session, 'held', columnsOf(table));
            assert.deepEqual(rows, await publishedRows(session, table), table);
        }
    });
}

function jsonBytes(table: OpenTableName): [string, string][] {
    return [...logBytes(world.folderOf(table))].filter(([name]) => name.endsWith('.json'));
}

// passes: before each version, before versions are said to be there, while a checkpoint is written
for (const [pass, forget] of [
    [1, ''],
    [2, '1'],
    [4, 'torn'],
    [7, '1'],
    [9, 'torn'],
] as const) {
    test(`a process killed at pass ${pass} of publishing${forget && `, unsynced bytes ${forget === '1' ? 'lost' : 'torn'},`} leaves a whole log, and the next one catches up`, async () => {
        await correct(3);
        const end = await publishInWorker(`publish:${pass}`, forget);
        assert.equal(end.how, 'crashed', end.output);
        assertWhole();
        const next = await publishInWorker('', '');
        assert.equal(next.how, 'done', next.output);
        await assertCaughtUp();
    });
}

test('three processes that publish at once, one of them killed, write each version once', async () => {
    await correct(4);
    const before = versionsIn(world.folderOf('reads_daily')).length;
    const ends = await Promise.all([
        publishInWorker('', ''),
        publishInWorker('publish:3', '1'),
        publishInWorker('', ''),
    ]);
    for (const end of ends) assert.ok(end.how === 'done' || end.how === 'crashed', end.output);
    assert.ok(ends.some((end) => end.how === 'done'));
    const last = await publishInWorker('', '');
    assert.equal(last.how, 'done', last.output);
    assert.equal(versionsIn(world.folderOf('reads_daily')).length, before + 4);
    await assertCaughtUp();
});
