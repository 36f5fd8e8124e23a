import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { addDays, calendarDate } from '../../src/kernel/calendar-date.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { readStatus } from '../../src/pipeline/status.ts';
import { type ChainWorld, openChainWorld } from './chain-world.ts';
import { addHistoryFeed, day, HALF_HOUR, halfHours, ingestRows } from './validation-world.ts';

const FROM = Date.parse('2013-05-01T00:00:00+01:00');
const SHORT_DAY = Date.parse('2013-03-31T00:00:00Z');
const LONG_DAY = Date.parse('2013-10-27T00:00:00+01:00');

/** What is received on a day, and which places of it fail which rules. */
interface Case {
    readonly from: number;
    readonly values: readonly (string | null)[];
    readonly flags: Readonly<Record<number, string>>;
    readonly flow?: 'from_customer';
    readonly quality?: 'E';
}

const everyPlace = (count: number, rule: string) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [i, rule]));
/** A day that passes, with some values instead of its own. */
const varied = (others: Readonly<Record<number, string | null>>) => day(48, '0.1', { 47: '0.2', ...others });

const CASES: Readonly<Record<string, Case>> = {
    'spike: the vector of California, 210 %': {
        from: FROM,
        values: varied({ 10: '1.2', 11: '1.1', 12: '9.0', 13: '3.0', 14: '2.9' }),
        flags: { 12: 'vee.spike' },
    },
    'spike: 180 % is not above 180 %': {
        from: FROM,
        values: varied({ 10: '2', 11: '2.5', 12: '5.6' }),
        flags: {},
    },
    'spike: a millionth above 180 %': {
        from: FROM,
        values: varied({ 10: '2', 11: '2.5', 12: '5.600001' }),
        flags: { 12: 'vee.spike' },
    },
    'spike: the highest twice': {
        from: FROM,
        values: varied({ 10: '2.9', 11: '9', 12: '9' }),
        flags: { 11: 'vee.spike', 12: 'vee.spike' },
    },
    'spike: the highest three times': {
        from: FROM,
        values: varied({ 10: '9', 11: '9', 12: '9' }),
        flags: {},
    },
    'spike: 3 kW are judged': { from: FROM, values: varied({ 12: '1.5' }), flags: { 12: 'vee.spike' } },
    'spike: less than 3 kW is not': { from: FROM, values: varied({ 12: '1.499999' }), flags: {} },
    'spike: over zeros': {
        from: FROM,
        values: day(48, '0', { 12: '5' }),
        flags: { 12: 'vee.spike' },
    },
    'spike: two values have no third': {
        from: FROM,
        values: day(
            48,
            '0',
            Object.fromEntries([...Array(48).keys()].map((i) => [i, i < 2 ? String(1 + 8 * i) : null])),
        ),
        flags: {},
    },
    'zero: a whole day': { from: FROM, values: day(48, '0'), flags: everyPlace(48, 'vee.zero') },
    'zero: a millionth is none': { from: FROM, values: day(48, '0', { 7: '0.000001' }), flags: {} },
    'zero: half an hour less than a day': { from: FROM, values: day(48, '0', { 47: null }), flags: {} },
    'zero: a day of 46 half-hours': {
        from: SHORT_DAY,
        values: day(46, '0'),
        flags: everyPlace(46, 'vee.zero'),
    },
    'zero: 45 of 46': { from: SHORT_DAY, values: day(46, '0', { 3: null }), flags: {} },
    'zero: a day of 50 half-hours': {
        from: LONG_DAY,
        values: day(50, '0'),
        flags: everyPlace(50, 'vee.zero'),
    },
    'zero: 24 of its 25 hours': {
        from: LONG_DAY,
        values: day(50, '0', { 0: null, 49: null }),
        flags: Object.fromEntries(Object.entries(everyPlace(49, 'vee.zero')).filter(([i]) => i !== '0')),
    },
    'zero: half an hour less than 24': {
        from: LONG_DAY,
        values: day(50, '0', { 0: null, 1: null, 49: null }),
        flags: {},
    },
    'zero: production rests at night': { from: FROM, values: day(48, '0'), flags: {}, flow: 'from_customer' },
    'flat line: a whole day': { from: FROM, values: day(48, '0.3'), flags: everyPlace(48, 'vee.flat-line') },
    'flat line: a millionth apart': { from: FROM, values: day(48, '0.3', { 20: '0.300001' }), flags: {} },
    'flat line: estimates of the source may be alike': {
        from: FROM,
        values: day(48, '0.3'),
        flags: {},
        quality: 'E',
    },
    'maximum: what 10 kW and a tenth give': {
        from: FROM,
        values: varied({ 5: '5.5', 6: '5.4', 7: '5.3' }),
        flags: {},
    },
    'maximum: a millionth more': {
        from: FROM,
        values: varied({ 5: '5.500001', 6: '5.4', 7: '5.3' }),
        flags: { 5: 'vee.maximum' },
    },
    'maximum and spike': { from: FROM, values: varied({ 5: '6' }), flags: { 5: 'vee.maximum,vee.spike' } },
    'maximum: two of a day': {
        from: FROM,
        values: varied({ 5: '6', 6: '7', 7: '3' }),
        flags: { 5: 'vee.maximum', 6: 'vee.maximum' },
    },
};

