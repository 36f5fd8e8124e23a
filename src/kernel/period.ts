import { tryCalendarDate } from './calendar-date.ts';
import { assert, GridtallyError } from './errors.ts';

/**
 * The instants from `from` up to but not including `to`, in UTC epoch milliseconds. A period is empty where
 * both are equal: it then contains, overlaps and leaves out nothing.
 */
export interface Period {
    readonly from: number;
    readonly to: number;
}

/** Makes a period of whole milliseconds that does not end before it begins. */
export function period(from: number, to: number): Period {
    assert(Number.isSafeInteger(from) && Number.isSafeInteger(to), 'instants are whole milliseconds');
    assert(from <= to, `the period from ${from} does not end before it begins, at ${to}`);
    return { from, to };
}

export function isEmpty(p: Period): boolean {
    return p.from >= p.to;
}

export function durationMs(p: Period): number {
    return p.to - p.from;
}

/** Whether the instant is in the period: `from` is, `to` is not. */
export function contains(p: Period, instant: number): boolean {
    return p.from <= instant && instant < p.to;
}

/** Whether every instant of `inner` is in `outer`; an empty period is within every other. */
export function covers(outer: Period, inner: Period): boolean {
    return isEmpty(inner) || (outer.from <= inner.from && inner.to <= outer.to);
}

/** Whether some instant is in both. Periods that only abut do not overlap. */
export function overlaps(a: Period, b: Period): boolean {
    return Math.max(a.from, b.from) < Math.min(a.to, b.to);
}

/** The instants that are in both, or `undefined` where there are none. */
export function intersect(a: Period, b: Period): Period | undefined {
    return overlaps(a, b) ? { from: Math.max(a.from, b.from), to: Math.min(a.to, b.to) } : undefined;
}

/** Whether one ends exactly where the other begins. */
export function abuts(a: Period, b: Period): boolean {
    return a.to === b.from || b.to === a.from;
}

/** The instants of `whole` that are not in `part`: none, one or two periods, in order, none of them empty. */
export function subtract(whole: Period, part: Period): Period[] {
    const cut = intersect(whole, part);
    if (cut === undefined) return isEmpty(whole) ? [] : [whole];
    const rests = [
        { from: whole.from, to: cut.from },
        { from: cut.to, to: whole.to },
    ];
    return rests.filter((rest) => !isEmpty(rest));
}

/** The fewest periods with the same instants: in order, apart from each other, none of them empty. */
export function merge(periods: Iterable<Period>): Period[] {
    const ordered = [...periods].filter((p) => !isEmpty(p)).sort((a, b) => a.from - b.from);
    const merged: Period[] = [];
    for (const next of ordered) {
        const last = merged.at(-1);
        if (last === undefined || last.to < next.from) merged.push(next);
        else merged[merged.length - 1] = { from: last.from, to: Math.max(last.to, next.to) };
    }
    return merged;
}

/** An instant as `2013-05-01T00:00:00Z`, with three decimals of the second only where they are not zero. */
export function instantText(instant: number): string {
    return new Date(instant).toISOString().replace('.000Z', 'Z');
}

const INSTANT_SHAPE = /^(\d{4}-\d{2}-\d{2})T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,3})?Z$/;

/**
 * Reads the shape that `instantText` writes (one to three decimals of the second): UTC only, real dates
 * only, no 24:00, no leap second.
 * @returns UTC epoch milliseconds
 * @throws GridtallyError `time.instant-invalid`
 */
export function parseInstant(text: string): number {
    const date = INSTANT_SHAPE.exec(text)?.[1];
    if (date === undefined || tryCalendarDate(date) === undefined) {
        const shown = JSON.stringify(text.slice(0, 40));
        throw new GridtallyError('time.instant-invalid', `not an instant in UTC: ${shown}`);
    }
    return Date.parse(text);
}
