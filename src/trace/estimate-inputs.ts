import { type CalendarDate, calendarDate } from '../kernel/calendar-date.ts';
import {
    add,
    compare,
    type Decimal,
    decimal,
    divide,
    formatDecimal,
    multiply,
    sumDecimals,
} from '../kernel/decimal.ts';
import { marketDayPeriod } from '../kernel/market-day.ts';
import { instantText, parseInstant } from '../kernel/period.ts';
import { localTimeAt, type Zone } from '../kernel/zone.ts';
import type { GapEstimate } from '../lake/published-estimates.ts';
import type { TracedInterval } from './traced-version.ts';

/** What a register counted between two reads, to which estimates are scaled, with what it was found from. */
export interface TracedSpan {
    readonly channelNo: number;
    readonly readFrom: string;
    readonly readTo: string;
    readonly advanceKwh: string;
    readonly measuredKwh: string;
    /** The two reads, and those between them that bound nothing; an index stands where an interval has its energy. */
    readonly reads: readonly TracedInterval[];
    /** What was measured between them, by market day. */
    readonly days: readonly SpanDay[];
}

export interface SpanDay {
    readonly marketDay: string;
    readonly kwh: string;
    readonly intervalCount: number;
    /** None where a trace of many days leaves them to the traces of those days. */
    readonly intervals: readonly TracedInterval[];
}

/** An interval that was estimated. */
export interface EstimatedInterval {
    readonly channelNo: number;
    readonly marketDay: string;
    readonly periodFrom: string;
    readonly minutes: number;
    readonly estimate: GapEstimate;
}

/** What decides where inputs lie. */
export interface InputRules {
    readonly zone: Zone;
    readonly likeDays: number;
    likeDaysOf(day: CalendarDate): readonly CalendarDate[];
}

/** Instants of the channel's intervals that the estimate, or its part of a shape, may have been made of, those that go first before others. */
export function inputInstants({ zone, likeDaysOf }: InputRules, interval: EstimatedInterval): string[] {
    const { estimate, marketDay, periodFrom, minutes } = interval;
    const method = valuesMethod(estimate);
    if (method === 'linear') return [estimate.beforeFrom, estimate.afterFrom].flatMap((at) => at ?? []);
    if (method !== 'like-day') return [];
    const { secondOfDay } = localTimeAt(zone, parseInstant(periodFrom));
    return likeDaysOf(calendarDate(marketDay)).flatMap(
        (day) => slotAt(zone, day, minutes, secondOfDay) ?? [],
    );
}

/** Of intervals at those instants the ones that it was made of. */
export function chooseInputs(
    { likeDays }: InputRules,
    { estimate, minutes }: EstimatedInterval,
    candidates: readonly TracedInterval[],
): TracedInterval[] {
    const measured = candidates.filter(
        (one) => one.kwh !== null && one.quality === 'measured' && one.minutes === minutes,
    );
    return valuesMethod(estimate) === 'like-day' ? measured.slice(0, likeDays) : measured;
}

/**
 * The estimate as its inputs give it, in kWh; undefined where they alone do not tell it: shares of an advance depend on all gaps between two reads, and
 * load shapes on no reading.
 */
export function recomputed(
    interval: EstimatedInterval,
    inputs: readonly TracedInterval[],
): string | undefined {
    const { estimate, periodFrom } = interval;
    if (estimate.advance !== null || inputs.length === 0) return undefined;
    const kwh = inputs.map((input) => decimal(input.kwh ?? '0'));
    if (estimate.method === 'like-day')
        return formatDecimal(divide(sumDecimals(kwh), decimal(String(kwh.length)), 6, 'half-even'), {
            minScale: 6,
        });
    const [before, after] = inputs;
    if (estimate.method !== 'linear' || before === undefined || after === undefined) return undefined;
    const [from, at, to] = [before.periodFrom, periodFrom, after.periodFrom].map(parseInstant) as [
        number,
        number,
        number,
    ];
    const weighted = add(
        multiply(decimal(before.kwh ?? '0'), decimal(String(to - at))),
        multiply(decimal(after.kwh ?? '0'), decimal(String(at - from))),
    );
    return formatDecimal(divide(weighted, decimal(String(to - from)), 6, 'half-even'), { minScale: 6 });
}

/** Whether two exact texts say the same. */
export function isSameKwh(a: string, b: string): boolean {
    return compare(decimal(a), decimal(b)) === 0;
}

/** Measured intervals between two reads, by day. */
export function spanDays(intervals: readonly TracedInterval[], isFolded: boolean): SpanDay[] {
    const byDay = Map.groupBy(intervals, ({ marketDay }) => marketDay);
    return [...byDay].map(([marketDay, ofDay]) => ({
        marketDay,
        kwh: formatDecimal(sumOf(ofDay), { minScale: 6 }),
        intervalCount: ofDay.length,
        intervals: isFolded ? [] : ofDay,
    }));
}

export function sumOf(intervals: readonly { readonly kwh: string | null }[]): Decimal {
    return sumDecimals(intervals.flatMap(({ kwh }) => (kwh === null ? [] : [decimal(kwh)])));
}

function valuesMethod({ method, advance }: GapEstimate): string | null {
    return advance === null ? method : advance.shape;
}

/** The first interval of the day that begins at that local time; undefined where none does. */
function slotAt(zone: Zone, day: CalendarDate, minutes: number, secondOfDay: number): string | undefined {
    const { from, to } = marketDayPeriod(zone, day);
    for (let at = from; at + minutes * 60_000 <= to; at += minutes * 60_000)
        if (localTimeAt(zone, at).secondOfDay === secondOfDay) return instantText(at);
    return undefined;
}
