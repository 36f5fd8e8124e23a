import assert from 'node:assert/strict';
import type { BillDocument } from '../../src/billing/bill-document.ts';
import { loadBill } from '../../src/billing/bill-queries.ts';
import type { RatingDimensions } from '../../src/billing/rating-dimensions.ts';
import type { TariffStructure } from '../../src/contracts/tariff-structure.ts';
import { addDays, calendarDate, monthPeriod } from '../../src/kernel/calendar-date.ts';
import { ingest, refreshAll } from '../../src/pipeline/chain.ts';
import { draftPeriod } from '../../src/pipeline/draft-period.ts';
import {
    agreement,
    channel,
    comparableLines,
    comparableNaive,
    inputsOf,
    tariffVersion,
} from '../billing/billing-world.ts';
import { fraction, type NaiveReading, naiveLines, plain, plus } from '../billing/naive-bills.ts';
import { type ChainWorld, openChainWorld } from './chain-world.ts';
import { LCL_END, lclCuts, lclHomes, lclPayloads, microKwh, readLcl } from './lcl-files.ts';

const ZONE = 'Europe/London';
const EXCHANGE = '2013-03-14T12:30:00Z';

/** Metering points with the homes whose meters they have; the third has its meter exchanged in the middle of a month. */
interface Meter {
    readonly point: string;
    readonly home: number;
    readonly from: string;
    readonly to?: string;
}
const START = '2013-01-01T00:00:00Z';
const METERS: readonly Meter[] = [
    { point: 'MP1', home: 0, from: START },
    { point: 'MP2', home: 1, from: START },
    { point: 'MP3', home: 2, from: START, to: EXCHANGE },
    { point: 'MP3', home: 3, from: EXCHANGE },
    { point: 'MP4', home: 4, from: START },
    { point: 'MP5', home: 5, from: START },
    { point: 'MP6', home: 6, from: START },
];

/** agreement, account, point, tariff, move-in, move-out */
type Agreement = readonly [string, string, string, string, string, string];
const AGREEMENTS: readonly Agreement[] = [
    ['AG1', 'AC1', 'MP1', 'T1', '2013-01-01', ''],
    ['AG2', 'AC2', 'MP2', 'T2', '2013-01-01', ''],
    ['AG3', 'AC3', 'MP3', 'T1', '2013-01-01', ''],
    // a move in the middle of a month, into another tariff
    ['AG4', 'AC4', 'MP4', 'T1', '2013-01-01', '2013-03-20'],
    ['AG5', 'AC5', 'MP4', 'T2', '2013-03-20', ''],
    // an empty house for a week, and out in the week of the clock change
    ['AG6', 'AC6', 'MP5', 'T2', '2013-01-01', '2013-04-08'],
    ['AG7', 'AC7', 'MP5', 'T1', '2013-04-15', '2013-10-28'],
    // a second house of the first account
    ['AG8', 'AC1', 'MP6', 'T2', '2013-01-01', ''],
];

const HOLIDAYS = ['2013-01-01', '2013-03-29', '2013-04-01', '2013-05-06', '2013-12-25', '2013-12-26'];

const CALENDAR = `calendars:
  - calendar_id: day-and-night
    versions:
      - holiday_set: england
        rules:
          - { band: quiet, holiday: true }
          - { band: quiet, weekdays: [6, 7] }
          - band: peak
            weekdays: [1, 2, 3, 4, 5]
            local_times: [{ from: '16:00', to: '19:30' }]
          - { band: night, local_times: [{ from: '23:30', to: '06:00' }] }
          - { band: day }
`;

const bandsYaml = (from: string, pricePerDay: string, prices: string) => `
      - valid_from: ${from}
        rounding: { mode: half-up, amount_digits: 2, scope: line }
        charges:
          - { id: standing, label: Standing charge, kind: subscription, price_per_day: ${pricePerDay} }
          - id: energy
            label: Energy
            kind: energy-bands
            calendar_id: day-and-night
            price_per_kwh_by_band: ${prices}
            rounding: { mode: half-up, quantity_digits: 3, amount_digits: 2, scope: line }
        taxes:
          - { id: vat, label: VAT, group: energy, percent: 5, rounding: { mode: half-up, amount_digits: 2 } }`;
