import { addDays, type CalendarDate, calendarDate, weekday } from '../../src/kernel/calendar-date.ts';
import { marketDayOf, marketDayPeriod } from '../../src/kernel/market-day.ts';
import { localTimeAt, type Zone } from '../../src/kernel/zone.ts';
import { HALF_HOUR } from './validation-world.ts';

/** Measured values of a meter in millionths of a kWh, by UTC epoch milliseconds. */
export type Measured = ReadonlyMap<number, number>;

/** Methods that tell a value by themselves. */
export type PlainMethod = 'linear' | 'like-day' | 'load-shape';

export interface NaiveEstimate {
    readonly micro: number;
    readonly method: PlainMethod | 'register-scaled' | 'flat';
}

const LINEAR_SLOTS_MAX = 4;
const LIKE_DAYS = 3;
const LOOKED_AT = 5;
const LOOK_BACK = 28;
const REGISTER_DAYS = 40;

/** A measured read of the meter's register: what it had counted by then, in millionths of a kWh. */
export interface NaiveRead {
    readonly at: number;
    readonly micro: number;
}

/** Between two measured reads, in millionths of a kWh. */
export interface NaiveAdvance {
    readonly from: number;
    readonly to: number;
    readonly micro: number;
}

/** Millionths of each half-hour of the clock, by the kind of day, from a day of the year such as `04-01` on. */
export interface NaiveSeason {
    readonly from: string;
    readonly weekday: readonly number[];
    readonly saturday: readonly number[];
    readonly sunday: readonly number[];
}

/** Of the meter's class, and what its metering point takes in a year, in millionths of a kWh, if that is known. */
export interface NaiveShape {
    readonly seasons: readonly NaiveSeason[];
    readonly annual?: number;
}

/** What estimates are made from. */
export interface NaiveCase {
    readonly measured: Measured;
    /** In the order of time. */
    readonly reads?: readonly NaiveRead[];
    /** What was counted between measured reads; told by `reads` unless it is given. */
    readonly advances?: readonly NaiveAdvance[];
    readonly holidays?: ReadonlySet<string>;
    /** Whether a half-hour should have a value and has none; those that were not measured unless told. */
    readonly isGap?: (at: number) => boolean;
    /** In the order in which they are tried. */
    readonly methods?: readonly PlainMethod[];
    readonly shape?: NaiveShape;
    /** Whether days are alike by the day of the week, and not by their kind. */
    readonly isByWeekday?: boolean;
}

/**
 * What docs/estimation.md says, written a second time for half-hours and the usual settings, a value at a time: estimates of the missing half-hours of the
 * days from `first` on and before `end`.
 */
export function naiveEstimates(
    {
        measured,
        reads = [],
        advances = reads
            .slice(1)
            .flatMap((read, i) =>
                reads.slice(i, i + 1).map((b) => ({ from: b.at, to: read.at, micro: read.micro - b.micro })),
            ),
        holidays = new Set(),
        isGap = (at) => !measured.has(at),
        methods = ['linear', 'like-day', 'load-shape'],
        shape,
        isByWeekday = false,
    }: NaiveCase,
    zone: Zone,
    { first, end }: { first: CalendarDate; end: CalendarDate },
): Map<number, NaiveEstimate> {
    const given = { measured, isMissing: isGap, zone, first, end, holidays, methods, isByWeekday };
    const weigh = shape && ((at: number) => shapeWeight(shape, marketDayOf(zone, at), at, zone, holidays));
    const from = marketDayPeriod(zone, first).from;
    const to = marketDayPeriod(zone, end).from;
    const scaled = new Map<number, NaiveEstimate>();
    for (const advance of advances) {
        if (daysBetween(zone, advance.from, advance.to) > REGISTER_DAYS) continue;
        const begun = Math.ceil(advance.from / HALF_HOUR) * HALF_HOUR;
        if (begun < from || advance.to > to) continue;
        const total = { ...advance, from: begun };
        const usual = new Map<number, NaiveEstimate>();
        estimateRuns(usual, isGap, { ...given, shapeValue: weigh && shareOfSpan(total, weigh) });
        shareOut(scaled, total, measured, usual);
    }
    const rest = new Map<number, NaiveEstimate>(scaled);
    const isRest = (at: number) => isGap(at) && !scaled.has(at);
    estimateRuns(rest, isRest, { ...given, shapeValue: weigh && shareOfYear(shape?.annual, weigh, zone) });
    return rest;
}

