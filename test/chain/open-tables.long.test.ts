// test limit: 300 s
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { OPEN_TABLE_NAMES, OPEN_TABLES, type OpenTableName } from '../../src/contracts/open-tables.ts';
import { publishOpenTables, rebuildOpenTables } from '../../src/lake/open-tables.ts';
import { refresh } from '../../src/lake/refresh.ts';
import { feedsOf, precedenceOf, refreshAll } from '../../src/pipeline/chain.ts';
import { publishOpen } from '../../src/pipeline/open-tables.ts';
import { sweepHome } from '../../src/pipeline/sweep-home.ts';
import {
    actionsOf,
    checkpointActions,
    checkpointsIn,
    type LogAction,
    logBytes,
    logOf,
    snapshotOf,
    versionsIn,
} from './delta-replay.ts';
import {
    columnsOf,
    DAY,
    HOUR,
    liveThroughMay,
    MAY,
    type OpenTablesWorld,
    openOpenTablesWorld,
    publishedRows,
    rowTexts,
    type SeenVersion,
} from './open-tables-world.ts';

let world: OpenTablesWorld;

before(async () => {
    world = await openOpenTablesWorld();
    await liveThroughMay(world);
});

after(() => world.end());

/** Rows of versions, read by hand; one session for all, since opening one takes longer than reading. */
async function rowsOfAll(
    versions: readonly { readonly table: OpenTableName; readonly version: number }[],
): Promise<string[][]> {
    const session = await world.workspace.lake.engine.openSession();
    try {
        const all: string[][] = [];
        for (const { table, version } of versions) {
            const folder = world.folderOf(table);
            const { files } = await snapshotOf(folder, version);
            const paths = [...files.keys()].map((file) => path.join(folder, file));
            await session.registerFiles('held', columnsOf(table), paths);
            all.push(await rowTexts(session, 'held', columnsOf(table)));
        }
        return all;
    } finally {
        await session.close();
    }
}

function readable(): SeenVersion[] {
    const distinct = new Map(world.seen.map((s) => [`${s.table} ${s.version}`, s]));
    return [...distinct.values()].filter(({ table, version }) =>
        existsSync(path.join(logOf(world.folderOf(table)), `${String(version).padStart(20, '0')}.json`)),
    );
}

async function assertReadable(least: number): Promise<void> {
    const versions = readable();
    assert.ok(versions.length >= least, `${versions.length} versions are to be read`);
    const found = await rowsOfAll(versions);
    for (const [i, { table, version, rows }] of versions.entries())
        assert.deepEqual(found[i], rows, `${table} at version ${version}`);
}

test('a log that is read by hand shows at every version what gridtally sql showed then', async () => {
    await assertReadable(15);
    const newest = world.seen.filter((s) => s.table === 'reads_interval').at(-1);
    assert.ok((newest?.version ?? 0) >= 12 && (newest?.rows.length ?? 0) > 190);
    for (const table of OPEN_TABLE_NAMES)
        assert.ok((world.seen.findLast((s) => s.table === table)?.rows.length ?? 0) > 0, table);
});

test('versions that were swept are no longer in the log, and those that are have all of their files', async () => {
    const oldest = versionsIn(world.folderOf('reads_interval'))[0] ?? 0;
    assert.ok(oldest > 0, 'the sweep of the scenario took versions away');
    assert.ok(world.seen.some((s) => s.table === 'reads_interval' && s.version < oldest));
    for (const table of OPEN_TABLE_NAMES) {
        for (const version of versionsIn(world.folderOf(table))) {
            const { files } = await snapshotOf(world.folderOf(table), version);
            for (const [file, add] of files)
                assert.equal(statSync(path.join(world.folderOf(table), file)).size, add.size);
        }
    }
});

/** Column of the documented query, and the same of the published views by other means. */
const DOCUMENTED_SUMS = {
    region: "case when metering_point_id = 'P1' then 'north' else 'south' end",
    tariff_id: "'flat'",
} as const;

