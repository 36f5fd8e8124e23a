import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { addDays, calendarDate } from '../../src/kernel/calendar-date.ts';
import { type Chain, planRefreshOf, refreshAll } from '../../src/pipeline/chain.ts';
import { editReadings } from '../../src/pipeline/edit-readings.ts';
import { readingHistory } from '../../src/pipeline/reading-history.ts';
import { readStatus } from '../../src/pipeline/status.ts';
import { type ChainWorld, handClock, openChainWorld, publishedContent } from './chain-world.ts';
import { addHistoryFeed, day, HALF_HOUR, halfHours, ingestRows, validatedBy } from './validation-world.ts';

const FIRST = calendarDate('2013-05-01');
const FROM = Date.parse(FIRST);
const DAY = 48 * HALF_HOUR;
/** Three years after the first day. */
const clock = handClock('2016-05-01T00:00:00Z');
let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC', bucketSize: 16, clock });
    addHistoryFeed(world);
    // the last three lie in the second bucket
    const meters = Array.from({ length: 19 }, (_, i) => `M${String(i).padStart(2, '0')}`);
    await world.load(
        'metering-points',
        'points.csv',
        `metering_point_id,meter_id,interval_minutes,valid_from\n${meters.map((m) => `P${m},${m},30,${FIRST}`).join('\n')}\n`,
    );
});

after(() => world.end());

async function planOf(chain: Chain): Promise<string[]> {
    const { rebuilds } = await planRefreshOf(chain);
    return rebuilds.map((r) => `${r.marketDay}/${r.bucket} ${r.kind} ${r.reasons.join(' and ')}`);
}

const SPIKE = { 12: '9', 20: '0.2' };
/** Two days, of a meter in each bucket; the first has a spike. */
const bothDays = (meter: string) => [
    ...halfHours(meter, FROM, day(48, '0.1', SPIKE)),
    ...halfHours(meter, FROM + DAY, day(48, '0.1', { 3: '0.2' })),
];

async function outcome(): Promise<object> {
    const flags = await world.query(
        `select meter_id, flags, count(*) as n from reads_interval where flags is not null group by all order by all`,
    );
    const rejected = await world.query(
        'select meter_id, kwh, flags from rejected_readings order by period_from, meter_id',
    );
    const gaps = await world.query(
        "select meter_id, missing_count from reading_gaps where meter_id in ('M00', 'M16') order by all",
    );
    return {
        flags: flags.map((r) => `${r.meter_id} ${r.flags} ${r.n}`),
        rejected: rejected.map((r) => `${r.meter_id} ${r.kwh} ${r.flags}`),
        gaps: gaps.map((r) => `${r.meter_id} ${r.missing_count}`),
    };
}

async function assertAddsUp(): Promise<void> {
    const [rows] = await world.query(
        `select count(*) as n from reads_daily as d left join (
             select channel_no, market_day, count(*) as n from rejected_readings group by all) as r
           on r.channel_no = d.channel_no and r.market_day = d.day
          where row_count <> measured_count + estimated_count + superseded_count + withdrawn_count + duplicate_count
              + stale_duplicate_count + coalesce(r.n, 0)`,
    );
    assert.equal(Number(rows?.n), 0);
    const s = await readStatus(world.workspace.lake);
    const decided =
        s.winning + s.superseded + s.withdrawn + s.rejected + s.duplicates + s.duplicatesOfSuperseded;
    assert.equal(s.versions, decided);
}

test('by default a spike is marked and counts', async () => {
    await ingestRows(world, [...bothDays('M00'), ...bothDays('M16')]);
    await refreshAll(world.workspace);
    assert.deepEqual(await outcome(), {
        flags: ['M00 vee.spike 1', 'M16 vee.spike 1'],
        rejected: [],
        gaps: [],
    });
    await assertAddsUp();
});

