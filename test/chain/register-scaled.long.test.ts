// test limit: 240 s
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { LAKE_TABLES } from '../../src/contracts/lake-tables.ts';
import { type Chain, planRefreshOf, refreshAll } from '../../src/pipeline/chain.ts';
import { readingHistory } from '../../src/pipeline/reading-history.ts';
import { estimateText } from '../../src/trace/traced-estimate.ts';
import type { ChainWorld } from './chain-world.ts';
import { ingestReads } from './register-world.ts';
import {
    DAY,
    HALF_HOUR,
    halfHours,
    ingestRows,
    MONDAY,
    openMeters,
    validatedBy,
} from './validation-world.ts';

let world: ChainWorld;

const METERS = ['S1', 'S2', 'S3', 'M1', 'M2', 'V1', 'V2', 'V3', 'W1', 'F1', 'O1', 'O2', 'K1'];

before(async () => {
    world = await openMeters(METERS);
});

after(async () => {
    await world.end();
});

const at = (day: number, slot = 0) => MONDAY + day * DAY + slot * HALF_HOUR;

/** A day of half-hours of 0.5, but for those named by their place. */
function halves(others: Readonly<Record<number, string | null>> = {}): (string | null)[] {
    return Array.from({ length: 48 }, (_, i) => (i in others ? (others[i] ?? null) : '0.5'));
}

/** These places, each with the value. */
function places(from: number, values: readonly (string | null)[]): Record<number, string | null> {
    return Object.fromEntries(values.map((value, i) => [from + i, value]));
}

const NONE = (count: number) => Array.from({ length: count }, () => null);

async function published(meter: string): Promise<Map<number, [string, string]>> {
    const rows = await world.query(
        `select epoch_ms(r.period_from) as at, r.kwh, case when r.feed_id is null then r.source_code else r.quality end as what
           from reads_interval as r where r.meter_id = '${meter}' order by 1`,
    );
    return new Map(rows.map((row) => [Number(row.at), [String(row.kwh), String(row.what)]]));
}

async function estimatesOf(meter: string, day: number, from: number, count: number): Promise<string[]> {
    const read = await published(meter);
    return Array.from({ length: count }, (_, i) => (read.get(at(day, from + i)) ?? ['missing']).join(' '));
}

test('what a register counted and no interval measured is shared by the shape of like days: 10 kWh on 1, 1, 1, 1, 1, 2 give 1.428571, 1.428572, … and 2.857143', async () => {
    await ingestRows(world, halfHours('S1', at(0), halves(places(20, ['1', '1', '1', '1', '1', '2']))));
    await ingestRows(world, halfHours('S1', at(1), halves(places(20, NONE(6)))));
    await ingestRows(world, halfHours('S1', at(2), ['0.5']));
    // 42 half-hours are measured as 21 kWh
    await ingestReads(world, [
        { meter: 'S1', at: at(1), kwh: '100' },
        { meter: 'S1', at: at(2), kwh: '131' },
    ]);
    await refreshAll(world.workspace);
    assert.deepEqual(await estimatesOf('S1', 1, 20, 6), [
        '1.428571 register-scaled',
        '1.428572 register-scaled',
        '1.428571 register-scaled',
        '1.428572 register-scaled',
        '1.428571 register-scaled',
        '2.857143 register-scaled',
    ]);
    assert.deepEqual((await planRefreshOf(world.workspace)).rebuilds, []);
});

test('it says which reads it was scaled to, how much was measured, and by what shape', async () => {
    const [run] = await world.query(
        `select * from reading_estimates where meter_id = 'S1' and method is not null`,
    );
    assert.deepEqual(
        ['method', 'confidence', 'shape', 'advance_kwh', 'measured_kwh', 'kwh', 'value_count'].map((name) =>
            String(run?.[name]),
        ),
        ['register-scaled', 'high', 'like-day', '31.000000', '21.000000', '10.000000', '1'],
    );
    const period = { from: at(1, 20), to: at(1, 21) };
    const { intervals } = await readingHistory(world.workspace, { meter: 'S1', period });
    assert.deepEqual(
        intervals.map(({ estimate }) => estimate?.advance),
        [
            {
                readFrom: '2024-02-06T00:00:00Z',
                readTo: '2024-02-07T00:00:00Z',
                advanceKwh: '31.000000',
                measuredKwh: '21.000000',
                shape: 'like-day',
            },
        ],
    );
    const [estimate] = intervals.map((interval) => interval.estimate);
    assert.equal(
        estimate && estimateText(estimate),
        'estimated here, register-scaled, high confidence: share of what the register counted and no interval measured, 31.000000 less 21.000000 kWh ' +
            'from 2024-02-06T00:00:00Z to 2024-02-07T00:00:00Z, by the shape of like-day (mean of 1 or more values of like days, 2024-02-05 to 2024-02-05); ' +
            'gap 2024-02-06T10:00:00Z to 2024-02-06T13:00:00Z',
    );
    const sums = await world.query(
        `select advance_kwh, interval_kwh, verdict from register_advances where meter_id = 'S1'`,
    );
    assert.deepEqual(
        sums.map((row) => [row.advance_kwh, row.interval_kwh, row.verdict]),
        [['31.000000', '31.000000', 'incomplete']],
    );
});

