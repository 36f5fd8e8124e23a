import type { EstimationPolicy } from '../contracts/estimation-policy.ts';
import { addDays, type CalendarDate, weekday } from '../kernel/calendar-date.ts';

/** A holiday counts as a Sunday. */
export type DayKind = 'weekday' | 'saturday' | 'sunday';

export function dayKind(day: CalendarDate, holidays: ReadonlySet<string>): DayKind {
    const ofWeek = weekday(day);
    if (ofWeek === 7 || holidays.has(day)) return 'sunday';
    return ofWeek === 6 ? 'saturday' : 'weekday';
}

/** The days before that are alike, nearest first: as many as are looked at, and no further back than the policy says. A holiday is a Sunday by either measure. */
export function likeDaysBefore(
    day: CalendarDate,
    policy: Pick<EstimationPolicy, 'lookBackDays' | 'likeDaysLookedAt' | 'likeDaysBy'>,
    holidays: ReadonlySet<string>,
): CalendarDate[] {
    const likeness = (of: CalendarDate) => {
        const kind = dayKind(of, holidays);
        return policy.likeDaysBy === 'weekday' && kind === 'weekday' ? weekday(of) : kind;
    };
    const sought = likeness(day);
    const found: CalendarDate[] = [];
    for (let back = 1; back <= policy.lookBackDays && found.length < policy.likeDaysLookedAt; back++) {
        const candidate = addDays(day, -back);
        if (likeness(candidate) === sought) found.push(candidate);
    }
    return found;
}
