import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { EngineRow } from '../../src/engine/engine.ts';
import { monthPeriod } from '../../src/kernel/calendar-date.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { draftPeriod } from '../../src/pipeline/draft-period.ts';
import { type ChainWorld, handClock, openChainWorld, readingsCsv, variedContract } from './chain-world.ts';

const HOUR = 3_600_000;
const FROM = Date.parse('2013-05-01T00:00:00Z');
const clock = handClock('2013-06-01T00:00:00Z');
const POINTS = 'metering_point_id,meter_id,interval_minutes,valid_from\nP1,A,60,2013-05-01\n';
const AGREEMENTS = 'agreement_id,account_id,metering_point_id,tariff_id,move_in,move_out\n';
let world: ChainWorld;
const moments: { at: number; content: Map<string, EngineRow[]> }[] = [];

/** Each view that `gridtally sql` has, with an order that makes its rows comparable. */
const TABLES = [
    'reads_interval',
    'reads_15min',
    'reads_hourly',
    'reads_daily',
    'reading_gaps',
    'reading_versions',
    'quarantined_rows',
    'changed_channel_days',
    'channels',
    'customers',
    'tariffs',
    'agreements',
    'metering_point_attributes',
];

async function allTables(asOf?: number): Promise<Map<string, EngineRow[]>> {
    return world.withViews(async (session) => {
        const content = new Map<string, EngineRow[]>();
        for (const table of TABLES)
            content.set(table, await session.rows(`select * from ${table} order by all`));
        return content;
    }, asOf);
}

function tariff(price: string, name = 'Flat'): string {
    return `tariffs:
  - tariff_id: flat
    name: ${name}
    versions:
      - valid_from: 2013-01-01
        valid_to: 2013-06-05
        rounding: { mode: half-up, amount_digits: 2, scope: line }
        charges:
          - { id: standing, kind: subscription, price_per_day: 0.2 }
          - { id: energy, kind: energy-flat, price_per_kwh: ${price} }
          - { id: network, kind: energy-flat, price_per_kwh: 0.015 }
`;
}

function day(kwh: string, version: number, hours = 24): string {
    const rows = Array.from({ length: hours }, (_, i) => ({
        meter: 'A',
        at: FROM + i * HOUR,
        minutes: 60,
        kwh,
        version,
    }));
    return readingsCsv([...rows, { meter: 'A', at: FROM, minutes: 60, kwh: 'none' }]);
}

const STEPS: readonly (() => Promise<unknown>)[] = [
    () => world.load('customers', 'c.csv', 'customer_id,name,email\nC1,Ada,a@x.org\n'),
    () => world.load('accounts', 'a.csv', 'account_id,customer_id\nA1,C1\n'),
    () => world.load('metering-points', 'p.csv', POINTS),
    () => world.load('tariffs', 't.yaml', tariff('0.10')),
    () => world.load('agreements', 'g.csv', `${AGREEMENTS}G1,A1,P1,flat,2013-05-01,\n`),
    () => world.load('attributes', 'at.csv', 'metering_point_id,attribute,value\nP1,region,east\n'),
    () => world.ingest('waits', { 'one.csv': day('1.5', 1, 23) }),
    () => world.load('tariffs', 't.yaml', tariff('0.11')),
    () => world.load('customers', 'c.csv', 'customer_id,name,email\nC1,Ada Ash,\nC2,Ben,\n'),
    () => world.load('accounts', 'a.csv', 'account_id,customer_id\nA1,C2\n'),
    () => world.load('attributes', 'at.csv', 'metering_point_id,attribute,value\nP1,region,west\n'),
    () => world.ingest('waits', { 'two.csv': day('2.5', 2) }),
    () => world.load('agreements', 'g.csv', `${AGREEMENTS}G1,A1,P1,flat,2013-05-01,2013-06-20\n`),
];

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC', clock });
    world.contract('waits', variedContract('generic-csv', 'waits', { unknownMeter: 'wait' }));
    for (const step of STEPS) {
        clock.at += 24 * HOUR;
        await step();
        await refreshAll(world.workspace);
        moments.push({ at: clock.at, content: await allTables() });
    }
});