/** Channel-days whose content changed in `work`, as `meter day`, and days whose partition has another version. */
async function changedBy(work: () => Promise<void>): Promise<{ content: string[]; versions: string[] }> {
    const commits = async () =>
        (
            await world.workspace.lake.db.query<{ n: number }>(
                'select coalesce(max(commit_no), 0) as n from commits',
            )
        )[0]?.n ?? 0;
    const versions = async () => {
        const rows = await world.workspace.lake.db.query<{ day: string; version: number }>(
            `select market_day::text as day, version from partitions where table_name = 'reads_interval'`,
        );
        return new Map(rows.map(({ day, version }) => [day, version]));
    };
    const [commitsBefore, versionsBefore] = [await commits(), await versions()];
    await work();
    await refreshAll(world.workspace);
    assert.deepEqual((await planRefreshOf(world.workspace)).rebuilds, []);
    const versionsAfter = await versions();
    const { lake } = world.workspace;
    const files = await lake.db.query<{ path: string }>(
        `select distinct f.path from lake_files f join partition_files p using (file_id)
          where p.table_name = 'changed_channel_days' and p.added_in > $1`,
        [commitsBefore],
    );
    const content = await world.withViews(async (session) => {
        const paths = files.map((file) => path.join(lake.folder, file.path));
        await session.registerFiles('changes', LAKE_TABLES.changed_channel_days, paths);
        const rows = await session.rows(
            `select distinct h.meter_id || ' ' || c.market_day as what from changes as c
              inner join (select distinct channel_no, meter_id from channels) as h on h.channel_no = c.channel_no order by 1`,
        );
        return rows.map(({ what }) => String(what));
    });
    return {
        content,
        versions: [...versionsAfter]
            .filter(([day, version]) => versionsBefore.get(day) !== version)
            .map(([day]) => day)
            .sort(),
    };
}

test('a late read makes anew the gaps between the reads around it and nothing else; withdrawn, everything is as before', async () => {
    // gaps on three days; S2 and S3 alike
    for (const meter of ['S2', 'S3']) {
        await ingestRows(world, halfHours(meter, at(0), halves()));
        for (const day of [1, 2, 3])
            await ingestRows(world, halfHours(meter, at(day), halves(places(20, NONE(6)))));
        await ingestRows(world, halfHours(meter, at(4), halves()));
    }
    await ingestReads(world, [{ meter: 'S2', at: at(1), kwh: '0' }]);
    await refreshAll(world.workspace);
    const before = await published('S2');
    assert.deepEqual(await estimatesOf('S2', 1, 20, 1), ['0.500000 like-day']);
    // 42 × 0.5 on each of two days are measured as 42 kWh: 24 kWh are left for 12 half-hours
    const come = await changedBy(() => ingestReads(world, [{ meter: 'S2', at: at(3), kwh: '66' }]));
    assert.deepEqual(come, {
        content: ['S2 2024-02-06', 'S2 2024-02-07'],
        versions: ['2024-02-06', '2024-02-07'],
    });
    assert.deepEqual(await estimatesOf('S2', 1, 20, 1), ['2.000000 register-scaled']);
    assert.deepEqual(await estimatesOf('S2', 2, 25, 1), ['2.000000 register-scaled']);
    assert.deepEqual(await estimatesOf('S2', 3, 20, 1), ['0.500000 like-day']);
    // a read between them: each day has its own total now
    const cut = await changedBy(() => ingestReads(world, [{ meter: 'S2', at: at(2), kwh: '27' }]));
    assert.deepEqual(cut.content, ['S2 2024-02-06', 'S2 2024-02-07']);
    assert.deepEqual(await estimatesOf('S2', 1, 20, 1), ['1.000000 register-scaled']);
    assert.deepEqual(await estimatesOf('S2', 2, 20, 1), ['3.000000 register-scaled']);
    // corrected, only the days that it stands between; the first read is at the other end of the first
    const corrected = await changedBy(() =>
        ingestReads(world, [{ meter: 'S2', at: at(3), kwh: '60', version: 2 }]),
    );
    assert.deepEqual(corrected, { content: ['S2 2024-02-07'], versions: ['2024-02-07'] });
    // a read of nobody's gaps
    const elsewhere = await changedBy(() => ingestReads(world, [{ meter: 'S3', at: at(4), kwh: '7' }]));
    assert.deepEqual(elsewhere, { content: [], versions: [] });
    // the end is gone, so the second day is as like days say, and the first stays
    const gone = await changedBy(() =>
        ingestReads(world, [{ meter: 'S2', at: at(3), kwh: '', quality: 'W', version: 3 }]),
    );
    assert.deepEqual(gone, { content: ['S2 2024-02-07'], versions: ['2024-02-07'] });
    await changedBy(() =>
        ingestReads(world, [{ meter: 'S2', at: at(2), kwh: '', quality: 'W', version: 3 }]),
    );
    assert.deepEqual(await published('S2'), before);
});

