import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import type { BillingInputs, RatingAgreement, RatingChannel } from '../../src/billing/rating-dimensions.ts';
import type {
    CalendarDefinition,
    Charge,
    Rounding,
    TariffStructure,
} from '../../src/contracts/tariff-structure.ts';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import {
    agreement,
    billsOf,
    channel,
    comparableLines,
    comparableNaive,
    type GapRow,
    inputsOf,
    openTestLake,
    tariffVersion,
    writeGaps,
    writeReadings,
} from './billing-world.ts';
import { localOf, type NaiveReading, naiveLines } from './naive-bills.ts';

const lake = openTestLake();
after(() => lake.end());

const CALENDAR: CalendarDefinition = {
    holidaySet: 'england',
    rules: [
        { band: 'holiday', holiday: true },
        { band: 'night', localTimes: [{ from: '23:30', to: '05:00' }] },
        { band: 'weekend', weekdays: [6, 7], localTimes: [{ from: '08:00', to: '24:00' }] },
        { band: 'winter-peak', months: [10, 11, 12, 1, 2, 3], localTimes: [{ from: '16:00', to: '19:00' }] },
        { band: 'day' },
    ],
};
const BANDS = ['holiday', 'night', 'weekend', 'winter-peak', 'day'];

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

interface World {
    readonly inputs: BillingInputs;
    readonly readings: readonly NaiveReading[];
    readonly removedCount: number;
}

/** October 2013 in London: 27 October has 25 hours, and the price changes on it. */
async function worldOf(structures: readonly TariffStructure[], seed: number): Promise<World> {
    const [first, second, third] = structures;
    const random = generator(seed);
    const day = (n: number) => `2013-10-${String(n).padStart(2, '0')}`;
    const move = 2 + (seed % 28);
    const agreements: RatingAgreement[] = [
        agreement(1),
        agreement(2, { to: day(move) }),
        agreement(3, {
            from: day(move),
            meteringPointNo: 2,
            meteringPointId: 'MP2',
            tariffNo: 2,
            tariffId: 'T2',
        }),
        // the same account has two metering points, and one of them changes its tariff on the clock-change day
        agreement(4, { to: '2013-10-27', tariffNo: 2, tariffId: 'T2' }),
        agreement(4, { from: '2013-10-27', accountNo: 4 }),
        agreement(5, { accountNo: 4, accountId: 'AC4', customerId: 'C4', from: day(move), to: day(31) }),
    ];
    const exchangeAt = Date.UTC(2013, 9, 1 + (seed % 25), 10, 30);
    const channels: RatingChannel[] = [
        channel(1, { validToMs: exchangeAt }),
        channel(11, { meteringPointId: 'MP1', validFromMs: exchangeAt }),
        channel(2, { intervalMinutes: 15 }),
        channel(4),
        channel(5),
        // export is not consumption
        channel(51, { meteringPointId: 'MP5', flow: 'from_customer' }),
    ];
    const readings: NaiveReading[] = [];
    const gaps: GapRow[] = [];
    const from = Date.UTC(2013, 8, 30, 23);
    const to = Date.UTC(2013, 10, 1);
    let removedCount = 0;
    for (const c of channels) {
        const lengthMs = c.intervalMinutes * 60_000;
        for (
            let at = Math.max(from, c.validFromMs ?? from);
            at < Math.min(to, c.validToMs ?? to);
            at += lengthMs
        ) {
            if (random() % 300 === 0) {
                gaps.push({ channelNo: c.channelNo, from: at, to: at + lengthMs, missingCount: 1 });
                const { date } = localOf('Europe/London', at);
                const isServed =
                    c.channelNo !== 51 && (c.channelNo !== 5 || (date >= day(move) && date < day(31)));
                if (isServed) removedCount += 1;
                continue;
            }
            readings.push({
                channelNo: c.channelNo,
                from: at,
                micro: BigInt(random() % 2_500_000),
                isEstimated: random() % 40 === 0,
            });
        }
    }
    // days beside the period may share a file
    readings.push({ channelNo: 1, from: from - 1_800_000, micro: 999_000_000n, isEstimated: false });
    readings.push({ channelNo: 11, from: to, micro: 999_000_000n, isEstimated: false });
    const halfHours = Array.from({ length: (to - from) / 1_800_000 }, (_, i) => from + i * 1_800_000);
    const hours = Array.from({ length: (to - from) / 3_600_000 }, (_, i) => from + i * 3_600_000);
    const inputs = inputsOf({
        from: '2013-10-01',
        to: '2013-11-01',
        channels,
        dimensions: {
            agreements,
            tariffVersions: [
                tariffVersion(1, first ?? fail(), { to: '2013-10-27' }),
                tariffVersion(2, second ?? fail(), { from: '2013-10-27' }),
                tariffVersion(3, third ?? fail(), { tariffNo: 2 }),
            ],
            calendarVersions: [
                {
                    calendarId: 'CAL',
                    validFrom: null,
                    validTo: calendarDate('2013-10-14'),
                    definition: CALENDAR,
                },
                {
                    calendarId: 'CAL',
                    validFrom: calendarDate('2013-10-14'),
                    validTo: null,
                    definition: { ...CALENDAR, rules: CALENDAR.rules.slice(1) },
                },
            ],
            holidays: [
                { holidaySet: 'england', date: calendarDate('2013-10-07') },
                { holidaySet: 'wales', date: calendarDate('2013-10-08') },
            ],
            priceSeries: [
                {
                    seriesId: 'BAND',
                    kind: 'band',
                    intervalMinutes: 30,
                    values: halfHours.map((at) => ({
                        periodFrom: at,
                        band: BANDS[random() % 3] ?? '',
                        price: null,
                    })),
                },
                {
                    seriesId: 'PRICE',
                    kind: 'price',
                    intervalMinutes: 60,
                    values: hours.map((at) => ({
                        periodFrom: at,
                        band: null,
                        price: `${random() % 2 === 0 ? '-' : ''}0.${String(random() % 1e8).padStart(8, '0')}`,
                    })),
                },
            ],
        },
        readsIntervalFiles: [
            await writeReadings(lake, 'Europe/London', readings, (no) => (no === 2 ? 15 : 30)),
        ],
        gapFiles: [await writeGaps(lake, 'Europe/London', gaps)],
    });
    return { inputs, readings, removedCount };
}

test('every line of random tariffs, moves, exchanges and a price change on a clock-change day equals the naive sum', async () => {
    await fc.assert(
        fc.asyncProperty(
            fc.tuple(structure, structure, structure),
            fc.integer({ min: 1, max: 1_000_000 }),
            async (structures, seed) => {
                const world = await worldOf(structures, seed);
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
    const world = await worldOf(structures, 77);
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

/** Numerical Recipes' linear congruential generator: the same world for the same seed. */
function generator(seed: number): () => number {
    let state = seed >>> 0;
    return () => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        return state >>> 4;
    };
}

function fail(): never {
    throw new Error('the generator gave too few');
}
