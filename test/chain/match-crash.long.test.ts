import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { matchReadings } from '../../src/ingest/match-readings.ts';
import { zoneOf } from '../../src/kernel/zone.ts';
import { feedsOf, planRefreshOf, refreshAll } from '../../src/pipeline/chain.ts';
import { readStatus } from '../../src/pipeline/status.ts';
import { loadMasterData } from '../../src/registry/load-master-data.ts';
import { runWorker } from '../crash/worker-run.ts';
import {
    type ChainWorld,
    openChainWorld,
    publishedContent,
    readingsCsv,
    variedContract,
} from './chain-world.ts';

// Each case has meters of its own in one home, is disturbed in its own way, and must end like the quiet one.
const HOUR = 3_600_000;
const FROM = Date.parse('2013-06-01T00:00:00Z');
const HEADER = 'metering_point_id,meter_id,interval_minutes,valid_from,valid_to';
const CASES = ['quiet', 'crash-1', 'crash-2', 'torn-1', 'torn-2', 'apart', 'late'] as const;
type Case = (typeof CASES)[number];
let world: ChainWorld;

const instant = (hour: number) => new Date(FROM + hour * HOUR).toISOString();
const first = (name: Case) => `${HEADER}\nP-${name},A-${name},60,${instant(0)},\n`;
/** An exchange in the past, an end in the past, and a meter that nobody knew. */
const exchange = (name: Case) =>
    `${HEADER}\nP-${name},A-${name},60,${instant(0)},${instant(30)}\nP-${name},B-${name},60,${instant(30)},${instant(40)}\n` +
    `Z-${name},Z-${name},60,${instant(0)},\n`;

function readings(name: Case): string {
    const rows = (meter: string, from: number) =>
        Array.from({ length: 48 - from }, (_, i) => ({
            meter: `${meter}-${name}`,
            at: FROM + (from + i) * HOUR,
            minutes: 60,
            kwh: `${meter.length}.${i}`,
        }));
    return readingsCsv([...rows('P', 0), ...rows('Z', 20)]);
}

function exchangeFile(name: Case): string {
    const file = path.join(world.folder, `exchange-${name}.csv`);
    writeFileSync(file, exchange(name));
    return file;
}

async function loadInWorker(name: Case, crash: string, forget: string): Promise<void> {
    const end = await runWorker({
        home: world.homeFolder,
        steps: [{ kind: 'load', files: [{ kind: 'metering-points', file: exchangeFile(name) }] }],
        crash,
        forget,
        compileCache: path.join(world.folder, 'compiled'),
    });
    assert.equal(end.how, 'crashed', end.output);
}

/** The belief alone changes, as if the process had died before it looked at any reading. */
async function believe(name: Case): Promise<void> {
    const { lake, home } = world.workspace;
    await loadMasterData(lake.db, {
        kind: 'metering-points',
        file: exchangeFile(name),
        zone: zoneOf(home.marketZone),
        currency: home.currency,
        bucketSize: home.bucketSize,
        clock: lake.clock,
    });
}

async function contentOf(name: Case): Promise<string[]> {
    const waiting = await world.query(
        `select 'waits ' || meter_key || ' ' || cast(epoch_us(period_from) as varchar) || ' ' || reason as line from waiting_rows`,
    );
    const lines = [...(await publishedContent(world)), ...waiting.map(({ line }) => String(line))];
    return lines
        .filter((line) => line.includes(`-${name} `))
        .map((line) => line.replaceAll(`-${name} `, ' '))
        .sort();
}

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC', bucketSize: 16 });
    world.contract(
        'points',
        variedContract('generic-csv', 'points', { unknownMeter: 'wait', identifies: 'meteringPoint' }),
    );
    for (const name of CASES) await world.load('metering-points', 'first.csv', first(name));
    await world.ingest('points', Object.fromEntries(CASES.map((name) => [`${name}.csv`, readings(name)])));
    await refreshAll(world.workspace);
    const quiet = await world.load('metering-points', 'exchange.csv', exchange('quiet'));
    assert.deepEqual([quiet.released, quiet.moved, quiet.displaced], [28, 10, 8]);
    await refreshAll(world.workspace);
});

