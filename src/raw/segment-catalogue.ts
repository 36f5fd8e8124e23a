import { type Database, lockWithin, type Transaction } from '../store/database.ts';
import { type PayloadHeader, payloadIdentity } from './segment-format.ts';

/** Held shared from the publishing of a segment to its commit, exclusive while `verify raw` compares disk and catalogue. */
export const RECEIVE_LOCK = 'receive';

/** Held exclusively by each receiving commit, so that they come one after the other; shared by who waits for the one under way. */
const ACKNOWLEDGE_LOCK = 'acknowledge receipts';

const SEQUENCE_LOCK = 'payload sequences';

export interface NewSegment {
    readonly feedId: number;
    /** Path in the raw store's folder. */
    readonly path: string;
    readonly headers: readonly PayloadHeader[];
}

/**
 * Enters a segment that has just been received, unless another process has meanwhile received one of its payloads: then it enters
 * nothing and gives false. Claims take turns, so of two deliveries of the same bytes at the same time exactly one is first, and segments
 * are acknowledged in the order in which they become visible: each later than the one before, also where `now` (UTC epoch milliseconds) is not.
 */
export async function claimSegment(
    tx: Transaction,
    segment: NewSegment,
    { repeatWindowDays, now }: { readonly repeatWindowDays: number | null; readonly now: number },
): Promise<boolean> {
    await lockWithin(tx, ACKNOWLEDGE_LOCK, 'exclusive');
    const identities = segment.headers.map(payloadIdentity);
    if (repeatWindowDays !== null) {
        const receivedAt = segment.headers[0]?.receivedAt ?? 0;
        const taken = await firstSequences(tx, identities, receivedAt, repeatWindowDays);
        if (taken.size > 0) return false;
    }
    const [newest] = await tx.query<{ at: number | null }>(
        `select max(acknowledged_at) + interval '1 millisecond' as at from segments`,
    );
    await enterSegment(tx, segment, Math.max(Math.floor(now), newest?.at ?? 0));
    return true;
}

/** Waits for the receipt that is being acknowledged: what is acknowledged later bears a later instant. */
export async function settleReceipts(db: Database): Promise<void> {
    await db.withLock(ACKNOWLEDGE_LOCK, 'shared', async () => {});
}

/**
 * Rows of a segment, as they can be made again from its headers at any time. A segment that is there is left alone. Where the instant of
 * acknowledgement (UTC epoch milliseconds) is not known, that of receipt is all there is.
 */
export async function enterSegment(
    tx: Transaction,
    segment: NewSegment,
    acknowledgedAt: number = segment.headers[0]?.receivedAt ?? 0,
): Promise<void> {
    const { headers } = segment;
    const sequences = headers.map(({ sequence }) => sequence);
    const [row] = await tx.query<{ segmentNo: number }>(
        `insert into segments (feed_id, path, first_sequence, last_sequence, payload_count, payload_bytes,
             received_at, acknowledged_at)
         values ($1, $2, $3, $4, $5, $6, to_timestamp($7::double precision / 1000), to_timestamp($8::double precision / 1000))
         on conflict (path) do nothing returning segment_no as "segmentNo"`,
        [
            segment.feedId,
            segment.path,
            sequences.reduce((a, b) => Math.min(a, b)),
            sequences.reduce((a, b) => Math.max(a, b)),
            headers.length,
            headers.reduce((sum, { length }) => sum + length, 0),
            headers[0]?.receivedAt ?? 0,
            acknowledgedAt,
        ],
    );
    if (row === undefined) return;
    await tx.query(
        `insert into payload_identities (identity, sequence, segment_no, received_at)
         select i, s, $3, to_timestamp($4::double precision / 1000) from unnest($1::bytea[], $2::bigint[]) as t(i, s)`,
        [headers.map(payloadIdentity), sequences, row.segmentNo, headers[0]?.receivedAt ?? 0],
    );
}

/** Numbers in the order of receipt, each given once, ascending without a gap: callers take turns. */
export async function takeSequences(db: Database, count: number): Promise<number[]> {
    if (count === 0) return [];
    const rows = await db.query<{ n: number }>(
        `with turn as materialized (select pg_advisory_xact_lock(hashtextextended(current_schema || '/' || $2, 7)))
         select nextval('payload_sequence') as n from turn, generate_series(1, $1) order by n`,
        [count, SEQUENCE_LOCK],
    );
    return rows.map((row) => row.n);
}

/**
 * The one rule of what a repeat is: within the window before `at` the lowest sequence of an identity stands for all. Gives it by identity
 * in hex digits, for those that were received.
 */
export async function firstSequences(
    db: Transaction,
    identities: readonly Buffer[],
    at: number,
    repeatWindowDays: number,
): Promise<Map<string, number>> {
    const rows = await db.query<{ identity: string; sequence: number }>(
        `select encode(identity, 'hex') as identity, min(sequence) as sequence from payload_identities
          where identity = any($1) and received_at >= to_timestamp($2::double precision / 1000) - make_interval(days => $3)
          group by identity`,
        [identities, at, repeatWindowDays],
    );
    return new Map(rows.map((row) => [row.identity, row.sequence]));
}

/**
 * The same rule for payloads that are on disk already: sequences of segments that repeat an earlier delivery. Such are written only by a
 * process that died before it acknowledged them, and entered by `verify raw`.
 */
export async function repeatedSequences(
    db: Pick<Database, 'query'>,
    segmentNos: readonly number[],
    windowDays: number | null,
): Promise<Set<number>> {
    if (windowDays === null) return new Set();
    const rows = await db.query<{ sequence: number }>(
        // By time of receipt, which all payloads of a segment share and which has an index.
        `select p.sequence from segments s
          join payload_identities p on p.received_at = s.received_at and p.segment_no = s.segment_no
         where s.segment_no = any($1) and exists (
              select 1 from payload_identities q where q.identity = p.identity and q.sequence < p.sequence
                 and q.received_at >= p.received_at - make_interval(days => $2))`,
        [segmentNos, windowDays],
    );
    return new Set(rows.map((row) => row.sequence));
}
