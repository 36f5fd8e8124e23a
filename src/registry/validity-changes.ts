import { instantText, subtract } from '../kernel/period.ts';
import type { Zone } from '../kernel/zone.ts';
import type { Transaction } from '../store/database.ts';
import { type BucketDays, daysOf, mergeBucketDays, unbounded } from './registration-changes.ts';

/** Market days on which channels of a bucket stopped, or began, to be installed. */
export interface ValidityChanges {
    readonly lost: readonly BucketDays[];
    readonly gained: readonly BucketDays[];
}

/** When the newest belief began (UTC epoch milliseconds); undefined where nothing has been loaded. */
export async function newestBeliefAt(db: Pick<Transaction, 'query'>): Promise<number | undefined> {
    const rows = await db.query<{ at: number | null }>('select max(loaded_at) as at from loads');
    return rows[0]?.at ?? undefined;
}

/** What differs between the present validities and any that was believed until after `since` (undefined: ever). */
export async function validityChangesSince(
    db: Pick<Transaction, 'query'>,
    zone: Zone,
    bucketSize: number,
    since: number | undefined,
): Promise<ValidityChanges> {
    const changes = await db.query<{
        bucket: number;
        from: number | null;
        to: number | null;
        hadFrom: number | null;
        hadTo: number | null;
    }>(
        `select distinct h.channel_no / $2::integer as bucket,
             lower(n.valid_during) as "from", upper(n.valid_during) as "to",
             lower(h.valid_during) as "hadFrom", upper(h.valid_during) as "hadTo"
         from channel_validities h join channel_validities n using (channel_no)
         where h.known_to is not null and h.known_to > coalesce($1::timestamptz, '-infinity') and n.known_to is null
             and h.valid_during <> n.valid_during`,
        [since === undefined ? null : instantText(since), bucketSize],
    );
    const lost: BucketDays[] = [];
    const gained: BucketDays[] = [];
    for (const { bucket, from, to, hadFrom, hadTo } of changes) {
        const now = unbounded(from, to);
        const before = unbounded(hadFrom, hadTo);
        lost.push(...subtract(before, now).map((period) => ({ bucket, ...daysOf(zone, period) })));
        gained.push(...subtract(now, before).map((period) => ({ bucket, ...daysOf(zone, period) })));
    }
    return { lost: mergeBucketDays(lost), gained: mergeBucketDays(gained) };
}
