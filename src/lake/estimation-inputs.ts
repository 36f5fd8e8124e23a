import type { EstimationPolicy } from '../contracts/estimation-policy.ts';
import { compileModel } from '../engine/compile.ts';
import { addDays, type CalendarDate } from '../kernel/calendar-date.ts';
import { fingerprint } from '../kernel/hash.ts';
import { marketDayOf, marketDayPeriod } from '../kernel/market-day.ts';
import { believedAt } from '../registry/believed-table.ts';
import { type AsKnown, knownAtText } from '../registry/channel-directory.ts';
import type { Database } from '../store/database.ts';
import {
    type DayRange,
    daysOfRange,
    daysWithWindows,
    type EstimateWindow,
    joinedRange,
    NO_WINDOW,
    readEstimateWindow,
} from './estimate-window.ts';
import type { Lake, PartitionKey } from './lake.ts';
import { likeDaysBefore } from './like-days.ts';
import { type ShapeWeights, shapeWeights } from './load-shapes.ts';
import type { SpanWindow } from './refresh-plan.ts';
import type { RegisterFeed } from './register-reads.ts';

type Reader = Pick<Database, 'query'>;

/** What decides how gaps are estimated, beside readings. */
export interface EstimationRules {
    readonly policy: EstimationPolicy;
    /** Whether gaps of the day are estimated: not on the newest day of a lake whose horizon nobody set, of which more is to come. */
    covers(day: CalendarDate): boolean;
    /** Days before that are like a day, nearest first. */
    likeDaysOf(day: CalendarDate): readonly CalendarDate[];
    /** The day itself and those beside it on which a line over midnight may end; none where no lines are drawn. */
    nearDaysOf(day: CalendarDate): readonly CalendarDate[];
    /** Every day that estimates of a day may look at beside its own. */
    windowOf(day: CalendarDate): readonly CalendarDate[];
    readonly shapes: ShapeWeights;
    /** Days on which a register may be read for estimates of a day to be scaled to it: none where they are not. */
    reachOf(day: CalendarDate): readonly CalendarDate[];
}

/** What a job estimates gaps by. */
export interface EstimationInputs {
    readonly rules: EstimationRules;
    /** Reads it when it is first asked for, so as late as can be: what other jobs publish until then is seen. The same one ever after. */
    window(): Promise<EstimateWindow>;
    /** What was read of it; undefined where nobody has asked, because there is nothing to estimate. */
    seen(): EstimateWindow | undefined;
    /** By `partitionText`, the days between reads of registers that its estimates may be scaled to, or the lack of them goes by. */
    readonly spans: Map<string, DayRange>;
}

const ESTIMATION_MODELS = [
    'vee/unread_runs',
    'registers/register_spans',
    'registers/measured_spans',
    'vee/gap_spans',
    'registers/span_days',
    'vee/span_runs',
    'vee/span_slots',
    'vee/span_totals',
    'vee/scaled_estimates',
    'vee/rest_slots',
    'vee/line_ends',
    'vee/linear_estimates',
    'vee/like_day_estimates',
    'vee/annual_totals',
    'vee/advance_totals',
    'vee/load_shape_estimates',
    'vee/estimate_offers',
    'vee/method_values',
    'vee/estimated_intervals',
    'vee/span_digests',
    'vee/window_digests',
    'vee/run_estimates',
];

/** Days that count as Sundays, as believed now or at `knownAt`. */
export async function readHolidays(
    { estimation }: Pick<Lake, 'estimation'>,
    db: Reader,
    known: AsKnown = {},
): Promise<ReadonlySet<string>> {
    if (estimation.holidaySet === null) return new Set();
    const days = await db.query<{ day: CalendarDate }>(
        `select h.holiday_date as day from holidays h where h.holiday_set = $1 and ${believedAt('h', '$2')}`,
        [estimation.holidaySet, knownAtText(known)],
    );
    return new Set(days.map(({ day }) => day));
}

/** Where no other partition is looked at: all that counts is in the job, beside reads of registers and what load shapes go by. */
export function estimationWithin(
    rules: EstimationRules,
    { registers, shapes }: Pick<EstimateWindow, 'registers' | 'shapes'>,
): EstimationInputs {
    const window = { ...NO_WINDOW, shapes, ...(registers === undefined ? {} : { registers }) };
    return { rules, window: async () => window, seen: () => window, spans: new Map() };
}

