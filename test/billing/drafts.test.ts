import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { exportBills } from '../../src/billing/bill-export.ts';
import { listBills, loadBill } from '../../src/billing/bill-queries.ts';
import { draftBills } from '../../src/billing/draft-bills.ts';
import { contentHash } from '../../src/billing/rate-bills.ts';
import { ratePeriod } from '../../src/billing/rate-period.ts';
import type { BillingInputs, RatingAgreement } from '../../src/billing/rating-dimensions.ts';
import type { TariffStructure } from '../../src/contracts/tariff-structure.ts';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import { fixedClock } from '../../src/kernel/clock.ts';
import { migrate } from '../../src/store/migrations.ts';
import { openScratchDatabase } from '../store/scratch-home.ts';
import { agreement, channel, inputsOf, openTestLake, tariffVersion, writeReadings } from './billing-world.ts';

const lake = openTestLake();
const scratch = await openScratchDatabase();
const { db } = scratch;
after(async () => {
    await scratch.remove();
    await lake.end();
});

const ACCOUNTS = 5;
const clock = fixedClock(Date.UTC(2013, 5, 1));
const context = { db, engine: lake.engine, clock };

function structure(price: string): TariffStructure {
    const rounding = { mode: 'half-up', amountDigits: 2, scope: 'line' } as const;
    return {
        currency: 'GBP',
        charges: [
            {
                id: 's',
                label: 'Standing, "daily"',
                group: 'energy',
                kind: 'subscription',
                pricePerDay: '0.2',
                rounding,
            },
            { id: 'e', label: 'Energy', group: 'energy', kind: 'energy-flat', pricePerKwh: price, rounding },
        ],
        taxes: [
            {
                id: 'vat',
                label: 'VAT',
                group: 'energy',
                percent: '5',
                rounding: { mode: 'half-up', amountDigits: 2 },
            },
        ],
    };
}

let readings = '';
before(async () => {
    await migrate(db);
    await db.query(
        `insert into customers (customer_id) select 'C' || n from generate_series(1, ${ACCOUNTS}) n;
         insert into accounts (account_id) select 'AC' || n from generate_series(1, ${ACCOUNTS}) n;
         insert into metering_points (metering_point_id) select 'MP' || n from generate_series(1, ${ACCOUNTS}) n;
         insert into agreements (agreement_id) select 'AG' || n from generate_series(1, ${ACCOUNTS}) n;
         insert into tariffs (tariff_id) values ('T1');
         insert into tariff_versions (tariff_no, name, valid_during, is_open_ended, structure, known_from)
         values (1, 'T1', '[2010-01-01,)', true, '{}', now())`,
    );
    const from = Date.UTC(2013, 4, 1);
    const rows = Array.from({ length: ACCOUNTS * 96 }, (_, i) => ({
        channelNo: 1 + Math.floor(i / 96),
        from: from + (i % 96) * 1_800_000,
        micro: 250_000n,
        isEstimated: i % 96 === 5,
    }));
    readings = await writeReadings(lake, 'UTC', rows, 30);
});

function inputs(part: { agreements?: RatingAgreement[]; price?: string } = {}): BillingInputs {
    const numbers = Array.from({ length: ACCOUNTS }, (_, i) => i + 1);
    return inputsOf({
        from: '2013-05-01',
        to: '2013-05-03',
        zoneName: 'UTC',
        channels: numbers.map((no) => channel(no)),
        dimensions: {
            agreements: part.agreements ?? numbers.map((no) => agreement(no)),
            tariffVersions: [tariffVersion(1, structure(part.price ?? '0.1'))],
            calendarVersions: [],
            holidays: [],
            priceSeries: [],
        },
        readsIntervalFiles: [readings],
    });
}

const draft = (part: Parameters<typeof inputs>[0] = {}) => draftBills(context, async () => inputs(part));

async function standing(): Promise<string> {
    const bills = await db.query(
        'select bill_no, bill_id, content_sha256, xmin::text from bills order by bill_id',
    );
    return JSON.stringify(bills);
}

test('two runs at once, and one again, give one set of drafts', async () => {
    const outcomes = await Promise.all([draft(), draft()]);
    assert.deepEqual(outcomes.map((o) => o.drafted).sort(), [0, ACCOUNTS]);
    assert.deepEqual(outcomes.map((o) => o.unchanged).sort(), [0, ACCOUNTS]);
    // 24 kWh at 0.10, two days at 0.20, 5 %: 2.94 each
    assert.deepEqual(
        outcomes.map((o) => o.totalDue),
        ['14.70', '14.70'],
    );
    const before = await standing();
    assert.deepEqual((await draft()).unchanged, ACCOUNTS);
    assert.equal(await standing(), before);
});

