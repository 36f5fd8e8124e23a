import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { addDays, calendarDate } from '../../src/kernel/calendar-date.ts';
import { instantText } from '../../src/kernel/period.ts';
import { zoneOf } from '../../src/kernel/zone.ts';
import { type Chain, planRefreshOf, refreshAll } from '../../src/pipeline/chain.ts';
import { readingHistory } from '../../src/pipeline/reading-history.ts';
import { readStatus } from '../../src/pipeline/status.ts';
import { traceTotals } from '../../src/pipeline/total-trace.ts';
import { namedChannels } from '../../src/registry/named-channels.ts';
import { type ChainWorld, openChainWorld, type ReadingRow } from './chain-world.ts';
import { type Measured, naiveEstimates } from './naive-estimates.ts';
import { addHistoryFeed, HALF_HOUR, halfHours, ingestRows } from './validation-world.ts';

const LONDON = zoneOf('Europe/London');
let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'Europe/London', estimates: true });
    addHistoryFeed(world);
});

after(async () => {
    await world.end();
});

// a Monday; until the end of March local time is UTC
const MONDAY = Date.UTC(2024, 1, 5);
const DAY = 48 * HALF_HOUR;

async function published(meter: string, of: ChainWorld = world): Promise<Map<number, [string, string]>> {
    const rows = await of.query(
        `select epoch_ms(r.period_from) as at, r.kwh, case when r.feed_id is null then r.source_code else r.quality end as what
           from reads_interval as r where r.meter_id = '${meter}' order by 1`,
    );
    return new Map(rows.map((row) => [Number(row.at), [String(row.kwh), String(row.what)]]));
}

test('a gap of up to two hours is a straight line between its neighbours: 1.0 and 2.0 around four give 1.2, 1.4, 1.6, 1.8', async () => {
    const values = ['0.5', '1.0', null, null, null, null, '2.0', ...Array.from({ length: 41 }, () => '0.5')];
    await ingestRows(world, halfHours('L1', MONDAY, values));
    await ingestRows(world, halfHours('L1', MONDAY + DAY, ['0.1']));
    await refreshAll(world.workspace);
    const read = await published('L1');
    assert.deepEqual(
        [1, 2, 3, 4, 5, 6].map((i) => read.get(MONDAY + i * HALF_HOUR)),
        [
            ['1.000000', 'measured'],
            ['1.200000', 'linear'],
            ['1.400000', 'linear'],
            ['1.600000', 'linear'],
            ['1.800000', 'linear'],
            ['2.000000', 'measured'],
        ],
    );
    // five are too many, and there is no day before to be like
    await ingestRows(world, halfHours('L2', MONDAY, ['1', null, null, null, null, null, '2']));
    await refreshAll(world.workspace);
    assert.equal((await published('L2')).size, 2);
});

test('what was estimated is counted apart, adds up in hours and days, and says how it was made', async () => {
    const status = await readStatus(world.workspace.lake);
    assert.equal(status.intervalsEstimatedHere, 4);
    assert.equal(status.intervalsEstimated, 4);
    assert.equal(
        status.versions,
        status.winning + status.superseded + status.withdrawn + status.rejected + status.duplicates,
    );
    const [hour] = await world.query(
        `select kwh, measured_kwh, estimated_kwh, estimated_count, missing_count from reads_hourly
          where meter_id = 'L1' and hour = timestamptz '2024-02-05 01:00:00+00'`,
    );
    assert.deepEqual(
        [hour?.kwh, hour?.measured_kwh, hour?.estimated_kwh, hour?.estimated_count, hour?.missing_count].map(
            String,
        ),
        ['2.600000', 'null', '2.600000', '2', '0'],
    );
    const [run] = await world.query(`select * from reading_estimates where meter_id = 'L1'`);
    assert.deepEqual(
        [run?.method, run?.confidence, run?.kwh_before, run?.kwh_after, run?.kwh, run?.interval_count].map(
            String,
        ),
        ['linear', 'high', '1.000000', '2.000000', '6.000000', '4'],
    );
    const without = await world.query(
        `select method, estimated_count from reading_estimates where meter_id = 'L2'`,
    );
    assert.deepEqual(
        without.map((row) => [row.method, Number(row.estimated_count)]),
        [
            [null, 0],
            [null, 0],
        ],
    );
});

test('history and trace show an estimate with what it is of', async () => {
    const period = { from: MONDAY + 2 * HALF_HOUR, to: MONDAY + 4 * HALF_HOUR };
    const history = await readingHistory(world.workspace, { meter: 'L1', period });
    assert.deepEqual(
        history.intervals.map(({ kwh, quality, versions, estimate }) => [
            kwh,
            quality,
            versions.length,
            estimate?.method,
        ]),
        [
            ['1.200000', 'estimated', 0, 'linear'],
            ['1.400000', 'estimated', 0, 'linear'],
        ],
    );
    const day = calendarDate('2024-02-05');
    const named = await namedChannels(world.workspace.db, 'L1', undefined);
    const [traced] = await traceTotals(world.workspace, {
        named,
        days: { from: day, to: addDays(day, 1) },
        readsLines: true,
    });
    assert.equal(traced?.missingCount, 0);
    const estimated = traced?.hours.flatMap((hour) => hour.intervals.filter((one) => one.estimate !== null));
    assert.equal(estimated?.length, 4);
    assert.equal(estimated?.[0]?.estimate?.kwhBefore, '1.000000');
});