after(() => world.end());

/** Places and versions of what is published. */
async function versions(): Promise<Map<string, number>> {
    const rows = await world.workspace.db.query<{ place: string; version: number }>(
        `select market_day || '/' || bucket as place, version from partitions where table_name = 'reads_interval'`,
    );
    return new Map(rows.map(({ place, version }) => [place, version]));
}

/** Refreshes so many times at once, and holds the plan of before against what was made anew. */
async function refreshAsForeseen(times: number): Promise<void> {
    const { rebuilds } = await planRefreshOf(world.workspace);
    assert.deepEqual((await planRefreshOf(world.workspace)).rebuilds, rebuilds, 'a plan changes nothing');
    const before = await versions();
    await Promise.all(Array.from({ length: times }, () => refreshAll(world.workspace)));
    const made = [...(await versions())].filter(([place, version]) => before.get(place) !== version);
    const planned = rebuilds.map((r) => `${r.marketDay}/${r.bucket}`);
    assert.deepEqual(planned.toSorted(), made.map(([place]) => place).sort());
    assert.ok(planned.length > 0);
}

async function expectAsQuiet(name: Case): Promise<void> {
    const quiet = await contentOf('quiet');
    assert.ok(quiet.filter((line) => line.startsWith('waits ')).length === 8);
    assert.deepEqual(await contentOf(name), quiet);
    const s = await readStatus(world.workspace.lake);
    assert.equal(s.rowsReceived, s.versions + s.rowsQuarantined + s.rowsWaiting);
    assert.equal(s.outsideValidity, 0);
}

for (const [name, crash, forget] of [
    ['crash-1', 'append:1', ''],
    ['crash-2', 'append:2', ''],
    ['torn-1', 'append:1', 'torn'],
    ['torn-2', 'append:2', 'torn'],
] as const) {
    test(`a load that dies in the commit ${crash} of its matching (${name}) is gone on with by the next refreshes`, async () => {
        await loadInWorker(name, crash, forget);
        await refreshAsForeseen(2);
        await expectAsQuiet(name);
    });
}

test('a belief that no match has followed is followed by the next refresh, whoever is first, and once', async () => {
    await believe('apart');
    const feeds = await feedsOf(world.workspace);
    const results = await Promise.all([1, 2, 3].map(() => matchReadings(world.workspace.lake, feeds)));
    const sum = (name: 'released' | 'moved' | 'displaced') =>
        results.reduce((n, result) => n + result[name], 0);
    assert.deepEqual([sum('released'), sum('moved'), sum('displaced')], [28, 10, 8]);
    const again = await matchReadings(world.workspace.lake, feeds);
    assert.deepEqual([again.released, again.moved, again.displaced], [0, 0, 0]);
    await refreshAll(world.workspace);
    await expectAsQuiet('apart');
});

test('rows that a process with an older belief appends are found once they are published', async () => {
    await believe('late');
    // the belief counts as followed, and the rows of this case as if they came after that
    await world.workspace.db.query(
        `update matched_readings set known_at = (select max(loaded_at) from loads)`,
    );
    assert.ok((await readStatus(world.workspace.lake)).versions > 0);
    await refreshAll(world.workspace);
    await expectAsQuiet('late');
});

test('the same load again does nothing', async () => {
    const commits = () => world.workspace.db.query('select count(*) as n from commits');
    const before = await commits();
    for (const name of CASES) {
        const again = await world.load('metering-points', 'exchange.csv', exchange(name));
        assert.deepEqual([again.changed, again.released, again.moved, again.displaced], [0, 0, 0, 0]);
    }
    await refreshAll(world.workspace);
    assert.deepEqual(await commits(), before);
});
