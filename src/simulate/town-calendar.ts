import {
    addDays,
    type CalendarDate,
    calendarDate,
    epochDayOf,
    listDays,
    twoDigits,
    weekday,
} from '../kernel/calendar-date.ts';
import { marketDayPeriod } from '../kernel/market-day.ts';
import { localTimeAt, type Zone } from '../kernel/zone.ts';

/** One local day of the town. Instants are UTC epoch milliseconds, half-open. */
export interface TownDay {
    readonly index: number;
    readonly date: CalendarDate;
    readonly from: number;
    readonly to: number;
    /** Saturday, Sunday or holiday. */
    readonly isFree: boolean;
    /** −1 in deepest winter to 1 in highest summer of the northern half. */
    readonly season: number;
    /** The hour on the wall clock (0 to 23) for each elapsed hour of the day; 23 to 25 of them, the last of which the day may cut short. */
    readonly wallHours: readonly number[];
}

export interface Holiday {
    readonly date: CalendarDate;
    readonly name: string;
}

/** The local days from `from` up to but not including `to`. */
export function townDays(zone: Zone, from: CalendarDate, to: CalendarDate): TownDay[] {
    const holidays = new Set(listHolidays(from, to).map((holiday) => holiday.date));
    return listDays({ from, to }).map((date, index) => {
        const period = marketDayPeriod(zone, date);
        const wallHours: number[] = [];
        for (let at = period.from; at < period.to; at += 3_600_000) {
            wallHours.push(Math.floor(localTimeAt(zone, at).secondOfDay / 3600));
        }
        const isFree = weekday(date) >= 6 || holidays.has(date);
        return { index, date, ...period, isFree, season: seasonOf(date), wallHours };
    });
}

/** Public holidays from `from` up to but not including `to`, in order. */
export function listHolidays(from: CalendarDate, to: CalendarDate): Holiday[] {
    const holidays: Holiday[] = [];
    for (let year = Number(from.slice(0, 4)); year <= Number(to.slice(0, 4)); year += 1) {
        const easter = easterSunday(year);
        const at = (monthDay: string) => calendarDate(`${year}-${monthDay}`);
        holidays.push(
            { date: at('01-01'), name: "New Year's Day" },
            { date: addDays(easter, -2), name: 'Good Friday' },
            { date: addDays(easter, 1), name: 'Easter Monday' },
            { date: mondayOnOrAfter(at('05-01')), name: 'Early May holiday' },
            { date: mondayOnOrAfter(at('08-25')), name: 'Summer holiday' },
            { date: at('12-25'), name: 'Christmas Day' },
            { date: at('12-26'), name: 'Boxing Day' },
        );
    }
    const within = holidays.filter(({ date }) => date >= from && date < to);
    // Good Friday to Easter Monday may meet the May holiday: a day is named once.
    const byDate = new Map(within.map((holiday) => [holiday.date, holiday]));
    return [...byDate.values()].sort((a, b) => (a.date < b.date ? -1 : 1));
}

function mondayOnOrAfter(date: CalendarDate): CalendarDate {
    return addDays(date, (8 - weekday(date)) % 7);
}

/** The Gregorian computus of Meeus, Jones and Butcher (Nature, 20 April 1876). */
function easterSunday(year: number): CalendarDate {
    const a = year % 19;
    const b = Math.floor(year / 100);
    const c = year % 100;
    const d = b - Math.floor(b / 4) - Math.floor((8 * b + 13) / 25);
    const h = (19 * a + d + 15) % 30;
    const l = (32 + 2 * (b % 4) + 2 * Math.floor(c / 4) - h - (c % 4)) % 7;
    const m = Math.floor((a + 11 * h + 22 * l) / 451);
    const n = h + l - 7 * m + 114;
    return calendarDate(`${year}-${twoDigits(n / 31)}-${twoDigits((n % 31) + 1)}`);
}

/** Parabolas instead of a sine: plain arithmetic gives the same bits everywhere. Zero near both equinoxes. */
function seasonOf(date: CalendarDate): number {
    const year = date.slice(0, 4);
    const dayOfYear = epochDayOf(date) - epochDayOf(calendarDate(`${year}-01-01`));
    const turn = ((dayOfYear - 100 + 366) % 366) / 366;
    return turn < 0.5 ? 16 * turn * (0.5 - turn) : -16 * (turn - 0.5) * (1 - turn);
}
