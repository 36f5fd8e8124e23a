// test limit: 240 s
import assert from 'node:assert/strict';
import { after, before, describe, it, test } from 'node:test';
import fc from 'fast-check';
import { addDays, type CalendarDate, calendarDate } from '../../src/kernel/calendar-date.ts';
import { type DailyPartition, groupMarkJobs, planDayMarks } from '../../src/lake/day-mark-plan.ts';
import { planMarksOf, planRefreshOf, refreshAll } from '../../src/pipeline/chain.ts';
import { withPublishedViews } from '../../src/pipeline/published-views.ts';
import { readStatus } from '../../src/pipeline/status.ts';
import { type ChainWorld, openChainWorld, type ReadingRow } from './chain-world.ts';
import { addHistoryFeed, ingestRows, validatedBy } from './validation-world.ts';

const HOUR = 3_600_000;
const FIRST = calendarDate('2013-05-01');
const dayNo = (n: number): CalendarDate => addDays(FIRST, n);

interface Delivery {
    readonly meter: string;
    readonly day: number;
    readonly kwh: number;
    readonly quality: 'A' | 'E' | 'W';
    readonly hasSpike: boolean;
}

/** A day whose 24 hours add up to so many millionths of a kWh: equal ones, and the rest in the last. */
function dayOf(meter: string, n: number, micro: number, part: Partial<ReadingRow> = {}): ReadingRow[] {
    const each = Math.floor(micro / 24);
    return Array.from({ length: 24 }, (_, hour) => ({
        meter,
        at: Date.parse(dayNo(n)) + hour * HOUR,
        minutes: 60,
        kwh: ((hour < 23 ? each : micro - 23 * each) / 1e6).toFixed(6),
        ...part,
    }));
}

async function worldOf(meters: readonly string[]): Promise<ChainWorld> {
    const world = await openChainWorld({ marketZone: 'UTC', bucketSize: 16 });
    addHistoryFeed(world);
    const lines = meters.map((m) => `P${m},${m},60,${FIRST}`);
    await world.load(
        'metering-points',
        'points.csv',
        `metering_point_id,meter_id,interval_minutes,valid_from\n${lines.join('\n')}\n`,
    );
    return world;
}

const MARKS = `select meter_id, cast(market_day as varchar) as day, rule_id, severity, cast(kwh as varchar) as kwh,
    cast(compared_kwh as varchar) as compared, day_count from day_marks order by meter_id, day, rule_id`;

const REJECTED =
    'select meter_id, epoch_us(period_from) as at, cast(kwh as varchar) as kwh, flags from rejected_readings order by all';
const FLAGGED =
    'select meter_id, rule_id, severity, market_day, interval_count from reading_marks order by all';

