import path from 'node:path';
import type { Database } from '../store/database.ts';
import type { PayloadHeader } from './segment-format.ts';
import { listPayloads, type StoredPayload } from './segment-reader.ts';

/** A payload with what the catalogue says about its segment. */
export interface FoundPayload {
    readonly payload: StoredPayload;
    readonly segmentNo: number;
    readonly feedId: number;
    /** Contract of the feed by which its segment was parsed; null: not parsed yet. */
    readonly parsedContractNo: number | null;
    /** Contracts of the feed by which its rows were judged, in this order; none where all of them refused it whole, or it is not parsed. */
    readonly contractNos: readonly number[];
    /** UTC epoch milliseconds. */
    readonly acknowledgedAt: number;
}

interface SegmentRow extends Omit<FoundPayload, 'payload'> {
    readonly path: string;
    readonly isAlone: boolean;
    /** Sequence and contract. */
    readonly refused: readonly (readonly [number, number])[];
}

// smaller ones cost less to read with their header
const APART_BYTES = 1 << 20;

const SEGMENT = `s.segment_no as "segmentNo", s.feed_id as "feedId", s.path, s.payload_count = 1 and s.payload_bytes > ${APART_BYTES} as "isAlone", s.acknowledged_at as "acknowledgedAt",
    s.parsed_contract_no as "parsedContractNo",
    array_remove(s.parsed_contract_no || array(select j.contract_no from segment_replays j
        where j.segment_no = s.segment_no order by 1), null) as "contractNos",
    array(select jsonb_build_array(r.sequence, r.contract_no) from refused_payloads r
        where r.segment_no = s.segment_no) as refused`;

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
        `select ${SEGMENT} from segments s where s.segment_no in (
             select g.segment_no
               from unnest($1::bigint[]) as w (sequence)
                    cross join lateral (select * from segments where first_sequence <= w.sequence
                                         order by first_sequence desc limit 1) as g
              where g.last_sequence >= w.sequence)
          order by 1`,
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
        `select ${SEGMENT} from segments s where s.feed_id = $1 order by s.acknowledged_at, s.segment_no`,
        [feedId],
    );
    for (const segment of segments) yield* await payloadsOf(rawFolder, segment);
}

// above this a payload is skipped rather than read with its header
const SKIPPED_BYTES = 1 << 16;

/** Headers of all payloads by receipt sequence; with `asOf` (UTC epoch milliseconds) of those acknowledged by then. Throws `raw.segment-damaged`. */
export async function* payloadHeaders(
    db: Pick<Database, 'query'>,
    rawFolder: string,
    asOf?: number,
): AsyncGenerator<{ readonly feedId: number; readonly header: PayloadHeader }> {
    const segments = await db.query<{ feedId: number; path: string; isSkipped: boolean }>(
        `select feed_id as "feedId", path, payload_bytes > ${SKIPPED_BYTES} * payload_count::bigint as "isSkipped" from segments
          where $1::bigint is null or acknowledged_at <= to_timestamp($1 / 1000.0) order by first_sequence`,
        [asOf ?? null],
    );
    for (const { feedId, path: relative, isSkipped } of segments) {
        const { payloads } = await listPayloads(path.join(rawFolder, relative), isSkipped ? 0 : undefined);
        for (const { header } of payloads) yield { feedId, header };
    }
}

async function payloadsOf(rawFolder: string, segment: SegmentRow): Promise<FoundPayload[]> {
    const { path: relative, isAlone, refused, contractNos, ...known } = segment;
    // of a payload of its own segment a part may be all that is wanted
    const { payloads } = await listPayloads(path.join(rawFolder, relative), isAlone ? 0 : undefined);
    const refusals = new Set(refused.map(([sequence, contractNo]) => `${sequence} ${contractNo}`));
    return payloads.map((payload) => ({
        payload,
        ...known,
        contractNos: contractNos.filter((no) => !refusals.has(`${payload.header.sequence} ${no}`)),
    }));
}
