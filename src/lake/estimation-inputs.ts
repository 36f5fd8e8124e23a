import type { EstimationPolicy } from '../contracts/estimation-policy.ts';
import { compileModel } from '../engine/compile.ts';
import { addDays, type CalendarDate } from '../kernel/calendar-date.ts';
import { fingerprint } from '../kernel/hash.ts';
import { believedAt } from '../registry/believed-table.ts';
import { type AsKnown, knownAtText } from '../registry/channel-directory.ts';
import type { Database } from '../store/database.ts';
import { type LiveFile, liveFilesByTable } from './catalogue.ts';
import { type Lake, type PartitionKey, partitionText } from './lake.ts';
import { likeDaysBefore } from './like-days.ts';

type Reader = Pick<Database, 'query'>;

/** What decides how gaps are estimated, beside readings. */
export interface EstimationRules {
    readonly policy: EstimationPolicy;
    /** Whether gaps of the day are estimated: not on the newest day of a lake whose horizon nobody set, of which more is to come. */
    covers(day: CalendarDate): boolean;
    /** Days that estimates of a day may look at beside its own, nearest first. */
    windowOf(day: CalendarDate): readonly CalendarDate[];
}

/** Published partitions that estimates look at, at one moment. */
export interface EstimateWindow {
    readonly versions: ReadonlyMap<string, number>;
    readonly files: Readonly<Record<WindowTable, readonly LiveFile[]>>;
}

/** What a job estimates gaps by. */
export interface EstimationInputs {
    readonly rules: EstimationRules;
    /** Reads it when it is first asked for, so as late as can be: what other jobs publish until then is seen. The same one ever after. */
    window(): Promise<EstimateWindow>;
    /** What was read of it; undefined where nobody has asked, because there is nothing to estimate. */
    seen(): EstimateWindow | undefined;
}

export const WINDOW_TABLES = ['reads_interval', 'reads_daily', 'reading_estimates'] as const;
export type WindowTable = (typeof WINDOW_TABLES)[number];

const NO_WINDOW: EstimateWindow = {
    versions: new Map(),
    files: { reads_interval: [], reads_daily: [], reading_estimates: [] },
};

const ESTIMATION_MODELS = [
    'vee/unread_runs',
    'vee/linear_estimates',
    'vee/like_day_estimates',
    'vee/estimate_offers',
    'vee/estimated_intervals',
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

/** Where no other partition is looked at: all that counts is in the job. */
export function estimationWithin(rules: EstimationRules): EstimationInputs {
    return { rules, window: async () => NO_WINDOW, seen: () => NO_WINDOW };
}

/** `newest` is the newest market day of the lake. */
export function estimationRules(
    lake: Pick<Lake, 'estimation' | 'horizon'>,
    newest: CalendarDate | undefined,
    holidays: ReadonlySet<string>,
): EstimationRules {
    const policy = lake.estimation;
    const windows = new Map<CalendarDate, readonly CalendarDate[]>();
    const { horizon } = lake;
    return {
        policy,
        covers(day) {
            if (policy.methods.length === 0) return false;
            return horizon === undefined ? newest !== undefined && day < newest : day <= horizon;
        },
        windowOf(day) {
            const window = windows.get(day) ?? likeDaysBefore(day, policy, holidays);
            windows.set(day, window);
            return window;
        },
    };
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
        const ofDay = known.get(day) ?? fingerprint({ text, window: rules.windowOf(day) }).slice(0, 16);
        known.set(day, ofDay);
        return ofDay;
    };
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

/** What estimates of these partitions look at, of one moment: digests, values and the versions that are recorded must be of the same commits. */
export function estimationInputs(
    lake: Lake,
    rules: EstimationRules,
    partitions: readonly PartitionKey[],
): EstimationInputs {
    let window: Promise<EstimateWindow> | undefined;
    let seen: EstimateWindow | undefined;
    const read = () =>
        lake.db.transaction(
            async (tx) => ({
                versions: await readWindowVersions(tx, rules, partitions),
                files: await readWindowFiles(lake, tx, rules, partitions),
            }),
            { isolation: 'repeatable read', readOnly: true },
        );
    return {
        rules,
        window: async () => {
            window ??= read();
            seen = await window;
            return seen;
        },
        seen: () => seen,
    };
}

/** Versions of the partitions that estimates of these partitions look at. */
async function readWindowVersions(
    db: Reader,
    rules: EstimationRules,
    partitions: readonly PartitionKey[],
): Promise<Map<string, number>> {
    const days = [...new Set(partitions.flatMap(({ marketDay }) => rules.windowOf(marketDay)))];
    const rows = await db.query<PartitionKey & { version: number }>(
        `select market_day as "marketDay", bucket, version from partitions
          where table_name = 'reads_interval' and market_day = any($1::date[]) and bucket = any($2::int[])`,
        [days, [...new Set(partitions.map(({ bucket }) => bucket))]],
    );
    return new Map(rows.map((row) => [partitionText(row), row.version]));
}

/** Published files of the days that estimates of these partitions may look at. */
async function readWindowFiles(
    lake: Lake,
    db: Reader,
    rules: EstimationRules,
    partitions: readonly PartitionKey[],
): Promise<EstimateWindow['files']> {
    const wanted = new Set(
        partitions.flatMap(({ marketDay, bucket }) =>
            rules.windowOf(marketDay).map((day) => partitionText({ marketDay: day, bucket })),
        ),
    );
    const days = partitions.flatMap(({ marketDay }) => rules.windowOf(marketDay)).sort();
    const [first, last] = [days[0], days.at(-1)];
    if (first === undefined || last === undefined) return NO_WINDOW.files;
    const buckets = [...new Set(partitions.map(({ bucket }) => bucket))];
    const range = { from: first, to: addDays(last, 1), buckets };
    const live = await liveFilesByTable(lake, WINDOW_TABLES, range, db);
    const within = (files: readonly LiveFile[]) => files.filter((file) => wanted.has(partitionText(file)));
    return {
        reads_interval: within(live.reads_interval),
        reads_daily: within(live.reads_daily),
        reading_estimates: within(live.reading_estimates),
    };
}
