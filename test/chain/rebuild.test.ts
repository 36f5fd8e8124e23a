// test limit: 900 s
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import { ingest, refreshAll } from '../../src/pipeline/chain.ts';
import { draftPeriod } from '../../src/pipeline/draft-period.ts';
import { editReadings, withdrawEdit } from '../../src/pipeline/edit-readings.ts';
import { type RebuildOutcome, rebuildFromRaw } from '../../src/pipeline/rebuild-from-raw.ts';
import { readStatus } from '../../src/pipeline/status.ts';
import { sweepHome } from '../../src/pipeline/sweep-home.ts';
import { EVERY_FLAW } from '../../src/simulate/flaws.ts';
import { contentOf, differences, type HomeContent } from '../crash/home-content.ts';
import {
    type ChainWorld,
    openChainWorld,
    publishedContent,
    readingsCsv,
    variedContract,
} from './chain-world.ts';
import { LCL_SKIP, lclHomes, lclPayloads } from './lcl-files.ts';
import { openTown, type TownWorld } from './town-run.ts';

const MAIN = path.join(import.meta.dirname, '../../src/cli/main.ts');

const VERSIONS = `select concat_ws('|', market_day, v.channel_no, epoch_us(period_from), coalesce(cast(kwh as varchar), '-'), quality,
        coalesce(source_code, '-'), feed_id, coalesce(version_stamp, -1), sequence, ordinal, epoch_us(received_at)) as line from reading_versions as v`;

/** What `contentOf` alone has. */
const PUBLISHED = new Set(['reads_interval', 'reads_hourly', 'reads_daily', 'reading_gaps', 'bills']);

/** Everything that the lake holds, rows of versions too, and the counts of the home. */
async function wholeContent(world: ChainWorld): Promise<HomeContent> {
    const content = new Map(await contentOf(world.workspace));
    const lines = async (sql: string) => (await world.query(sql)).map((row) => String(row.line)).sort();
    content.set('reading_versions', await lines(VERSIONS));
    content.set(
        'reasons of waiting rows',
        await lines(
            `select concat_ws('|', meter_key, epoch_us(period_from), reason, sequence) as line from waiting_rows`,
        ),
    );
    const { lakeFiles: _, lakeBytes: __, ...counts } = await readStatus(world.workspace.lake);
    content.set(
        'status',
        Object.entries(counts).map(([name, value]) => `${name} ${JSON.stringify(value)}`),
    );
    return content;
}

async function rebuild(world: ChainWorld, onProgress?: () => void): Promise<RebuildOutcome> {
    return rebuildFromRaw(world.workspace, world.workspace.openSchema, onProgress);
}