test('a measured value that comes takes its place, and the others of the time between the reads are made anew, on every day', async () => {
    await ingestReads(world, [
        { meter: 'S3', at: at(1), kwh: '0' },
        { meter: 'S3', at: at(3), kwh: '66' },
        { meter: 'S3', at: at(4), kwh: '', quality: 'W', version: 2 },
    ]);
    await refreshAll(world.workspace);
    assert.deepEqual(await estimatesOf('S3', 2, 20, 1), ['2.000000 register-scaled']);
    // 0.5 of the 24 kWh is measured
    const late = await changedBy(() => ingestRows(world, halfHours('S3', at(1, 20), ['0.5'])));
    assert.deepEqual(late.content, ['S3 2024-02-06', 'S3 2024-02-07']);
    assert.deepEqual(await estimatesOf('S3', 1, 20, 2), ['0.500000 measured', '2.136364 register-scaled']);
    assert.deepEqual(await estimatesOf('S3', 2, 25, 1), ['2.136364 register-scaled']);
    // the day that they are like has another shape: all of them, and the days beyond the last read, that look at it too
    const shape = await changedBy(() => ingestRows(world, halfHours('S3', at(0, 25), ['6'])));
    assert.deepEqual(shape.content, ['S3 2024-02-05', 'S3 2024-02-06', 'S3 2024-02-07', 'S3 2024-02-08']);
    // shares of 23.5 kWh, 6 on each day and nine of 0.5
    const [first, second] = [await estimatesOf('S3', 1, 21, 5), await estimatesOf('S3', 2, 20, 6)];
    const kwh = [...first, ...second].map((text) => Number(text.split(' ')[0]));
    assert.equal(
        kwh.reduce((sum, value) => sum + Math.round(value * 1e6), 0),
        23_500_000,
    );
    assert.ok(Math.abs((kwh[4] ?? 0) - (23.5 * 6) / (6 + 6 + 9 * 0.5)) < 0.01, kwh.join());
});

test('a gap in which the register was read has a part on either side, each with a total of its own; what no read ends is left to others', async () => {
    await ingestRows(world, halfHours('M1', at(0), halves()));
    await ingestRows(world, halfHours('M1', at(1), halves(places(10, NONE(20)))));
    await ingestRows(world, halfHours('M1', at(2), ['0.5']));
    await ingestReads(world, [
        // within a half-hour: it is of the time in which it begins
        { meter: 'M1', at: at(1) - 60_000, kwh: '10' },
        { meter: 'M1', at: at(1, 15) - 60_000, kwh: '20' },
        { meter: 'M1', at: at(1, 20), kwh: '30' },
    ]);
    await refreshAll(world.workspace);
    // 10 half-hours are measured as 5 kWh: 5 are left for 5; then 10 for 5; then like days
    const read = await estimatesOf('M1', 1, 0, 48);
    assert.deepEqual(read.slice(9, 31), [
        '0.500000 measured',
        ...Array.from({ length: 5 }, () => '1.000000 register-scaled'),
        ...Array.from({ length: 5 }, () => '2.000000 register-scaled'),
        ...Array.from({ length: 10 }, () => '0.500000 like-day'),
        '0.500000 measured',
    ]);
    const runs = await world.query(
        `select method, interval_count, kwh from reading_estimates where meter_id = 'M1' and market_day = date '2024-02-06' order by gap_from`,
    );
    assert.deepEqual(
        runs.map((run) => [run.method, Number(run.interval_count), run.kwh]),
        [
            ['register-scaled', 5, '5.000000'],
            ['register-scaled', 5, '10.000000'],
            ['like-day', 10, '5.000000'],
        ],
    );
    assert.deepEqual((await planRefreshOf(world.workspace)).rebuilds, []);
});

