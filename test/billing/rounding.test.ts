import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { BillDocument } from '../../src/billing/bill-document.ts';
import type { Charge, Rounding, TariffStructure } from '../../src/contracts/tariff-structure.ts';
import {
    agreement,
    billsOf,
    channel,
    inputsOf,
    openTestLake,
    tariffVersion,
    writeReadings,
} from './billing-world.ts';

const lake = openTestLake();
after(() => lake.end());

const DAY = Date.UTC(2013, 4, 1);

/** One metering point in UTC on 1 and 2 May, with a price of each tariff version on a day of its own. */
async function twoDays(
    kwhByDay: readonly [bigint, bigint],
    charge: (pricePerKwh: string) => Charge,
    prices: readonly [string, string],
): Promise<BillDocument> {
    const readings = kwhByDay.map((micro, i) => ({
        channelNo: 1,
        from: DAY + i * 86_400_000,
        micro,
        isEstimated: false,
    }));
    const structure = (price: string): TariffStructure => ({
        currency: 'GBP',
        charges: [charge(price)],
        taxes: [],
    });
    const [bill] = await billsOf(
        lake,
        inputsOf({
            from: '2013-05-01',
            to: '2013-05-03',
            zoneName: 'UTC',
            channels: [channel(1)],
            dimensions: {
                agreements: [agreement(1)],
                tariffVersions: [
                    tariffVersion(1, structure(prices[0]), { to: '2013-05-02' }),
                    tariffVersion(2, structure(prices[1]), { from: '2013-05-02' }),
                ],
                calendarVersions: [],
                holidays: [],
                priceSeries: [],
            },
            readsIntervalFiles: [await writeReadings(lake, 'UTC', readings, 30)],
        }),
    );
    assert.ok(bill);
    return bill;
}

function flat(rounding: Rounding): (price: string) => Charge {
    return (pricePerKwh) => ({
        id: 'e',
        label: 'Energy',
        group: 'energy',
        kind: 'energy-flat',
        pricePerKwh,
        rounding,
    });
}

const amounts = (bill: BillDocument) => bill.sections[0]?.lines.map((line) => line.amount);
const quantities = (bill: BillDocument) => bill.sections[0]?.lines.map((line) => line.quantity);

test('a tie goes to the even penny or away from zero, as the tariff says', async () => {
    // 0.5 kWh × 0.25 = 0.125 and 1.5 kWh × 0.25 = 0.375
    const kwh = [500_000n, 1_500_000n] as const;
    const even = await twoDays(kwh, flat({ mode: 'half-even', amountDigits: 2, scope: 'line' }), [
        '0.25',
        '0.25',
    ]);
    assert.deepEqual(amounts(even), ['0.12', '0.38']);
    const up = await twoDays(kwh, flat({ mode: 'half-up', amountDigits: 2, scope: 'line' }), [
        '0.25',
        '0.25',
    ]);
    assert.deepEqual(amounts(up), ['0.13', '0.38']);
    const credit = await twoDays(kwh, flat({ mode: 'half-up', amountDigits: 2, scope: 'line' }), [
        '-0.25',
        '-0.25',
    ]);
    assert.deepEqual(amounts(credit), ['-0.13', '-0.38']);
    assert.equal(credit.amountDue, '-0.51');
});

test('with scope bill the lines of a charge add up to the rounded sum', async () => {
    // twice 0.004: each line alone would be 0.00, the sum 0.008 is 0.01
    const kwh = [40_000n, 40_000n] as const;
    const perLine = await twoDays(kwh, flat({ mode: 'half-up', amountDigits: 2, scope: 'line' }), [
        '0.1',
        '0.1',
    ]);
    assert.deepEqual([amounts(perLine), perLine.amountDue], [['0.00', '0.00'], '0.00']);
    const perBill = await twoDays(kwh, flat({ mode: 'half-up', amountDigits: 2, scope: 'bill' }), [
        '0.1',
        '0.1',
    ]);
    assert.deepEqual([amounts(perBill), perBill.amountDue], [['0.00', '0.01'], '0.01']);
});