const flatYaml = (from: string, pricePerDay: string, pricePerKwh: string) => `
      - valid_from: ${from}
        rounding: { mode: half-even, amount_digits: 2, scope: bill }
        charges:
          - { id: standing, label: Standing charge, group: fixed, kind: subscription, price_per_day: ${pricePerDay} }
          - { id: energy, label: Energy, kind: energy-flat, price_per_kwh: ${pricePerKwh} }
        taxes:
          - { id: vat, label: VAT, group: energy, percent: 5, rounding: { mode: half-even, amount_digits: 2 } }
          - { id: vat20, label: VAT, group: fixed, percent: 20, rounding: { mode: half-even, amount_digits: 2 } }`;

const TARIFFS = [
    'tariffs:\n  - tariff_id: T1\n    name: Bands\n    versions:',
    bandsYaml('2012-01-01', '0.2468', '{ quiet: 0.09, peak: 0.28, night: 0.065, day: 0.15 }'),
    bandsYaml('2013-10-27', '0.2591', '{ quiet: 0.0945, peak: 0.3, night: 0.07, day: 0.155 }'),
    '\n  - tariff_id: T2\n    name: Flat\n    versions:',
    flatYaml('2012-01-01', '0.19', '0.14228'),
    flatYaml('2013-03-31', '0.21', '0.15115'),
    flatYaml('2013-10-27', '0.21', '0.16'),
    '\n',
].join('');

/** The same once more, written by hand in the form that the naive computation reads. */
const LINE = { mode: 'half-up', amountDigits: 2, scope: 'line' } as const;
const BILL = { mode: 'half-even', amountDigits: 2, scope: 'bill' } as const;
const bands = (
    pricePerDay: string,
    pricePerKwhByBand: Readonly<Record<string, string>>,
): TariffStructure => ({
    currency: 'GBP',
    charges: [
        { id: 'standing', label: '', group: 'energy', kind: 'subscription', pricePerDay, rounding: LINE },
        {
            id: 'energy',
            label: '',
            group: 'energy',
            kind: 'energy-bands',
            calendarId: 'day-and-night',
            pricePerKwhByBand,
            rounding: { ...LINE, quantityDigits: 3 },
        },
    ],
    taxes: [
        {
            id: 'vat',
            label: '',
            group: 'energy',
            percent: '5',
            rounding: { mode: 'half-up', amountDigits: 2 },
        },
    ],
});
const flat = (pricePerDay: string, pricePerKwh: string): TariffStructure => ({
    currency: 'GBP',
    charges: [
        { id: 'standing', label: '', group: 'fixed', kind: 'subscription', pricePerDay, rounding: BILL },
        { id: 'energy', label: '', group: 'energy', kind: 'energy-flat', pricePerKwh, rounding: BILL },
    ],
    taxes: [
        {
            id: 'vat',
            label: '',
            group: 'energy',
            percent: '5',
            rounding: { mode: 'half-even', amountDigits: 2 },
        },
        {
            id: 'vat20',
            label: '',
            group: 'fixed',
            percent: '20',
            rounding: { mode: 'half-even', amountDigits: 2 },
        },
    ],
});

const BEFORE = { quiet: '0.09', peak: '0.28', night: '0.065', day: '0.15' };
const AFTER = { quiet: '0.0945', peak: '0.3', night: '0.07', day: '0.155' };

