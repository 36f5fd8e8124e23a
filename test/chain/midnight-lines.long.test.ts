import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { planRefreshOf, refreshAll } from '../../src/pipeline/chain.ts';
import { readingHistory } from '../../src/pipeline/reading-history.ts';
import { estimateText } from '../../src/trace/traced-estimate.ts';
import type { ChainWorld } from './chain-world.ts';
import { withJobsOf } from './job-limits.ts';
import { ingestReads } from './register-world.ts';
import { DAY, day, HALF_HOUR, halfHours, ingestRows, MONDAY, openMeters } from './validation-world.ts';

let world: ChainWorld;

before(async () => {
    world = await openMeters(['V1', 'V2', 'L1', 'E1', 'R1', 'Z9']);
});

after(async () => {
    await world.end();
});

const at = (dayNo: number, slot = 0) => MONDAY + dayNo * DAY + slot * HALF_HOUR;

/** Two half-hours of Monday and two of Tuesday are missing, between 1.0 and 2.0. */
const EVENING = day(48, '0.5', { 45: '1.0', 46: null, 47: null });
const MORNING = day(48, '0.5', { 0: null, 1: null, 2: '2.0' });

/** With one partition to a job, what lies beyond midnight is seen as published. */
async function refreshDays(maxPartitions = 100): Promise<void> {
    const chain = withJobsOf(world.workspace, maxPartitions);
    await refreshAll(chain);
    assert.deepEqual((await planRefreshOf(chain)).rebuilds, []);
}

/** Of the four half-hours around Tuesday's midnight. */
async function nightOf(meter: string): Promise<string[]> {
    const rows = await world.query(
        `select epoch_ms(period_from) as at, kwh, case when feed_id is null then source_code else quality end as what
           from reads_interval where meter_id = '${meter}'`,
    );
    const found = new Map(rows.map((row) => [Number(row.at), `${row.kwh} ${row.what}`]));
    return [-2, -1, 0, 1].map((i) => found.get(at(1, i)) ?? 'missing');
}

async function versionsOf(): Promise<string[]> {
    const rows = await world.workspace.db.query<{ day: string; version: number }>(
        `select market_day::text as day, version from partitions where table_name = 'reads_interval' order by 1`,
    );
    return rows.map((row) => `${row.day} ${row.version}`);
}

const LINE = ['1.200000 linear', '1.400000 linear', '1.600000 linear', '1.800000 linear'];

test('a gap over midnight is one line between its neighbours on either day, whichever day comes first', async () => {
    await ingestRows(world, halfHours('Z9', at(2), ['0.5']));
    await ingestRows(world, halfHours('V1', at(0), EVENING));
    await ingestRows(world, halfHours('V2', at(1), MORNING));
    await refreshDays(1);
    // of the other day nothing has come, and there is no day that it would be like
    assert.deepEqual(
        await nightOf('V1'),
        Array.from({ length: 4 }, () => 'missing'),
    );
    await ingestRows(world, halfHours('V1', at(1), MORNING));
    await ingestRows(world, halfHours('V2', at(0), EVENING));
    await refreshDays(1);
    assert.deepEqual(await nightOf('V1'), LINE);
    assert.deepEqual(await nightOf('V2'), LINE);
});

test('each day has a row for its part, which tells both ends', async () => {
    const rows = await world.query(
        `select interval_count, method, kwh_before, kwh_after, epoch_ms(before_from) as before_ms, epoch_ms(after_from) as after_ms, kwh
           from reading_estimates where meter_id = 'V1' and method is not null order by gap_from`,
    );
    const ends = ['1.000000', '2.000000', at(0, 45), at(1, 2)];
    assert.deepEqual(
        rows.map((row) => [
            ...[row.interval_count, row.method, row.kwh_before, row.kwh_after].map(String),
            ...[Number(row.before_ms), Number(row.after_ms), String(row.kwh)],
        ]),
        [
            ['2', 'linear', ...ends, '2.600000'],
            ['2', 'linear', ...ends, '3.400000'],
        ],
    );
    const period = { from: at(1), to: at(1, 1) };
    const { intervals } = await readingHistory(world.workspace, { meter: 'V1', period });
    assert.deepEqual(
        intervals.map(({ estimate }) => estimate && estimateText(estimate)),
        [
            'estimated here, linear, high confidence: a line from 1.000000 to 2.000000, measured from 2024-02-05T22:30:00Z and from ' +
                '2024-02-06T01:00:00Z; gap 2024-02-06T00:00:00Z to 2024-02-06T01:00:00Z',
        ],
    );
});

test('a neighbour that is corrected or withdrawn beyond midnight makes the other day’s part anew; no other value of its day does', async () => {
    const before = await versionsOf();
    const changed = async () => {
        const now = await versionsOf();
        return now.filter((one, i) => one !== before[i]).map((one) => one.slice(0, 10));
    };
    await ingestRows(world, halfHours('V1', at(1, 3), ['0.7'], { version: 2 }));
    await refreshDays();
    assert.deepEqual(await changed(), ['2024-02-06']);
    await ingestRows(world, halfHours('V1', at(1, 2), ['3.0'], { version: 2 }));
    await refreshDays(1);
    assert.deepEqual(await changed(), ['2024-02-05', '2024-02-06']);
    assert.deepEqual(await nightOf('V1'), [
        '1.400000 linear',
        '1.800000 linear',
        '2.200000 linear',
        '2.600000 linear',
    ]);
    // the gap is five half-hours now, and no line
    await ingestRows(world, halfHours('V1', at(1, 2), [''], { quality: 'W', version: 3 }));
    await refreshDays();
    assert.deepEqual(await nightOf('V1'), ['missing', 'missing', '0.500000 like-day', '0.500000 like-day']);
    assert.deepEqual(await nightOf('V2'), LINE);
});

test('a measured value within the gap cuts it at midnight or elsewhere', async () => {
    await ingestRows(world, halfHours('V2', at(0, 47), ['5']));
    await refreshDays();
    assert.deepEqual(await nightOf('V2'), [
        '3.000000 linear',
        '5.000000 measured',
        '4.000000 linear',
        '3.000000 linear',
    ]);
});

test('a gap that is longer than two hours with its part beyond midnight is no line, nor is one beside a vendor’s estimate', async () => {
    await ingestRows(world, [
        ...halfHours('L1', at(0), day(48, '0.5', { 45: null, 46: null, 47: null })),
        ...halfHours('L1', at(1), day(48, '0.5', { 0: null, 1: null })),
        ...halfHours('E1', at(0), EVENING),
        ...halfHours('E1', at(1), MORNING),
        ...halfHours('E1', at(1, 1), ['9'], { quality: 'E' }),
    ]);
    await refreshDays();
    const likeDay = '0.500000 like-day';
    assert.deepEqual(await nightOf('L1'), ['missing', 'missing', likeDay, likeDay]);
    assert.deepEqual(await nightOf('E1'), ['missing', 'missing', likeDay, '9.000000 estimated']);
});

test('what a register leaves of a gap lies on the line of the whole gap, beyond midnight too', async () => {
    await ingestRows(world, [...halfHours('R1', at(0), EVENING), ...halfHours('R1', at(1), MORNING)]);
    // 45 half-hours of 0.5 and one of 1.0 less the first ten; the last half-hour that begins before the read is Monday's last but one
    await ingestReads(world, [
        { meter: 'R1', at: at(0, 10), kwh: '0' },
        { meter: 'R1', at: at(0, 47), kwh: '22.5' },
    ]);
    await refreshDays();
    assert.deepEqual(await nightOf('R1'), ['4.000000 register-scaled', ...LINE.slice(1)]);
});
