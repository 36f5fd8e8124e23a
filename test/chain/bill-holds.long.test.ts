import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { BillDocument } from '../../src/billing/bill-document.ts';
import { loadBill } from '../../src/billing/bill-queries.ts';
import { renderBillText } from '../../src/billing/bill-text.ts';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import { type Chain, refreshAll } from '../../src/pipeline/chain.ts';
import { draftPeriod } from '../../src/pipeline/draft-period.ts';
import { type ChainWorld, flatTariffs, openChainWorld } from './chain-world.ts';
import { addHistoryFeed, day, HALF_HOUR, halfHours, ingestRows, validatedBy } from './validation-world.ts';

const PERIOD = { from: calendarDate('2013-05-01'), to: calendarDate('2013-06-01') };
const FROM = Date.parse('2013-05-01T00:00:00+01:00');
const DAY = 48 * HALF_HOUR;
const DAYS = 15;
const TARIFFS = flatTariffs({});
let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'Europe/London', bucketSize: 16 });
    addHistoryFeed(world);
    await world.load('customers', 'c.csv', 'customer_id,name\nC1,Ada\nC2,Ben\n');
    await world.load('accounts', 'a.csv', 'account_id,customer_id\nA1,C1\nA2,C2\n');
    await world.load(
        'metering-points',
        'p.csv',
        'metering_point_id,meter_id,interval_minutes,valid_from\nP1,M1,30,2013-05-01\nP2,M2,30,2013-05-01\n',
    );
    await world.load('tariffs', 'tariffs.yaml', TARIFFS);
    await world.load(
        'agreements',
        'g.csv',
        'agreement_id,account_id,metering_point_id,tariff_id,move_in,move_out\nG1,A1,P1,flat,2013-05-01,\nG2,A2,P2,flat,2013-05-02,\n',
    );
    const rows = (meter: string, spikes: readonly number[]) =>
        Array.from({ length: DAYS }, (_, n) =>
            halfHours(meter, FROM + n * DAY, day(48, '0.1', spikes.includes(n) ? { 5: '9' } : { 6: '0.2' })),
        ).flat();
    // of M2 the spike of the first day, before its agreement begins, is nobody's
    await ingestRows(world, [...rows('M1', [1, 2, 9]), ...rows('M2', [0])]);
    await refreshAll(world.workspace);
});

after(() => world.end());

async function draft(
    chain: Chain,
): Promise<{ outcome: { held: number }; bills: BillDocument[]; texts: string[] }> {
    await refreshAll(chain);
    const outcome = await draftPeriod(chain, PERIOD);
    const bills = [];
    for (const account of ['A1', 'A2']) bills.push(await loadBill(chain.lake.db, `B-${account}-2013-05-1`));
    return { outcome, bills: bills.map(({ document }) => document), texts: bills.map(renderBillText) };
}

test('a bill is held by a rule whose severity is hold, with its meter and days, and by no other rule', async () => {
    const marked = await draft(world.workspace);
    assert.deepEqual(
        marked.bills.map((bill) => [bill.isHeld, bill.sections[0]?.holds]),
        [
            [false, []],
            [false, []],
        ],
    );
    assert.doesNotMatch(marked.texts.join(''), /held/i);
    const held = await draft(validatedBy(world, 'rules: { vee.spike: hold }'));
    assert.equal(held.outcome.held, 1);
    assert.deepEqual(held.bills[0]?.sections[0]?.holds, [
        { days: ['2013-05-02', '2013-05-03', '2013-05-10'], meterId: 'M1', ruleId: 'vee.spike' },
    ]);
    assert.deepEqual(
        held.bills.map((bill) => bill.isHeld),
        [true, false],
    );
    assert.equal(held.bills[0]?.amountDue, marked.bills[0]?.amountDue, 'a held bill prices what is there');
    assert.match(
        held.texts[0] ?? '',
        /Held: meter M1 fails vee\.spike on 3 days\n {2}2013-05-02, 2013-05-03, 2013-05-10\n/,
    );
    assert.match(held.texts[0] ?? '', /\nHELD: /);
    const rows = await world.query('select bill_id, is_held from bills order by 1');
    assert.deepEqual(
        rows.map((row) => row.is_held),
        [true, false],
    );
});

