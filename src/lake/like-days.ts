import type { EstimationPolicy } from '../contracts/estimation-policy.ts';
import { addDays, type CalendarDate, weekday } from '../kernel/calendar-date.ts';

/** A holiday counts as a Sunday. */
export type DayKind = 'weekday' | 'saturday' | 'sunday';

export function dayKind(day: CalendarDate, holidays: ReadonlySet<string>): DayKind {
    const ofWeek = weekday(day);
    if (ofWeek === 7 || holidays.has(day)) return 'sunday';
    return ofWeek === 6 ? 'saturday' : 'weekday';
}

/** The days before that are of the same kind, nearest first: as many as are looked at, and no further back than the policy says. */
export function likeDaysBefore(
    day: CalendarDate,
    policy: Pick<EstimationPolicy, 'lookBackDays' | 'likeDaysLookedAt'>,
    holidays: ReadonlySet<string>,
): CalendarDate[] {
    const kind = dayKind(day, holidays);
    const found: CalendarDate[] = [];
    for (let back = 1; back <= policy.lookBackDays && found.length < policy.likeDaysLookedAt; back++) {
        const candidate = addDays(day, -back);
        if (dayKind(candidate, holidays) === kind) found.push(candidate);
    }
    return found;
}