describe('marks beside other days', () => {
    const KWH = 1_000_000;
    /** Energy of days 0, 7, 14, 21, 28 in millionths; null: no reading; and whether the last of them is marked. */
    const CASES: Readonly<Record<string, readonly [days: readonly (number | null)[], isMarked: boolean]>> = {
        'three times the mean is within the band': [[8, 10, 12, 10, 30].map((k) => k * KWH), false],
        'a millionth more is too high': [[8 * KWH, 10 * KWH, 12 * KWH, 10 * KWH, 30 * KWH + 1], true],
        'a fifth of the mean is within the band': [[8, 10, 12, 10, 2].map((k) => k * KWH), false],
        'a millionth less is too low': [[8 * KWH, 10 * KWH, 12 * KWH, 10 * KWH, 2 * KWH - 1], true],
        'three whole days are enough': [[null, 10 * KWH, 12 * KWH, 10 * KWH, 40 * KWH], true],
        'two are not': [[null, null, 12 * KWH, 10 * KWH, 40 * KWH], false],
        'a kWh is judged': [[0.1, 0.1, 0.1, 0.1, 1].map((k) => k * KWH), true],
        'less is not': [[0.1 * KWH, 0.1 * KWH, 0.1 * KWH, 0.1 * KWH, KWH - 1], false],
        'nothing after a mean of a kWh is too low': [[1, 1, 1, 1, 0].map((k) => k * KWH), true],
        'after a smaller mean it is not': [[KWH, KWH, KWH, KWH - 4, 0], false],
        'where there was nothing a kWh is too high': [[0, 0, 0, 0, 1].map((k) => k * KWH), true],
    };
    const meterOf = (i: number) => `H${String(i).padStart(2, '0')}`;
    const OTHERS = ['GAP', 'EST', 'RUN', 'CUT'];
    let world: ChainWorld;

    before(async () => {
        world = await worldOf([...Object.keys(CASES).map((_, i) => meterOf(i)), ...OTHERS]);
        const rows = Object.values(CASES).flatMap(([days], i) =>
            days.flatMap((micro, week) => (micro === null ? [] : dayOf(meterOf(i), 7 * week, micro))),
        );
        const high = [0, 7, 14, 21].flatMap((n) => ['GAP', 'EST'].flatMap((m) => dayOf(m, n, 10 * KWH)));
        const estimates = (meter: string, from: number, to: number) =>
            Array.from({ length: to - from }, (_, i) => dayOf(meter, from + i, KWH, { quality: 'E' })).flat();
        await ingestRows(world, [
            ...rows,
            ...high,
            ...dayOf('GAP', 28, 90 * KWH).slice(1),
            ...dayOf('EST', 28, 90 * KWH).map((row, i) =>
                i === 5 ? { ...row, quality: 'E' as const } : row,
            ),
            ...estimates('RUN', 3, 20),
            ...estimates('CUT', 3, 10),
            ...dayOf('CUT', 10, KWH).slice(0, 1),
            ...estimates('CUT', 11, 25),
        ]);
        await refreshAll(world.workspace);
    });
    after(() => world.end());

    for (const [i, [name, [days, isMarked]]] of Object.entries(CASES).entries()) {
        it(name, async () => {
            const marks = (await world.query(MARKS)).filter((m) => m.meter_id === meterOf(i));
            const before = days.slice(0, 4).flatMap((micro) => (micro === null ? [] : [micro]));
            const mark = {
                meter_id: meterOf(i),
                day: dayNo(28),
                rule_id: 'vee.high-low',
                severity: 'mark',
                kwh: ((days[4] ?? 0) / 1e6).toFixed(6),
                compared: (before.reduce((sum, micro) => sum + micro, 0) / 1e6).toFixed(6),
                day_count: before.length,
            };
            assert.deepEqual(marks, isMarked ? [mark] : []);
        });
    }

    it('a day with a gap, or with an estimate, is not judged by its energy', async () => {
        const marks = await world.query(MARKS);
        assert.ok(!marks.some((m) => m.meter_id === 'GAP' || m.meter_id === 'EST'));
    });

    it('more than fourteen days of estimates in a row are too many, and a measured value ends the row', async () => {
        const marks = (await world.query(MARKS)).filter((m) => m.rule_id === 'vee.prolonged-estimation');
        const expected = [17, 18, 19].map((n) => ({
            meter_id: 'RUN',
            day: dayNo(n),
            rule_id: 'vee.prolonged-estimation',
            severity: 'mark',
            kwh: '1.000000',
            compared: null,
            day_count: 15,
        }));
        assert.deepEqual(marks, expected);
    });

    it('are counted by rule and day, and in the status', async () => {
        const counts = await world.query(
            `select rule_id, cast(sum(channel_days) as bigint) as n from validation_counts
              where rule_id in ('vee.high-low', 'vee.prolonged-estimation') group by 1 order by 1`,
        );
        const marked = Object.values(CASES).filter(([, isMarked]) => isMarked).length;
        assert.deepEqual(counts, [
            { rule_id: 'vee.high-low', n: BigInt(marked) },
            { rule_id: 'vee.prolonged-estimation', n: 3n },
        ]);
        const intervals = await world.query(
            `select c.rule_id, c.feed_id is null as is_ours, cast(sum(c.interval_count) as bigint) as n from validation_counts as c
              where c.rule_id in ('vee.high-low', 'vee.prolonged-estimation') group by 1, 2 order by 1`,
        );
        // every day of high/low is whole
        const days = await world.query(
            `select m.rule_id, r.feed_id is null as is_ours, count(*) as n from day_marks as m
              inner join reads_interval as r on r.channel_no = m.channel_no and r.market_day = m.market_day
              where m.rule_id in ('vee.high-low', 'vee.prolonged-estimation') group by 1, 2 order by 1`,
        );
        assert.deepEqual(intervals, days);
        assert.ok(days.every(({ n }) => Number(n) > 0));
        const { failedByRule } = await readStatus(world.workspace.lake);
        assert.equal(failedByRule['vee.high-low'], marked);
        assert.equal(failedByRule['vee.prolonged-estimation'], 3);
    });

    it('a correction makes the marks of its day and of the weeks after it anew, and readings of its day alone', async () => {
        const chain = world.workspace;
        await ingestRows(world, dayOf(meterOf(0), 7, 9 * KWH, { version: 2 }));
        const plan = await planRefreshOf(chain);
        assert.deepEqual(
            plan.rebuilds.map((r) => r.marketDay),
            [dayNo(7)],
        );
        const foreseen = (await planMarksOf(chain, plan)).map((p) => `${p.marketDay} ${p.reasons}`);
        assert.deepEqual(
            foreseen,
            // up to the 21st because of estimates on each of these days, within 14 days of the corrected one
            [...Array.from({ length: 15 }, (_, n) => 7 + n), 28].map((n) => `${dayNo(n)} days`),
        );
        const result = await refreshAll(chain);
        assert.deepEqual([result.merged, result.marked], [1, 16]);
        // 8 + 9 + 12 + 10 = 39: 30 is above three times their mean now
        assert.ok((await world.query(MARKS)).some((m) => m.meter_id === meterOf(0)));
        assert.equal((await refreshAll(chain)).marked, 0);
    });

    it('a setting of theirs makes no readings stale', async () => {
        const chain = validatedBy(world, 'rules: { vee.high-low: { severity: hold, highPercent: 250 } }');
        const plan = await planRefreshOf(chain);
        assert.deepEqual(plan.rebuilds, []);
        const marks = await planMarksOf(chain, plan);
        assert.ok(marks.length > 20 && marks.every((m) => m.reasons.join() === 'validation settings'));
        await refreshAll(chain);
        assert.ok(
            (await world.query(MARKS)).every((m) => m.rule_id !== 'vee.high-low' || m.severity === 'hold'),
        );
        const off = validatedBy(world, 'rules: { vee.high-low: off, vee.prolonged-estimation: off }');
        await refreshAll(off);
        assert.deepEqual(await world.query(MARKS), []);
        await refreshAll(world.workspace);
        assert.ok((await world.query(MARKS)).length > 5);
    });

    it('as known at an instant they are the same', async () => {
        const now = await world.query(MARKS);
        assert.deepEqual(await world.query(MARKS, Date.now() + 60_000), now);
    });
});

