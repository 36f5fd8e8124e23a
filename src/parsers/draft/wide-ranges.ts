import { periodColumns, timeColumns, type WideColumn } from '../wide-columns.ts';

/** Columns of a header that stand for the intervals of a day. */
export interface WideRange {
    readonly role: 'periods' | 'times';
    /** Places in the header: from the first to the last, inclusive. */
    readonly from: number;
    readonly to: number;
    readonly minutes: number;
    /** Of times: which end of its interval a column names. */
    readonly marks?: 'start' | 'end';
    readonly columns: readonly WideColumn[];
}

const LENGTHS = [30, 15, 60, 10, 5];
const DAY_MINUTES = 1440;
/** Of a local day: the clock moves by an hour at most. */
const SHORTEST_DAY = 1380;
const LONGEST_DAY = 1500;

/** The run of columns that names the intervals of a day as a contract can say it; undefined where there is none. */
export function findWideRange(columns: readonly string[]): WideRange | undefined {
    for (let from = 0; from < columns.length; from += 1) {
        const found = timesFrom(columns, from) ?? periodsFrom(columns, from);
        if (found !== undefined) return found;
    }
    return undefined;
}

function timesFrom(columns: readonly string[], from: number): WideRange | undefined {
    const first = columns[from] ?? '';
    if (!/\d{2}[:.h]?\d{2}\D*$/.test(first)) return undefined;
    for (const minutes of LENGTHS) {
        for (const isEnd of [false, true]) {
            const to = from + DAY_MINUTES / minutes - 1;
            const last = columns[to];
            if (last === undefined) continue;
            const range = timeColumns(`${first}..${last}`, minutes, isEnd);
            if (typeof range === 'string' || range.length !== to - from + 1) continue;
            if (!range.every(({ name }, i) => name === columns[from + i])) continue;
            const start = range[0]?.cell.kind === 'time' ? range[0].cell.minuteOfDay : -1;
            if (start !== 0 && start !== minutes) continue;
            const marks = start === 0 ? 'start' : 'end';
            if ((marks === 'end') !== isEnd) continue;
            return { role: 'times', from, to, minutes, marks, columns: range };
        }
    }
    return undefined;
}

function periodsFrom(columns: readonly string[], from: number): WideRange | undefined {
    const first = columns[from] ?? '';
    const no = Number(/(\d+)\D*$/.exec(first)?.[1] ?? 0);
    if (no !== 1 || isNumberedFromZero(columns, from)) return undefined;
    let best: readonly WideColumn[] = [];
    for (let to = from + SHORTEST_DAY / 60 - 1; to < columns.length && to - from < 300; to += 1) {
        const range = periodColumns(`${first}..${columns[to]}`);
        if (typeof range === 'string' || range.length !== to - from + 1) continue;
        if (range.every(({ name }, i) => name === columns[from + i])) best = range;
    }
    const minutes = LENGTHS.find((length) =>
        [SHORTEST_DAY, DAY_MINUTES, LONGEST_DAY].includes(best.length * length),
    );
    if (minutes === undefined) return undefined;
    const to = from + best.length - 1;
    return { role: 'periods', from, to, minutes, columns: best };
}

/** Whether the column before has the number 0: then this one holds the second interval of the day. */
function isNumberedFromZero(columns: readonly string[], from: number): boolean {
    return columns[from - 1] === columns[from]?.replace(/1(?=\D*$)/, '0');
}

/** Names that differ in their numbers alone from so many others that there is one for each interval of a day. */
export function numberedNames(columns: readonly string[]): ReadonlySet<string> {
    const families = Map.groupBy(columns, (name) => name.replace(/\d+/g, '#'));
    return new Set([...families.values()].filter((names) => names.length >= SHORTEST_DAY / 60).flat());
}

/** Columns that a person takes for the intervals of a day, though no contract can say so; for a message. */
export function unreadableRange(columns: readonly string[]): string | undefined {
    const numbered = columns.filter((name) => /\d/.test(name));
    if (numbered.length < SHORTEST_DAY / 60) return undefined;
    const zero = numbered.find((name) => /(^|\D)0+$/.test(name));
    const range = `${numbered[0]} to ${numbered.at(-1)}`;
    return zero === undefined
        ? `the columns ${range} are neither numbered from 1 nor named by times one interval apart`
        : `the columns ${range} are numbered from 0, and a contract numbers the periods of a day from 1`;
}
