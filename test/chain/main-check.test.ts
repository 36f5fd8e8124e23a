import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { addDays, type CalendarDate, calendarDate } from '../../src/kernel/calendar-date.ts';
import { planMarksOf, planRefreshOf, refreshAll } from '../../src/pipeline/chain.ts';
import { type ChainWorld, openChainWorld, type ReadingRow } from './chain-world.ts';
import { addHistoryFeed, ingestRows, validatedBy } from './validation-world.ts';

const HOUR = 3_600_000;
const FIRST = calendarDate('2013-05-01');
const dayNo = (n: number): CalendarDate => addDays(FIRST, n);
/** Energy of a day of the main and of the check meter, and whether the day is marked. */
const DAYS: readonly (readonly [main: string, check: string, isMarked: boolean, why: string])[] = [
    ['10', '10.2', false, 'two percent of the main meter'],
    ['10', '10.200001', true, 'a millionth more'],
    ['10', '9.799999', true, 'the other way'],
    ['1', '1.1', false, 'a tenth of a kWh is never too much'],
    ['1', '1.100001', true, 'a millionth more is'],
    ['10', '20', false, 'an hour of the check meter is missing'],
    ['0', '0.5', true, 'the main meter stands still'],
];
let world: ChainWorld;

/** 24 hours, of which the first has all of the energy. */
function day(meter: string, n: number, kwh: string, part: Partial<ReadingRow> = {}): ReadingRow[] {
    return Array.from({ length: 24 }, (_, hour) => ({
        meter,
        at: Date.parse(dayNo(n)) + hour * HOUR,
        minutes: 60,
        kwh: hour === 0 ? kwh : '0',
        ...part,
    }));
}

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC', bucketSize: 16 });
    addHistoryFeed(world);
    // the check meter is the last one, in the second bucket
    const meters = ['A0', ...Array.from({ length: 16 }, (_, i) => `B${i}`), 'Z9'];
    await world.load(
        'metering-points',
        'points.csv',
        `metering_point_id,meter_id,interval_minutes,valid_from\n${meters.map((m) => `P${m},${m},60,${FIRST}`).join('\n')}\n`,
    );
    await ingestRows(
        world,
        DAYS.flatMap(([main, check], n) => [
            ...day('A0', n, main),
            ...day('Z9', n, check).slice(0, n === 5 ? 23 : 24),
        ]),
    );
    await refreshAll(world.workspace);
});

after(() => world.end());

async function marks(asOf?: number): Promise<string[]> {
    const rows = await world.query(
        `select meter_id, cast(market_day as varchar) as day, severity, cast(compared_kwh as varchar) as kwh
           from day_marks where rule_id = 'vee.main-check' order by 1, 2`,
        asOf,
    );
    return rows.map((r) => `${r.meter_id} ${r.day} ${r.severity} ${r.kwh}`);
}

const planned = async (chain = world.workspace) =>
    (await planMarksOf(chain, await planRefreshOf(chain))).map(
        (p) => `${p.marketDay}/${p.bucket} ${p.reasons}`,
    );

test('without an attribute nothing is compared; where it is loaded, the days of the main meter are marked', async () => {
    assert.deepEqual(await marks(), []);
    await world.load(
        'attributes',
        'checks.csv',
        `metering_point_id,attribute,value,valid_from\nPZ9,check_of,PA0,${FIRST}\n`,
    );
    assert.deepEqual(
        await planned(),
        DAYS.map((_, n) => `${dayNo(n)}/0 check meters`),
    );
    assert.deepEqual((await planRefreshOf(world.workspace)).rebuilds, []);
    await refreshAll(world.workspace);
    const expected = DAYS.flatMap(([, check, isMarked], n) =>
        isMarked ? [`A0 ${dayNo(n)} mark ${Number(check).toFixed(6)}`] : [],
    );
    assert.deepEqual(await marks(), expected);
    assert.deepEqual(await marks(Date.now() + 60_000), expected);
});

test('a correction of the check meter, in another bucket, makes the marks of the main meter anew', async () => {
    await ingestRows(world, day('Z9', 1, '10', { version: 2 }));
    assert.deepEqual(await planned(), [`${dayNo(1)}/0 days`, `${dayNo(1)}/1 days`]);
    await refreshAll(world.workspace);
    assert.ok(!(await marks()).some((mark) => mark.includes(dayNo(1))));
    assert.deepEqual(await planned(), []);
});

test('the tolerance is a setting, and the rule may hold but not reject', async () => {
    const chain = validatedBy(
        world,
        'rules: { vee.main-check: { severity: hold, percent: 60, leastKwh: 0 } }',
    );
    await refreshAll(chain);
    assert.deepEqual(await marks(), [`A0 ${dayNo(6)} hold 0.500000`]);
    assert.throws(() => validatedBy(world, 'rules: { vee.main-check: estimate }'));
});

test('a check that ended is compared no longer', async () => {
    await world.load(
        'attributes',
        'ended.csv',
        `metering_point_id,attribute,value,valid_from,valid_to\nPZ9,check_of,PA0,${FIRST},${dayNo(3)}\n`,
    );
    await refreshAll(world.workspace);
    assert.deepEqual(await marks(), [`A0 ${dayNo(2)} mark 9.799999`]);
    assert.deepEqual(await marks(Date.now() + 60_000), await marks());
});
