import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { BillDocument } from '../../src/billing/bill-document.ts';
import { renderBillText } from '../../src/billing/bill-text.ts';
import { contentHash, documentText } from '../../src/billing/rate-bills.ts';
import { ratePeriod } from '../../src/billing/rate-period.ts';
import type { BillingInputs } from '../../src/billing/rating-dimensions.ts';
import type { TariffStructure } from '../../src/contracts/tariff-structure.ts';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import { canonicalJson } from '../../src/kernel/hash.ts';
import {
    agreement,
    billsOf,
    channel,
    inputsOf,
    openTestLake,
    tariffVersion,
    writeGaps,
    writeReadings,
} from './billing-world.ts';

const lake = openTestLake();
after(() => lake.end());

const HALF_HOUR = 1_800_000;
const SIMPLE: TariffStructure = {
    currency: 'GBP',
    charges: [
        {
            id: 's',
            label: 'Standing charge',
            group: 'energy',
            kind: 'subscription',
            pricePerDay: '0.2',
            rounding: { mode: 'half-up', amountDigits: 2, scope: 'line' },
        },
        {
            id: 'e',
            label: 'Energy',
            group: 'energy',
            kind: 'energy-flat',
            pricePerKwh: '0.1',
            rounding: { mode: 'half-up', amountDigits: 2, scope: 'line' },
        },
    ],
    taxes: [],
};
const DIMENSIONS = {
    agreements: [agreement(1)],
    tariffVersions: [tariffVersion(1, SIMPLE)],
    calendarVersions: [],
    holidays: [],
    priceSeries: [],
};

type AutumnPart = Partial<BillingInputs> & { missing?: (index: number) => boolean };

async function autumn(part: AutumnPart = {}): Promise<BillDocument> {
    const [bill] = await billsOf(lake, await autumnInputs(part));
    assert.ok(bill);
    return bill;
}

/** London, 26 to 28 October 2013: 48 + 50 + 48 half-hours, those of `missing` without a reading. */
async function autumnInputs(part: AutumnPart): Promise<BillingInputs> {
    const { missing = () => false, ...rest } = part;
    const from = Date.UTC(2013, 9, 25, 23);
    const starts = Array.from({ length: 146 }, (_, i) => from + i * HALF_HOUR);
    const readings = starts
        .filter((_, i) => !missing(i))
        .map((at) => ({ channelNo: 1, from: at, micro: 100_000n, isEstimated: false }));
    const gaps = starts
        .filter((_, i) => missing(i))
        .map((at) => ({ channelNo: 1, from: at, to: at + HALF_HOUR, missingCount: 1 }));
    return inputsOf({
        from: '2013-10-26',
        to: '2013-10-29',
        channels: [channel(1)],
        dimensions: DIMENSIONS,
        readsIntervalFiles: [await writeReadings(lake, 'Europe/London', readings, 30)],
        gapFiles: [await writeGaps(lake, 'Europe/London', gaps)],
        ...rest,
    });
}

test('a clock-change day expects fifty half-hours, and a full month is complete', async () => {
    const bill = await autumn();
    assert.equal(bill.isComplete, true);
    assert.deepEqual(
        [bill.sections[0]?.expectedCount, bill.sections[0]?.missingCount, bill.sections[0]?.gaps],
        [146, 0, []],
    );
    assert.equal(bill.energyKwh, '14.600');
});

test('missing intervals are listed once across midnight, never priced, and make the bill incomplete', async () => {
    const bill = await autumn({ missing: (i) => i >= 46 && i < 52 });
    assert.equal(bill.isComplete, false);
    assert.deepEqual(bill.sections[0]?.gaps, [
        {
            kind: 'missing',
            meterId: 'M1',
            periodFrom: '2013-10-26T22:00:00Z',
            periodTo: '2013-10-27T01:00:00Z',
            missingCount: 6,
        },
    ]);
    assert.equal(bill.energyKwh, '14.000');
});

test('days beyond the newest reading of the home are not read yet', async () => {
    const bill = await autumn({
        missing: (i) => i >= 98,
        gapFiles: [],
        horizonTo: calendarDate('2013-10-28'),
    });
    assert.deepEqual(bill.sections[0]?.gaps, [
        {
            kind: 'not-yet-read',
            meterId: 'M1',
            periodFrom: '2013-10-28T00:00:00Z',
            periodTo: '2013-10-29T00:00:00Z',
            missingCount: 48,
        },
    ]);
    assert.equal(bill.sections[0]?.missingCount, 48);
});

test('a time without an installed meter is said, and the standing charge is still due', async () => {
    const bill = await autumn({
        missing: (i) => i < 48,
        gapFiles: [],
        channels: [channel(1, { validFromMs: Date.UTC(2013, 9, 26, 23) })],
    });
    assert.deepEqual(
        bill.sections[0]?.gaps.map((gap) => [gap.kind, gap.periodFrom, gap.periodTo]),
        [['no-meter', '2013-10-25T23:00:00Z', '2013-10-26T23:00:00Z']],
    );
    assert.deepEqual([bill.isComplete, bill.sections[0]?.missingCount], [false, 0]);
    assert.equal(bill.sections[0]?.lines.find((line) => line.charge === 's')?.amount, '0.60');
});