let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'Europe/London', bucketSize: 16 });
    addHistoryFeed(world);
    const points = Object.entries(CASES).map(([name, c], i) => ({ name, ...c, id: meterOf(i) }));
    await world.load(
        'metering-points',
        'points.csv',
        `metering_point_id,meter_id,interval_minutes,flow,valid_from,valid_to\n${points
            .map(({ id, flow = 'to_customer', from }) => {
                const date = dayOf(from);
                return `P${id},${id},30,${flow},${date},${addDays(date, 1)}`;
            })
            .join('\n')}\n`,
    );
    const rated = points.filter(({ name }) => name.startsWith('maximum'));
    await world.load(
        'attributes',
        'rated.csv',
        `metering_point_id,rated_kw\n${rated.map(({ id }) => `P${id},10`).join('\n')}\n`,
    );
    await ingestRows(
        world,
        points.flatMap(({ id, from, values, quality }) =>
            halfHours(id, from, values, quality ? { quality } : {}),
        ),
    );
    await refreshAll(world.workspace);
});

after(() => world.end());

const dayOf = (from: number) => calendarDate(new Date(from + 7_200_000).toISOString().slice(0, 10));
const meterOf = (i: number) => `M${String(i).padStart(2, '0')}`;

for (const [i, [name, { from, flags }]] of Object.entries(CASES).entries()) {
    test(name, async () => {
        const rows = await world.query(
            `select (epoch_ms(period_from) - ${from}) // ${HALF_HOUR} as place, flags from reads_interval
              where meter_id = '${meterOf(i)}' and flags is not null order by 1`,
        );
        assert.deepEqual(Object.fromEntries(rows.map((row) => [Number(row.place), row.flags])), flags);
    });
}

test('marks count the readings of each channel, day and rule', async () => {
    const marks = await world.query(
        `select meter_id, cast(market_day as varchar) as day, rule_id, severity, feed_id is not null as has_feed, interval_count
           from reading_marks where rule_id <> 'vee.interval-count' order by all`,
    );
    const expected = Object.values(CASES).flatMap(({ from, flags }, i) => {
        const rules = Object.values(flags).flatMap((text) => text.split(','));
        return [...Map.groupBy(rules, (rule) => rule)].map(([rule_id, of]) => ({
            meter_id: meterOf(i),
            day: dayOf(from),
            rule_id,
            severity: 'mark',
            has_feed: true,
            interval_count: of.length,
        }));
    });
    const text = (row: object) => JSON.stringify(row);
    assert.deepEqual(marks.map(text).sort(), expected.map(text).sort());
});

test('a day has 46, 48 or 50 half-hours, and what is missing of them is counted', async () => {
    const marks = await world.query(
        `select meter_id, interval_count, feed_id, severity from reading_marks where rule_id = 'vee.interval-count' order by 1`,
    );
    const expected = Object.values(CASES).flatMap(({ values }, i) => {
        const missing = values.filter((value) => value === null).length;
        const mark = { meter_id: meterOf(i), interval_count: missing, feed_id: null, severity: 'mark' };
        return missing === 0 ? [] : [mark];
    });
    assert.equal(expected.length, 5);
    assert.deepEqual(marks, expected);
});

test('counts by rule, feed and day are those of the marks and of the flags, and the status has their sums', async () => {
    const counts = await world.query(
        `select rule_id, cast(sum(interval_count) as bigint) as n from validation_counts group by 1 order by 1`,
    );
    const flags = await world.query(
        `select rule_id, count(*) as n from (select unnest(string_split(flags, ',')) as rule_id from reads_interval) group by 1 order by 1`,
    );
    assert.ok(flags.length === 4);
    assert.deepEqual(
        counts.filter((row) => row.rule_id !== 'vee.interval-count'),
        flags,
    );
    const [missing] = await world.query('select sum(missing_count) as n from reads_daily');
    const status = await readStatus(world.workspace.lake);
    assert.deepEqual(status.failedByRule, {
        ...Object.fromEntries(flags.map((row) => [row.rule_id, Number(row.n)])),
        'vee.interval-count': Number(missing?.n),
    });
    assert.equal(status.rejected, 0);
});

test('what was known at an instant is validated alike', async () => {
    const sql = `select meter_id, epoch_us(read_at) as at, flags from reads_15min where flags is not null order by all`;
    const now = await world.query(sql);
    assert.ok(now.length > 200);
    assert.deepEqual(await world.query(sql, Date.now() + 60_000), now);
    const counts = 'select * from validation_counts order by all';
    assert.deepEqual(await world.query(counts, Date.now() + 60_000), await world.query(counts));
});