test('nothing is scaled where a vendor estimated, more was measured than counted, a day is not over, or a read is an estimate', async () => {
    for (const meter of ['V1', 'V2', 'V3', 'W1']) {
        await ingestRows(world, halfHours(meter, at(0), halves()));
        await ingestRows(world, halfHours(meter, at(1), halves(places(20, NONE(6)))));
    }
    await ingestRows(world, halfHours('V1', at(1, 25), ['0.1'], { quality: 'E' }));
    const reads = (meter: string, to: number, kwh: string, quality: 'A' | 'E' = 'A') =>
        ingestReads(world, [
            { meter, at: at(1), kwh: '0' },
            { meter, at: to, kwh, quality },
        ]);
    await reads('V1', at(2), '27');
    await reads('V2', at(2), '20.999999');
    await reads('V3', at(2), '27', 'E');
    // within the newest day
    await ingestRows(world, halfHours('W1', at(2), halves()));
    await ingestRows(world, halfHours('W1', at(3), halves()));
    await ingestRows(world, halfHours('W1', at(4), halves(places(30, NONE(18)))));
    await reads('W1', at(4, 30), '111');
    await refreshAll(world.workspace);
    for (const meter of ['V1', 'V2', 'V3', 'W1'])
        assert.deepEqual(await estimatesOf(meter, 1, 20, 1), ['0.500000 like-day'], meter);
    // the day is over once another one has begun; a gap of it lies after the read
    const over = await changedBy(() => ingestRows(world, halfHours('W1', at(5), ['0.5'])));
    assert.deepEqual(
        over.content.filter((what) => what.startsWith('W1')),
        ['W1 2024-02-06', 'W1 2024-02-09', 'W1 2024-02-10'],
    );
    // 21 + 24 + 24 + 15 kWh are measured: 27 for six
    assert.deepEqual(await estimatesOf('W1', 1, 20, 1), ['4.500000 register-scaled']);
    // exactly what was measured: nothing is left for the gap
    await ingestReads(world, [{ meter: 'V2', at: at(2), kwh: '21', version: 2 }]);
    await refreshAll(world.workspace);
    assert.deepEqual(await estimatesOf('V2', 1, 20, 1), ['0.000000 register-scaled']);
});

test('an estimate of the vendor between two measured reads changes nothing, too high as it may be, with digits or without', async () => {
    await world.load(
        'metering-points',
        'digits.csv',
        `metering_point_id,meter_id,register,interval_minutes,valid_from,valid_to,register_digits\nP-O1,O1,1,30,2024-02-05,,4\n`,
    );
    for (const meter of ['O1', 'O2']) {
        for (const n of [0, 1, 2, 4, 5, 6, 7])
            await ingestRows(
                world,
                halfHours(
                    meter,
                    at(n),
                    Array.from({ length: 48 }, () => '0.06'),
                ),
            );
        await ingestReads(world, [
            { meter, at: at(0), kwh: '100' },
            { meter, at: at(1), kwh: '130', quality: 'E' },
            { meter, at: at(7), kwh: '120' },
        ]);
        await refreshAll(world.workspace);
        // 20 kWh, of which 6 × 48 × 0.06 are measured: 2.72 for 48
        assert.deepEqual(await estimatesOf(meter, 3, 0, 3), [
            '0.056667 register-scaled',
            '0.056666 register-scaled',
            '0.056667 register-scaled',
        ]);
        const day = await world.query(
            `select kwh from reads_daily where meter_id = '${meter}' and day = date '2024-02-08'`,
        );
        assert.deepEqual(day, [{ kwh: '2.720000' }]);
        const rows = await world.query(
            `select kind, advance_kwh, skipped_reads, verdict, flags from register_advances where meter_id = '${meter}' order by read_from, read_to`,
        );
        assert.deepEqual(
            rows.map((row) => Object.values(row).join(' ').trim()),
            [
                'normal 30.000000 0 estimated-read',
                'normal 20.000000 1 incomplete',
                'unsettled  0 estimated-read',
            ],
        );
    }
});

