import { compare, type Decimal, decimal, formatDecimal, sumDecimals } from '../kernel/decimal.ts';
import { GridtallyError, type InputFault } from '../kernel/errors.ts';
import type { TracedSpan } from './estimate-inputs.ts';
import type { TracedInterval } from './traced-version.ts';

/** A row of `reads_interval` as it is published. Instants in UTC as text. */
export interface PublishedInterval {
    readonly channelNo: number;
    readonly marketDay: string;
    readonly periodFrom: string;
    readonly kwh: string;
    readonly quality: string;
}

export interface PublishedHour {
    readonly channelNo: number;
    readonly marketDay: string;
    readonly hourFrom: string;
    /** Null where the hour has no value. */
    readonly kwh: string | null;
    readonly expectedCount: number;
    readonly missingCount: number;
}

export interface PublishedDay {
    readonly channelNo: number;
    readonly marketDay: string;
    readonly kwh: string | null;
    readonly expectedCount: number;
    readonly measuredCount: number;
    readonly estimatedCount: number;
    readonly missingCount: number;
}

export interface PublishedTotals {
    readonly intervals: readonly PublishedInterval[];
    readonly hours: readonly PublishedHour[];
    readonly days: readonly PublishedDay[];
}

export interface TracedHour extends PublishedHour {
    readonly intervals: readonly TracedInterval[];
}

/** A channel's day as it is published, with all that it came from. */
export interface TracedDay extends PublishedDay {
    readonly meterId: string;
    readonly meteringPointId: string;
    readonly registerId: string;
    readonly hours: readonly TracedHour[];
    /** What registers counted, to which estimates of the day are scaled. */
    readonly spans: readonly TracedSpan[];
}

/** How a published number is taken apart; `hourOf` gives the hour of `reads_hourly` that an interval is summed in. */
export interface TotalSources {
    readonly published: PublishedTotals;
    readonly intervals: readonly TracedInterval[];
    readonly spans: readonly TracedSpan[];
    hourOf(interval: { readonly marketDay: string; readonly periodFrom: string }): string;
    naming(channelNo: number): Pick<TracedDay, 'meterId' | 'meteringPointId' | 'registerId'>;
}

/**
 * Takes whole days apart: day = sum of its hours, hour = sum of its intervals, interval = the version that wins. Throws
 * `trace.does-not-add-up` with everything that differs.
 */
export function traceDays({ published, intervals, spans, hourOf, naming }: TotalSources): TracedDay[] {
    const faults: InputFault[] = [];
    checkIntervals(published.intervals, intervals, faults);
    const byHour = Map.groupBy(intervals, (one) => `${one.channelNo} ${one.marketDay} ${hourOf(one)}`);
    const hours = published.hours.map((hour): TracedHour => {
        const ofHour = byHour.get(`${hour.channelNo} ${hour.marketDay} ${hour.hourFrom}`) ?? [];
        const what = `${naming(hour.channelNo).meterId}, hour from ${hour.hourFrom}`;
        checkSum(what, hour.kwh, kwhOf(ofHour), faults);
        return { ...hour, intervals: ofHour };
    });
    const hoursOfDay = Map.groupBy(hours, ({ channelNo, marketDay }) => `${channelNo} ${marketDay}`);
    const days = published.days.map((day): TracedDay => {
        const ofDay = hoursOfDay.get(`${day.channelNo} ${day.marketDay}`) ?? [];
        const what = `${naming(day.channelNo).meterId}, day ${day.marketDay}`;
        checkSum(what, day.kwh, kwhOf(ofDay), faults);
        return { ...naming(day.channelNo), ...day, hours: ofDay, spans: spansOfDay(ofDay, spans) };
    });
    throwIfAny(faults);
    return days;
}

function spansOfDay(hours: readonly TracedHour[], spans: readonly TracedSpan[]): TracedSpan[] {
    const estimated = hours.flatMap((hour) => hour.intervals);
    return spans.filter((span) =>
        estimated.some(
            ({ channelNo, estimate }) =>
                channelNo === span.channelNo && estimate?.advance?.readFrom === span.readFrom,
        ),
    );
}

/** Compares a sum with its parts. Throws `trace.does-not-add-up`. */
export function requireSum(
    what: string,
    total: string,
    parts: readonly { readonly kwh: string | null }[],
): void {
    const faults: InputFault[] = [];
    checkSum(what, total, kwhOf(parts), faults);
    throwIfAny(faults);
}

/** Exact sum of what has a value. */
export function sumKwh(parts: readonly { readonly kwh: string | null }[]): Decimal {
    return sumDecimals(kwhOf(parts));
}

function kwhOf(parts: readonly { readonly kwh: string | null }[]): Decimal[] {
    return parts.flatMap(({ kwh }) => (kwh === null ? [] : [decimal(kwh)]));
}

function checkSum(what: string, total: string | null, parts: readonly Decimal[], faults: InputFault[]): void {
    const sum = sumDecimals(parts);
    if (total === null ? parts.length === 0 : compare(decimal(total), sum) === 0) return;
    faults.push({
        message: `${what}: ${total ?? 'no value'} is published, its parts sum to ${formatDecimal(sum)} kWh`,
    });
}

/** Each published value is that of the winning version, and no version wins that is not published. */
function checkIntervals(
    published: readonly PublishedInterval[],
    traced: readonly TracedInterval[],
    faults: InputFault[],
): void {
    const key = (one: { channelNo: number; periodFrom: string }) => `${one.channelNo} ${one.periodFrom}`;
    const values = new Map(published.map((one) => [key(one), one]));
    for (const interval of traced) {
        const value = values.get(key(interval));
        values.delete(key(interval));
        const isSame =
            value === undefined
                ? interval.kwh === null
                : interval.kwh !== null &&
                  compare(decimal(value.kwh), decimal(interval.kwh)) === 0 &&
                  value.quality === interval.quality;
        if (!isSame) {
            const found = `${interval.kwh ?? 'no value'} (${interval.quality})`;
            const message = `${interval.meterId}, ${interval.periodFrom}: ${value?.kwh ?? 'nothing'} is published, its versions give ${found}`;
            faults.push({ message });
        }
        checkLines(interval, faults);
    }
    for (const { periodFrom, kwh, channelNo } of values.values())
        faults.push({
            message: `channel ${channelNo}, ${periodFrom}: ${kwh} is published, and no version was received`,
        });
}

/** Each version says what its line says, as far as lines were read. */
function checkLines(interval: TracedInterval, faults: InputFault[]): void {
    for (const { kwh, lineKwh, line, sourceKey, receiptId, outcome } of interval.versions) {
        if (lineKwh === undefined) continue;
        const what = `${interval.meterId}, ${interval.periodFrom}: receipt ${receiptId} (${sourceKey})`;
        if (line === null) {
            if (outcome === 'winning') faults.push({ message: `${what} has no line with this interval` });
            continue;
        }
        if (
            kwh === lineKwh ||
            (kwh !== null && lineKwh !== null && compare(decimal(kwh), decimal(lineKwh)) === 0)
        )
            continue;
        faults.push({
            message: `${what} says ${lineKwh ?? 'no value'} in line ${line}, and its version ${kwh ?? 'no value'}`,
        });
    }
}

function throwIfAny(faults: readonly InputFault[]): void {
    if (faults.length === 0) return;
    const count = `${faults.length} ${faults.length === 1 ? 'number does' : 'numbers do'} not add up`;
    throw new GridtallyError('trace.does-not-add-up', `${count}.`, { faults });
}
