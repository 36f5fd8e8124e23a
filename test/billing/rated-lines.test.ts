import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import type { Charge, Rounding, TariffStructure } from '../../src/contracts/tariff-structure.ts';
import { billsOf, comparableLines, comparableNaive, openTestLake } from './billing-world.ts';
import { naiveLines } from './naive-bills.ts';
import { BANDS, worldOf } from './random-world.ts';

const lake = openTestLake();
after(() => lake.end());

const rounding: fc.Arbitrary<Rounding> = fc.record(
    {
        mode: fc.constantFrom('half-even' as const, 'half-up' as const),
        amountDigits: fc.integer({ min: 0, max: 4 }),
        scope: fc.constantFrom('line' as const, 'bill' as const),
        quantityDigits: fc.integer({ min: 0, max: 3 }),
    },
    { requiredKeys: ['mode', 'amountDigits', 'scope'] },
);
const byInterval: fc.Arbitrary<Rounding> = fc.record({
    mode: fc.constantFrom('half-even' as const, 'half-up' as const),
    amountDigits: fc.integer({ min: 1, max: 4 }),
    scope: fc.constantFrom('interval' as const, 'line' as const, 'bill' as const),
});
const price = fc.bigInt({ min: -5_000_000n, max: 90_000_000n }).map((n) => {
    const digits = (n < 0n ? -n : n).toString().padStart(9, '0');
    return `${n < 0n ? '-' : ''}${digits.slice(0, -8)}.${digits.slice(-8)}`;
});
const bandPrices = fc
    .tuple(...BANDS.map(() => price))
    .map((prices) => Object.fromEntries(BANDS.map((b, i) => [b, prices[i] ?? '0'])));

const charges: fc.Arbitrary<Charge[]> = fc
    .tuple(
        price,
        price,
        bandPrices,
        bandPrices,
        fc.array(rounding, { minLength: 4, maxLength: 4 }),
        fc.array(byInterval, { minLength: 2, maxLength: 2 }),
    )
    .map(([perDay, flat, banded, dynamic, r, i]) => [
        {
            id: 'standing',
            label: 'Standing charge',
            group: 'energy',
            kind: 'subscription',
            pricePerDay: perDay,
            rounding: r[0] ?? fail(),
        },
        {
            id: 'flat',
            label: 'Levy',
            group: 'levy',
            kind: 'energy-flat',
            pricePerKwh: flat,
            rounding: r[1] ?? fail(),
        },
        {
            id: 'tou',
            label: 'Energy',
            group: 'energy',
            kind: 'energy-bands',
            calendarId: 'CAL',
            pricePerKwhByBand: banded,
            rounding: r[2] ?? fail(),
        },
        {
            id: 'dynamic',
            label: 'Dynamic',
            group: 'energy',
            kind: 'energy-series',
            seriesId: 'BAND',
            pricePerKwhByBand: dynamic,
            rounding: r[3] ?? fail(),
        },
        {
            id: 'spot',
            label: 'Spot',
            group: 'energy',
            kind: 'energy-series',
            seriesId: 'PRICE',
            priceFactor: '1.05',
            rounding: i[0] ?? fail(),
        },
        {
            id: 'by-interval',
            label: 'Rounded',
            group: 'other',
            kind: 'energy-bands',
            calendarId: 'CAL',
            pricePerKwhByBand: banded,
            rounding: i[1] ?? fail(),
        },
    ]);
const structure: fc.Arbitrary<TariffStructure> = fc
    .tuple(charges, fc.constantFrom('5', '20', '12.5'))
    .map(([list, percent]) => ({
        currency: 'GBP',
        charges: list,
        taxes: [
            {
                id: 'vat',
                label: 'VAT',
                group: 'energy',
                percent,
                rounding: { mode: 'half-up', amountDigits: 2 },
            },
            {
                id: 'levy-tax',
                label: 'Levy tax',
                group: 'levy',
                percent: '7',
                rounding: { mode: 'half-even', amountDigits: 3 },
            },
        ],
    }));

test('every line of random tariffs, moves, exchanges and a price change on a clock-change day equals the naive sum', async () => {
    await fc.assert(
        fc.asyncProperty(
            fc.tuple(structure, structure, structure),
            fc.integer({ min: 1, max: 1_000_000 }),
            async (structures, seed) => {
                const world = await worldOf(lake, structures, seed);
                const bills = await billsOf(lake, world.inputs);
                assert.deepEqual(
                    comparableLines(bills),
                    comparableNaive(naiveLines(world.inputs, world.readings)),
                );
                const missing = bills
                    .flatMap((bill) => bill.sections.map((section) => section.missingCount))
                    .reduce((a, b) => a + b, 0);
                assert.equal(missing, world.removedCount);
            },
        ),
        // a smaller world says no more than the first that differs, and each takes a second
        { numRuns: 4, seed: 20131027, endOnFailure: true },
    );
});

test('the total of a bill is the sum of its rounded lines, and its energy counts every interval once', async () => {
    const structures =
        fc.sample(fc.tuple(structure, structure, structure), { numRuns: 1, seed: 7 })[0] ?? fail();
    const world = await worldOf(lake, structures, 77);
    for (const bill of await billsOf(lake, world.inputs)) {
        const lines = bill.sections.flatMap((section) => section.lines);
        const total = lines.reduce((sum, line) => sum + scaled(line.amount, 8), 0n);
        assert.equal(scaled(bill.amountDue, 8), total);
        for (const section of bill.sections) {
            const touLines = section.lines.filter((line) => line.charge === 'tou');
            const counted = touLines.reduce(
                (sum, line) => sum + scaled(line.measuredKwh ?? '', 6) + scaled(line.estimatedKwh ?? '', 6),
                0n,
            );
            assert.equal(scaled(section.energyKwh, 6), counted);
        }
    }
});

function scaled(text: string, scale: number): bigint {
    const [whole = '', part = ''] = text.split('.');
    return BigInt(whole + part.padEnd(scale, '0'));
}

function fail(): never {
    throw new Error('the generator gave too few');
}
