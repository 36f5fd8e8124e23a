import { addDays, type CalendarDate, DAY_MS, epochDayOf } from './calendar-date.ts';
import { assert } from './errors.ts';
import { durationMs, type Period } from './period.ts';
import { localTimeAt, localToUtc, type Zone } from './zone.ts';

/**
 * The local day as a half-open period, from its first instant to that of the next day: 23, 24 or 25 hours,
 * other lengths where a zone moves its clock by less or more, and empty where a zone skipped the day
 * (Pacific/Apia, 2011-12-30). Consecutive days abut. Where the clock falls back across midnight
 * (America/St_Johns until 2011, at 00:01), the first passing of midnight begins the day, and the minutes
 * shown again belong to it.
 * @throws GridtallyError `time.out-of-range` outside 1970 to 2100
 */
export function marketDayPeriod(zone: Zone, date: CalendarDate): Period {
    return { from: firstInstantOf(zone, date), to: firstInstantOf(zone, addDays(date, 1)) };
}

/**
 * How many intervals of `minutes` begin in the local day: 46, 48 or 50 half-hours, 92, 96 or 100
 * quarter-hours. The last one is shorter where the length does not divide the day (hours at
 * Australia/Lord_Howe's half-hour change).
 */
export function intervalsOfDay(zone: Zone, date: CalendarDate, minutes: number): number {
    return Math.ceil(durationMs(marketDayPeriod(zone, date)) / lengthMs(minutes));
}

/** The local day that an instant belongs to: the one whose `marketDayPeriod` contains it. */
export function marketDayOf(zone: Zone, instant: number): CalendarDate {
    const { date } = localTimeAt(zone, instant);
    const { to } = marketDayPeriod(zone, date);
    return instant < to ? date : addDays(date, 1);
}

/** The number, from 1, of the interval of `minutes` in its local day that an instant lies in. */
export function settlementPeriodOf(zone: Zone, instant: number, minutes: number): number {
    const dayFrom = firstInstantOf(zone, marketDayOf(zone, instant));
    return Math.floor((instant - dayFrom) / lengthMs(minutes)) + 1;
}

/**
 * The first instant of interval `n` (from 1) of a local day. It is counted in elapsed time from the first
 * instant of the day, never on the wall clock. Asserts that the day has an interval `n`.
 */
export function periodStart(zone: Zone, date: CalendarDate, n: number, minutes: number): number {
    const count = intervalsOfDay(zone, date, minutes);
    assert(Number.isInteger(n) && n >= 1 && n <= count, `${date} has a period ${n} (of ${count})`);
    return firstInstantOf(zone, date) + (n - 1) * lengthMs(minutes);
}

function firstInstantOf(zone: Zone, date: CalendarDate): number {
    const midnight = localToUtc(zone, epochDayOf(date) * DAY_MS);
    switch (midnight.kind) {
        case 'unique':
            return midnight.at;
        case 'repeated':
            return midnight.first;
        case 'missing':
            return midnight.changeAt;
    }
}

function lengthMs(minutes: number): number {
    assert(Number.isInteger(minutes) && minutes > 0, `${minutes} minutes are a whole number above zero`);
    return minutes * 60_000;
}
