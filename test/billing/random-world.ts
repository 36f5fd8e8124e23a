import type {
    BillingInputs,
    RatingAgreement,
    RatingChannel,
    RatingDimensions,
} from '../../src/billing/rating-dimensions.ts';
import type { CalendarDefinition, TariffStructure } from '../../src/contracts/tariff-structure.ts';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import {
    agreement,
    channel,
    type GapRow,
    inputsOf,
    type TestLake,
    tariffVersion,
    writeGaps,
    writeReadings,
} from './billing-world.ts';
import { localOf, type NaiveReading } from './naive-bills.ts';

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
export const BANDS = ['holiday', 'night', 'weekend', 'winter-peak', 'day'];

export type Structures = readonly [TariffStructure, TariffStructure, TariffStructure];

export interface World {
    readonly inputs: BillingInputs;
    readonly readings: readonly NaiveReading[];
    /** Intervals without a reading in which somebody takes energy. */
    readonly removedCount: number;
}

const FROM = Date.UTC(2013, 8, 30, 23);
const TO = Date.UTC(2013, 10, 1);

/** October 2013 in London: 27 October has 25 hours, and the price changes on it. The same seed gives the same world. */
export async function worldOf(lake: TestLake, structures: Structures, seed: number): Promise<World> {
    const random = generator(seed);
    const channels = channelsOf(seed);
    const { readings, gaps, removedCount } = readingsOf(channels, seed, random);
    const inputs = inputsOf({
        from: '2013-10-01',
        to: '2013-11-01',
        channels,
        dimensions: dimensionsOf(structures, seed, random),
        readsIntervalFiles: [
            await writeReadings(lake, 'Europe/London', readings, (no) => (no === 2 ? 15 : 30)),
        ],
        gapFiles: [await writeGaps(lake, 'Europe/London', gaps)],
    });
    return { inputs, readings, removedCount };
}

function day(n: number): string {
    return `2013-10-${String(n).padStart(2, '0')}`;
}

function moveOf(seed: number): string {
    return day(2 + (seed % 28));
}

function agreementsOf(seed: number): RatingAgreement[] {
    const move = moveOf(seed);
    return [
        agreement(1),
        agreement(2, { to: move }),
        agreement(3, {
            from: move,
            meteringPointNo: 2,
            meteringPointId: 'MP2',
            tariffNo: 2,
            tariffId: 'T2',
        }),
        // the same account has two metering points, and one of them changes its tariff on the clock-change day
        agreement(4, { to: '2013-10-27', tariffNo: 2, tariffId: 'T2' }),
        agreement(4, { from: '2013-10-27', accountNo: 4 }),
        agreement(5, { accountNo: 4, accountId: 'AC4', customerId: 'C4', from: move, to: day(31) }),
    ];
}

function channelsOf(seed: number): RatingChannel[] {
    const exchangeAt = Date.UTC(2013, 9, 1 + (seed % 25), 10, 30);
    return [
        channel(1, { validToMs: exchangeAt }),
        channel(11, { meteringPointId: 'MP1', validFromMs: exchangeAt }),
        channel(2, { intervalMinutes: 15 }),
        channel(4),
        channel(5),
        // export is not consumption
        channel(51, { meteringPointId: 'MP5', flow: 'from_customer' }),
    ];
}

function readingsOf(channels: readonly RatingChannel[], seed: number, random: () => number) {
    const readings: NaiveReading[] = [];
    const gaps: GapRow[] = [];
    let removedCount = 0;
    for (const { channelNo, intervalMinutes, validFromMs, validToMs } of channels) {
        const lengthMs = intervalMinutes * 60_000;
        const end = Math.min(TO, validToMs ?? TO);
        for (let at = Math.max(FROM, validFromMs ?? FROM); at < end; at += lengthMs) {
            if (random() % 300 === 0) {
                gaps.push({ channelNo, from: at, to: at + lengthMs, missingCount: 1 });
                if (isServed(channelNo, at, seed)) removedCount += 1;
                continue;
            }
            const micro = BigInt(random() % 2_500_000);
            readings.push({ channelNo, from: at, micro, isEstimated: random() % 40 === 0 });
        }
    }
    // days beside the period may share a file
    readings.push({ channelNo: 1, from: FROM - 1_800_000, micro: 999_000_000n, isEstimated: false });
    readings.push({ channelNo: 11, from: TO, micro: 999_000_000n, isEstimated: false });
    return { readings, gaps, removedCount };
}

/** Channel 5 has an agreement for a part of the month; channel 51 is export. */
function isServed(channelNo: number, at: number, seed: number): boolean {
    const { date } = localOf('Europe/London', at);
    return channelNo !== 51 && (channelNo !== 5 || (date >= moveOf(seed) && date < day(31)));
}

function dimensionsOf(structures: Structures, seed: number, random: () => number): RatingDimensions {
    const halfHours = Array.from({ length: (TO - FROM) / 1_800_000 }, (_, i) => FROM + i * 1_800_000);
    const hours = Array.from({ length: (TO - FROM) / 3_600_000 }, (_, i) => FROM + i * 3_600_000);
    return {
        agreements: agreementsOf(seed),
        tariffVersions: [
            tariffVersion(1, structures[0], { to: '2013-10-27' }),
            tariffVersion(2, structures[1], { from: '2013-10-27' }),
            tariffVersion(3, structures[2], { tariffNo: 2 }),
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
    };
}

/** Numerical Recipes' linear congruential generator: the same world for the same seed. */
function generator(seed: number): () => number {
    let state = seed >>> 0;
    return () => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        return state >>> 4;
    };
}