const DIMENSIONS: Omit<RatingDimensions, 'agreements'> = {
    tariffVersions: [
        tariffVersion(1, bands('0.2468', BEFORE), { tariffNo: 1, to: '2013-10-27' }),
        tariffVersion(5, bands('0.2591', AFTER), { tariffNo: 1, from: '2013-10-27' }),
        tariffVersion(2, flat('0.19', '0.14228'), { tariffNo: 2, to: '2013-03-31' }),
        tariffVersion(3, flat('0.21', '0.15115'), { tariffNo: 2, from: '2013-03-31', to: '2013-10-27' }),
        tariffVersion(4, flat('0.21', '0.16'), { tariffNo: 2, from: '2013-10-27' }),
    ],
    calendarVersions: [
        {
            calendarId: 'day-and-night',
            validFrom: null,
            validTo: null,
            definition: {
                holidaySet: 'england',
                rules: [
                    { band: 'quiet', holiday: true },
                    { band: 'quiet', weekdays: [6, 7] },
                    { band: 'peak', weekdays: [1, 2, 3, 4, 5], localTimes: [{ from: '16:00', to: '19:30' }] },
                    { band: 'night', localTimes: [{ from: '23:30', to: '06:00' }] },
                    { band: 'day' },
                ],
            },
        },
    ],
    holidays: HOLIDAYS.map((date) => ({ holidaySet: 'england', date: calendarDate(date) })),
    priceSeries: [],
};

interface LondonCase {
    /** How many of the sixty homes, at least those of `METERS`; what is beyond them is one house each, every third with a move. */
    readonly homes: number;
    readonly months: readonly string[];
    /** What of the files comes in: all of their year, or only the months and the days beside them, where two months follow each other twice. */
    readonly ingested: 'year' | 'months';
}

/** Real homes of London from files to bills, and every line compared with a naive computation from the files. */
export async function checkLondonBills({ homes: count, months, ingested }: LondonCase): Promise<void> {
    const homes = lclHomes();
    const metersUsed = [...METERS, ...furtherMeters(count)];
    const agreements = [...AGREEMENTS, ...furtherAgreements(count)];
    const world = await openChainWorld({ marketZone: ZONE });
    try {
        await loadWorld(world, { homes, meters: metersUsed, agreements });
        const homesUsed = metersUsed.map(({ home }) => homes[home] ?? '');
        if (ingested === 'year') await ingest(world.workspace, 'lcl', lclPayloads(homesUsed));
        else
            for (const month of months) {
                const { from, to } = monthPeriod(month);
                const end = to === LCL_END ? to : addDays(to, 1);
                await world.ingest('lcl', lclCuts(homesUsed, addDays(from, -1), end));
            }
        await refreshAll(world.workspace);
        const readings = metersUsed.flatMap((meter, i) => readingsOf(meter, homes[meter.home] ?? '', i + 1));
        for (const month of months) {
            const outcome = await draftPeriod(world.workspace, monthPeriod(month));
            const documents = await billsOf(world, month);
            assert.equal(documents.length, outcome.drafted);
            const found = comparableLines(documents);
            assert.deepEqual(
                found,
                comparableNaive(naiveMonth(month, { readings, meters: metersUsed, agreements })),
            );
            for (const { amountDue, sections } of documents) {
                const amounts = sections.flatMap(({ lines }) => lines.map(({ amount }) => fraction(amount)));
                assert.equal(plain(amounts.reduce(plus)), plain(fraction(amountDue)));
            }
            assert.ok(found.length >= count * 3, `${month} has ${found.length} lines`);
        }
    } finally {
        await world.end();
    }
}

function furtherMeters(count: number): Meter[] {
    return Array.from({ length: count - METERS.length }, (_, i) => {
        const home = METERS.length + i;
        return { point: `MP${home + 1}`, home, from: START };
    });
}

function furtherAgreements(count: number): Agreement[] {
    return furtherMeters(count).flatMap(({ point, home }): Agreement[] => {
        const tariff = home % 2 === 0 ? 'T1' : 'T2';
        if (home % 3 > 0) return [[`AG-${point}`, `AC-${point}`, point, tariff, '2013-01-01', '']];
        // each in another month, on another day
        const moved = addDays(calendarDate('2013-01-05'), home * 6);
        return [
            [`AG-${point}`, `AC-${point}`, point, tariff, '2013-01-01', moved],
            [`AG-${point}-2`, `AC-${point}-2`, point, tariff === 'T1' ? 'T2' : 'T1', moved, ''],
        ];
    });
}

