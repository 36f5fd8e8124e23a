import type { EstimationPolicy, LoadShape, LoadShapeSeason } from '../contracts/estimation-policy.ts';
import { addDays, type CalendarDate, calendarDate } from '../kernel/calendar-date.ts';
import { marketDayPeriod } from '../kernel/market-day.ts';
import { localTimeAt, type Zone } from '../kernel/zone.ts';
import { type DayKind, dayKind } from './like-days.ts';

/** What the load shapes of a home weigh time by: whole numbers, of which only ratios within a class mean anything. Asks for classes that have a shape. */
export interface ShapeWeights {
    /** Of each interval of the day, in the order of time. */
    slotsOf(className: string, day: CalendarDate, minutes: number): readonly number[];
    /** Of the whole day. */
    dayOf(className: string, day: CalendarDate): number;
    /** Of all days of the calendar year that the day is of. */
    yearOf(className: string, day: CalendarDate): number;
    /** What decides weights of days from the first to the last, and of their years, beside the shapes; nothing where there are no shapes. */
    holidaysOf(first: CalendarDate, last: CalendarDate): readonly string[];
}

const HALF_HOUR = 30;
const MINUTE_MS = 60_000;

/** A half-hour's value counts for each of its minutes: a quarter-hour has half of it, an hour two of them, and one that the clock shows twice counts twice. */
export function shapeWeights(
    { loadShapes }: Pick<EstimationPolicy, 'loadShapes'>,
    zone: Zone,
    holidays: ReadonlySet<string>,
): ShapeWeights {
    const years = new Map<string, number>();
    const valuesOf = (className: string, day: CalendarDate): readonly number[] => {
        const season = seasonOf(loadShapes[className] ?? [], day);
        return season?.[dayKind(day, holidays) satisfies DayKind] ?? [];
    };
    const dayOf = (className: string, day: CalendarDate): number => {
        const values = valuesOf(className, day);
        const { from, to } = marketDayPeriod(zone, day);
        const isUsual = to - from === 1440 * MINUTE_MS;
        return sum(isUsual ? values.map((value) => value * HALF_HOUR) : minutesOf(zone, values, from, to));
    };
    return {
        dayOf,
        slotsOf(className, day, minutes) {
            const values = valuesOf(className, day);
            const { from, to } = marketDayPeriod(zone, day);
            const length = minutes * MINUTE_MS;
            return Array.from({ length: Math.floor((to - from) / length) }, (_, i) =>
                sum(minutesOf(zone, values, from + i * length, from + (i + 1) * length)),
            );
        },
        holidaysOf(first, last) {
            if (Object.keys(loadShapes).length === 0) return [];
            const isWithin = (day: string) =>
                day.slice(0, 4) >= first.slice(0, 4) && day.slice(0, 4) <= last.slice(0, 4);
            return [...holidays].filter(isWithin).sort();
        },
        yearOf(className, day) {
            const year = day.slice(0, 4);
            const key = `${year} ${className}`;
            const known = years.get(key);
            if (known !== undefined) return known;
            let total = 0;
            for (let one = calendarDate(`${year}-01-01`); one.startsWith(year); one = addDays(one, 1))
                total += dayOf(className, one);
            years.set(key, total);
            return total;
        },
    };
}

/** The last season that has begun by the day; before the first of the year's, the one that has gone on since the year before. */
function seasonOf(seasons: LoadShape, day: CalendarDate): LoadShapeSeason | undefined {
    const ofYear = day.slice(5);
    return seasons.findLast(({ from }) => from <= ofYear) ?? seasons.at(-1);
}

/** Of each stretch of time within one half-hour of the clock, its minutes times the half-hour's value. */
function minutesOf(zone: Zone, values: readonly number[], from: number, to: number): number[] {
    const weights: number[] = [];
    for (let at = from; at < to; ) {
        const minute = Math.floor(localTimeAt(zone, at).secondOfDay / 60);
        const length = Math.min(HALF_HOUR - (minute % HALF_HOUR), (to - at) / MINUTE_MS);
        weights.push((values[Math.floor(minute / HALF_HOUR)] ?? 0) * length);
        at += length * MINUTE_MS;
    }
    return weights;
}

function sum(values: readonly number[]): number {
    return values.reduce((total, value) => total + value, 0);
}