describe('a town with every flaw, late loads, a changed contract and edits', () => {
    let town: TownWorld;
    let expected: HomeContent;
    let known: { at: number; content: string[] };

    before(async () => {
        town = await openTown({
            seed: 'rebuilt',
            homes: 9,
            from: '2013-03-29',
            to: '2013-04-02',
            minutes: 'mixed',
            feed: 'generic-csv',
            compress: 'gzip',
            marketZone: 'Europe/London',
            flaws: { ...EVERY_FLAW, exchanged: 0.4, moved: 0.4 },
            bucketSize: 16,
        });
        const [first] = await town.query(
            `select meter_id, register_id, interval_minutes as minutes from channels where valid_to is null
               and (valid_from is null or valid_from <= timestamptz '2013-03-29 00:00:00+00') order by channel_no limit 1`,
        );
        assert.ok(first);
        const at = Date.parse('2013-03-30T12:00:00Z');
        const row = { meter: String(first.meter_id), at, minutes: Number(first.minutes) };
        const more = {
            registerId: String(first.register_id),
            from: at,
            quality: 'measured',
            reason: 'seen',
            place: {},
        } as const;
        await editReadings(town.workspace, 'Ada', [{ ...more, meter: row.meter, kwh: '1.5' }]);
        const edit = await editReadings(town.workspace, 'Ada', [{ ...more, meter: row.meter, kwh: '2.5' }]);
        await withdrawEdit(town.workspace, { editNo: edit.editNo, by: 'Ben', reason: 'no' });
        // the same bytes mean watt-hours by the first contract and kilowatt-hours by the second
        const csv = (kwh: string) => ({
            'x.csv': readingsCsv([{ meter: 'X', at, kwh }]).replaceAll('kWh', ''),
        });
        town.contract('units', variedContract('generic-csv', 'units', { unit: 'Wh' }));
        await town.ingest('units', csv('125'));
        town.contract(
            'units',
            variedContract('generic-csv', 'units', { unit: 'kWh', intervalMinutes: '30' }),
        );
        await town.ingest('units', { 'y.csv': csv('7')['x.csv'].replace('X,', 'Y,') });
        await refreshAll(town.workspace);
        await draftPeriod(town.workspace, {
            from: calendarDate('2013-03-01'),
            to: calendarDate('2013-04-01'),
        });
        const [middle] = await town.workspace.db.query<{ at: number }>(
            `select loaded_at as at from loads where kind = 'metering-points' order by load_no desc limit 1`,
        );
        const before = (middle?.at ?? 0) - 1;
        known = { at: before, content: await publishedContent(town, before) };
        assert.ok(known.content.length > 1000);
        expected = await wholeContent(town);
    });
    after(() => town.end());

    test('is reproduced, in what was known before a late load too, and nothing is stale afterwards', async () => {
        const outcome = await rebuild(town);
        assert.deepEqual(differences(expected, await wholeContent(town), 'rebuilt'), []);
        assert.equal(outcome.contentBefore, outcome.contentRebuilt);
        assert.deepEqual([outcome.samePartitions, outcome.changedChannelDays], [outcome.partitions, 0]);
        assert.deepEqual(await publishedContent(town, known.at), known.content);
        const again = await refreshAll(town.workspace);
        assert.deepEqual([again.rebuilt, again.merged, again.removed], [0, 0, 0]);
    });

    test('killed at any stage it leaves the old lake, and a repetition ends it', async () => {
        for (const crash of ['append:4', 'curate:1', 'commit:2']) {
            const killed = spawnSync(
                process.execPath,
                [MAIN, 'rebuild', '--from-raw', '--home', town.homeFolder],
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
            [MAIN, 'rebuild', '--from-raw', '--json', '--home', town.homeFolder],
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
        const [file] = await town.workspace.db.query<{ id: number; day: string }>(
            `select f.file_id as id, p.market_day::text as day from lake_files f join partition_files p using (file_id)
              where p.table_name = 'reading_versions' and removed_in is null order by p.row_count desc limit 1`,
        );
        assert.ok(file);
        await town.workspace.db.query(
            `update partition_files set removed_in = added_in where file_id = $1 and market_day = $2`,
            [file.id, file.day],
        );
        await town.workspace.db.query(
            `update partitions set version = version + 1 where table_name = 'reading_versions' and market_day = $1`,
            [file.day],
        );
        await refreshAll(town.workspace);
        assert.notDeepEqual(differences(sound, await wholeContent(town), 'broken'), []);
        const outcome = await rebuild(town);
        assert.ok(outcome.samePartitions < outcome.partitions && outcome.changedChannelDays > 0);
        assert.deepEqual(differences(sound, await wholeContent(town), 'mended'), []);
    });
});

test('homes of Low Carbon London are reproduced', { skip: LCL_SKIP }, async () => {
    const world = await openChainWorld({ marketZone: 'Europe/London', bucketSize: 16 });
    try {
        await ingest(world.workspace, 'lcl', lclPayloads(lclHomes().slice(0, 3)));
        await refreshAll(world.workspace);
        const expected = await wholeContent(world);
        const outcome = await rebuild(world);
        assert.equal(outcome.contentBefore, outcome.contentRebuilt);
        assert.deepEqual(differences(expected, await wholeContent(world), 'rebuilt'), []);
    } finally {
        await world.end();
    }
});