function shapeWeight(
    { seasons }: NaiveShape,
    day: CalendarDate,
    at: number,
    zone: Zone,
    holidays: ReadonlySet<string>,
): number {
    let season = seasons[seasons.length - 1];
    for (const one of seasons) if (one.from <= day.slice(5)) season = one;
    const halfHour = Math.floor(localTimeAt(zone, at).secondOfDay / 1800);
    return season?.[kindOf(day, holidays)][halfHour] ?? 0;
}

/** Between reads: the part of the advance that the half-hour has of all of them; beyond them nothing is asked. */
function shareOfSpan(
    { from, to, micro }: { readonly from: number; readonly to: number; readonly micro: number },
    weigh: (at: number) => number,
): (at: number) => number | undefined {
    let sum = 0;
    for (let at = from; at < to; at += HALF_HOUR) sum += weigh(at);
    return (at) => {
        if (at < from || at >= to) return 0;
        return sum === 0 ? undefined : Number(halfEvenOf(BigInt(micro) * BigInt(weigh(at)), BigInt(sum)));
    };
}

/** The part of a year's energy that the half-hour has of the half-hours of its year. */
function shareOfYear(
    annual: number | undefined,
    weigh: (at: number) => number,
    zone: Zone,
): (at: number) => number | undefined {
    const sums = new Map<string, number>();
    return (at) => {
        if (annual === undefined) return undefined;
        const year = marketDayOf(zone, at).slice(0, 4);
        const known = sums.get(year);
        let sum = known ?? 0;
        if (known === undefined)
            for (let day = calendarDate(`${year}-01-01`); day.startsWith(year); day = addDays(day, 1))
                for (const slot of slotsOf(zone, day)) sum += weigh(slot);
        sums.set(year, sum);
        return Number(halfEvenOf(BigInt(annual) * BigInt(weigh(at)), BigInt(sum)));
    };
}

function daysBetween(zone: Zone, from: number, to: number): number {
    const day = (at: number) => Date.parse(marketDayOf(zone, at)) / 86_400_000;
    return day(to) - day(from);
}

/** What is not measured of a total, by the shape of the usual estimates or evenly, rounded cumulatively. */
function shareOut(
    scaled: Map<number, NaiveEstimate>,
    total: { readonly from: number; readonly to: number; readonly micro: number },
    measured: Measured,
    usual: ReadonlyMap<number, NaiveEstimate>,
): void {
    const slots: number[] = [];
    let rest = BigInt(total.micro);
    for (let at = total.from; at < total.to; at += HALF_HOUR) {
        const value = measured.get(at);
        if (value === undefined) slots.push(at);
        else rest -= BigInt(value);
    }
    if (rest < 0n) return;
    const shape = slots.map((at) => usual.get(at)?.micro);
    const known = shape.flatMap((value) => (value === undefined ? [] : [value]));
    const isShaped = known.length === slots.length && (rest === 0n || known.some((value) => value > 0));
    const weights = isShaped ? known : slots.map(() => 1);
    const sum = weights.reduce((all, value) => all + BigInt(value), 0n);
    let until = 0n;
    let given = 0n;
    slots.forEach((at, i) => {
        until += BigInt(weights[i] ?? 0);
        const share = sum === 0n ? 0n : halfEvenOf(rest * until, sum);
        scaled.set(at, { micro: Number(share - given), method: isShaped ? 'register-scaled' : 'flat' });
        given = share;
    });
}

function halfEvenOf(dividend: bigint, divisor: bigint): bigint {
    const whole = dividend / divisor;
    const twice = 2n * (dividend % divisor);
    return twice > divisor || (twice === divisor && whole % 2n === 1n) ? whole + 1n : whole;
}

