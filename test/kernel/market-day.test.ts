import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { addDays, type CalendarDate, calendarDate, listDays } from '../../src/kernel/calendar-date.ts';
import { AssertionError } from '../../src/kernel/errors.ts';
import {
    intervalsOfDay,
    marketDayOf,
    marketDayPeriod,
    periodStart,
    settlementPeriodOf,
} from '../../src/kernel/market-day.ts';
import { contains, instantText } from '../../src/kernel/period.ts';
import { changesWithin, zoneOf } from '../../src/kernel/zone.ts';

/** Half-hours per local day, and on how many days of the 30 years. */
const THIRTY_YEARS = { from: calendarDate('1996-01-01'), to: calendarDate('2026-01-01') };
const DAYS_BY_HALF_HOURS: Record<string, Record<number, number>> = {
    'Europe/London': { 46: 30, 48: 10_898, 50: 30 },
    'Europe/Copenhagen': { 46: 30, 48: 10_898, 50: 30 },
    'Australia/Sydney': { 46: 30, 48: 10_898, 50: 30 },
    'Australia/Lord_Howe': { 47: 30, 48: 10_898, 49: 30 },
    'America/New_York': { 46: 30, 48: 10_898, 50: 30 },
    'Asia/Kolkata': { 48: 10_958 },
};

for (const [name, expected] of Object.entries(DAYS_BY_HALF_HOURS)) {
    test(`every local day of 30 years in ${name} begins where Temporal has it and has its half-hours`, () => {
        const zone = zoneOf(name);
        const found: Record<number, number> = {};
        for (const date of listDays(THIRTY_YEARS)) {
            const { from, to } = marketDayPeriod(zone, date);
            const startOfDay = Temporal.PlainDate.from(date).toZonedDateTime(name);
            assert.equal(from, startOfDay.epochMilliseconds, date);
            assert.equal(to, marketDayPeriod(zone, addDays(date, 1)).from);
            const halfHours = intervalsOfDay(zone, date, 30);
            assert.equal(intervalsOfDay(zone, date, 15), 2 * halfHours);
            found[halfHours] = (found[halfHours] ?? 0) + 1;
        }
        assert.deepEqual(found, expected);
    });
}

test('London has 46 half-hours on 2013-03-31 and 50 on 2013-10-27', () => {
    const london = zoneOf('Europe/London');
    const dates = ['2013-03-31', '2013-10-27', '2013-05-01'].map(calendarDate);
    assert.deepEqual(
        dates.map((date) => intervalsOfDay(london, date, 30)),
        [46, 50, 48],
    );
    assert.deepEqual(
        dates.map((date) => intervalsOfDay(london, date, 15)),
        [92, 100, 96],
    );
});

test('periods are counted in elapsed time across a clock change', () => {
    const london = zoneOf('Europe/London');
    const autumn = calendarDate('2013-10-27');
    const starts = [1, 3, 5, 50].map((n) => instantText(periodStart(london, autumn, n, 30)));
    assert.deepEqual(starts, [
        '2013-10-26T23:00:00Z',
        '2013-10-27T00:00:00Z',
        '2013-10-27T01:00:00Z',
        '2013-10-27T23:30:00Z',
    ]);
    const spring = calendarDate('2013-03-31');
    assert.equal(instantText(periodStart(london, spring, 46, 30)), '2013-03-31T22:30:00Z');
    for (const n of [0, 47, 1.5]) assert.throws(() => periodStart(london, spring, n, 30), AssertionError);
    for (const minutes of [0, -30, 0.5])
        assert.throws(() => intervalsOfDay(london, spring, minutes), AssertionError);
});

test('an hour that the half-hour change of Lord Howe cuts short still counts', () => {
    const lordHowe = zoneOf('Australia/Lord_Howe');
    assert.equal(intervalsOfDay(lordHowe, calendarDate('2013-10-06'), 60), 24);
    assert.equal(intervalsOfDay(lordHowe, calendarDate('2013-04-07'), 60), 25);
    assert.equal(intervalsOfDay(lordHowe, calendarDate('2013-04-07'), 30), 49);
});

/** The zones above, and those that change at midnight, just after it, or by a whole day. */
const ZONES = [
    ...Object.keys(DAYS_BY_HALF_HOURS),
    'America/Sao_Paulo',
    'America/St_Johns',
    'Africa/Cairo',
    'Asia/Beirut',
    'Pacific/Apia',
];

test('every instant is in exactly one local day, and in the period of its number', () => {
    const instants = fc.integer({ min: Date.UTC(1970, 0, 2), max: Date.UTC(2100, 11, 30) });
    // Random instants seldom meet a change, so half of them are taken from the hours around one.
    const nearChange = fc
        .integer({ min: 0, max: 10_000 })
        .chain((index) => fc.integer({ min: -7_200_000, max: 7_200_000 }).map((shift) => ({ index, shift })));
    fc.assert(
        fc.property(fc.constantFrom(...ZONES), fc.oneof(instants, nearChange), (name, where) => {
            const zone = zoneOf(name);
            const known = changesWithin(zone, Date.UTC(1970, 0, 2), Date.UTC(2100, 11, 30));
            const instant =
                typeof where === 'number'
                    ? where
                    : (known[where.index % Math.max(1, known.length)]?.at ?? 0) + where.shift + 86_400_000;
            const date = marketDayOf(zone, instant);
            assert.ok(contains(marketDayPeriod(zone, date), instant));
            for (const minutes of [15, 30, 60]) {
                const n = settlementPeriodOf(zone, instant, minutes);
                const start = periodStart(zone, date, n, minutes);
                assert.ok(start <= instant && instant < start + minutes * 60_000);
            }
        }),
        { numRuns: 1000 },
    );
});

test('days where the clock changes at midnight begin at the first instant with their date', () => {
    const begins = (name: string, date: string): string =>
        instantText(marketDayPeriod(zoneOf(name), calendarDate(date)).from);
    // 00:00 was skipped: the day begins at 01:00 local time.
    assert.equal(begins('America/Sao_Paulo', '2018-11-04'), '2018-11-04T03:00:00Z');
    assert.equal(begins('Asia/Beirut', '2022-03-27'), '2022-03-26T22:00:00Z');
    // 24:00 became 23:00: the hour is repeated in the day before.
    assert.equal(begins('America/Sao_Paulo', '2018-02-18'), '2018-02-18T03:00:00Z');
    assert.equal(halfHours('America/Sao_Paulo', '2018-02-17'), 50);
    assert.equal(halfHours('America/Sao_Paulo', '2018-11-04'), 46);
    // 00:01 became 23:01 of the day before: the day begins at the first 00:00.
    assert.equal(begins('America/St_Johns', '2010-11-07'), '2010-11-07T02:30:00Z');
    assert.equal(halfHours('America/St_Johns', '2010-11-07'), 50);
    assert.equal(marketDayOf(zoneOf('America/St_Johns'), Date.UTC(2010, 10, 7, 2, 45)), '2010-11-07');
    assert.equal(halfHours('Pacific/Apia', '2011-12-30'), 0);
});

function halfHours(name: string, date: string): number {
    const day: CalendarDate = calendarDate(date);
    return intervalsOfDay(zoneOf(name), day, 30);
}