describe('a plan of marks', () => {
    const partition = (n: number, part: Partial<DailyPartition> = {}): DailyPartition => ({
        marketDay: dayNo(n),
        bucket: 0,
        version: 3,
        rowCount: 10,
        hasEstimates: false,
        pairs: [],
        settings: 's',
        attributes: '0:0',
        ...part,
    });
    const back = { weeks: 4, days: 14 };
    const RULES = { model: 'm', bucketSize: 16 };
    const published = (list: readonly DailyPartition[]): DailyPartition[] =>
        planDayMarks(list, back, RULES).map(({ inputs, publishedVersion, ...key }) => ({
            ...(list.find((p) => p.marketDay === key.marketDay) ?? partition(0)),
            published: { version: publishedVersion + 1, inputs },
        }));
    const daysOf = (list: readonly { marketDay: CalendarDate }[]) => list.map((p) => p.marketDay);

    it('is empty where nothing changed, and names days whose own or earlier weekdays changed', () => {
        const all = published(Array.from({ length: 40 }, (_, n) => partition(n)));
        assert.deepEqual(planDayMarks(all, back, RULES), []);
        const changed = all.map((p) => (p.marketDay === dayNo(2) ? { ...p, version: 4 } : p));
        assert.deepEqual(daysOf(planDayMarks(changed, back, RULES)), [2, 9, 16, 23, 30].map(dayNo));
        assert.deepEqual(
            daysOf(planDayMarks(all, back, RULES, [{ marketDay: dayNo(2), bucket: 0 }])),
            [2, 9, 16, 23, 30].map(dayNo),
        );
    });

    it('looks at the days before only where both have estimates', () => {
        const list = Array.from({ length: 20 }, (_, n) => partition(n, { hasEstimates: n > 3 && n < 9 }));
        const all = published(list);
        const changed = all.map((p) => (p.marketDay === dayNo(5) ? { ...p, version: 4 } : p));
        assert.deepEqual(daysOf(planDayMarks(changed, back, RULES)), [5, 6, 7, 8, 12, 19].map(dayNo));
    });

    it('puts partitions of a bucket into one job, within bounds', () => {
        const planned = planDayMarks(
            Array.from({ length: 100 }, (_, n) => partition(n, { rowCount: n < 70 ? 10 : 900_000 })),
            back,
            RULES,
        );
        const jobs = groupMarkJobs(planned).map((job) => job.length);
        assert.equal(jobs[0], 64);
        assert.equal(
            jobs.reduce((sum, n) => sum + n, 0),
            100,
        );
        assert.ok(jobs.slice(2).every((n) => n === 1));
    });
});

