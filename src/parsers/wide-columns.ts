import type { WideCell } from '../contracts/feed-contract.ts';
import { twoDigits } from '../kernel/calendar-date.ts';

/** A column of a file with one row a day, and which interval of the day it holds. */
export interface WideColumn {
    readonly name: string;
    readonly cell: WideCell;
}

const COLUMNS_MAX = 300;
const MINUTES_OF_DAY = 1440;

/**
 * The columns that a range such as `hh01..hh50` stands for: numbered periods of the local day, from the number of the first
 * to that of the last, with as many digits. A text instead of columns says what is wrong with the range.
 */
export function periodColumns(range: string): WideColumn[] | string {
    const ends = /^(?<before>.*?)(?<from>\d+)(?<after>\D*)\.\.(?<last>.+)$/.exec(range)?.groups;
    const rule = 'Periods are a range of numbered columns, such as hh01..hh50.';
    if (!ends) return rule;
    const { before = '', from = '', after = '', last = '' } = ends;
    const to = last.slice(before.length, last.length - after.length);
    if (!last.startsWith(before) || !last.endsWith(after) || !/^\d+$/.test(to)) return rule;
    const count = Number(to) - Number(from) + 1;
    if (Number(from) < 1 || count < 1 || count > COLUMNS_MAX) return `${rule} The first has a number from 1.`;
    return Array.from({ length: count }, (_, i) => {
        const no = Number(from) + i;
        return {
            name: `${before}${String(no).padStart(from.length, '0')}${after}`,
            cell: { kind: 'period', no },
        };
    });
}

/**
 * The columns that a range such as `00:15..24:00` stands for: times of the day, each one interval after the one before. With `isEnd`
 * they name the end of their interval, and 00:00 is the end of the day. A text instead of columns says what is wrong.
 */
export function timeColumns(range: string, stepMinutes: number, isEnd: boolean): WideColumn[] | string {
    const time = String.raw`(?<h1>\d{2})(?<sep>[:.h]?)(?<m1>\d{2})`;
    const form = new RegExp(String.raw`^(?<before>.*?)${time}(?<after>\D*)\.\.(?<last>.+)$`);
    const ends = form.exec(range)?.groups;
    const rule = 'Times are a range of columns, such as 00:00..23:30, one interval apart.';
    if (!ends) return rule;
    const { before = '', h1 = '', sep = '', m1 = '', after = '', last = '' } = ends;
    const from = Number(h1) * 60 + Number(m1);
    const name = (minute: number) =>
        `${before}${twoDigits(minute / 60)}${sep}${twoDigits(minute % 60)}${after}`;
    const columns: WideColumn[] = [];
    for (let minute = from; minute <= MINUTES_OF_DAY; minute += stepMinutes) {
        const isMidnight = isEnd && minute === MINUTES_OF_DAY && last === name(0);
        columns.push({
            name: isMidnight ? name(0) : name(minute),
            cell: { kind: 'time', minuteOfDay: minute },
        });
        if (columns.at(-1)?.name === last) return columns;
    }
    return rule;
}
