import type { TracedSpan } from './estimate-inputs.ts';
import type { TracedDay } from './traced-total.ts';
import type { TracedInterval } from './traced-version.ts';

/** What of a channel's day is in a bill line. */
export interface TracedLineDay {
    readonly meterId: string;
    readonly registerId: string;
    readonly marketDay: string;
    /** Of the intervals below. */
    readonly kwh: string;
    /** Of the whole day, as it is published. */
    readonly dayKwh: string | null;
    readonly intervals: readonly TracedInterval[];
    readonly spans: readonly TracedSpan[];
}

/** A line of a bill with the readings that its quantity is the sum of. */
export interface TracedBillLine {
    readonly lineNo: number;
    readonly kind: 'subscription' | 'energy' | 'tax';
    readonly charge: string;
    readonly band: string | null;
    readonly tariffId: string;
    readonly serviceFrom: string;
    readonly serviceTo: string;
    readonly quantity: string;
    readonly unit: string;
    readonly price: string | null;
    readonly amount: string;
    /** Sum of its readings, exact; null where a line has none (subscriptions, taxes). */
    readonly kwh: string | null;
    readonly days: readonly TracedLineDay[];
}

export interface TracedBill {
    readonly billId: string;
    readonly accountId: string;
    readonly state: 'draft' | 'sealed';
    readonly periodFrom: string;
    readonly periodTo: string;
    readonly energyKwh: string;
    readonly amountDue: string;
    readonly currency: string;
    readonly lines: readonly TracedBillLine[];
}

/** The intervals of these days that the line takes, by day and channel; days without one are left out. */
export function daysOfLine(
    days: readonly TracedDay[],
    sumText: (intervals: readonly TracedInterval[]) => string,
    isInLine: (interval: TracedInterval) => boolean,
): TracedLineDay[] {
    return days.flatMap((day): TracedLineDay[] => {
        const intervals = day.hours
            .flatMap((hour) => hour.intervals)
            .filter((interval) => interval.kwh !== null && isInLine(interval));
        if (intervals.length === 0) return [];
        const { meterId, registerId, marketDay, kwh: dayKwh, spans } = day;
        return [{ meterId, registerId, marketDay, kwh: sumText(intervals), dayKwh, intervals, spans }];
    });
}
