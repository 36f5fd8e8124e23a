import { addDays, type CalendarDate, weekday } from '../../src/kernel/calendar-date.ts';
import { marketDayPeriod } from '../../src/kernel/market-day.ts';
import { localTimeAt, type Zone } from '../../src/kernel/zone.ts';
import { HALF_HOUR } from './validation-world.ts';

/** Measured values of a meter in millionths of a kWh, by UTC epoch milliseconds. */
export type Measured = ReadonlyMap<number, number>;

export interface NaiveEstimate {
    readonly micro: number;
    readonly method: 'linear' | 'like-day';
}

const LINEAR_SLOTS_MAX = 4;
const LIKE_DAYS = 3;
const LOOKED_AT = 5;
const LOOK_BACK = 28;

export interface NaiveOptions {
    readonly holidays?: ReadonlySet<string>;
    /** Whether a half-hour should have a value and has none; those that were not measured unless told. */
    readonly isGap?: (at: number) => boolean;
    /** In the order in which they are tried. */
    readonly methods?: readonly NaiveEstimate['method'][];
}

/**
 * What docs/estimation.md says, written a second time for half-hours and the usual settings, a value at a time: estimates of the missing half-hours of the
 * days from `first` on and before `end`.
 */
export function naiveEstimates(
    measured: Measured,
    zone: Zone,
    { first, end }: { first: CalendarDate; end: CalendarDate },
    {
        holidays = new Set(),
        isGap = (at) => !measured.has(at),
        methods = ['linear', 'like-day'],
    }: NaiveOptions = {},
): Map<number, NaiveEstimate> {
    const found = new Map<number, NaiveEstimate>();
    for (let day = first; day < end; day = addDays(day, 1)) {
        const slots = slotsOf(zone, day);
        for (let from = 0; from < slots.length; from++) {
            if (!isGap(slots[from] ?? 0)) continue;
            let to = from;
            while (to < slots.length && isGap(slots[to] ?? 0)) to++;
            const run = slots.slice(from, to);
            const by = {
                linear: () => line(run, measured.get(slots[from - 1] ?? -1), measured.get(slots[to] ?? -1)),
                'like-day': () => likeDays(run, day, measured, zone, holidays),
            };
            let estimates: NaiveEstimate[] | undefined;
            for (const method of methods) estimates ??= by[method]();
            estimates?.forEach((estimate, i) => {
                found.set(run[i] ?? 0, estimate);
            });
            from = to;
        }
    }
    return found;
}

function slotsOf(zone: Zone, day: CalendarDate): number[] {
    const { from, to } = marketDayPeriod(zone, day);
    return Array.from({ length: (to - from) / HALF_HOUR }, (_, i) => from + i * HALF_HOUR);
}

function line(
    run: readonly number[],
    before: number | undefined,
    after: number | undefined,
): NaiveEstimate[] | undefined {
    if (before === undefined || after === undefined || run.length > LINEAR_SLOTS_MAX) return undefined;
    const steps = run.length + 1;
    return run.map((_, i) => ({
        micro: halfEven(before * (steps - i - 1) + after * (i + 1), steps),
        method: 'linear',
    }));
}

function likeDays(
    run: readonly number[],
    day: CalendarDate,
    measured: Measured,
    zone: Zone,
    holidays: ReadonlySet<string>,
): NaiveEstimate[] | undefined {
    const kind = (of: CalendarDate) => {
        if (weekday(of) === 7 || holidays.has(of)) return 'sunday';
        return weekday(of) === 6 ? 'saturday' : 'weekday';
    };
    const before = Array.from({ length: LOOK_BACK }, (_, i) => addDays(day, -i - 1));
    const sources = before.filter((of) => kind(of) === kind(day)).slice(0, LOOKED_AT);
    const estimates = run.map((at): NaiveEstimate | undefined => {
        const { secondOfDay } = localTimeAt(zone, at);
        const values = sources.flatMap((source) => {
            const same = slotsOf(zone, source).find(
                (slot) => localTimeAt(zone, slot).secondOfDay === secondOfDay,
            );
            const value = same === undefined ? undefined : measured.get(same);
            return value === undefined ? [] : [value];
        });
        const nearest = values.slice(0, LIKE_DAYS);
        if (nearest.length === 0) return undefined;
        const sum = nearest.reduce((total, value) => total + value, 0);
        return { micro: halfEven(sum, nearest.length), method: 'like-day' };
    });
    const whole = estimates.filter((estimate) => estimate !== undefined);
    return whole.length === run.length ? whole : undefined;
}

function halfEven(dividend: number, divisor: number): number {
    const whole = Math.floor(dividend / divisor);
    const twice = 2 * (dividend - whole * divisor);
    if (twice > divisor || (twice === divisor && whole % 2 !== 0)) return whole + 1;
    return whole;
}
