import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { addDays, calendarDate } from '../../src/kernel/calendar-date.ts';
import { liveFiles } from '../../src/lake/catalogue.ts';
import { type Chain, planRefreshOf, refreshAll } from '../../src/pipeline/chain.ts';
import { readingHistory } from '../../src/pipeline/reading-history.ts';
import { readStatus } from '../../src/pipeline/status.ts';
import { traceTotals } from '../../src/pipeline/total-trace.ts';
import { namedChannels } from '../../src/registry/named-channels.ts';
import { type ChainWorld, openChainWorld } from './chain-world.ts';
import { addHistoryFeed, HALF_HOUR, halfHours, ingestRows } from './validation-world.ts';

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

async function published(meter: string): Promise<Map<number, [string, string]>> {
    const rows = await world.query(
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

test('a correction makes anew the estimates that look at it, and nothing else', async () => {
    const day = (no: number, others: Readonly<Record<number, string | null>> = {}) =>
        Array.from({ length: 48 }, (_, i) => (i in others ? (others[i] ?? null) : `0.${no}${i % 10}`));
    const gap = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [20 + i, null]));
    for (const meter of ['C1', 'C2'])
        for (const no of [1, 2, 3])
            await ingestRows(
                world,
                halfHours(meter, MONDAY + no * DAY, day(no, meter === 'C1' && no === 3 ? gap : {})),
            );
    await refreshAll(world.workspace);
    const before = await published('C1');
    assert.deepEqual(before.get(MONDAY + 3 * DAY + 20 * HALF_HOUR), undefined, 'the newest day');
    await ingestRows(world, halfHours('C1', MONDAY + 4 * DAY, ['1']));
    await refreshAll(world.workspace);
    // means of 0.20 and 0.10 at ten o'clock
    assert.deepEqual((await published('C1')).get(MONDAY + 3 * DAY + 20 * HALF_HOUR), [
        '0.150000',
        'like-day',
    ]);
    const versions = async () => {
        const rows = await world.workspace.db.query<{ day: string; version: number }>(
            `select market_day::text as day, version from partitions where table_name = 'reads_interval' order by 1`,
        );
        return new Map(rows.map(({ day, version }) => [day, version]));
    };
    const changes = async () =>
        (
            await world.query(
                `select cast(max(c.market_day) as varchar) as day, h.meter_id from changed_channel_days as c
                  inner join (select distinct channel_no, meter_id from channels) as h on h.channel_no = c.channel_no
                  group by c.channel_no, c.market_day, h.meter_id having count(*) > 1 order by all`,
            )
        ).map((row) => `${row.meter_id} ${row.day}`);
    const changedBefore = new Set(await changes());
    const versionsBefore = await versions();
    for (const meter of ['C1', 'C2'])
        await ingestRows(world, halfHours(meter, MONDAY + DAY + 20 * HALF_HOUR, ['0.5']));
    await refreshAll(world.workspace);
    assert.deepEqual((await published('C1')).get(MONDAY + 3 * DAY + 20 * HALF_HOUR), [
        '0.350000',
        'like-day',
    ]);
    assert.deepEqual(
        (await changes()).filter((change) => !changedBefore.has(change)),
        ['C1 2024-02-06', 'C2 2024-02-06'],
    );
    const versionsAfter = await versions();
    assert.deepEqual(
        [...versionsAfter]
            .filter(([day, version]) => versionsBefore.get(day) !== version)
            .map(([day]) => day),
        ['2024-02-06', '2024-02-08'],
    );
    assert.deepEqual((await planRefreshOf(world.workspace)).rebuilds, []);
});

test('a vendor’s estimate stays, and no estimate is made from it', async () => {
    await ingestRows(world, [
        ...halfHours('V1', MONDAY, ['1', null, '2']),
        ...halfHours('V1', MONDAY + HALF_HOUR, ['9'], { quality: 'E' }),
        ...halfHours('V2', MONDAY, [null, null, '2']),
        ...halfHours('V2', MONDAY, ['9'], { quality: 'E' }),
    ]);
    await refreshAll(world.workspace);
    assert.deepEqual((await published('V1')).get(MONDAY + HALF_HOUR), ['9.000000', 'estimated']);
    assert.equal((await published('V2')).get(MONDAY + HALF_HOUR), undefined);
});

test('with no method nothing is estimated, and what was is taken back', async () => {
    const { workspace } = world;
    const off: Chain = {
        ...workspace,
        lake: { ...workspace.lake, estimation: { ...workspace.lake.estimation, methods: [] } },
    };
    const plan = await planRefreshOf(off);
    assert.ok(plan.rebuilds.length > 0);
    assert.ok(
        plan.rebuilds.every((r) => r.kind === 'estimate' && r.reasons.join() === 'estimation settings'),
    );
    const before = await published('C1');
    await refreshAll(off);
    const count = await world.query('select count(*) as n from reads_interval where feed_id is null');
    assert.equal(Number(count[0]?.n), 0);
    assert.equal((await readStatus(workspace.lake)).intervalsEstimatedHere, 0);
    await refreshAll(workspace);
    assert.deepEqual(await published('C1'), before);
});

test('files of estimates have the types of files of readings, as other programs read them side by side', async () => {
    const files = await liveFiles(world.workspace.lake, 'reads_interval');
    const session = await world.workspace.lake.engine.openSession();
    try {
        const schemas = new Set<string>();
        for (const { path } of files) {
            const rows = await session.rows(
                `select name, type, converted_type, logical_type from parquet_schema('${path}')`,
            );
            schemas.add(JSON.stringify(rows));
        }
        assert.ok(files.length > 5);
        assert.equal(schemas.size, 1, [...schemas].join('\n'));
    } finally {
        await session.close();
    }
});
