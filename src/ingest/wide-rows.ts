import type { FeedContract, WideCell } from '../contracts/feed-contract.ts';
import { sqlText } from '../engine/sql-text.ts';

/** A column of a file with one row a day, and where it stands among the contract's columns. */
export interface CellColumn {
    readonly name: string;
    readonly place: number;
    readonly cell: WideCell;
}

const DAY_US = 86_400_000_000;

export function cellsOf(contract: FeedContract): CellColumn[] {
    return contract.columns.flatMap(({ name, cell }, place) => (cell ? [{ name, place, cell }] : []));
}

/**
 * The records of a wide file as one record for each cell: its text, its column's name, and its number, which is that of the
 * period or the minute of the day. A line that is at fault as a whole stays one record.
 */
export function cellRecords(contract: FeedContract, records: string): string {
    const cells = cellsOf(contract);
    const list = (texts: readonly string[], none: string) =>
        `unnest(case when w.fault <> '' then [${none}] else [${texts.join(', ')}] end)`;
    const names = cells.map(({ name }) => sqlText(name));
    const numbers = cells.map(({ cell }) => String(cell.kind === 'period' ? cell.no : cell.minuteOfDay));
    const others = contract.columns.flatMap(({ cell }, i) => (cell ? [] : [`w.c${i}`]));
    return `(select w.payload_no, w.line_no, w.fault, w.text, ${others.join(', ')},
    ${list(
        cells.map(({ place }) => `w.c${place}`),
        "''",
    )} as cell_value, ${list(names, "''")} as cell_name, ${list(numbers, '0')} as cell_no
    from ${records} as w)`;
}

/**
 * Numbered periods to the UTC instants at which they begin: period n of a local day begins n - 1 lengths after the day's first
 * instant. `clock_fault` marks a number that the day does not reach, as 49 of 50 on most days.
 */
export function placedPeriods(contract: FeedContract): string {
    const { clock } = contract.reading.stamp;
    const lengthUs = '(cast(t.minutes as bigint) * 60000000)';
    const isLocal = clock.kind === 'local';
    const offset = clock.kind === 'fixed' ? clock.offsetMinutes * 60_000_000 : 0;
    const from = isLocal ? '(t.wall_us - d.offset_before_us)' : `(t.wall_us - ${offset})`;
    const lengthOfDay = isLocal ? `(${DAY_US} + d.offset_before_us - e.offset_before_us)` : String(DAY_US);
    const days = isLocal
        ? `left join stamp_days as d on d.day_no = cast(t.wall_us // ${DAY_US} as integer)
    left join stamp_days as e on e.day_no = cast(t.wall_us // ${DAY_US} as integer) + 1`
        : '';
    return `select t.* exclude (wall_us, stamp_offset_us), ${from} + (t.cell_no - 1) * ${lengthUs} as period_us, t.wall_us as stamped_us,
    case when t.cell_no * ${lengthUs} > ${lengthOfDay} then 'row.period-surplus' end as clock_fault
from typed as t ${days}`;
}
