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

/*
 * The next two count in years that begin on the first of March, so that the leap day is the last of its year: any other day then follows from
 * the lengths of the months, 31 30 31 30 31 twice and 31 again, which 153 days in five months express. Both run for each day of a zone's
 * years, where the engine's own `Date` would read and write a text each time.
 */
const DAYS_OF_ERA = 146_097;
/** From 0000-03-01 to 1970-01-01. */
const DAYS_TO_1970 = 719_468;

/** Days since 1970-01-01, negative before it. */
export function epochDayOf(date: CalendarDate): number {
    const month = digits(date, 5, 7);
    const year = digits(date, 0, 4) - (month <= 2 ? 1 : 0);
    const era = Math.floor(year / 400);
    const yearOfEra = year - era * 400;
    const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + digits(date, 8, 10) - 1;
    const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
    return era * DAYS_OF_ERA + dayOfEra - DAYS_TO_1970;
}

function digits(text: string, from: number, to: number): number {
    let value = 0;
    for (let i = from; i < to; i += 1) value = value * 10 + text.charCodeAt(i) - 48;
    return value;
}

/** The day that is `epochDay` days after 1970-01-01; asserts that its year has four digits. */
export function dateOfEpochDay(epochDay: number): CalendarDate {
    assert(Number.isInteger(epochDay), `epoch day ${epochDay} is a whole number`);
    const days = epochDay + DAYS_TO_1970;
    const era = Math.floor(days / DAYS_OF_ERA);
    const dayOfEra = days - era * DAYS_OF_ERA;
    const leapDays =
        Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
    const yearOfEra = Math.floor((dayOfEra - leapDays) / 365);
    const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
    const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
    const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
    const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
    const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
    assert(year >= 0 && year <= 9999, `the year of epoch day ${epochDay} has four digits`);
    return `${String(year).padStart(4, '0')}-${twoDigits(month)}-${twoDigits(day)}` as CalendarDate;
}

/** The whole part of a number from 0 to 99, as days, months, hours and minutes are written. */
export function twoDigits(n: number): string {
    return String(Math.floor(n)).padStart(2, '0');
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
            remedy: 'Write a month as YYYY-MM, the second part from 01 to 12.',
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