test('a measured value takes the place of its estimate, and the line is drawn anew around what is still missing', async () => {
    await ingestRows(world, halfHours('L1', MONDAY + 3 * HALF_HOUR, ['1.5']));
    await refreshAll(world.workspace);
    const read = await published('L1');
    assert.deepEqual(
        [2, 3, 4, 5].map((i) => read.get(MONDAY + i * HALF_HOUR)),
        [
            ['1.250000', 'linear'],
            ['1.500000', 'measured'],
            ['1.666667', 'linear'],
            ['1.833333', 'linear'],
        ],
    );
});

test('nothing of the newest day is estimated, because more of it is to come, unless the horizon says that it is over', async () => {
    await ingestRows(world, halfHours('N1', MONDAY + DAY, ['1', null, '2']));
    await refreshAll(world.workspace);
    assert.equal((await published('N1')).size, 2);
    const { workspace } = world;
    const over: Chain = { ...workspace, lake: { ...workspace.lake, horizon: calendarDate('2024-02-06') } };
    await refreshAll(over);
    assert.equal((await published('N1')).get(MONDAY + DAY + HALF_HOUR)?.[1], 'linear');
    await refreshAll(workspace);
    assert.equal((await published('N1')).size, 2);
});

interface Case {
    readonly meter: string;
    readonly rows: readonly ReadingRow[];
    readonly measured: Measured;
}

/** A generator of numbers from 0 to 1, always the same for a seed. */
function generator(seed: number): () => number {
    let state = seed * 2654435761 + 1;
    return () => {
        state = (Math.imul(state ^ (state >>> 15), 2246822519) + 0x9e3779b9) >>> 0;
        return state / 2 ** 32;
    };
}

const FIRST = calendarDate('2024-03-11');
const START = Date.UTC(2024, 2, 11);
const DAYS = 23;

/** Three weeks over the change of the clock, with gaps of a half-hour to several days. */
function randomCase(meter: string, seed: number): Case {
    const random = generator(seed);
    const measured = new Map<number, number>();
    const rows: ReadingRow[] = [];
    for (let at = START, gapTo = 0; at < START + DAYS * DAY; at += HALF_HOUR) {
        const length = random() < 0.5 ? 1 + Math.floor(random() * 6) : 1 + Math.floor(random() * 120);
        if (at > START && at >= gapTo && random() < 0.02) gapTo = at + length * HALF_HOUR;
        if (at < gapTo) continue;
        const micro = Math.floor(random() * 3_000_000);
        measured.set(at, micro);
        rows.push({ meter, at, kwh: (micro / 1e6).toFixed(6) });
    }
    return { meter, rows, measured };
}

/** In any order: days arrive late, and files hold a few of them. */
function batches(rows: readonly ReadingRow[], seed: number): ReadingRow[][] {
    const random = generator(seed);
    const ofDays = [...Map.groupBy(rows, (row) => Math.floor(row.at / DAY)).values()];
    const shuffled = ofDays
        .map((ofDay, i) => ({ ofDay, at: i + random() * 12 }))
        .sort((a, b) => a.at - b.at)
        .map(({ ofDay }) => ofDay);
    const found: ReadingRow[][] = [];
    while (shuffled.length > 0) found.push(shuffled.splice(0, 1 + Math.floor(random() * 9)).flat());
    return found;
}

function assertAsNaive(
    read: ReadonlyMap<number, readonly [string, string]>,
    { measured, meter }: Case,
): void {
    // of the local day that begins before the last values only an hour or so is there
    const end = addDays(FIRST, DAYS);
    const expected = new Map<number, [string, string]>();
    for (const [at, micro] of measured) expected.set(at, [(micro / 1e6).toFixed(6), 'measured']);
    for (const [at, { micro, method }] of naiveEstimates(measured, LONDON, { first: FIRST, end }))
        expected.set(at, [(micro / 1e6).toFixed(6), method]);
    const texts = (of: ReadonlyMap<number, readonly [string, string]>) =>
        [...of]
            .sort(([a], [b]) => a - b)
            .map(([at, value]) => `${meter} ${instantText(at)} ${value.join(' ')}`);
    assert.deepEqual(texts(read), texts(expected));
}

test('whatever the order of arrival, the batches and the jobs, estimates are what a second computation gives from the gaps that are left', async () => {
    const cases = [1, 2].map((seed) => randomCase(`R${seed}`, seed));
    const { workspace } = world;
    const small: Chain = {
        ...workspace,
        lake: {
            ...workspace.lake,
            bulkEngine: new Proxy(workspace.lake.bulkEngine, {
                get: (engine, name) =>
                    name === 'jobLimits' ? { maxRows: 1, maxPartitions: 1 } : Reflect.get(engine, name),
            }),
        },
    };
    const files = cases.flatMap((one, i) => batches(one.rows, i + 7));
    for (const [i, rows] of files.entries()) {
        await ingestRows(world, rows);
        if (i % 3 === 0) await refreshAll(i === 3 ? small : workspace);
    }
    await refreshAll(workspace);
    assert.deepEqual((await planRefreshOf(workspace)).rebuilds, []);
    for (const one of cases) assertAsNaive(await published(one.meter), one);
});