test('a rule whose severity is estimate rejects the reading, and its interval is missing', async () => {
    const before = await publishedContent(world);
    const chain = validatedBy(world, 'rules: { vee.spike: estimate }');
    const all = [0, 1].flatMap((n) =>
        [0, 1].map((b) => `${addDays(FIRST, n)}/${b} curate validation settings`),
    );
    assert.deepEqual(await planOf(chain), all);
    await refreshAll(chain);
    assert.deepEqual(await planOf(chain), []);
    assert.deepEqual(await outcome(), {
        flags: [],
        rejected: ['M00 9.000000 vee.spike', 'M16 9.000000 vee.spike'],
        gaps: ['M00 1', 'M16 1'],
    });
    await assertAddsUp();
    const [mark] = await world.query(
        `select severity, interval_count from reading_marks where rule_id = 'vee.spike' and meter_id = 'M00'`,
    );
    assert.deepEqual(mark, { severity: 'estimate', interval_count: 1 });
    const { lake } = chain;
    assert.deepEqual((await readStatus(lake)).failedByRule['vee.spike'], 2);
    await refreshAll(world.workspace);
    assert.deepEqual(
        await publishedContent(world),
        before,
        'nothing is left of it where the rule marks again',
    );
});

test('history says why a rejected value lost, also where only its interval is asked for', async () => {
    const chain = validatedBy(world, 'rules: { vee.spike: estimate }');
    await refreshAll(chain);
    const period = { from: FROM + 12 * HALF_HOUR, to: FROM + 13 * HALF_HOUR };
    const { intervals } = await readingHistory(chain, { meter: 'M00', period });
    assert.equal(intervals.length, 1);
    const [interval] = intervals;
    assert.deepEqual([interval?.kwh, interval?.quality], [null, 'missing']);
    const [version] = interval?.versions ?? [];
    assert.deepEqual(
        [version?.kwh, version?.outcome, version?.failedRules, version?.reason],
        ['9.000000', 'rejected', ['vee.spike'], 'rejected'],
    );
    assert.match(
        version?.why ?? '',
        /fails vee\.spike: it does not count as measured, so the interval is missing/,
    );
});

test("a correction of a rejected value is judged anew, and a person's value is never rejected", async () => {
    const chain = validatedBy(world, 'rules: { vee.spike: estimate }');
    await refreshAll(chain);
    await ingestRows(world, [{ meter: 'M00', at: FROM + 12 * HALF_HOUR, kwh: '0.3', version: 2 }]);
    assert.deepEqual(await planOf(chain), ['2013-05-01/0 merge readings']);
    await refreshAll(chain);
    assert.deepEqual(((await outcome()) as { rejected: string[] }).rejected, ['M16 9.000000 vee.spike']);
    await ingestRows(world, [{ meter: 'M00', at: FROM + 12 * HALF_HOUR, kwh: '9', version: 3 }]);
    await refreshAll(chain);
    assert.deepEqual(((await outcome()) as { rejected: string[] }).rejected, [
        'M00 9.000000 vee.spike',
        'M16 9.000000 vee.spike',
    ]);
    await assertAddsUp();
    const edited = { meter: 'M16', from: FROM + 12 * HALF_HOUR, kwh: '9', quality: 'measured' } as const;
    await editReadings(chain, 'Ada', [{ ...edited, reason: 'the kiln was on', place: {} }]);
    await refreshAll(chain);
    assert.deepEqual(((await outcome()) as { rejected: string[] }).rejected, ['M00 9.000000 vee.spike']);
    const [row] = await world.query(
        `select cast(kwh as varchar) as kwh, flags from reads_interval where meter_id = 'M16' and source_code = 'edited'`,
    );
    assert.deepEqual(row, { kwh: '9.000000', flags: null });
});

test('what is set for a class makes only partitions stale that have a channel of it on that day', async () => {
    await refreshAll(world.workspace);
    await world.load(
        'attributes',
        'classes.csv',
        `metering_point_id,validation_class,valid_from\nPM16,odd,${addDays(FIRST, 1)}\n`,
    );
    assert.deepEqual(await planOf(world.workspace), ['2013-05-02/1 curate attributes']);
    await refreshAll(world.workspace);
    const chain = validatedBy(world, 'classes: { odd: { vee.flat-line: { severity: hold, hours: 20 } } }');
    assert.deepEqual(await planOf(chain), ['2013-05-02/1 curate validation settings']);
    await refreshAll(chain);
    await ingestRows(world, [
        ...halfHours('M16', FROM + DAY, day(40, '0.5'), { version: 5 }),
        ...halfHours(
            'M16',
            FROM + DAY + 40 * HALF_HOUR,
            day(8, '0', {}).map(() => ''),
            { version: 5, quality: 'N' },
        ),
        ...halfHours('M17', FROM + DAY, day(40, '0.5')),
    ]);
    await refreshAll(chain);
    const marks = await world.query(
        `select meter_id, severity, interval_count from reading_marks where rule_id = 'vee.flat-line' order by all`,
    );
    assert.deepEqual(marks, [{ meter_id: 'M16', severity: 'hold', interval_count: 40 }]);
    await refreshAll(world.workspace);
});

