// test limit: 900 s
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { ingest, refreshAll } from '../../src/pipeline/chain.ts';
import { sweepHome } from '../../src/pipeline/sweep-home.ts';
import { contentOf, differences, type HomeContent } from '../crash/home-content.ts';
import { PROGRAM } from '../program.ts';
import { readingsCsv } from './chain-world.ts';
import { openRebuildTown, rebuild, wholeContent } from './rebuild-world.ts';
import type { TownWorld } from './town-run.ts';

/** What `contentOf` alone has. */
const PUBLISHED = new Set(['reads_interval', 'reads_hourly', 'reads_daily', 'reading_gaps', 'bills']);

let town: TownWorld;
let expected: HomeContent;

before(async () => {
    ({ town, expected } = await openRebuildTown());
});
after(() => town.end());

test('killed at any stage it leaves the old lake, and a repetition ends it', async () => {
    for (const crash of ['append:4', 'curate:1', 'commit:2']) {
        const killed = spawnSync(
            process.execPath,
            [PROGRAM, 'rebuild', '--from-raw', '--home', town.homeFolder],
            {
                encoding: 'utf8',
                env: { ...process.env, GRIDTALLY_CRASH: crash, GRIDTALLY_FORGET_UNSYNCED: '1' },
            },
        );
        assert.equal(killed.signal, 'SIGKILL', `${crash}: ${killed.stderr}`);
        assert.deepEqual(differences(expected, await wholeContent(town), crash), []);
    }
    await sweepHome(town.workspace, { keepDays: 0 });
    const done = spawnSync(
        process.execPath,
        [PROGRAM, 'rebuild', '--from-raw', '--json', '--home', town.homeFolder],
        {
            encoding: 'utf8',
        },
    );
    assert.equal(done.status, 0, done.stderr);
    assert.equal(JSON.parse(done.stdout).isSame, true);
    await sweepHome(town.workspace, { keepDays: 0 });
    assert.deepEqual(differences(expected, await wholeContent(town), 'after kills and a sweep'), []);
});

test('what comes while it runs is in it, and readers see the old lake until the swap', async () => {
    const at = Date.parse('2013-03-31T12:00:00Z');
    const bytes = Buffer.from(readingsCsv([{ meter: 'Y', at, kwh: '3' }]));
    let late: Promise<unknown> | undefined;
    let seen: Promise<HomeContent> | undefined;
    const outcome = await rebuild(town, () => {
        seen ??= contentOf(town.workspace);
        late ??= seen.then(() => ingest(town.workspace, 'units', [{ sourceKey: 'late.csv', bytes }]));
    });
    await late;
    assert.ok(seen);
    const published = new Map([...expected].filter(([table]) => PUBLISHED.has(table)));
    assert.deepEqual(differences(published, await seen, 'while it runs'), []);
    assert.ok(outcome.payloads > 0);
    await refreshAll(town.workspace);
    const [row] = await town.query(
        `select cast(kwh as varchar) as kwh from reads_15min where meter_id = 'Y' and read_at = timestamptz '2013-03-31 12:00:00+00'`,
    );
    assert.equal(row?.kwh, '3.000000');
});

test('a lake that lost rows of a reading gets them back, and the change feed tells it', async () => {
    await refreshAll(town.workspace);
    const sound = await wholeContent(town);
    const { db } = town.workspace;
    const [file] = await db.query<{ id: number }>(
        `select file_id as id from partition_files where table_name = 'reading_versions' and removed_in is null
          group by file_id order by sum(row_count) desc limit 1`,
    );
    assert.ok(file);
    // a file of many days is read as long as one of them is live
    await db.query('update partition_files set removed_in = added_in where file_id = $1', [file.id]);
    // versions that never were: all of the partition is curated from what is left
    await db.query(
        `update partitions p set inputs = jsonb_set(inputs, '{versions}', '-1') from partition_files f
          where f.file_id = $1 and p.table_name = 'reads_interval' and p.market_day = f.market_day and p.bucket = f.bucket`,
        [file.id],
    );
    await refreshAll(town.workspace);
    assert.notDeepEqual(differences(sound, await wholeContent(town), 'broken'), []);
    const outcome = await rebuild(town);
    assert.ok(outcome.samePartitions < outcome.partitions && outcome.changedChannelDays > 0);
    assert.deepEqual(differences(sound, await wholeContent(town), 'mended'), []);
});
