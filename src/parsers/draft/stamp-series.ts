import { type ColumnFacts, commonestFirst, countsOf } from './column-facts.ts';
import type { ColumnRoles } from './column-roles.ts';

const MINUTE_MS = 60_000;

/** The stamps of one meter and register. */
export interface StampSeries {
    /** Wall clocks (epoch milliseconds as if UTC) in the order of the file, repeated ones too. */
    readonly walls: readonly number[];
    /** Wall clocks less their offsets, where they have one: sorted, each once. */
    readonly times: readonly number[];
}

export interface SampleStamps {
    readonly series: readonly StampSeries[];
    readonly read: number;
    readonly withOffset: number;
    /** Offsets in minutes that occur. */
    readonly offsets: readonly number[];
    /** Stamps of the text 24:00. */
    readonly at2400: number;
    /** Rows of a meter, register and stamp that the sample has already had. */
    readonly repeated: number;
    readonly first: number;
    readonly last: number;
}

/** Reads the stamps of the sample, meter by meter. */
export function sampleStamps(roles: ColumnRoles): SampleStamps {
    const { meter, register, stamp, form } = roles;
    const walls = new Map<string, number[]>();
    const times = new Map<string, number[]>();
    const offsets = new Set<number>();
    const all = { read: 0, withOffset: 0, at2400: 0, first: Infinity, last: -Infinity };
    stamp.texts.forEach((text, row) => {
        const wall = form.read(text);
        if (wall === undefined) return;
        const offset = form.offsetOf(text);
        const key = `${meter.texts[row]}\n${register?.texts[row] ?? ''}`;
        pushTo(walls, key, wall);
        pushTo(times, key, wall - (offset ?? 0) * MINUTE_MS);
        all.read += 1;
        if (offset !== undefined) {
            all.withOffset += 1;
            offsets.add(offset);
        }
        if (form.isEndOfDay(text)) all.at2400 += 1;
        all.first = Math.min(all.first, wall);
        all.last = Math.max(all.last, wall);
    });
    const series = [...walls].map(([key, list]) => ({
        walls: list,
        times: [...new Set(times.get(key))].sort((a, b) => a - b),
    }));
    const distinct = series.reduce((sum, { times: list }) => sum + list.length, 0);
    return { ...all, series, offsets: [...offsets].sort((a, b) => a - b), repeated: all.read - distinct };
}

function pushTo(map: Map<string, number[]>, key: string, value: number): void {
    const list = map.get(key);
    if (list) list.push(value);
    else map.set(key, [value]);
}

/** How many minutes lie between stamps beside each other of one meter; the commonest first. */
export function distances(stamps: SampleStamps): [number, number][] {
    const own = countDistances(stamps.series.map(({ times }) => times));
    if (own.length > 0) return own;
    // one stamp of each meter: then those of all meters together
    const all = new Set(stamps.series.flatMap(({ times }) => times));
    return countDistances([[...all].sort((a, b) => a - b)]);
}

function countDistances(lists: readonly (readonly number[])[]): [number, number][] {
    const all = lists.flatMap((list) => list.slice(1).map((at, i) => (at - (list[i] ?? 0)) / MINUTE_MS));
    return [...countsOf(all)].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
}

/** Distances between the stamps of a row and those of another column, as of the start and the end of its interval. */
export function distancesTo(roles: ColumnRoles, other: ColumnFacts): [number, number][] {
    const all = roles.stamp.texts.flatMap((text, row) => {
        const from = roles.form.read(text);
        const to = roles.form.read(other.texts[row] ?? '');
        return from === undefined || to === undefined ? [] : [(to - from) / MINUTE_MS];
    });
    return commonestFirst(countsOf(all));
}