interface LoadedWorld {
    readonly homes: readonly string[];
    readonly meters: readonly Meter[];
    readonly agreements: readonly Agreement[];
}

async function loadWorld(world: ChainWorld, { homes, meters, agreements }: LoadedWorld): Promise<void> {
    const accounts = [...new Set(agreements.map(([, account]) => account))];
    const csv = (header: string, rows: readonly (readonly string[])[]) =>
        [header, ...rows.map((row) => row.join(',')), ''].join('\n');
    await world.load(
        'customers',
        'customers.csv',
        csv(
            'customer_id',
            accounts.map((a) => [`C-${a}`]),
        ),
    );
    await world.load(
        'accounts',
        'accounts.csv',
        csv(
            'account_id,customer_id',
            accounts.map((a) => [a, `C-${a}`]),
        ),
    );
    await world.load(
        'metering-points',
        'points.csv',
        csv(
            'metering_point_id,meter_id,interval_minutes,valid_from,valid_to',
            meters.map((m) => [m.point, homes[m.home] ?? '', '30', m.from, m.to ?? '']),
        ),
    );
    await world.load(
        'holidays',
        'holidays.csv',
        csv(
            'holiday_set,date,name',
            HOLIDAYS.map((date) => ['england', date, 'Bank holiday']),
        ),
    );
    await world.load('calendars', 'calendars.yaml', CALENDAR);
    await world.load('tariffs', 'tariffs.yaml', TARIFFS);
    await world.load(
        'agreements',
        'agreements.csv',
        csv('agreement_id,account_id,metering_point_id,tariff_id,move_in,move_out', agreements),
    );
}

function readingsOf(meter: Meter, home: string, channelNo: number): NaiveReading[] {
    const to = meter.to === undefined ? Number.POSITIVE_INFINITY : Date.parse(meter.to);
    return readLcl(home)
        .filter(({ at }) => at >= Date.parse(meter.from) && at < to)
        .map((reading) => ({ channelNo, from: reading.at, micro: microKwh(reading), isEstimated: false }));
}

interface NaiveWorld {
    readonly readings: readonly NaiveReading[];
    readonly meters: readonly Meter[];
    readonly agreements: readonly Agreement[];
}

function naiveMonth(month: string, { readings, meters, agreements }: NaiveWorld) {
    const period = monthPeriod(month);
    const channels = meters.map((meter, i) => channel(i + 1, { meteringPointId: meter.point }));
    const dimensions = { ...DIMENSIONS, agreements: agreements.map(dimensionOf) };
    const near = [Date.parse(addDays(period.from, -1)), Date.parse(addDays(period.to, 1))] as const;
    return naiveLines(
        inputsOf({ from: period.from, to: period.to, zoneName: ZONE, channels, dimensions }),
        readings.filter(({ from }) => from >= near[0] && from < near[1]),
    );
}

function dimensionOf(
    [agreementId, accountId, meteringPointId, tariffId, from, to]: Agreement,
    i: number,
): RatingDimensions['agreements'][number] {
    const tariffNo = Number(tariffId.slice(1));
    const ids = { agreementId, accountId, meteringPointId, tariffId, tariffNo };
    return agreement(i + 1, { ...ids, from, ...(to === '' ? {} : { to }) });
}

async function billsOf(world: ChainWorld, month: string): Promise<BillDocument[]> {
    const { db } = world.workspace;
    const rows = await db.query<{ id: string }>(
        'select bill_id as id from bills where period_from = $1 order by 1',
        [`${month}-01`],
    );
    const documents: BillDocument[] = [];
    for (const { id } of rows) documents.push((await loadBill(db, id)).document);
    return documents;
}