test('a quantity is rounded before it is priced only where the tariff says so', async () => {
    const kwh = [1_450_000n, 1_450_000n] as const;
    const exact = await twoDays(kwh, flat({ mode: 'half-up', amountDigits: 4, scope: 'line' }), [
        '0.1',
        '0.1',
    ]);
    assert.deepEqual(
        [quantities(exact), amounts(exact)],
        [
            ['1.450', '1.450'],
            ['0.1450', '0.1450'],
        ],
    );
    const rounded = await twoDays(
        kwh,
        flat({ mode: 'half-up', quantityDigits: 1, amountDigits: 4, scope: 'line' }),
        ['0.1', '0.1'],
    );
    assert.deepEqual(
        [quantities(rounded), amounts(rounded)],
        [
            ['1.500', '1.500'],
            ['0.1500', '0.1500'],
        ],
    );
    const shared = await twoDays(
        kwh,
        flat({ mode: 'half-up', quantityDigits: 1, amountDigits: 4, scope: 'bill' }),
        ['0.1', '0.1'],
    );
    assert.deepEqual(
        [quantities(shared), amounts(shared)],
        [
            ['1.500', '1.400'],
            ['0.1500', '0.1400'],
        ],
    );
});

/** The first half-hours of 1 May at 0.25 per kWh, each rounded to the penny. */
async function byInterval(kwh: readonly bigint[], mode: Rounding['mode']): Promise<(string | undefined)[]> {
    const rounding: Rounding = { mode, amountDigits: 2, scope: 'interval' };
    const structure: TariffStructure = { currency: 'GBP', charges: [flat(rounding)('0.25')], taxes: [] };
    const readings = kwh.map((micro, i) => ({
        channelNo: 1,
        from: DAY + i * 1_800_000,
        micro,
        isEstimated: false,
    }));
    const inputs = inputsOf({
        from: '2013-05-01',
        to: '2013-05-02',
        zoneName: 'UTC',
        channels: [channel(1)],
        dimensions: {
            agreements: [agreement(1)],
            tariffVersions: [tariffVersion(1, structure)],
            calendarVersions: [],
            holidays: [],
            priceSeries: [],
        },
        readsIntervalFiles: [await writeReadings(lake, 'UTC', readings, 30)],
    });
    const [bill] = await billsOf(lake, inputs);
    const line = bill?.sections[0]?.lines[0];
    return [line?.amountExact, line?.amount];
}

test('amounts are rounded interval by interval only with scope interval, ties included', async () => {
    // 0.125, 0.375, 0.1275 and 0.0025: even 0.12 + 0.38 + 0.13 + 0.00, up 0.13 + 0.38 + 0.13 + 0.00
    const kwh = [500_000n, 1_500_000n, 510_000n, 10_000n];
    assert.deepEqual(await byInterval(kwh, 'half-even'), ['0.63', '0.63']);
    assert.deepEqual(await byInterval(kwh, 'half-up'), ['0.63', '0.64']);
    // −0.125 and −0.375
    assert.deepEqual(await byInterval([-500_000n, -1_500_000n], 'half-even'), ['-0.50', '-0.50']);
    assert.deepEqual(await byInterval([-500_000n, -1_500_000n], 'half-up'), ['-0.50', '-0.51']);
});

test('a tax is taken from the sum of the rounded lines of its group', async () => {
    const rounding: Rounding = { mode: 'half-up', amountDigits: 2, scope: 'line' };
    const structure: TariffStructure = {
        currency: 'GBP',
        charges: [
            {
                id: 's',
                label: 'Standing charge',
                group: 'energy',
                kind: 'subscription',
                pricePerDay: '0.137',
                rounding,
            },
            {
                id: 'e',
                label: 'Energy',
                group: 'energy',
                kind: 'energy-flat',
                pricePerKwh: '0.333',
                rounding,
            },
            { id: 'l', label: 'Levy', group: 'levy', kind: 'energy-flat', pricePerKwh: '1', rounding },
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
    const readings = [{ channelNo: 1, from: DAY, micro: 10_000_000n, isEstimated: false }];
    const [bill] = await billsOf(
        lake,
        inputsOf({
            from: '2013-05-01',
            to: '2013-05-03',
            zoneName: 'UTC',
            channels: [channel(1)],
            dimensions: {
                agreements: [agreement(1)],
                tariffVersions: [tariffVersion(1, structure)],
                calendarVersions: [],
                holidays: [],
                priceSeries: [],
            },
            readsIntervalFiles: [await writeReadings(lake, 'UTC', readings, 30)],
        }),
    );
    // 2 × 0.137 = 0.274 → 0.27; 3.33; levy 10.00 untaxed; 5 % of 3.60 = 0.18
    assert.deepEqual(
        bill?.sections[0]?.lines.map((line) => [line.charge, line.quantity, line.amount]),
        [
            ['s', '2', '0.27'],
            ['e', '10.000', '3.33'],
            ['l', '10.000', '10.00'],
            ['vat', '3.60', '0.18'],
        ],
    );
    assert.equal(bill?.amountDue, '13.78');
});