test('a rule that looks at other days holds too', async () => {
    const yaml = 'rules: { vee.high-low: { severity: hold, weeksMin: 1, lowPercent: 50 } }';
    const { bills } = await draft(validatedBy(world, yaml));
    // the second day of the month has a spike, and the same weekday after it none
    const hold = { days: ['2013-05-09'], meterId: 'M1', ruleId: 'vee.high-low' };
    assert.deepEqual(
        bills.map((bill) => bill.sections[0]?.holds),
        [[hold], [{ ...hold, days: ['2013-05-08'], meterId: 'M2' }]],
    );
});

test('a long list of days is cut in text, and whole in the document', async () => {
    const { bills, texts } = await draft(validatedBy(world, 'rules: { vee.interval-count: hold }'));
    assert.deepEqual(bills[0]?.sections[0]?.holds, [], 'all days that the lake expects are whole');
    assert.equal(bills[0]?.isHeld, false);
    await ingestRows(
        world,
        Array.from({ length: DAYS }, (_, n) => ({
            meter: 'M1',
            at: FROM + n * DAY,
            quality: 'W' as const,
            version: 9,
        })),
    );
    const { bills: later, texts: laterTexts } = await draft(
        validatedBy(world, 'rules: { vee.interval-count: hold }'),
    );
    assert.equal(later[0]?.sections[0]?.holds?.[0]?.days.length, DAYS);
    assert.match(laterTexts[0] ?? '', /fails vee\.interval-count on 15 days/);
    assert.match(laterTexts[0] ?? '', / {2}and 3 more/);
    assert.ok(texts.length === 2);
});

test('the hold goes when the readings are corrected', async () => {
    const chain = validatedBy(world, 'rules: { vee.spike: hold }');
    assert.equal((await draft(chain)).bills[0]?.isHeld, true);
    await ingestRows(
        world,
        [1, 2, 9].map((n) => ({ meter: 'M1', at: FROM + n * DAY + 5 * HALF_HOUR, kwh: '0.1', version: 2 })),
    );
    const { outcome, bills } = await draft(chain);
    assert.deepEqual([outcome.held, bills[0]?.isHeld], [0, false]);
});

test('an advance of a register that the intervals do not add up to holds the bill of its days', async () => {
    const chain = validatedBy(world, 'rules: { vee.sum-check: hold }');
    const reads = (end: string, version: number) =>
        world.ingest('generic-register-csv', {
            [`reads-${version}.csv`]:
                'meter_id,register,read_at,value,unit,quality,version\n' +
                `M2,1,2013-05-03T00:00:00+01:00,100,,,1\nM2,1,2013-05-06T00:00:00+01:00,${end},,,${version}\n`,
        });
    await reads('120', 1);
    const { outcome, bills } = await draft(chain);
    assert.deepEqual([outcome.held, bills[0]?.isHeld, bills[1]?.isHeld], [1, false, true]);
    assert.deepEqual(bills[1]?.sections[0]?.holds, [
        { days: ['2013-05-03', '2013-05-04', '2013-05-05'], meterId: 'M2', ruleId: 'vee.sum-check' },
    ]);
    // three days of 47 × 0.1 and 0.2 kWh
    await reads('114.7', 2);
    assert.equal((await draft(chain)).outcome.held, 0);
});

test('an estimated read between two measured ones holds no bill by itself, and does not hide what lies between these', async () => {
    const chain = validatedBy(world, 'rules: { vee.sum-check: hold, vee.reverse-register: hold }');
    const read = (of: string, kwh: string, quality: string, version: number) =>
        world.ingest('generic-register-csv', {
            [`between-${of}-${version}.csv`]:
                'meter_id,register,read_at,value,unit,quality,version\n' +
                `M2,1,2013-05-${of}T00:00:00+01:00,${kwh},,${quality},${version}\n`,
        });
    // far above what the register then shows
    await read('04', '130', 'E', 1);
    assert.equal((await draft(chain)).outcome.held, 0);
    await read('06', '120', 'A', 3);
    const { bills } = await draft(chain);
    assert.deepEqual(bills[1]?.sections[0]?.holds, [
        { days: ['2013-05-03', '2013-05-04', '2013-05-05'], meterId: 'M2', ruleId: 'vee.sum-check' },
    ]);
    await read('06', '99', 'A', 4);
    const { bills: fallen } = await draft(chain);
    assert.deepEqual(fallen[1]?.sections[0]?.holds, [
        { days: ['2013-05-03', '2013-05-04', '2013-05-05'], meterId: 'M2', ruleId: 'vee.reverse-register' },
    ]);
});