for (const [column, expression] of Object.entries(DOCUMENTED_SUMS)) {
    test(`the documented sums by ${column} are those of the readings`, async () => {
        const document = readFileSync('docs/open-tables.md', 'utf8');
        const blocks = [...document.matchAll(/```sql\n(select [^`]+)```/g)].map(([, sql = '']) => sql);
        const query = blocks.find((sql) => new RegExp(`^select a\\.(value as )?${column}`).test(sql)) ?? '';
        const session = await world.workspace.lake.engine.openSession();
        try {
            for (const table of OPEN_TABLE_NAMES) {
                const folder = world.folderOf(table);
                const { files } = await snapshotOf(folder, versionsIn(folder).at(-1) ?? 0);
                const paths = [...files.keys()].map((file) => path.join(folder, file));
                await session.registerFiles(table, columnsOf(table), paths);
            }
            const found = await session.rows(
                `select ${column} as name, sum(kwh) as kwh from (${query}) group by 1 order by 1`,
            );
            const expected = await world.query(
                `select ${expression} as name, sum(kwh) as kwh from reads_interval group by 1 order by 1`,
            );
            assert.ok(expected.length > 0);
            assert.deepEqual(found, expected);
        } finally {
            await session.close();
        }
    });
}

test('equal versions of the three tables of readings are of one commit', async () => {
    const { db } = world.workspace.lake;
    const rows = await db.query<{ tables: number; commits: number }>(
        `select count(*) as tables, count(distinct commit_no) as commits from open_table_versions
          where table_name like 'reads_%' and version >= (select max(first) from (
              select min(version) as first from open_table_versions where table_name like 'reads_%' group by table_name) f)
          group by version`,
    );
    assert.ok(rows.length >= 3);
    for (const row of rows) assert.deepEqual(row, { tables: 3, commits: 1 });
});

test('every version names its commit, and what it adds and removes as the catalogue has it', async () => {
    const { db } = world.workspace.lake;
    for (const table of OPEN_TABLE_NAMES) {
        const versions = await db.query<{ version: number; commitNo: number; at: number }>(
            `select version, commit_no as "commitNo", committed_at as at
               from open_table_versions join commits using (commit_no) where table_name = $1 order by 1`,
            [table],
        );
        assert.deepEqual(
            versionsIn(world.folderOf(table)),
            versions.map((v) => v.version),
        );
        for (const { version, commitNo, at } of versions) {
            const actions = actionsOf(world.folderOf(table), version);
            const one = <Name extends keyof LogAction>(name: Name) => actions.find((a) => a[name])?.[name];
            assert.deepEqual(
                [one('txn')?.appId, one('txn')?.version, one('commitInfo')?.timestamp],
                ['gridtally', commitNo, at],
            );
            for (const { remove, add } of actions) {
                if (remove) assert.equal(remove.deletionTimestamp, at);
                if (add && version > 0) assert.equal(add.modificationTime, at);
            }
        }
    }
});

test('statistics are the true bounds of every file', async () => {
    const session = await world.workspace.lake.engine.openSession();
    try {
        for (const table of OPEN_TABLE_NAMES) {
            const { chosenBy } = OPEN_TABLES[table];
            const { files } = await snapshotOf(
                world.folderOf(table),
                versionsIn(world.folderOf(table)).at(-1) ?? 0,
            );
            assert.ok(files.size > 0);
            for (const [file, add] of files) {
                const list = chosenBy.flatMap((c) => [
                    `min(${c}) as a_${c}`,
                    `max(${c}) as b_${c}`,
                    `count(*) filter (where ${c} is null) as nulls_${c}`,
                ]);
                await session.registerFiles('f', columnsOf(table), [path.join(world.folderOf(table), file)]);
                const [row] = await session.rows(`select count(*) as n, ${list.join(', ')} from f`);
                const text = (value: unknown) =>
                    typeof value === 'string' ? value.replace(/(T\d\d:\d\d:\d\d)Z$/, '$1.000Z') : value;
                const bounds = (side: string) =>
                    Object.fromEntries(
                        chosenBy.flatMap((c) => {
                            const bound = text(row?.[`${side}_${c}`]);
                            return bound === null ? [] : [[c, bound]];
                        }),
                    );
                assert.deepEqual(JSON.parse(add.stats), {
                    numRecords: Number(row?.n),
                    minValues: bounds('a'),
                    maxValues: bounds('b'),
                    nullCount: Object.fromEntries(chosenBy.map((c) => [c, Number(row?.[`nulls_${c}`])])),
                });
            }
        }
    } finally {
        await session.close();
    }
});

test('a checkpoint says the same as the versions before it', async () => {
    const folder = world.folderOf('reads_daily');
    const checkpoints = checkpointsIn(folder);
    assert.ok(checkpoints.includes(10), `checkpoints at ${checkpoints.join()}`);
    const actions = await checkpointActions(folder, 10);
    const protocol = actions.flatMap((a) => a.protocol ?? []);
    assert.deepEqual(protocol, [{ minReaderVersion: 1, minWriterVersion: 2 }]);
    const metaData = actions.flatMap((a) => a.metaData ?? []);
    assert.deepEqual(metaData.length, 1);
    assert.deepEqual(metaData[0]?.partitionColumns, []);
    const schema = JSON.parse(metaData[0]?.schemaString ?? '') as {
        fields: { name: string; type: string }[];
    };
    const types = new Map(schema.fields.map((field) => [field.name, field.type]));
    assert.deepEqual(
        [types.get('market_day'), types.get('kwh'), types.get('digest_1'), types.get('channel_no')],
        ['date', 'decimal(38,6)', 'long', 'integer'],
    );
    const newest = versionsIn(folder).at(-1) ?? 0;
    assert.ok(checkpoints.length > 1 && (checkpoints[0] ?? 0) < 10);
    const [short, long] = [await snapshotOf(folder, newest), await snapshotOf(folder, newest, 'oldest')];
    const sorted = ({ files }: typeof short) => [...files].sort(([a], [b]) => (a < b ? -1 : 1));
    assert.deepEqual(sorted(short), sorted(long));
    assert.deepEqual([short.transaction, short.schemaString], [long.transaction, long.schemaString]);
    const pointer = JSON.parse(logBytes(folder).get('_last_checkpoint') ?? '') as { version: number };
    assert.equal(pointer.version, checkpoints.at(-1));
});

test('logs that were deleted come back as they were', async () => {
    const before = OPEN_TABLE_NAMES.map((table) => versionBytes(table));
    rmSync(logOf(world.folderOf('reads_interval')), { recursive: true });
    rmSync(path.join(logOf(world.folderOf('channels')), '00000000000000000000.json'), { force: true });
    await refreshAll(world.workspace);
    assert.deepEqual(
        OPEN_TABLE_NAMES.map((table) => versionBytes(table)),
        before,
    );
    await assertReadable(15);
    const again = await rebuildOpenTables(world.workspace.lake);
    assert.deepEqual(
        again.map((log) => log.written),
        OPEN_TABLE_NAMES.map(() => 0),
    );
});

/** Versions after the first, whose removes may have been swept since, and so be missing where it is written anew. */
function versionBytes(table: OpenTableName): [string, string][] {
    const first = versionsIn(world.folderOf(table))[0] ?? 0;
    const firstName = `${String(first).padStart(20, '0')}.json`;
    return [...logBytes(world.folderOf(table))].filter(
        ([name]) => name.endsWith('.json') && (first === 0 || name !== firstName),
    );
}

test('nothing new adds no version', async () => {
    const before = OPEN_TABLE_NAMES.map((table) => [...logBytes(world.folderOf(table))]);
    await refreshAll(world.workspace);
    await publishOpen(world.workspace, { bills: 'all' });
    const now = OPEN_TABLE_NAMES.map((table) => [...logBytes(world.folderOf(table))]);
    assert.deepEqual(now, before);
});

test('a version that another program wrote is refused, and a rebuild takes it out', async () => {
    const folder = world.folderOf('reads_hourly');
    const before = versionBytes('reads_hourly');
    const next = (versionsIn(folder).at(-1) ?? 0) + 1;
    const file = path.join(logOf(folder), `${String(next).padStart(20, '0')}.json`);
    writeFileSync(file, '{"commitInfo":{"operation":"WRITE"}}\n');
    const refused = { code: 'lake.open-table-foreign', message: new RegExp(`0${next}\\.json is a version`) };
    await assert.rejects(refreshAll(world.workspace), refused);
    await world.ingest('waits', { 'foreign.csv': csv('M1', 20) });
    const taken = {
        code: 'lake.open-table-foreign',
        message: new RegExp(`0${next}\\.json is not what the catalogue says`),
    };
    await assert.rejects(refreshAll(world.workspace), taken);
    await publishOpen(world.workspace, { bills: 'none', rebuild: true });
    await world.look();
    assert.deepEqual(versionBytes('reads_hourly').slice(0, before.length), before);
    await assertReadable(15);
});

function csv(meter: string, hour: number): string {
    const at = new Date(Date.parse('2013-05-01T00:00:00Z') + hour * HOUR).toISOString();
    return `meter_id,register,read_at,minutes,value,unit,quality,version\n${meter},1,${at},60,9.5,kWh,A,${world.clock.at % 1e9}\n`;
}

/** Commits a correction to the lake as a process would that dies before it publishes. */
async function refreshUnpublished(hour: number): Promise<void> {
    world.clock.at += HOUR;
    await world.ingest('waits', { [`unpublished-${hour}.csv`]: csv('M2', hour) });
    const { workspace } = world;
    const result = await refresh(workspace.lake, async () => precedenceOf(await feedsOf(workspace)));
    assert.equal(result.merged, 1);
}

test('several publishers at once give one log', async () => {
    for (const hour of [30, 31, 55]) await refreshUnpublished(hour);
    const before = versionsIn(world.folderOf('reads_interval')).length;
    const { lake } = world.workspace;
    await Promise.all([1, 2, 3, 4].map(() => publishOpenTables(lake)));
    await world.look();
    assert.equal(versionsIn(world.folderOf('reads_interval')).length, before + 3);
    assert.deepEqual(
        (await rebuildOpenTables(lake)).map((log) => log.written),
        OPEN_TABLE_NAMES.map(() => 0),
    );
    await assertReadable(15);
});

test('a sweep keeps what the log has not said for long enough to be replaced', async () => {
    const { workspace, clock } = world;
    await sweepHome(workspace, { keepDays: 0 });
    const old = await snapshotOf(
        world.folderOf('reads_daily'),
        versionsIn(world.folderOf('reads_daily')).at(-1) ?? 0,
    );
    await refreshUnpublished(60);
    clock.at += 30 * DAY;
    // replaced a month ago, and the log says so only now: who opened the table a moment ago reads on
    await sweepHome(workspace, { keepDays: 7 });
    for (const file of old.files.keys())
        assert.ok(existsSync(path.join(world.folderOf('reads_daily'), file)), file);
    await world.look();
    await assertReadable(5);
    clock.at += 8 * DAY;
    const swept = await sweepHome(workspace, { keepDays: 7 });
    assert.ok(swept.retiredFiles >= 3, `${swept.retiredFiles} files`);
    await assertReadable(5);
    await rebuildOpenTables(workspace.lake);
    await assertReadable(5);
});

test('a home that switches its open tables off has no logs, and begins anew with version 0', async () => {
    const { workspace } = world;
    const off = { lake: workspace.lake, home: { ...workspace.home, openTables: false } };
    assert.deepEqual(await publishOpen(off, { bills: 'all' }), []);
    const logs = readdirSync(workspace.lake.folder, { recursive: true }).filter((file) =>
        String(file).includes('_delta_log'),
    );
    assert.deepEqual(logs, []);
    const again = await publishOpen(workspace, { bills: MAY });
    assert.deepEqual(
        again.map((log) => [log.firstVersion, log.version]),
        OPEN_TABLE_NAMES.map(() => [0, 0]),
    );
    const found = await rowsOfAll(OPEN_TABLE_NAMES.map((table) => ({ table, version: 0 })));
    await world.withViews(async (session) => {
        for (const [i, table] of OPEN_TABLE_NAMES.entries())
            assert.deepEqual(found[i], await publishedRows(session, table));
    });
});
