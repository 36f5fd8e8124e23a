import type { RawStore, ReceivingFeed } from './segment-writer.ts';

/** Bounds what one statement holds; each is a transaction of its own. */
const IDENTITIES_AT_ONCE = 50_000;

/** A large payload compares itself with what was received before it began to be written, which may have been a while ago. */
const MARGIN_DAYS = 1;

const DAY_MS = 86_400_000;

/**
 * Forgets the identities of a feed's payloads that are past its window and parsed, and gives their number. The same delivery is then a new
 * one, as it would be in any case; its rows are duplicates and change nothing. Payloads and receipts stay.
 */
export async function forgetIdentities(
    store: Pick<RawStore, 'db' | 'clock'>,
    feed: ReceivingFeed,
): Promise<number> {
    const before = store.clock.now() - ((feed.repeatWindowDays ?? 0) + MARGIN_DAYS) * DAY_MS;
    let forgotten = 0;
    for (;;) {
        const [row] = await store.db.query<{ n: number }>(
            `with gone as (
                 delete from payload_identities where ctid = any (array(
                     select p.ctid from payload_identities p join segments s using (segment_no)
                      where p.received_at < to_timestamp($2::double precision / 1000) and s.feed_id = $1 and s.parsed_at is not null
                      limit $3))
                 returning 1)
             select count(*) as n from gone`,
            [feed.feedId, before, IDENTITIES_AT_ONCE],
        );
        const n = row?.n ?? 0;
        forgotten += n;
        if (n < IDENTITIES_AT_ONCE) return forgotten;
    }
}