test('lines in the database add up to the bill', async () => {
    const rows = await db.query<{ isEqual: boolean; lines: number }>(
        `select b.amount_due = sum(l.amount) as "isEqual", count(*)::integer as lines
           from bills b join bill_lines l using (bill_no) group by b.bill_no, b.amount_due`,
    );
    assert.deepEqual(
        rows,
        Array.from({ length: ACCOUNTS }, () => ({ isEqual: true, lines: 3 })),
    );
});

test('a stored bill has the content that its hash says, and listing and export name it', async () => {
    const bill = await loadBill(db, 'B-AC1-2013-05-01_2013-05-03-1');
    assert.equal(contentHash(bill.document), bill.contentSha256);
    const changed = await db.query(
        "select from bills where encode(sha256(convert_to(document::text, 'UTF8')), 'hex') <> content_sha256",
    );
    assert.equal(changed.length, 0, 'the text is kept that was hashed');
    assert.deepEqual(bill.madeFrom['tariffVersions'], [1]);
    await assertMadeFrom();
    await assert.rejects(loadBill(db, 'B-none'), /there is no bill/);
    const [first] = await listBills(db, { limit: 1 });
    assert.deepEqual(
        [first?.billId, first?.amountDue, first?.energyKwh, first?.isComplete],
        [bill.document.billId, '2.94', '24.000', true],
    );
    const csv = await text(exportBills(db, { table: 'bill_lines', format: 'csv' }));
    assert.equal(csv.trim().split('\n').length, 1 + ACCOUNTS * 3);
    assert.match(csv, /"Standing, ""daily"""/);
    const ndjson = await text(exportBills(db, { table: 'bills', format: 'ndjson' }));
    assert.equal(JSON.parse(ndjson.split('\n')[0] ?? '').amount_due, '2.94');
});

/** Each of what a bill is made from changes what is recorded of it, and nothing else. */
async function assertMadeFrom(): Promise<void> {
    const plain = inputs();
    const recorded = async (changed: Partial<BillingInputs>): Promise<Record<string, unknown>> => {
        const rated = await ratePeriod(lake.engine, { ...plain, ...changed });
        const [first] = rated.bills();
        assert.ok(first);
        return { ...rated.madeFrom, tariffVersions: first.tariffVersionNos };
    };
    const before = await recorded({});
    const [kept] = await db.query<{ n: number }>('select count(*)::integer as n from bill_inputs');
    assert.equal(kept?.n, 1, 'what a run was made from stands once');
    assert.deepEqual(before, (await loadBill(db, 'B-AC1-2013-05-01_2013-05-03-1')).madeFrom);
    const calendarVersions = [
        { calendarId: 'c', validFrom: null, validTo: null, definition: { rules: [{ band: 'day' }] } },
    ];
    const holidays = [{ holidaySet: 'england', date: calendarDate('2013-05-01') }];
    const of = (part: Partial<BillingInputs['dimensions']>) => ({
        dimensions: { ...plain.dimensions, ...part },
    });
    const CHANGES: readonly (readonly [string, Partial<BillingInputs>])[] = [
        ['lakeCommitNo', { lakeCommitNo: plain.lakeCommitNo + 1 }],
        ['partitions', { partitionVersions: { ...plain.partitionVersions, '2013-05-01/9': 3 } }],
        ['calendars', of({ calendarVersions })],
        ['calendars', of({ holidays })],
        ['horizonTo', { horizonTo: calendarDate('2013-05-09') }],
    ];
    for (const [name, change] of CHANGES) {
        const after = await recorded(change);
        assert.notDeepEqual(after[name], before[name], name);
        assert.deepEqual({ ...after, [name]: null }, { ...before, [name]: null }, name);
    }
}

test('a changed price replaces drafts, a closed account loses its draft, a sealed bill stays', async () => {
    await db.query(`update bills set state = 'sealed' where bill_id like 'B-AC5-%'`);
    const sealed = await loadBill(db, 'B-AC5-2013-05-01_2013-05-03-1');
    const agreements = [1, 2, 3, 5].map((no) => agreement(no));
    const outcome = await draft({ price: '0.2', agreements });
    assert.deepEqual(outcome, {
        drafted: 0,
        unchanged: 0,
        replaced: 3,
        removed: 1,
        sealed: 1,
        incomplete: 0,
        held: 0,
        totalDue: '16.38',
        unrated: [],
    });
    assert.deepEqual(await loadBill(db, sealed.document.billId), sealed);
    assert.deepEqual(
        (await listBills(db)).map((bill) => bill.accountId),
        ['AC1', 'AC2', 'AC3', 'AC5'],
    );
});