test('in any order of arrival, with refreshes in between, marks are those of a computation of everything', async () => {
    const meters = ['A', 'B'];
    const world = await worldOf(meters);
    const chain = validatedBy(
        world,
        'rules: { vee.high-low: { weeksMin: 1 }, vee.prolonged-estimation: { days: 1, severity: hold }, vee.spike: estimate }',
    );
    const seen = (sql: string, at: object = {}) =>
        withPublishedViews(chain, { showsIdentity: true, ...at }, (session) => session.rows(sql));
    const later = () => ({ asOf: Date.now() + 60_000 });
    const delivery = fc.record({
        meter: fc.constantFrom(...meters),
        day: fc.integer({ min: 0, max: 9 }).map((n) => (n % 2) + 7 * Math.floor(n / 2)),
        kwh: fc.constantFrom(1, 10, 60),
        hasSpike: fc.constantFrom(true, false, false, false),
        quality: fc.constantFrom('A' as const, 'A' as const, 'A' as const, 'E' as const, 'W' as const),
    });
    let version = 0;
    let found = 0;
    let foundRejected = 0;
    const rowsOf = ({ meter, day, kwh, quality, hasSpike }: Delivery) => {
        version += 1;
        const rows = dayOf(meter, day, kwh * 1_000_000, { quality, version }).map((row, hour) =>
            hasSpike && hour === 12 ? { ...row, kwh: '99' } : row,
        );
        return quality === 'W' ? rows.slice(0, 3).map((row) => ({ ...row, kwh: '' })) : rows;
    };
    const run = fc.asyncProperty(fc.array(delivery, { minLength: 16, maxLength: 24 }), async (deliveries) => {
        for (let at = 0; at < deliveries.length; at += 4) {
            await ingestRows(world, deliveries.slice(at, at + 4).flatMap(rowsOf));
            await refreshAll(chain);
        }
        const marks = await seen(MARKS);
        found += marks.length;
        assert.deepEqual(await seen(MARKS, later()), marks);
        const rejected = await seen(REJECTED);
        foundRejected += rejected.length;
        for (const sql of [REJECTED, FLAGGED]) assert.deepEqual(await seen(sql, later()), await seen(sql));
        const [counted] = await chain.lake.db.query<{ n: number | null }>(
            `select sum((m ->> 'channelDays')::int)::int as n from partitions, jsonb_array_elements(stats -> 'marks') m where table_name = 'day_marks'`,
        );
        assert.equal(counted?.n ?? 0, marks.length);
    });
    try {
        await fc.assert(run, { numRuns: 3, seed: 20130501, endOnFailure: true });
        assert.ok(found > 5, `${found} marks were compared`);
        assert.ok(foundRejected > 3, `${foundRejected} rejected readings were compared`);
    } finally {
        await world.end();
    }
});
