import path from 'node:path';
import type { Database } from '../store/database.ts';
import { listPayloads, type StoredPayload } from './segment-reader.ts';

/** A payload with what the catalogue says about its segment. */
export interface FoundPayload {
    readonly payload: StoredPayload;
    readonly segmentNo: number;
    readonly feedId: number;
    /** Contract of the feed by which it was parsed; null: not parsed yet. */
    readonly contractNo: number | null;
    /** UTC epoch milliseconds. */
    readonly acknowledgedAt: number;
}

interface SegmentRow {
    readonly segmentNo: number;
    readonly feedId: number;
    readonly contractNo: number | null;
    readonly path: string;
    readonly acknowledgedAt: number;
}

const SEGMENT = `segment_no as "segmentNo", feed_id as "feedId", parsed_contract_no as "contractNo", path,
    acknowledged_at as "acknowledgedAt"`;

/**
 * The payloads of these receipt sequences, in their order, those that were never received left out. Only segments that hold one are
 * opened. Throws `raw.segment-damaged`.
 */
export async function findPayloads(
    db: Pick<Database, 'query'>,
    rawFolder: string,
    sequences: readonly number[],
): Promise<FoundPayload[]> {
    const wanted = new Set(sequences);
    // ranges of sequences never overlap: the segment is the last one that begins at or before the sequence
    const segments = await db.query<SegmentRow>(
        `select distinct ${SEGMENT}
           from unnest($1::bigint[]) as s (sequence)
                cross join lateral (select * from segments where first_sequence <= s.sequence
                                     order by first_sequence desc limit 1) as g
          where g.last_sequence >= s.sequence order by 1`,
        [[...wanted]],
    );
    const found: FoundPayload[] = [];
    for (const segment of segments) {
        found.push(
            ...(await payloadsOf(rawFolder, segment)).filter(({ payload }) =>
                wanted.has(payload.header.sequence),
            ),
        );
    }
    return found.sort((a, b) => a.payload.header.sequence - b.payload.header.sequence);
}

/** Payloads of a feed, one segment at a time, in the order in which they were acknowledged. */
export async function* payloadsOfFeed(
    db: Pick<Database, 'query'>,
    rawFolder: string,
    feedId: number,
): AsyncGenerator<FoundPayload> {
    const segments = await db.query<SegmentRow>(
        `select ${SEGMENT} from segments where feed_id = $1 order by acknowledged_at, segment_no`,
        [feedId],
    );
    for (const segment of segments) yield* await payloadsOf(rawFolder, segment);
}

async function payloadsOf(rawFolder: string, segment: SegmentRow): Promise<FoundPayload[]> {
    const { path: relative, ...known } = segment;
    const { payloads } = await listPayloads(path.join(rawFolder, relative));
    return payloads.map((payload) => ({ payload, ...known }));
}
