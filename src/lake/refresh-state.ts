import { EDIT_RANK } from '../contracts/edit-feed.ts';
import { compileModel } from '../engine/compile.ts';
import { addDays, type CalendarDate } from '../kernel/calendar-date.ts';
import { fingerprint } from '../kernel/hash.ts';
import type { BucketDays } from '../registry/registration-changes.ts';
import type { Database } from '../store/database.ts';
import { shapeChanges, shapingAttributes } from './channel-shapes.ts';
import { VERSION_MODELS } from './curation-job.ts';
import {
    type EstimationRules,
    estimationFingerprints,
    estimationRules,
    readHolidays,
    spanWindow,
    windowVersions,
} from './estimation-inputs.ts';
import { type Lake, type PartitionKey, partitionText } from './lake.ts';
import type { CurationInputs, PartitionState, PlannedRebuild } from './refresh-plan.ts';
import type { RegisterFeed } from './register-reads.ts';
import { reachedChanges, registerReach, registerSigns } from './register-signs.ts';
import {
    attributesOf,
    OWN_DAY_SCOPES,
    settingsFingerprints,
    validatingAttributes,
} from './validation-inputs.ts';

export interface FeedPrecedence {
    readonly feedId: number;
    readonly rank: number;
    readonly newestAlways: boolean;
    /** Its receipt times say nothing about the age of its readings. */
    readonly isBackfill: boolean;
}

/** What decides between versions of feeds, by kind of reading. */
export interface FeedStandings {
    readonly intervals: readonly FeedPrecedence[];
    readonly registers: readonly RegisterFeed[];
}

/** What is about to be added to `reading_versions`, for a plan that foresees it. */
export interface ComingReadings {
    /** One for each commit and partition. */
    readonly versions: readonly (PartitionKey & { readonly rowCount: number })[];
    /** Days on which channels will be expected to read that were not before. */
    readonly expected: readonly BucketDays[];
}

const CURATION_MODELS = [
    'curation/expected_channel_days',
    ...VERSION_MODELS,
    'vee/rejected_intervals',
    'curation/curated_intervals',
];
const ROLLUP_MODELS = [
    'curation/present_hours',
    'curation/incomplete_days',
    'curation/unread_slots',
    'curation/curated_hours',
    'curation/curated_days',
    'curation/curated_gaps',
    'vee/interval_marks',
    'curation/changed_days',
];

/** Fingerprints of what decides the content, beside readings and registrations. */
export function curationRules(
    lake: Lake,
    feeds: readonly FeedPrecedence[],
): { curation: string; rollup: string } {
    const models = (names: readonly string[]) =>
        names.map((name) => compileModel(name, lake.bulkEngine.dialect).fingerprint);
    // edits stand above every feed for good: the first one makes nothing stale but its own days
    const ranked = feeds.filter(({ rank }) => rank < EDIT_RANK);
    return {
        curation: fingerprint({ models: models(CURATION_MODELS), feeds: ranked, zone: lake.zone.name }).slice(
            0,
            16,
        ),
        rollup: fingerprint({ models: models(ROLLUP_MODELS) }).slice(0, 16),
    };
}

interface StateRow {
    marketDay: CalendarDate;
    bucket: number;
    versions: number;
    versionRows: number;
    newVersionRows: number;
    registration: string;
    attributes: string;
    isExpected: boolean;
    expectedIntervals: number;
    channelIntervals: number;
    publishedVersion: number | null;
    inputs: CurationInputs | null;
    unread: number;
    changes: string | null;
    shapes: string | null;
}

