import type { EstimationMethod } from '../contracts/estimation-policy.ts';
import { LAKE_TABLES } from '../contracts/lake-tables.ts';
import type { EngineSession, TableColumn } from '../engine/engine.ts';
import type { CalendarDate } from '../kernel/calendar-date.ts';
import { marketDayPeriod } from '../kernel/market-day.ts';
import { localTimeAt, type Zone } from '../kernel/zone.ts';
import { distinctPaths } from './catalogue.ts';
import { type EstimateWindow, WINDOW_TABLES } from './estimate-window.ts';
import type { EstimationRules } from './estimation-inputs.ts';

const integer = (name: string): TableColumn => ({ name, type: 'integer' });
const date = (name: string): TableColumn => ({ name, type: 'date' });

/** Leaves `estimation_settings` and `estimation_methods`. */
export async function registerSettings(session: EngineSession, { policy }: EstimationRules): Promise<void> {
    await session.registerRows(
        'estimation_settings',
        ['linear_minutes', 'like_days', 'span_days'].map(integer),
        [[policy.linearMinutes, policy.likeDays, policy.registerDays]],
    );
    await session.registerRows(
        'estimation_methods',
        [{ name: 'method', type: 'string' }, integer('place_no')],
        policy.methods.map((method: EstimationMethod, i) => [method, i]),
    );
}

/** Leaves `like_days` of these days; gives every day that one of them names. */
export async function registerLikeDays(
    session: EngineSession,
    rules: EstimationRules,
    days: readonly CalendarDate[],
): Promise<CalendarDate[]> {
    const rows = [...new Set(days)].flatMap((day) =>
        rules
            .likeDaysOf(day)
            .map((source, i) => [day, source, i + 1] as [CalendarDate, CalendarDate, number]),
    );
    await session.registerRows(
        'like_days',
        [date('market_day'), date('source_day'), integer('place_no')],
        rows,
    );
    return [...new Set(rows.map(([, source]) => source))];
}

/** Leaves `near_days` of these days; gives every day that one of them names. */
export async function registerNearDays(
    session: EngineSession,
    rules: EstimationRules,
    zone: Zone,
    days: readonly CalendarDate[],
): Promise<CalendarDate[]> {
    const bigint = (name: string): TableColumn => ({ name, type: 'bigint' });
    const rows = [...new Set(days)].flatMap((day) => {
        const { from, to } = marketDayPeriod(zone, day);
        return rules.nearDaysOf(day).map((near) => [day, near, from * 1000, to * 1000] as const);
    });
    await session.registerRows(
        'near_days',
        [date('market_day'), date('near_day'), bigint('day_from_us'), bigint('day_to_us')],
        rows.map((row) => [...row]),
    );
    return [...new Set(rows.map(([, near]) => near))];
}

/** Those of intervals in `unread_runs`. */
export async function runLengths(session: EngineSession): Promise<number[]> {
    const used = await session.rows('select distinct interval_minutes from unread_runs');
    return used.map((row) => Number(row.interval_minutes));
}

/** Leaves `slot_minutes`: the intervals of the days, in these lengths, by the local time of their start, which like days are compared by. */
export async function registerSlots(
    session: EngineSession,
    zone: Zone,
    days: readonly CalendarDate[],
    lengths: readonly number[],
): Promise<void> {
    await session.registerRows(
        'slot_minutes',
        [
            date('market_day'),
            { name: 'interval_minutes', type: 'smallint' },
            integer('slot_no'),
            { name: 'slot_from_us', type: 'bigint' },
            integer('local_minute'),
            integer('is_repeated'),
        ],
        [...new Set(days)]
            .sort()
            .flatMap((day) => lengths.flatMap((minutes) => slotMinutes(zone, day, minutes))),
    );
}

type SlotRow = [CalendarDate, number, number, number, number, number];

function slotMinutes(zone: Zone, day: CalendarDate, minutes: number): SlotRow[] {
    const { from, to } = marketDayPeriod(zone, day);
    const seen = new Set<number>();
    const rows: SlotRow[] = [];
    for (let at = from; at + minutes * 60_000 <= to; at += minutes * 60_000) {
        const minute = Math.floor(localTimeAt(zone, at).secondOfDay / 60);
        rows.push([day, minutes, rows.length, at * 1000, minute, seen.has(minute) ? 1 : 0]);
        seen.add(minute);
    }
    return rows;
}

/** Leaves `window_<table>`: what is published of these days. */
export async function registerWindowFiles(
    session: EngineSession,
    { files }: EstimateWindow,
    days: readonly CalendarDate[],
): Promise<void> {
    const wanted = new Set(days);
    for (const table of WINDOW_TABLES) {
        const ofDays = files[table].filter(({ marketDay }) => wanted.has(marketDay));
        await session.registerFiles(`window_${table}`, LAKE_TABLES[table], distinctPaths(ofDays));
    }
}