after(() => world.end());

test('as of each instant every table is what it was then', async () => {
    for (const [i, { at, content }] of moments.entries()) {
        const then = await allTables(at);
        for (const table of TABLES)
            assert.deepEqual(then.get(table), content.get(table), `${table} as known after step ${i}`);
    }
});

test('each table changed on the way', () => {
    for (const table of TABLES) {
        const distinct = new Set(moments.map(({ content }) => text(content.get(table))));
        assert.ok(distinct.size > 1, `${table} had ${distinct.size} contents`);
    }
});

test('before anything was known every table is empty', async () => {
    for (const [table, rows] of await allTables(Date.parse('2013-06-01T12:00:00Z')))
        assert.deepEqual(rows, [], table);
});

test('tariffs tell the price of a kWh and of a day, and what is current on the day that is asked for', async () => {
    const query = `select plan_id, kwh_price, fixed_charge, is_current from tariffs`;
    assert.deepEqual(await world.query(query, moments[3]?.at), [
        { plan_id: 'flat', kwh_price: '0.11500000', fixed_charge: '0.20000000', is_current: false },
    ]);
    assert.deepEqual(await world.query(`select plan_id, name from customers`, moments[8]?.at), [
        { plan_id: 'flat', name: 'Ada Ash' },
        { plan_id: null, name: 'Ben' },
    ]);
});

test('bills are those drafted by then that still stand', async () => {
    const bills = (at?: number) => world.query('select bill_id, customer_id, total_due from bills', at);
    const lines = (at?: number) => world.query('select bill_id, charge from bill_lines', at);
    clock.at += 24 * HOUR;
    await draftPeriod(world.workspace, monthPeriod('2013-05'));
    const [first, firstAt] = [await bills(), clock.at];
    assert.equal(first.length, 1);
    assert.deepEqual(await bills(firstAt - 1), []);
    assert.deepEqual(await lines(firstAt - 1), []);
    assert.deepEqual(await bills(firstAt), first);
    assert.equal((await lines(firstAt)).length, 3);
    clock.at += 24 * HOUR;
    await world.load('accounts', 'a.csv', 'account_id,customer_id\nA1,C1\n');
    assert.equal((await bills())[0]?.customer_id, 'C1');
    assert.deepEqual(await bills(firstAt), first);
    await world.load('tariffs', 't.yaml', tariff('0.12'));
    await draftPeriod(world.workspace, monthPeriod('2013-05'));
    assert.notDeepEqual(await bills(clock.at), first);
    assert.deepEqual(await bills(firstAt), []);
});

test('a receipt that was overtaken is not known before it was acknowledged', async () => {
    const { db } = world.workspace.lake;
    const [older, newer] = await db.query<{ segmentNo: number; at: number }>(
        'select segment_no as "segmentNo", acknowledged_at as at from segments order by first_sequence',
    );
    assert.ok(older && newer);
    const swap = (a: typeof older, b: typeof older) =>
        db.query('update segments set acknowledged_at = to_timestamp($2 / 1000.0) where segment_no = $1', [
            a.segmentNo,
            b.at,
        ]);
    await swap(older, newer);
    await swap(newer, older);
    const sum = (at: number) =>
        world.query('select sum(kwh) as kwh, count(*) as n from reading_versions', at);
    assert.deepEqual(await sum(older.at), [{ kwh: '60.000000', n: 24n }]);
    assert.deepEqual(await sum(newer.at), [{ kwh: '94.500000', n: 47n }]);
    const curated = await world.query('select sum(kwh) as kwh from reads_daily', older.at);
    assert.deepEqual(curated, [{ kwh: '60.000000' }]);
});

function text(rows: readonly EngineRow[] | undefined): string {
    return JSON.stringify(rows, (_key, value) => (typeof value === 'bigint' ? String(value) : value));
}