/** The state of every partition that has readings, is expected to have some, or is published; with `coming`, as it will be then. */
export async function readStates(
    lake: Lake,
    feeds: FeedStandings,
    db: Pick<Database, 'query'> = lake.db,
    coming: ComingReadings = { versions: [], expected: [] },
): Promise<PartitionState[]> {
    const rules = curationRules(lake, feeds.intervals);
    const newest = newestOf(coming.versions, await newestMarketDay(lake, db));
    const estimation = estimationRules(lake, newest, await readHolidays(lake, db));
    const validationOf = await settingsFingerprints(lake, db, OWN_DAY_SCOPES);
    const horizon = lake.horizon ?? newest;
    const reach = await registerReach(db, estimation);
    const signOf = await registerSigns(lake, db, reach, feeds.registers);
    const { versions, expected } = coming;
    const parameters = [
        versions.map((v) => v.marketDay),
        versions.map((v) => v.bucket),
        versions.map((v) => v.rowCount),
        expected.map((e) => e.bucket),
        expected.map((e) => e.from),
        expected.map((e) => e.to),
        validatingAttributes(lake),
        reach,
        shapingAttributes(lake),
    ];
    const rows =
        horizon === undefined
            ? []
            : await db.query<StateRow>(STATES, [addDays(horizon, 1), lake.bucketSize, ...parameters]);
    const estimatesOf = estimatesBy(lake, estimation, rows);
    return rows.map((row) => ({
        marketDay: row.marketDay,
        bucket: row.bucket,
        current: {
            versions: row.versions,
            registration: row.registration,
            attributes: row.attributes,
            validation: validationOf(row),
            isExpected: row.isExpected,
            ...estimatesOf(row, signOf(row)),
            ...rules,
        },
        versionRows: row.versionRows,
        newVersionRows: row.newVersionRows,
        isExpected: row.isExpected,
        expectedIntervals: row.expectedIntervals,
        channelIntervals: row.channelIntervals,
        ...(row.publishedVersion !== null && row.inputs !== null
            ? { published: { version: row.publishedVersion, inputs: row.inputs, unread: row.unread } }
            : {}),
    }));
}

/** What the estimates of a partition would be made from now. */
function estimatesBy(
    lake: Lake,
    rules: EstimationRules,
    rows: readonly StateRow[],
): (
    row: StateRow,
    registers: string | undefined,
) => Pick<CurationInputs, 'estimation' | 'windows' | 'registers' | 'shapes' | 'spans'> {
    const versions = new Map(rows.map((row) => [partitionText(row), row.publishedVersion ?? 0]));
    const versionOf = (key: PartitionKey) => versions.get(partitionText(key)) ?? 0;
    const fingerprintOf = estimationFingerprints(lake, rules);
    return (row, registers) => ({
        estimation: fingerprintOf(row.marketDay),
        windows: windowVersions(rules, row, versionOf),
        ...(registers === undefined ? {} : { registers }),
        ...(row.shapes === null ? {} : { shapes: row.shapes }),
        ...(row.inputs?.spans === undefined
            ? {}
            : { spans: spanWindow(rules, row, row.inputs.spans, versionOf) }),
    });
}

/** Those of the rebuilds whose partition nobody has published since they were planned. */
export async function stillAsPlanned(
    db: Pick<Database, 'query'>,
    rebuilds: readonly PlannedRebuild[],
): Promise<PlannedRebuild[]> {
    if (rebuilds.length === 0) return [];
    const rows = await db.query<{ isSame: boolean }>(
        `select coalesce(p.version, 0) = k.version as "isSame"
           from unnest($1::date[], $2::int[], $3::bigint[]) with ordinality as k(market_day, bucket, version, place)
           left join partitions p on p.table_name = 'reads_interval' and p.market_day = k.market_day and p.bucket = k.bucket
          order by k.place`,
        [
            rebuilds.map((r) => r.marketDay),
            rebuilds.map((r) => r.bucket),
            rebuilds.map((r) => r.publishedVersion),
        ],
    );
    return rebuilds.filter((_, i) => rows[i]?.isSame === true);
}

