import { assert, GridtallyError } from './errors.ts';

/** A day of the calendar, `YYYY-MM-DD` from year 0000 to 9999, without a zone. Texts order as the days do. */
export type CalendarDate = string & { readonly __brand: 'CalendarDate' };

/** Days from `from` up to but not including `to`. */
export interface DatePeriod {
    readonly from: CalendarDate;
    readonly to: CalendarDate;
}

export const DAY_MS = 86_400_000;

const DATE_SHAPE = /^\d{4}-\d{2}-\d{2}$/;

/**
 * Checks that the text is a day that exists, in exactly this shape (2013-02-30 and 2013-5-1 are refused).
 * @throws GridtallyError `time.date-invalid`
 */
export function calendarDate(text: string): CalendarDate {
    const date = tryCalendarDate(text);
    if (date === undefined) {
        const shown = JSON.stringify(text.slice(0, 40));
        throw new GridtallyError('time.date-invalid', `not a day of the calendar: ${shown}`);
    }
    return date;
}

/** As `calendarDate`, with `undefined` for a text that is no date. */
export function tryCalendarDate(text: string): CalendarDate | undefined {
    if (!DATE_SHAPE.test(text)) return undefined;
    const startMs = Date.parse(`${text}T00:00:00Z`);
    // The engine rolls 2013-02-30 over to March instead of refusing it.
    const isReal = !Number.isNaN(startMs) && new Date(startMs).toISOString().startsWith(text);
    return isReal ? (text as CalendarDate) : undefined;
}

/** Days since 1970-01-01, negative before it. */
export function epochDayOf(date: CalendarDate): number {
    return Date.parse(`${date}T00:00:00Z`) / DAY_MS;
}

/** The day that is `epochDay` days after 1970-01-01; asserts that its year has four digits. */
export function dateOfEpochDay(epochDay: number): CalendarDate {
    assert(Number.isInteger(epochDay), `epoch day ${epochDay} is a whole number`);
    const text = new Date(epochDay * DAY_MS).toISOString();
    assert(text.length === 24, `the year of epoch day ${epochDay} has four digits`);
    return text.slice(0, 10) as CalendarDate;
}

/** The UTC date of an instant in epoch milliseconds. */
export function utcDateOf(instantMs: number): CalendarDate {
    return dateOfEpochDay(Math.floor(instantMs / DAY_MS));
}

/** The day `days` later; earlier for negative days. */
export function addDays(date: CalendarDate, days: number): CalendarDate {
    return dateOfEpochDay(epochDayOf(date) + days);
}

/** Whole days from `from` to `to`; negative where `to` is earlier. */
export function daysBetween(from: CalendarDate, to: CalendarDate): number {
    return epochDayOf(to) - epochDayOf(from);
}

/** 1 for Monday to 7 for Sunday (ISO 8601). */
export function weekday(date: CalendarDate): number {
    // 1970-01-01 was a Thursday.
    return ((((epochDayOf(date) + 3) % 7) + 7) % 7) + 1;
}

/** 1 for January to 12 for December. */
export function month(date: CalendarDate): number {
    return Number(date.slice(5, 7));
}

/** The month of a date as `2013-05`. */
export function monthText(date: CalendarDate): string {
    return date.slice(0, 7);
}

/**
 * The days of a month given as `2013-05`: from its first day, to (not including) the first of the next month.
 * @throws GridtallyError `time.date-invalid`
 */
export function monthPeriod(text: string): DatePeriod {
    const from = tryCalendarDate(`${text}-01`);
    if (from === undefined) {
        const shown = JSON.stringify(text.slice(0, 40));
        throw new GridtallyError('time.date-invalid', `not a month: ${shown}`, {
            remedy: 'Write a month as YYYY-MM.',
        });
    }
    // 31 days after the first of a month is always a day of the next one.
    return { from, to: `${monthText(addDays(from, 31))}-01` as CalendarDate };
}

/** The days of a half-open date period in order; none where it is empty. */
export function listDays(days: DatePeriod): CalendarDate[] {
    const first = epochDayOf(days.from);
    const count = Math.max(0, epochDayOf(days.to) - first);
    return Array.from({ length: count }, (_, index) => dateOfEpochDay(first + index));
}