test('nothing is scaled to what the connection cannot carry, where its rated power is known and the rule is on', async () => {
    await ingestRows(world, halfHours('K1', at(0), halves()));
    await ingestRows(world, halfHours('K1', at(1), halves(places(20, NONE(6)))));
    await ingestRows(world, halfHours('K1', at(2), ['0.5']));
    // mistyped: 31 kWh would be 131
    await ingestReads(world, [
        { meter: 'K1', at: at(1), kwh: '100' },
        { meter: 'K1', at: at(2), kwh: '1131' },
    ]);
    await refreshAll(world.workspace);
    assert.deepEqual(await estimatesOf('K1', 1, 20, 1), ['168.333333 register-scaled']);
    const load = (kw: string) =>
        world.load('attributes', `rated-${kw}.csv`, `metering_point_id,rated_kw\nP-K1,${kw}\n`);
    const rated = await changedBy(async () => void (await load('39')));
    assert.deepEqual(rated.content, ['K1 2024-02-06']);
    assert.deepEqual(await estimatesOf('K1', 1, 20, 1), ['0.500000 like-day']);
    const flags = await world.query(`select flags from register_advances where meter_id = 'K1'`);
    assert.deepEqual(flags, [{ flags: 'vee.register-maximum' }]);
    const off = validatedBy(world, 'rules: { vee.register-maximum: off }');
    await refreshAll({ ...off, lake: { ...off.lake, estimation: world.workspace.lake.estimation } });
    assert.deepEqual(await estimatesOf('K1', 1, 20, 1), ['168.333333 register-scaled']);
    await refreshAll(world.workspace);
    assert.deepEqual(await estimatesOf('K1', 1, 20, 1), ['0.500000 like-day']);
    // 1031 kWh in a day are 42.96 kW, and 39.06 kW × 110 % are 42.966
    await load('39.06');
    await refreshAll(world.workspace);
    assert.deepEqual(await estimatesOf('K1', 1, 20, 1), ['168.333333 register-scaled']);
});

test('a time between reads that is longer than the configuration says is not used, and without the method nothing is', async () => {
    const { workspace } = world;
    const withPolicy = (policy: Partial<Chain['lake']['estimation']>): Chain => ({
        ...workspace,
        lake: { ...workspace.lake, estimation: { ...workspace.lake.estimation, ...policy } },
    });
    const before = await published('W1');
    await refreshAll(withPolicy({ registerDays: 2 }));
    assert.deepEqual(await estimatesOf('W1', 1, 20, 1), ['0.500000 like-day']);
    assert.deepEqual(await estimatesOf('S1', 1, 20, 1), ['1.428571 register-scaled']);
    await refreshAll(withPolicy({ methods: ['linear', 'like-day'] }));
    const count = await world.query(
        `select count(*) as n from reads_interval where source_code = 'register-scaled'`,
    );
    assert.equal(Number(count[0]?.n), 0);
    await refreshAll(workspace);
    assert.deepEqual(await published('W1'), before);
});

test('without any like day it is shared evenly: 10 kWh on 48 half-hours are 0.208333, 0.208334, 0.208333 and so on', async () => {
    await ingestReads(world, [
        { meter: 'F1', at: at(1), kwh: '0' },
        { meter: 'F1', at: at(2), kwh: '10' },
    ]);
    await refreshAll(world.workspace);
    const estimates = await estimatesOf('F1', 1, 0, 48);
    const third = ['0.208333 flat', '0.208334 flat', '0.208333 flat'];
    assert.deepEqual(estimates, Array.from({ length: 16 }, () => third).flat());
    const period = { from: at(1), to: at(1, 1) };
    const { intervals } = await readingHistory(world.workspace, { meter: 'F1', period });
    const [estimate] = intervals.map((interval) => interval.estimate);
    assert.equal(
        estimate && estimateText(estimate),
        'estimated here, flat, low confidence: even share of what the register counted and no interval measured, 10.000000 less 0.000000 kWh ' +
            'from 2024-02-06T00:00:00Z to 2024-02-07T00:00:00Z; gap 2024-02-06T00:00:00Z to 2024-02-07T00:00:00Z',
    );
    // once there is a like day, it is shared as that was
    await ingestRows(world, halfHours('F1', at(0), halves(places(0, ['1.5']))));
    await refreshAll(world.workspace);
    assert.deepEqual(await estimatesOf('F1', 1, 0, 2), [
        '0.600000 register-scaled',
        '0.200000 register-scaled',
    ]);
});
