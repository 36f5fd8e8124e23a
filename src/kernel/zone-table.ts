import {
    type CalendarDate,
    DAY_MS,
    type DatePeriod,
    dateOfEpochDay,
    epochDayOf,
    listDays,
} from './calendar-date.ts';
import { assert } from './errors.ts';
import { marketDayPeriod } from './market-day.ts';
import { type ClockChange, changesWithin, offsetAt, type Zone } from './zone.ts';

/**
 * One row per local date. A stamp at second `s` of the local day is UTC plus `offsetBeforeS` where `s <
 * changeFromLocalS`, and UTC plus `offsetAfterS` where `s >= changeToLocalS`. Between the two it is as
 * `changeKind` says: shown never (`missing`), or shown twice (`repeated`: first with `offsetBeforeS`, then
 * with `offsetAfterS`). With `none` the range is empty at second 0 and both offsets are equal, so that the
 * same condition serves all rows.
 */
export interface LocalDayRow {
    readonly localDate: CalendarDate;
    readonly offsetBeforeS: number;
    readonly offsetAfterS: number;
    readonly changeKind: 'none' | 'missing' | 'repeated';
    readonly changeFromLocalS: number;
    readonly changeToLocalS: number;
}

/** Days from `fromNo` up to but not including `toNo` (days since 1970) on and around which the local offset stays the same. */
export interface QuietSpan {
    readonly fromNo: number;
    readonly toNo: number;
    readonly offsetS: number;
}

const DAY_S = 86_400;

/**
 * Tells the days of a range apart: those from `reach` days before to `reach` days after the UTC date of a clock change, in order, and the spans of
 * all others. Of a quiet day everything within `reach - 1` days follows from its offset, so 30 years of a zone are some sixty spans.
 * @throws GridtallyError `time.out-of-range` outside 1970 to 2100
 */
export function quietSpans(
    zone: Zone,
    days: DatePeriod,
    reach: number,
): { spans: QuietSpan[]; others: CalendarDate[] } {
    const [first, end] = [epochDayOf(days.from), epochDayOf(days.to)];
    const changes = changesWithin(zone, (first - reach) * DAY_MS, (end + reach + 1) * DAY_MS);
    const spans: QuietSpan[] = [];
    const others: CalendarDate[] = [];
    let at = first;
    const addSpan = (toNo: number) => {
        if (at < toNo) spans.push({ fromNo: at, toNo, offsetS: offsetAt(zone, at * DAY_MS) });
        at = Math.max(at, toNo);
    };
    for (const change of changes) {
        const changeNo = Math.floor(change.at / DAY_MS);
        addSpan(Math.min(changeNo - reach, end));
        for (; at < Math.min(changeNo + reach + 1, end); at += 1) others.push(dateOfEpochDay(at));
    }
    addSpan(end);
    return { spans, others };
}

/**
 * The rows by which an engine converts local stamps to UTC: from `fromDate` up to but not including
 * `toDate`, in order. A change whose missing or repeated stamps lie on two dates has its part of them in
 * each row. Asserts that no local date is touched by two changes.
 * @throws GridtallyError `time.out-of-range` outside 1970 to 2100
 */
export function localDays(zone: Zone, fromDate: CalendarDate, toDate: CalendarDate): LocalDayRow[] {
    return listDays({ from: fromDate, to: toDate }).map((localDate) => {
        const midnightS = epochDayOf(localDate) * DAY_S;
        // Whatever the offset, a change seen on this local date happened within a day of its midnight in UTC.
        const nearby = changesWithin(zone, midnightS * 1000 - DAY_MS, midnightS * 1000 + 2 * DAY_MS);
        const seen = nearby
            .map((change) => seenOn(midnightS, change))
            .filter((range) => range.from < range.to);
        const range = onlyChange(zone, localDate, seen);
        if (range === undefined) {
            const offsetS = offsetAt(zone, marketDayPeriod(zone, localDate).from);
            const same = { offsetBeforeS: offsetS, offsetAfterS: offsetS };
            return { localDate, ...same, changeKind: 'none', changeFromLocalS: 0, changeToLocalS: 0 };
        }
        const { offsetBeforeS, offsetAfterS } = range.change;
        const changeKind = offsetAfterS > offsetBeforeS ? 'missing' : 'repeated';
        const changed = { changeKind, changeFromLocalS: range.from, changeToLocalS: range.to } as const;
        return { localDate, offsetBeforeS, offsetAfterS, ...changed };
    });
}

interface SeenChange {
    readonly change: ClockChange;
    readonly from: number;
    readonly to: number;
}

/**
 * The seconds of one local day that a change skips or repeats; `from >= to` where it leaves the day alone.
 */
function seenOn(midnightS: number, change: ClockChange): SeenChange {
    const wallS = change.at / 1000 - midnightS;
    const lowS = wallS + Math.min(change.offsetBeforeS, change.offsetAfterS);
    const highS = wallS + Math.max(change.offsetBeforeS, change.offsetAfterS);
    return { change, from: Math.max(0, lowS), to: Math.min(DAY_S, highS) };
}

function onlyChange<T>(zone: Zone, date: CalendarDate, changes: readonly T[]): T | undefined {
    assert(changes.length <= 1, `the clock of ${zone.name} changes at most once on ${date}`);
    return changes[0];
}
