import { type CalendarDate, type DatePeriod, listDays } from '../kernel/calendar-date.ts';
import { assert } from '../kernel/errors.ts';
import { marketDayPeriod } from '../kernel/market-day.ts';
import type { Zone } from '../kernel/zone.ts';

/** Slots are numbered on this grid; every interval length and every day length of a zone is a multiple of it. */
export const SLOT_MS = 5 * 60_000;

/** The local days of a billing period on the time line, and how many intervals begin between two instants of it. An interval ends within its day. */
export interface PeriodGrid {
    readonly days: readonly CalendarDate[];
    /** First instant of each day in UTC epoch milliseconds, and at the end the first instant after the period. */
    readonly dayStarts: readonly number[];
    /** First instant of a day of the period, or of the day after it. */
    startOf(date: CalendarDate): number;
    /** Intervals of a length that begin at or after `from` and before `to` (instants of the period; clipped to it). */
    countIntervals(from: number, to: number, minutes: number): number;
}

export function periodGrid(zone: Zone, period: DatePeriod): PeriodGrid {
    const days = listDays(period);
    const dayStarts = days.map((day) => marketDayPeriod(zone, day).from);
    dayStarts.push(marketDayPeriod(zone, period.to).from);
    const startByDate = new Map<string, number>(
        [...days, period.to].map((day, i) => [day, dayStarts[i] ?? 0]),
    );
    const countsByMinutes = new Map<number, number[]>();
    const countsOf = (minutes: number): number[] => {
        const known = countsByMinutes.get(minutes);
        if (known) return known;
        const counts = [0];
        days.forEach((_, i) => {
            const lengthOfDay = (dayStarts[i + 1] ?? 0) - (dayStarts[i] ?? 0);
            counts.push((counts[i] ?? 0) + Math.floor(lengthOfDay / (minutes * 60_000)));
        });
        countsByMinutes.set(minutes, counts);
        return counts;
    };
    const countBefore = (instant: number, minutes: number): number => {
        const dayNo = dayNoOf(dayStarts, instant);
        const counts = countsOf(minutes);
        if (dayNo < 0) return 0;
        if (dayNo >= days.length) return counts[days.length] ?? 0;
        const begun = Math.ceil((instant - (dayStarts[dayNo] ?? 0)) / (minutes * 60_000));
        return Math.min((counts[dayNo] ?? 0) + begun, counts[dayNo + 1] ?? 0);
    };
    return {
        days,
        dayStarts,
        startOf(date) {
            const start = startByDate.get(date);
            assert(start !== undefined, `${date} lies in the billing period`);
            return start;
        },
        countIntervals: (from, to, minutes) =>
            Math.max(0, countBefore(to, minutes) - countBefore(from, minutes)),
    };
}

/** Index of the day that contains the instant; −1 before the first, the number of days after the last. */
function dayNoOf(dayStarts: readonly number[], instant: number): number {
    let low = 0;
    let high = dayStarts.length;
    while (low < high) {
        const middle = (low + high) >>> 1;
        if ((dayStarts[middle] ?? 0) <= instant) low = middle + 1;
        else high = middle;
    }
    return low - 1;
}
