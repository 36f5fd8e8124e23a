import type { Database } from '../store/database.ts';

/** The segment that was received last; 0: none was. */
export async function newestSegmentNo(db: Pick<Database, 'query'>): Promise<number> {
    const rows = await db.query<{ no: number }>('select coalesce(max(segment_no), 0) as no from segments');
    return rows[0]?.no ?? 0;
}

/**
 * What is left of the queue up to a segment: `free` where somebody may take it, `claimed` where processes that are at work hold all of it
 * (a dead one holds nothing), `empty` where all is parsed.
 */
export async function queueState(
    db: Pick<Database, 'query'>,
    lastSegmentNo: number,
): Promise<'free' | 'claimed' | 'empty'> {
    const unparsed = 'from segments where parsed_at is null and segment_no <= $1 order by segment_no limit 1';
    const free = await db.query(`select ${unparsed} for update skip locked`, [lastSegmentNo]);
    if (free.length > 0) return 'free';
    return (await db.query(`select ${unparsed}`, [lastSegmentNo])).length > 0 ? 'claimed' : 'empty';
}
