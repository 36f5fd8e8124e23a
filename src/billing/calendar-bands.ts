import type { CalendarDefinition, CalendarRule } from '../contracts/tariff-structure.ts';
import { type CalendarDate, month, weekday } from '../kernel/calendar-date.ts';
import { assert } from '../kernel/errors.ts';

/** Names the band of a local minute of a day (0 to 1,439), by the first rule whose conditions all hold. */
export type BandOfMinute = (minuteOfDay: number) => string | null;

/** The rules of a calendar that can hold on one local day, ready to be asked minute by minute. */
export function bandsOfDay(
    definition: CalendarDefinition,
    isHoliday: boolean,
    date: CalendarDate,
): BandOfMinute {
    const dayNumber = weekday(date);
    const monthNumber = month(date);
    const rules = definition.rules
        .filter((rule) => rule.weekdays === undefined || rule.weekdays.includes(dayNumber))
        .filter((rule) => rule.months === undefined || rule.months.includes(monthNumber))
        .filter((rule) => rule.holiday === undefined || rule.holiday === isHoliday)
        .map((rule) => ({ band: rule.band, spans: spansOf(rule) }));
    return (minuteOfDay) =>
        rules.find(({ spans }) => spans === undefined || spans.some((span) => isWithin(span, minuteOfDay)))
            ?.band ?? null;
}

/** Local minutes of the day at which the calendar may change its band, without repetition. */
export function bandBoundaries(definition: CalendarDefinition): number[] {
    const minutes = definition.rules.flatMap((rule) =>
        (spansOf(rule) ?? []).flatMap((span) => [span.from, span.to]),
    );
    return [...new Set(minutes)];
}

/** Every band that the calendar can name. */
export function bandNames(definition: CalendarDefinition): string[] {
    return [...new Set(definition.rules.map((rule) => rule.band))];
}

interface MinuteSpan {
    readonly from: number;
    readonly to: number;
}

function spansOf(rule: CalendarRule): MinuteSpan[] | undefined {
    return rule.localTimes?.map(({ from, to }) => ({ from: minuteOf(from), to: minuteOf(to) }));
}

/** A span whose end is not after its start goes on over midnight. */
function isWithin(span: MinuteSpan, minute: number): boolean {
    if (span.from < span.to) return span.from <= minute && minute < span.to;
    return minute >= span.from || minute < span.to;
}

function minuteOf(wallTime: string): number {
    const match = /^(\d{2}):(\d{2})$/.exec(wallTime);
    assert(match, `${wallTime} is a wall time HH:MM`);
    return Number(match[1]) * 60 + Number(match[2]);
}
