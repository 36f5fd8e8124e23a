import { addDays, type CalendarDate } from '../kernel/calendar-date.ts';
import { marketDayOf, marketDayPeriod } from '../kernel/market-day.ts';
import { type Period, subtract } from '../kernel/period.ts';
import { compareText } from '../kernel/text-order.ts';
import type { Zone } from '../kernel/zone.ts';
import type { Transaction } from '../store/database.ts';
import type { LoadWork } from './master-data-kind.ts';

/** Market days from `from` up to but not including `to` on which a bucket's channels changed; null is unbounded. */
export interface BucketDays {
    readonly bucket: number;
    readonly from: CalendarDate | null;
    readonly to: CalendarDate | null;
}

/** A distinct way in which channels of a bucket changed; instants, null where unbounded; `had…` of what was believed before. */
interface ChannelChange {
    readonly bucket: number;
    readonly from: number | null;
    readonly to: number | null;
    readonly wasKnown: boolean;
    readonly hadFrom: number | null;
    readonly hadTo: number | null;
    readonly hadExpectedFrom: CalendarDate | null;
}

/** Writes what a load of metering points changed; after the belief has changed, while `belief_plan` is there. */
export async function recordChangedChannels({ tx, settings, knownAt }: LoadWork): Promise<void> {
    const { zone, bucketSize } = settings;
    const changes = await tx.query<ChannelChange>(
        `select distinct p.channel_no / $2::integer as bucket,
             lower(p.valid_during) as "from", upper(p.valid_during) as "to", p.is_known as "wasKnown",
             lower(b.valid_during) as "hadFrom", upper(b.valid_during) as "hadTo",
             b.expected_from as "hadExpectedFrom"
         from belief_plan p
             left join channel_validities b on b.channel_no = p.channel_no and b.known_to = $1
         where not p.is_same`,
        [knownAt, bucketSize],
    );
    const days = changes.flatMap((change) =>
        periodsTouched(zone, change).map((touched) => ({ bucket: change.bucket, ...daysOf(zone, touched) })),
    );
    await recordRegistrationChanges(tx, days, knownAt);
}

/** Where readings are newly accepted, refused, missed or no longer missed. */
function periodsTouched(zone: Zone, change: ChannelChange): Period[] {
    const now = unbounded(change.from, change.to);
    if (!change.wasKnown) return [now];
    const before = unbounded(change.hadFrom, change.hadTo);
    const expectedFrom =
        change.hadExpectedFrom === null ? -Infinity : marketDayPeriod(zone, change.hadExpectedFrom).from;
    const expected = { from: Math.max(before.from, expectedFrom), to: before.to };
    return [before, expected].flatMap((old) => [...subtract(now, old), ...subtract(old, now)]);
}

export function unbounded(from: number | null, to: number | null): Period {
    return { from: from ?? -Infinity, to: to ?? Infinity };
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
        (a, b) => a.bucket - b.bucket || compareText(a.from ?? '', b.from ?? ''),
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

export function daysOf(zone: Zone, touched: Period): Omit<BucketDays, 'bucket'> {
    return {
        from: touched.from === -Infinity ? null : marketDayOf(zone, touched.from),
        to: touched.to === Infinity ? null : addDays(marketDayOf(zone, touched.to - 1), 1),
    };
}