/** The newest market day with a reading; undefined while the lake is empty. */
export async function newestMarketDay(
    lake: Lake,
    db: Pick<Database, 'query'> = lake.db,
): Promise<CalendarDate | undefined> {
    const rows = await db.query<{ day: CalendarDate | null }>(
        `select max(market_day) as day from partitions where table_name = 'reading_versions'`,
    );
    return rows[0]?.day ?? undefined;
}

function newestOf(
    versions: readonly PartitionKey[],
    newest: CalendarDate | undefined,
): CalendarDate | undefined {
    const days = versions.map((v) => v.marketDay);
    return [...days, ...(newest === undefined ? [] : [newest])].sort().at(-1);
}

/** SQL of what `CurationInputs.registration` is at present for a partition, whose key has this alias. */
export function registrationOf(key: string): string {
    return `(select count(*) || ':' || coalesce(max(change_no), 0) from registration_changes r
         where r.bucket = ${key}.bucket and r.days @> ${key}.market_day)`;
}

// $1: first day after the horizon; of what is coming, $3 to $5: rows by partition and commit, $6 to $8: days by bucket. A registration
// row with an open start was entered by a feed and expects nothing by itself; its expectation has a row of its own.
const EXPECTED = `coming as (
    select market_day, bucket, count(*) as commits, sum(row_count) as row_count
      from unnest($3::date[], $4::integer[], $5::bigint[]) as t (market_day, bucket, row_count) group by 1, 2
),
coming_expected as (
    select bucket, daterange(first_day, end_day) as days
      from unnest($6::integer[], $7::date[], $8::date[]) as t (bucket, first_day, end_day)
),
expected as (
    select distinct bucket, cast(day as date) as market_day
      from (select bucket, days from registration_changes union all table coming_expected) as c,
           generate_series(lower(days), least(upper(days), $1::date) - 1, interval '1 day') as day
     where lower(days) is not null and not lower_inf(days)
)`;

// $2: channels in a bucket, $10: days that registers may be read before and after, 0: they are not asked, $11: attributes that load shapes go by
const STATES = `
with ${EXPECTED},
versions as (select * from partitions where table_name = 'reading_versions'),
published as (select * from partitions where table_name = 'reads_interval'),
slots as (select channel_no / $2::integer as bucket, sum(1440 / interval_minutes)::bigint as n, max(1440 / interval_minutes) as most from channels group by 1),
keys as (
    select market_day, bucket from expected
    union select market_day, bucket from versions
    union select market_day, bucket from coming
    union select market_day, bucket from published
)
select k.market_day as "marketDay", k.bucket, coalesce(v.version, 0) + coalesce(n.commits, 0) as versions,
       coalesce(v.row_count, 0) + coalesce(n.row_count, 0)::bigint as "versionRows",
       coalesce((select sum(f.row_count) from partition_files f
                  where f.table_name = 'reading_versions' and f.market_day = k.market_day and f.bucket = k.bucket
                    and f.removed_in is null and f.added_version > coalesce((p.inputs ->> 'versions')::bigint, 0)), 0)::bigint
           + coalesce(n.row_count, 0)::bigint as "newVersionRows",
       ${registrationOf('k')} || (select repeat('+', count(*)::integer) from coming_expected e
                                   where e.bucket = k.bucket and e.days @> k.market_day) as registration,
       ${attributesOf('k', '$9')} as attributes,
       e.market_day is not null as "isExpected", case when e.market_day is null then 0 else coalesce(s.n, 0) end as "expectedIntervals",
       coalesce(s.most, 0) as "channelIntervals", p.version as "publishedVersion", p.inputs,
       coalesce((p.stats ->> 'missing')::bigint, 0) + coalesce((p.stats ->> 'computed')::bigint, 0) as unread,
       ${reachedChanges('k', '$10', '$9')} as changes, ${shapeChanges('k', '$10', '$11')} as shapes
  from keys k
  left join expected e using (market_day, bucket)
  left join versions v using (market_day, bucket)
  left join coming n using (market_day, bucket)
  left join published p using (market_day, bucket)
  left join slots s using (bucket)`;