/** `newest` is the newest market day of the lake. */
export function estimationRules(
    lake: Pick<Lake, 'estimation' | 'horizon' | 'zone'>,
    newest: CalendarDate | undefined,
    holidays: ReadonlySet<string>,
): EstimationRules {
    const policy = lake.estimation;
    const { horizon } = lake;
    const likeDaysOf = onceByDay((day) => likeDaysBefore(day, policy, holidays));
    const nearDaysOf = onceByDay((day) => nearDays(lake, day));
    const windowOf = onceByDay((day) => {
        const days = new Set([...likeDaysOf(day), ...nearDaysOf(day)]);
        days.delete(day);
        return [...days].sort();
    });
    return {
        policy,
        shapes: shapeWeights(policy, lake.zone, holidays),
        covers(day) {
            if (policy.methods.length === 0) return false;
            return horizon === undefined ? newest !== undefined && day < newest : day <= horizon;
        },
        likeDaysOf,
        nearDaysOf,
        windowOf,
        reachOf(day) {
            if (!policy.methods.includes('register-scaled')) return [];
            const { registerDays } = policy;
            return daysOfRange({ first: addDays(day, -registerDays), last: addDays(day, registerDays) });
        },
    };
}

function onceByDay(
    of: (day: CalendarDate) => CalendarDate[],
): (day: CalendarDate) => readonly CalendarDate[] {
    const known = new Map<CalendarDate, readonly CalendarDate[]>();
    return (day) => {
        const days = known.get(day) ?? of(day);
        known.set(day, days);
        return days;
    };
}

/** A gap of the day is no longer than a line may be, so its ends are no further from the day than that. */
function nearDays(
    { estimation, zone }: Pick<Lake, 'estimation' | 'zone'>,
    day: CalendarDate,
): CalendarDate[] {
    if (!estimation.methods.includes('linear')) return [];
    const { from, to } = marketDayPeriod(zone, day);
    const reachMs = estimation.linearMinutes * 60_000;
    return daysOfRange({
        first: marketDayOf(zone, from - reachMs),
        last: marketDayOf(zone, to + reachMs - 1),
    });
}

/** Gives the fingerprint of all that decides estimates of a day beside readings; `none` where nothing is estimated. */
export function estimationFingerprints(lake: Lake, rules: EstimationRules): (day: CalendarDate) => string {
    const dialect = lake.bulkEngine.dialect;
    const text = fingerprint({
        policy: rules.policy,
        models: ESTIMATION_MODELS.map((name) => compileModel(name, dialect).fingerprint),
    });
    const known = new Map<CalendarDate, string>();
    return (day) => {
        if (!rules.covers(day)) return 'none';
        const ofDay =
            known.get(day) ??
            fingerprint({ text, likeDays: rules.likeDaysOf(day), ...shapeCalendar(rules, day) }).slice(0, 16);
        known.set(day, ofDay);
        return ofDay;
    };
}

/** A shape weighs days between reads, and all days of their years. */
function shapeCalendar(
    { policy, shapes }: EstimationRules,
    day: CalendarDate,
): { holidays?: readonly string[] } {
    const holidays = shapes.holidaysOf(addDays(day, -policy.registerDays), addDays(day, policy.registerDays));
    return holidays.length === 0 ? {} : { holidays };
}

/** Sum of the published versions of the partitions that estimates of a partition look at: it grows with each change of any of them. */
export function windowVersions(
    rules: EstimationRules,
    key: PartitionKey,
    versionOf: (key: PartitionKey) => number,
): number {
    return rules
        .windowOf(key.marketDay)
        .reduce((sum, marketDay) => sum + versionOf({ marketDay, bucket: key.bucket }), 0);
}

/** What the days between reads come to for a partition: what was published on them and the days that their estimates look at, and how many of them are estimated. */
export function spanWindow(
    rules: EstimationRules,
    key: PartitionKey,
    range: DayRange,
    versionOf: (key: PartitionKey) => number,
): SpanWindow {
    const days = daysOfRange(range);
    const others = daysWithWindows(rules, days).filter((day) => day !== key.marketDay);
    return {
        ...range,
        versions: others.reduce((sum, marketDay) => sum + versionOf({ marketDay, bucket: key.bucket }), 0),
        covered: days.filter((day) => rules.covers(day)).length,
    };
}

/** What estimates of these partitions look at. */
export function estimationInputs(
    lake: Lake,
    rules: EstimationRules,
    partitions: readonly PartitionKey[],
    feeds: readonly RegisterFeed[],
): EstimationInputs {
    let window: Promise<EstimateWindow> | undefined;
    let seen: EstimateWindow | undefined;
    const read = () =>
        lake.db.transaction((tx) => readEstimateWindow(lake, tx, rules, { partitions, feeds }), {
            isolation: 'repeatable read',
            readOnly: true,
        });
    return {
        rules,
        window: async () => {
            window ??= read();
            seen = await window;
            return seen;
        },
        seen: () => seen,
        spans: new Map(),
    };
}

/** Adds days between reads to those of the partitions that are known already: a merge looks at its channels after all were looked at. */
export function noteSpans({ spans }: EstimationInputs, found: ReadonlyMap<string, DayRange>): void {
    for (const [key, range] of found) spans.set(key, joinedRange(spans.get(key), range));
}