test('a rated power counts on the days on which it is valid, and what is loaded makes these stale', async () => {
    await refreshAll(world.workspace);
    await ingestRows(world, [
        ...halfHours('M01', FROM, day(48, '3', { 0: '2.9' })),
        ...halfHours('M01', FROM + DAY, day(48, '3', { 0: '2.9' })),
    ]);
    await refreshAll(world.workspace);
    const maxima = () =>
        world.query(
            `select cast(market_day as varchar) as day, count(*) as n from reads_interval where meter_id = 'M01' and flags like '%vee.maximum%' group by 1 order by 1`,
        );
    assert.deepEqual(await maxima(), []);
    const header = 'metering_point_id,attribute,value,valid_from\n';
    await world.load('attributes', 'rated.csv', `${header}PM01,rated_kw,5,${FIRST}\n`);
    assert.deepEqual(await planOf(world.workspace), [
        '2013-05-01/0 curate attributes',
        '2013-05-02/0 curate attributes',
    ]);
    await refreshAll(world.workspace);
    assert.deepEqual(await maxima(), [
        { day: '2013-05-01', n: 48n },
        { day: '2013-05-02', n: 48n },
    ]);
    await world.load('attributes', 'more.csv', `${header}PM01,rated_kw,6,${addDays(FIRST, 1)}\n`);
    assert.deepEqual(await planOf(world.workspace), ['2013-05-02/0 curate attributes']);
    await refreshAll(world.workspace);
    assert.deepEqual(await maxima(), [{ day: '2013-05-01', n: 48n }]);
    await world.load('attributes', 'other.csv', `${header}PM01,region,east,${FIRST}\n`);
    assert.deepEqual(await planOf(world.workspace), [], 'no rule goes by it');
});

test('a reading is too old by its receipt, but for those of history', async () => {
    const tooOld = (meter: string) =>
        world.query(
            `select (epoch_ms(period_from) - ${FROM}) // ${HALF_HOUR} as place from reads_interval
              where meter_id = '${meter}' and flags = 'vee.too-old' order by 1`,
        );
    clock.at = FROM + 1096 * 24 * 3_600_000 + HALF_HOUR;
    const values = day(48, '0.1', { 3: '0.2' });
    await ingestRows(world, halfHours('M02', FROM, values), 'generic-csv');
    await ingestRows(world, halfHours('M03', FROM, values));
    await refreshAll(world.workspace);
    assert.deepEqual(await tooOld('M02'), [{ place: 0n }], 'the second began 1096 days before, no longer');
    assert.deepEqual(await tooOld('M03'), []);
    clock.at += 1;
    await ingestRows(world, halfHours('M04', FROM, values), 'generic-csv');
    await refreshAll(world.workspace);
    assert.deepEqual(await tooOld('M04'), [{ place: 0n }, { place: 1n }]);
});

test('published step by step is what a computation of everything gives', async () => {
    const now = await publishedContent(world);
    assert.deepEqual(await publishedContent(world, clock.at + 60_000), now);
    const flags = 'select meter_id, read_at, flags from reads_15min where flags is not null order by all';
    assert.deepEqual(await world.query(flags, clock.at + 60_000), await world.query(flags));
});

test('a home that judges no readings has no flags, and still counts what is missing', async () => {
    const own = ['flat-line', 'maximum', 'spike', 'too-old', 'zero'].map((name) => `vee.${name}: off`);
    const chain = validatedBy(world, `rules: { ${own.join(', ')} }`);
    await refreshAll(chain);
    assert.deepEqual(((await outcome()) as { flags: string[] }).flags, []);
    const rules = await world.query('select distinct rule_id from reading_marks');
    assert.deepEqual(rules, [{ rule_id: 'vee.interval-count' }]);
    await refreshAll(world.workspace);
    assert.ok(((await outcome()) as { flags: string[] }).flags.length > 3);
});
