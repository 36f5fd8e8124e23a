import type { Database } from '../store/database.ts';

/** The segment that was received last; 0: none was. */
export async function newestSegmentNo(db: Pick<Database, 'query'>): Promise<number> {
    const rows = await db.query<{ no: number }>('select coalesce(max(segment_no), 0) as no from segments');
    return rows[0]?.no ?? 0;
}

/**
 * What these feeds have left in the queue up to a segment: `free` where somebody may take it, `claimed` where processes that are at work hold all of it
 * (a dead one holds nothing), `empty` where all is parsed.
 */
export async function queueState(
    db: Pick<Database, 'query'>,
    lastSegmentNo: number,
    feedIds: readonly number[],
): Promise<'free' | 'claimed' | 'empty'> {
    const unparsed =
        'from segments where parsed_at is null and segment_no <= $1 and feed_id = any($2) order by segment_no limit 1';
    const parameters = [lastSegmentNo, feedIds];
    const free = await db.query(`select ${unparsed} for update skip locked`, parameters);
    if (free.length > 0) return 'free';
    return (await db.query(`select ${unparsed}`, parameters)).length > 0 ? 'claimed' : 'empty';
}

/** Payloads of each feed that nobody has parsed, by its name; feeds without any are left out. */
export async function unparsedPayloads(db: Pick<Database, 'query'>): Promise<Map<string, number>> {
    const rows = await db.query<{ feed: string; payloads: number }>(
        `select f.name as feed, sum(s.payload_count)::bigint as payloads
           from segments s join feeds f using (feed_id) where s.parsed_at is null group by f.name`,
    );
    return new Map(rows.map(({ feed, payloads }) => [feed, payloads]));
}
