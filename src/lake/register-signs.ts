import { EDIT_RANK } from '../contracts/edit-feed.ts';
import type { ValidationPolicy } from '../contracts/validation-rules.ts';
import { addDays, type CalendarDate } from '../kernel/calendar-date.ts';
import { fingerprint } from '../kernel/hash.ts';
import type { Database } from '../store/database.ts';
import type { EstimationRules } from './estimation-inputs.ts';
import type { Lake, PartitionKey } from './lake.ts';
import type { RegisterFeed } from './register-reads.ts';

type Reader = Pick<Database, 'query'>;

/** What of the registration and the attributes touches the days within reach of a partition, as `count:highest`; see `reachedChanges`. */
export interface ReachedChanges extends PartitionKey {
    readonly changes: string | null;
}

/** Parts of the statement that reads the states of partitions, where the days within reach are this many before and after; 0: registers are not asked. */
export function reachedChanges(key: string, reach: string, names: string): string {
    const days = `daterange(${key}.market_day - ${reach}::integer, ${key}.market_day + ${reach}::integer + 1)`;
    // whose a read is goes by all channels of that name, in whichever bucket
    return `case when ${reach}::integer > 0 then
        (select count(*) || ':' || coalesce(max(change_no), 0) from registration_changes r where r.days && ${days}) || '/' ||
        (select count(*) || ':' || coalesce(max(change_no), 0) from attribute_changes a
          where a.bucket = ${key}.bucket and a.days && ${days} and a.attribute = any(${names}::text[])) end`;
}

/** How far the changes of registers are to be looked for: nothing where no register was ever read, or nothing is scaled to it. */
export async function registerReach(db: Reader, rules: EstimationRules): Promise<number> {
    if (!rules.policy.methods.includes('register-scaled')) return 0;
    const [row] = await db.query<{ isRead: boolean }>(
        `select exists (select from partitions where table_name = 'register_versions') as "isRead"`,
    );
    return row?.isRead ? rules.policy.registerDays : 0;
}

/**
 * Gives what reads of registers within reach of a partition come to, as a text that changes with each of them and with all that decides whose they are
 * and what they count; undefined: none was received.
 */
export async function registerSigns(
    lake: Lake,
    db: Reader,
    reach: number,
    feeds: readonly RegisterFeed[],
): Promise<(changes: ReachedChanges) => string | undefined> {
    if (reach === 0) return () => undefined;
    const days = await db.query<{ day: CalendarDate; version: number }>(
        `select market_day as day, sum(version)::bigint as version from partitions where table_name = 'register_versions'
          group by 1 order by 1`,
    );
    const dials = await dialsOfBuckets(lake, db);
    // as with intervals, the first read by hand makes nothing stale but its own days
    const ranked = feeds.filter(({ rank }) => rank < EDIT_RANK);
    const rules = fingerprint({ feeds: ranked, limits: advanceLimits(lake.validation) }).slice(0, 16);
    const readWithin = sumsWithin(days, reach);
    return ({ marketDay, bucket, changes }) => {
        const read = readWithin(marketDay);
        return read === undefined
            ? undefined
            : [read, changes ?? '', dials.get(bucket) ?? '', rules].join('/');
    };
}

/** The most that a connection can carry tells a rollover from an error, and whether an advance is one that gaps may be scaled to. */
function advanceLimits({ rules, classes }: ValidationPolicy): unknown {
    return [['', rules] as const, ...Object.entries(classes)].map(([name, of]) => [
        name,
        of['vee.reverse-register'].parameters,
        of['vee.register-maximum'].severity === 'off' ? null : of['vee.register-maximum'].parameters,
    ]);
}

async function dialsOfBuckets({ bucketSize }: Lake, db: Reader): Promise<Map<number, string>> {
    const rows = await db.query<{ bucket: number; dials: string }>(
        `select channel_no / $1::integer as bucket,
                md5(string_agg(concat_ws(' ', channel_no, coalesce(register_digits::text, '-'), coalesce(register_multiplier::text, '-')), ','
                    order by channel_no, valid_during)) as dials
           from channel_validities
          where known_to is null and (register_digits is not null or register_multiplier is not null) group by 1`,
        [bucketSize],
    );
    return new Map(rows.map(({ bucket, dials }) => [bucket, dials]));
}

/** Of ordered days, `count:sum of versions` of those within reach of a day; undefined: there is none. */
function sumsWithin(
    days: readonly { readonly day: CalendarDate; readonly version: number }[],
    reach: number,
): (day: CalendarDate) => string | undefined {
    const known = new Map<CalendarDate, string | undefined>();
    return (day) => {
        if (known.has(day)) return known.get(day);
        const [first, last] = [addDays(day, -reach), addDays(day, reach)];
        const within = days.filter((one) => one.day >= first && one.day <= last);
        const sum = within.reduce((total, { version }) => total + version, 0);
        const text = within.length === 0 ? undefined : `${within.length}:${sum}`;
        known.set(day, text);
        return text;
    };
}
