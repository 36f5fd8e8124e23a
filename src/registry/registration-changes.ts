import { addDays, type CalendarDate } from '../kernel/calendar-date.ts';
import { marketDayOf } from '../kernel/market-day.ts';
import type { Zone } from '../kernel/zone.ts';
import type { Transaction } from '../store/database.ts';
import type { LoadWork } from './master-data-kind.ts';

/** Market days from `from` up to but not including `to` on which a bucket's channels changed; null is unbounded. */
export interface BucketDays {
    readonly bucket: number;
    readonly from: CalendarDate | null;
    readonly to: CalendarDate | null;
}

/** Writes what a load of metering points changed; before `belief_plan` and `channel_assignment` are gone. */
export async function recordChangedChannels({ tx, settings, knownAt }: LoadWork): Promise<void> {
    const { zone, bucketSize } = settings;
    const ranges = await tx.query<{ bucket: number; from: number | null; to: number | null }>(
        `with changed as (
             select p.channel_no, p.valid_during as new_validity, b.valid_during as old_validity,
                 b.expected_from as old_expected_from
             from belief_plan p
                 left join channel_validities b on b.channel_no = p.channel_no and b.known_to = $1
             where not p.is_same
         ),
         states as (
             select channel_no, 1 as sort, new_validity::tstzmultirange as now,
                 coalesce(old_validity::tstzmultirange, '{}') as before from changed
             union all
             select channel_no, 2, new_validity::tstzmultirange,
                 coalesce(old_validity::tstzmultirange, '{}')
                     * tstzmultirange(tstzrange(coalesce(old_expected_from::timestamp at time zone $3, '-infinity'), null))
             from changed
         )
         select distinct channel_no / $2::integer as bucket, lower(r) as "from", upper(r) as "to"
         from states cross join lateral unnest((now - before) + (before - now)) r`,
        [knownAt, bucketSize, zone.name],
    );
    const days = ranges.map(({ bucket, from, to }) => ({ bucket, ...daysTouched(zone, from, to) }));
    await recordRegistrationChanges(tx, days, knownAt);
}

/** Enters changes, as few ranges for each bucket as say the same. */
export async function recordRegistrationChanges(
    tx: Transaction,
    changes: readonly BucketDays[],
    changedAt: string,
): Promise<void> {
    const merged = mergeBucketDays(changes);
    await tx.query(
        `insert into registration_changes (bucket, days, changed_at)
         select bucket, daterange(first_day, end_day), $4
         from unnest($1::integer[], $2::date[], $3::date[]) as t (bucket, first_day, end_day)`,
        [merged.map((c) => c.bucket), merged.map((c) => c.from), merged.map((c) => c.to), changedAt],
    );
}

/** Ranges of each bucket that touch or overlap become one; in the order of buckets and days. */
export function mergeBucketDays(changes: readonly BucketDays[]): BucketDays[] {
    const ordered = [...changes].sort(
        (a, b) => a.bucket - b.bucket || compareTexts(a.from ?? '', b.from ?? ''),
    );
    const merged: BucketDays[] = [];
    for (const next of ordered) {
        const last = merged.at(-1);
        const isApart = last === undefined || last.bucket !== next.bucket || endsBefore(last.to, next.from);
        if (isApart) merged.push(next);
        else merged[merged.length - 1] = { ...last, to: laterEnd(last.to, next.to) };
    }
    return merged;
}

function endsBefore(to: CalendarDate | null, from: CalendarDate | null): boolean {
    return to !== null && from !== null && to < from;
}

function laterEnd(a: CalendarDate | null, b: CalendarDate | null): CalendarDate | null {
    if (a === null || b === null) return null;
    return a > b ? a : b;
}

function compareTexts(a: string, b: string): number {
    return a < b ? -1 : Number(a > b);
}

/** Market days that a half-open range of instants touches; null is unbounded. */
function daysTouched(zone: Zone, from: number | null, to: number | null): Omit<BucketDays, 'bucket'> {
    return {
        from: from === null || from === -Infinity ? null : marketDayOf(zone, from),
        to: to === null || to === Infinity ? null : addDays(marketDayOf(zone, to - 1), 1),
    };
}