test('an account without any reading pays its standing charge and no energy line', async () => {
    const bill = await autumn({ readsIntervalFiles: [], gapFiles: [], horizonTo: null });
    assert.deepEqual(
        bill.sections[0]?.lines.map((line) => [line.charge, line.amount]),
        [['s', '0.60']],
    );
    assert.deepEqual([bill.isComplete, bill.sections[0]?.missingCount], [false, 146]);
});

test('the stored text of a bill is its canonical JSON', async () => {
    const bill = await autumn({ missing: (i) => i > 3 && i < 60 });
    assert.equal(documentText(bill), canonicalJson(bill));
});

test('the printed bill fits 80 columns and says what is missing', async () => {
    const document = await autumn({ missing: (i) => i % 2 === 0 });
    const text = renderBillText({ document, state: 'draft', contentSha256: contentHash(document) });
    for (const line of text.split('\n')) assert.ok(line.length <= 80, `${line.length} columns: ${line}`);
    assert.match(text, /Missing: 73 of 146 intervals/);
    assert.match(text, /and 61 more/);
    assert.match(text, /INCOMPLETE/);
    assert.match(text, /TOTAL DUE \(GBP\) +1\.33/);
});

test('all that keeps an account from being rated is listed', async () => {
    const broken: TariffStructure = {
        ...SIMPLE,
        charges: [
            {
                id: 'x',
                label: 'X',
                group: 'g',
                kind: 'energy-bands',
                calendarId: 'NONE',
                pricePerKwhByBand: {},
                rounding: { mode: 'half-up', amountDigits: 2, scope: 'line' },
            },
            {
                id: 'y',
                label: 'Y',
                group: 'g',
                kind: 'energy-series',
                seriesId: 'NONE',
                rounding: { mode: 'half-up', amountDigits: 2, scope: 'line' },
            },
        ],
    };
    const dimensions = { ...DIMENSIONS, tariffVersions: [tariffVersion(1, broken, { from: '2013-10-27' })] };
    const { unrated, accountIds } = await ratePeriod(lake.engine, await autumnInputs({ dimensions }));
    assert.deepEqual(accountIds, []);
    assert.deepEqual(unrated, [
        {
            accountId: 'AC1',
            faults: [
                'charge x of tariff T1 needs calendar NONE, which has no version in the period',
                'charge y of tariff T1 needs price series NONE, which is not loaded',
                'tariff T1 has no version from 2013-10-26 until 2013-10-27',
            ],
        },
    ]);
});

test('energy in an interval that the series does not price is refused', async () => {
    const from = Date.UTC(2013, 9, 25, 23);
    const values = Array.from({ length: 72 }, (_, i) => ({
        periodFrom: from + i * 3_600_000,
        band: null,
        price: '0.1',
    }));
    const dimensions = {
        ...DIMENSIONS,
        tariffVersions: [
            tariffVersion(1, {
                ...SIMPLE,
                charges: [
                    {
                        id: 'y',
                        label: 'Y',
                        group: 'g',
                        kind: 'energy-series',
                        seriesId: 'SPOT',
                        rounding: { mode: 'half-up', amountDigits: 2, scope: 'line' },
                    },
                ],
            }),
        ],
        priceSeries: [{ seriesId: 'SPOT', kind: 'price' as const, intervalMinutes: 60, values }],
    };
    const { unrated, bills } = await ratePeriod(lake.engine, await autumnInputs({ dimensions }));
    assert.deepEqual([...bills()], []);
    assert.deepEqual(unrated, [
        {
            accountId: 'AC1',
            faults: [
                'charge y of tariff T1: price series SPOT gives nothing for some intervals with energy from 2013-10-26 until 2013-10-29',
            ],
        },
    ]);
    // without readings there, nothing is wrong yet
    const bill = await autumn({ dimensions, missing: (i) => i >= 144 });
    assert.equal(bill.amountDue, '1.44');
});

test('of files with other market days only the period is summed, and the others are taken as they are', async () => {
    const readingsOf = (day: number) =>
        Array.from({ length: 48 }, (_, i) => ({
            channelNo: 1,
            from: Date.UTC(2013, 6, day - 1, 23) + i * HALF_HOUR,
            micro: 100_000n * BigInt(day),
            isEstimated: false,
        }));
    const write = (...days: number[]) => writeReadings(lake, 'Europe/London', days.flatMap(readingsOf), 30);
    const files = [await write(1), await write(2, 3), await write(4)];
    const energyOf = async (from: string, read: readonly string[], others?: readonly string[]) => {
        const inputs = inputsOf({
            from,
            to: '2013-07-05',
            channels: [channel(1)],
            dimensions: DIMENSIONS,
            readsIntervalFiles: read,
            ...(others === undefined ? {} : { filesOfOtherDays: new Set(others) }),
        });
        const [bill] = await billsOf(lake, inputs);
        return bill?.energyKwh;
    };
    const [first, second, third] = files as [string, string, string];
    // 48 half-hours each of 0.2, 0.3 and 0.4 kWh
    for (const others of [undefined, [], [second], [second, third]])
        assert.equal(await energyOf('2013-07-02', [second, third], others), '43.200');
    assert.equal(await energyOf('2013-07-03', files, [first, second]), '33.600');
});