/** By a line or as like days were, run by run of gaps. */
function estimateRuns(
    found: Map<number, NaiveEstimate>,
    isGap: (at: number) => boolean,
    given: {
        readonly measured: Measured;
        /** Of whole gaps, whatever part of them is estimated already. */
        readonly isMissing: (at: number) => boolean;
        readonly zone: Zone;
        readonly first: CalendarDate;
        readonly end: CalendarDate;
        readonly holidays: ReadonlySet<string>;
        readonly methods: readonly PlainMethod[];
        readonly isByWeekday: boolean;
        readonly shapeValue?: ((at: number) => number | undefined) | undefined;
    },
): void {
    const { measured, isMissing, zone, first, end, holidays, methods, isByWeekday, shapeValue } = given;
    for (let day = first; day < end; day = addDays(day, 1)) {
        const slots = slotsOf(zone, day);
        for (let from = 0; from < slots.length; from++) {
            if (!isGap(slots[from] ?? 0)) continue;
            let to = from;
            while (to < slots.length && isGap(slots[to] ?? 0)) to++;
            const run = slots.slice(from, to);
            const by = {
                linear: () => line(run, measured, isMissing),
                'like-day': () =>
                    likeDays(run, day, measured, zone, (of) => likenessOf(of, holidays, isByWeekday)),
                'load-shape': () => shaped(run, shapeValue),
            };
            let estimates: NaiveEstimate[] | undefined;
            for (const method of methods) estimates ??= by[method]();
            estimates?.forEach((estimate, i) => {
                found.set(run[i] ?? 0, estimate);
            });
            from = to;
        }
    }
}

function shaped(
    run: readonly number[],
    shapeValue: ((at: number) => number | undefined) | undefined,
): NaiveEstimate[] | undefined {
    const estimates = run.flatMap((at): NaiveEstimate[] => {
        const micro = shapeValue?.(at);
        return micro === undefined ? [] : [{ micro, method: 'load-shape' }];
    });
    return estimates.length === run.length ? estimates : undefined;
}

function kindOf(day: CalendarDate, holidays: ReadonlySet<string>): 'weekday' | 'saturday' | 'sunday' {
    if (weekday(day) === 7 || holidays.has(day)) return 'sunday';
    return weekday(day) === 6 ? 'saturday' : 'weekday';
}

function likenessOf(day: CalendarDate, holidays: ReadonlySet<string>, isByWeekday: boolean): string {
    if (isByWeekday) return holidays.has(day) ? '7' : String(weekday(day));
    return kindOf(day, holidays);
}

function slotsOf(zone: Zone, day: CalendarDate): number[] {
    const { from, to } = marketDayPeriod(zone, day);
    return Array.from({ length: (to - from) / HALF_HOUR }, (_, i) => from + i * HALF_HOUR);
}

function line(
    run: readonly number[],
    measured: Measured,
    isMissing: (at: number) => boolean,
): NaiveEstimate[] | undefined {
    let [from, to] = [run[0] ?? 0, run.at(-1) ?? 0];
    do from -= HALF_HOUR;
    while (isMissing(from) && to - from <= LINEAR_SLOTS_MAX * HALF_HOUR);
    do to += HALF_HOUR;
    while (isMissing(to) && to - from <= (LINEAR_SLOTS_MAX + 1) * HALF_HOUR);
    const [before, after] = [measured.get(from), measured.get(to)];
    const steps = (to - from) / HALF_HOUR;
    if (before === undefined || after === undefined || steps > LINEAR_SLOTS_MAX + 1) return undefined;
    return run.map((at) => {
        const done = (at - from) / HALF_HOUR;
        return { micro: halfEven(before * (steps - done) + after * done, steps), method: 'linear' };
    });
}

function likeDays(
    run: readonly number[],
    day: CalendarDate,
    measured: Measured,
    zone: Zone,
    likeness: (of: CalendarDate) => string,
): NaiveEstimate[] | undefined {
    const before = Array.from({ length: LOOK_BACK }, (_, i) => addDays(day, -i - 1));
    const sources = before.filter((of) => likeness(of) === likeness(day)).slice(0, LOOKED_AT);
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