test('what bills were made from is kept while one names it, and a day longer', async () => {
    const kept = async () => {
        const rows = await db.query<{ n: number }>(
            `select (inputs ->> 'lakeCommitNo')::integer as n from bill_inputs order by 1`,
        );
        return rows.map(({ n }) => n);
    };
    const draftAt = (lakeCommitNo: number, price: string) =>
        draftBills(context, async () => ({ ...inputs({ price }), lakeCommitNo }));
    const commitOf = async (account: string) =>
        (await loadBill(db, `B-${account}-2013-05-01_2013-05-03-1`)).madeFrom['lakeCommitNo'];
    await draftAt(2, '0.2');
    assert.deepEqual(await kept(), [1, 2], 'nothing names the second, as the bills are equal');
    await db.query(`update bill_inputs set kept_at = kept_at - interval '2 days'`);
    await draftAt(3, '0.3');
    assert.deepEqual(await kept(), [1, 3]);
    assert.deepEqual([await commitOf('AC1'), await commitOf('AC5')], [3, 1], 'the fifth is sealed');
});

test('an account that cannot be rated has no bill, and the others have theirs', async () => {
    await db.query('truncate bills cascade');
    // the first account moves out of the fifth's metering point, where the rest of the period is somebody's with no fault
    const shared = { meteringPointNo: 1, meteringPointId: 'MP1' };
    const others = [agreement(2), agreement(4), agreement(5, { ...shared, from: '2013-05-02' })];
    const whole = [agreement(1, { to: '2013-05-02' }), agreement(3), ...others];
    assert.deepEqual((await draft({ agreements: whole })).unrated, []);
    const before = await standingByAccount();
    const lacking = { tariffNo: 9, tariffId: 'T9' };
    const faulty = [agreement(1, { ...lacking, to: '2013-05-02' }), agreement(3, lacking), ...others];
    const outcome = await draft({ agreements: faulty });
    const fault = (to: string) => `tariff T9 has no version from 2013-05-01 until ${to}`;
    assert.deepEqual(outcome.unrated, [
        { accountId: 'AC1', faults: [fault('2013-05-02')] },
        { accountId: 'AC3', faults: [fault('2013-05-03')] },
    ]);
    assert.deepEqual(
        [outcome.drafted, outcome.replaced, outcome.unchanged, outcome.removed],
        [0, 0, 3, 2],
        'nobody else has another bill, also who shares a metering point',
    );
    const { AC1: _, AC3: __, ...left } = before;
    assert.deepEqual(await standingByAccount(), left);
    const mended = await draft({ agreements: whole });
    assert.deepEqual([mended.drafted, mended.unchanged, mended.unrated], [2, 3, []]);
});

test('an account with a sealed bill is left alone, whatever became of its tariff', async () => {
    await db.query(`update bills set state = 'sealed' where bill_id like 'B-AC4-%'`);
    const before = await standingByAccount();
    const agreements = [1, 2, 3, 4].map((no) =>
        agreement(no, no === 4 ? { tariffNo: 9, tariffId: 'T9' } : {}),
    );
    const { sealed, unrated } = await draft({ agreements });
    assert.deepEqual([sealed, unrated], [1, []]);
    assert.equal((await standingByAccount())['AC4'], before['AC4']);
    await db.query(`update bills set state = 'draft'`);
});

test('where no account can be rated none has a bill', async () => {
    const outcome = await draft({ agreements: [agreement(2, { tariffNo: 9, tariffId: 'T9' })] });
    assert.deepEqual([outcome.totalDue, outcome.unrated.length], ['0.00', 1]);
    assert.deepEqual(await standingByAccount(), {});
});

async function standingByAccount(): Promise<Record<string, string>> {
    const bills = await listBills(db);
    const documents = await Promise.all(
        bills.map(async ({ billId }) => (await loadBill(db, billId)).document),
    );
    return Object.fromEntries(documents.map((document) => [document.accountId, JSON.stringify(document)]));
}

async function text(chunks: AsyncIterable<string>): Promise<string> {
    let all = '';
    for await (const chunk of chunks) all += chunk;
    return all;
}
