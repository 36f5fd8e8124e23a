import path from 'node:path';
import type { FeedContract } from '../contracts/feed-contract.ts';
import { dateOfEpochDay } from '../kernel/calendar-date.ts';
import { compressionOf, decompressed } from '../kernel/compression.ts';
import { makeFolderDurably, removeFiles } from '../kernel/durable.ts';
import type { GridtallyError } from '../kernel/errors.ts';
import { crashPoint } from '../kernel/faults.ts';
import { ScratchFile, scratchName } from '../kernel/scratch.ts';
import type { Lake } from '../lake/lake.ts';
import { useLake } from '../lake/lake-use.ts';
import type { PayloadRefusal } from '../parsers/payload-verdict.ts';
import { beginningShape, spoolRecords } from '../parsers/record-spool.ts';
import { enterOutline, type OutlinedPayload, OutlineMaker } from '../raw/payload-outline.ts';
import { repeatedSequences } from '../raw/receive.ts';
import { listPayloads, payloadBytes, payloadEdges, type StoredPayload } from '../raw/segment-reader.ts';
import { extendExpectation, registerFeedChannels } from '../registry/feed-channels.ts';
import type { Transaction } from '../store/database.ts';
import type { RefusedBatchPayload } from './form-limit.ts';
import { type RecordSource, registerPayloads, type UnknownMeter } from './parse-batch.ts';
import { commitParsed, type PayloadRefused, type RefusedPayload } from './parse-commit.ts';
import {
    type JudgedSpool,
    judgeSpool,
    matchAgain,
    type ParsedBatch,
    parsePlain,
    refusalOfValues,
    writeParsed,
} from './parse-outputs.ts';
import { openParseSession, type ParseSession } from './parse-session.ts';
import { isPlain, type PlainSource, stampsOfLines } from './plain-rows.ts';

/** A feed as the catalogue knows it, with the contract that is in force. */
export interface KnownFeed {
    readonly feedId: number;
    readonly contractNo: number;
    readonly contract: FeedContract;
    /** Why its contract file cannot be used; `contract` is then the last one that could, by which nothing new is parsed. */
    readonly refusal?: GridtallyError;
}

export interface Ingest {
    readonly lake: Lake;
    /** Folder of the raw store's segments. */
    readonly rawFolder: string;
    readonly scratchFolder: string;
    readonly feeds: readonly KnownFeed[];
    /** Plain payloads from this size on are read in place; tests set it low. */
    readonly plainBytes?: number;
    /** Size of the blocks of which outlines of such payloads are; tests set it low. */
    readonly blockBytes?: number;
    /** Later segments are left, so that a stream of them does not keep a process from everything else. */
    readonly lastSegmentNo?: number;
    /** Where given, a replay judges these segments only. */
    readonly segmentNos?: readonly number[];
}

export interface ParseTotals {
    segments: number;
    payloads: number;
    refused: number;
    records: number;
    versions: number;
    waiting: number;
    quarantined: number;
    rounded: number;
    unused: number;
    quarantinedByRule: Record<string, number>;
    /** The first of them. */
    refusals: PayloadRefused[];
    /** Files that came in, with what is odd about them. */
    flags: PayloadRefused[];
}

interface ClaimedSegment {
    segmentNo: number;
    feedId: number;
    path: string;
    payloadBytes: number;
}

// what one batch takes from the queue: enough rows to keep the engine busy, few enough to bound its memory
export const BATCH_BYTES = 64 << 20;
export const BATCH_SEGMENTS = 200;
// a plain payload above this is read in place by the engine, below it goes through the spool with others
const PLAIN_BYTES = 16 << 20;
// enough of a large payload's ends to see its header and which days it is about
const EDGE_BYTES = 64 << 10;
const CR = 0x0d;
const NOTED_REFUSALS = 20;

/**
 * Parses every segment that nobody has parsed, but for those of a feed with a `refusal`. A batch of segments is claimed by row locks for the length
 * of one transaction, so any number of processes share the queue and a dead one's work is free at once;
 * rows, refusals and counts become visible together with the mark that the segments are parsed.
 */
export async function parsePending(
    ingest: Ingest,
    onProgress: (totals: ParseTotals) => void = () => {},
): Promise<ParseTotals> {
    const totals: ParseTotals = {
        segments: 0,
        payloads: 0,
        refused: 0,
        records: 0,
        versions: 0,
        waiting: 0,
        quarantined: 0,
        rounded: 0,
        unused: 0,
        quarantinedByRule: {},
        refusals: [],
        flags: [],
    };
    const pending = await feedsWithPending(ingest);
    if (pending.length === 0) return totals;
    const session = await openParseSession(ingest.lake);
    try {
        for (const feed of pending) {
            const next = (lake: Lake) => parseNextBatch({ ...ingest, lake }, session, feed, totals);
            while (await useLake(ingest.lake, next)) onProgress(totals);
        }
        return totals;
    } finally {
        await session.close();
    }
}

/** Feeds that may be parsed and have segments that are not; what comes from another feed meanwhile is for the next call. */
async function feedsWithPending({ lake, feeds, lastSegmentNo }: Ingest): Promise<KnownFeed[]> {
    const rows = await lake.db.query<{ feedId: number }>(
        `select distinct feed_id as "feedId" from segments
          where parsed_at is null and ($1::bigint is null or segment_no <= $1)`,
        [lastSegmentNo ?? null],
    );
    const pending = new Set(rows.map((row) => row.feedId));
    return feeds.filter((feed) => feed.refusal === undefined && pending.has(feed.feedId));
}

async function parseNextBatch(
    ingest: Ingest,
    session: ParseSession,
    feed: KnownFeed,
    totals: ParseTotals,
): Promise<boolean> {
    if (ingest.lake.stop?.aborted) return false;
    const done = await ingest.lake.db.transaction(async (tx) => {
        const segments = await claimSegments(tx, ingest, feed);
        if (segments.length === 0) return undefined;
        const batch = await parseSegments(ingest, session, feed, segments, tx);
        crashPoint('append');
        if (batch.outlined !== undefined) await enterOutline(tx, batch.outlined);
        await commitParsed(
            tx,
            ingest.lake,
            feed,
            segments.map((s) => s.segmentNo),
            batch.parsed,
            batch.refused,
            batch.flagged,
        );
        return { segmentCount: segments.length, batch };
    });
    if (done === undefined) return false;
    // only what is committed counts: the transaction may have run several times
    addTotals(totals, done.segmentCount, done.batch);
    return true;
}

/**
 * Locks segments one after the other until the batch is full, and no more: others parse the rest meanwhile. One that may be read in place
 * is a batch of its own, because others beside it would send all of them through the spool.
 */
async function claimSegments(tx: Transaction, ingest: Ingest, feed: KnownFeed): Promise<ClaimedSegment[]> {
    const aloneFrom = isPlain(feed.contract) ? (ingest.plainBytes ?? PLAIN_BYTES) : Number.MAX_SAFE_INTEGER;
    const taken: ClaimedSegment[] = [];
    let bytes = 0;
    while (taken.length < BATCH_SEGMENTS && bytes < BATCH_BYTES) {
        const [next] = await tx.query<ClaimedSegment>(
            `select segment_no as "segmentNo", feed_id as "feedId", path, payload_bytes as "payloadBytes" from segments
              where feed_id = $1 and parsed_at is null and segment_no > $2 and ($3::bigint is null or payload_bytes <= $3)
                and ($4::bigint is null or segment_no <= $4)
              order by segment_no limit 1 for update skip locked`,
            [
                feed.feedId,
                taken.at(-1)?.segmentNo ?? 0,
                taken.length === 0 ? null : Math.min(BATCH_BYTES - bytes, aloneFrom - 1),
                ingest.lastSegmentNo ?? null,
            ],
        );
        if (!next) break;
        taken.push(next);
        bytes += next.payloadBytes;
        if (next.payloadBytes >= aloneFrom) break;
    }
    return taken;
}

interface BatchResult {
    readonly parsed: ParsedBatch;
    readonly refused: readonly RefusedPayload[];
    readonly flagged: readonly RefusedPayload[];
    readonly payloadCount: number;
    /** Of a payload that was read in place. */
    readonly outlined?: OutlinedPayload;
}

async function parseSegments(
    ingest: Ingest,
    session: ParseSession,
    feed: KnownFeed,
    segments: readonly ClaimedSegment[],
    tx: Transaction,
): Promise<BatchResult> {
    const stored = await readSegments(ingest, feed, segments, tx);
    await registerLocated(session, stored);
    const plain = await plainSource(ingest, feed, stored);
    if (plain === undefined) return parseBySpool(ingest, session, feed, stored);
    const segmentNo = stored[0]?.segmentNo ?? 0;
    await session.prepare(feed.contract);
    const options = { feedId: feed.feedId, bucketSize: ingest.lake.bucketSize, segmentNo };
    const parsed = await parsePlain(session, ingest.lake, feed.contract, plain.source, options);
    // it has been read through in either case
    const outlined = { sequence: plain.source.sequence, segmentNo, outline: plain.outline.finish() };
    if (parsed === undefined) return { ...(await parseBySpool(ingest, session, feed, stored)), outlined };
    await extend(ingest, parsed);
    return { parsed, refused: [], flagged: [], payloadCount: stored.length, outlined };
}

export interface LocatedPayload {
    readonly payload: StoredPayload;
    readonly segmentNo: number;
}

async function readSegments(
    ingest: Ingest,
    feed: KnownFeed,
    segments: readonly ClaimedSegment[],
    tx: Transaction,
): Promise<LocatedPayload[]> {
    const repeated = await repeatedSequences(
        tx,
        segments.map((s) => s.segmentNo),
        feed.contract.delivery.repeatWindowDays,
    );
    const located = await locatePayloads(ingest, segments);
    return located.filter(({ payload }) => !repeated.has(payload.header.sequence));
}

/** Every payload of the segments, repeats too, in their order. */
export async function locatePayloads(
    ingest: Pick<Ingest, 'rawFolder'>,
    segments: readonly { readonly segmentNo: number; readonly path: string }[],
): Promise<LocatedPayload[]> {
    const located: LocatedPayload[] = [];
    for (const segment of segments) {
        const { payloads } = await listPayloads(path.join(ingest.rawFolder, segment.path));
        for (const payload of payloads) located.push({ payload, segmentNo: segment.segmentNo });
    }
    return located;
}

/** Numbers the payloads in their order, and makes the session's table `payloads` of them. */
export async function registerLocated(
    session: ParseSession,
    located: readonly LocatedPayload[],
): Promise<void> {
    const payloads = located.map(({ payload, segmentNo }, payloadNo) => ({
        payloadNo,
        sequence: payload.header.sequence,
        segmentNo,
        receivedAt: payload.header.receivedAt,
    }));
    await registerPayloads(session, payloads);
}

/** One large plain delimited payload, first of its segment and without anything unusual at its ends; else undefined. */
async function plainSource(
    ingest: Ingest,
    feed: KnownFeed,
    stored: readonly LocatedPayload[],
): Promise<{ source: PlainSource; outline: OutlineMaker } | undefined> {
    const only = stored.length === 1 ? stored[0]?.payload : undefined;
    if (only?.headerFrom !== 0 || only.header.length < (ingest.plainBytes ?? PLAIN_BYTES)) return undefined;
    if (!isPlain(feed.contract)) return undefined;
    const { head, tail } = await payloadEdges(only, EDGE_BYTES);
    if (compressionOf(head) !== 'none') return undefined;
    const shape = beginningShape(head, feed.contract);
    if (shape === undefined || shape.hasBom || shape.headerLine !== 1) return undefined;
    const { sequence, receivedAt } = only.header;
    const present = feed.contract.columns.map((c) => shape.headerColumns.includes(c.name));
    const sampledStamps = stampsOfLines(
        [...wholeLines(head).slice(1), ...wholeLines(tail)],
        feed.contract,
        present,
    );
    const outline = new OutlineMaker(ingest.blockBytes);
    const source = {
        path: only.segmentPath,
        // the segment's header is one line, the payload's another
        skipLines: 2,
        present,
        sequence,
        receivedAt,
        sampledStamps,
        isAsReceived: () => hasNoReturns(only, outline),
    };
    return { source, outline };
}

/** Lines that stand whole between two line ends, or between the first byte and one. */
function wholeLines(bytes: Buffer): string[] {
    return bytes.toString('latin1').split('\n').slice(0, -1);
}

/**
 * Reads the whole payload again, and outlines it. False where a carriage return stands in it, which the engine's reader would take for a line
 * end; throws `raw.segment-damaged` where the bytes are not those that were received.
 */
async function hasNoReturns(payload: StoredPayload, outline: OutlineMaker): Promise<boolean> {
    let found = false;
    for await (const chunk of payloadBytes(payload)) {
        found ||= chunk.includes(CR);
        outline.accept(chunk);
    }
    return !found;
}

async function parseBySpool(
    ingest: Ingest,
    session: ParseSession,
    feed: KnownFeed,
    stored: readonly LocatedPayload[],
): Promise<BatchResult> {
    return whereComputable({ ingest, session, feed, stored }, async (left, refused) => {
        const batch = await parseAllBySpool(ingest, session, feed, left);
        return { ...batch, refused: [...refused, ...batch.refused], payloadCount: stored.length };
    });
}

interface Computed {
    readonly ingest: Ingest;
    readonly session: ParseSession;
    readonly feed: KnownFeed;
    readonly stored: readonly LocatedPayload[];
}

/**
 * Computes what payloads hold. One on which the engine gives up is refused, so that neither what came with it nor its feed waits for a program that
 * can read it: then `compute` is called again with those that are left, registered, and with those refused.
 */
export async function whereComputable<T>(
    { ingest, session, feed, stored }: Computed,
    compute: (left: readonly LocatedPayload[], refused: readonly RefusedPayload[]) => Promise<T>,
): Promise<T> {
    try {
        return await compute(stored, []);
    } catch (error) {
        if (!session.engine.isFailureOfValue(error)) throw error;
        await session.prepare(feed.contract);
        const refused = await notComputable(ingest, session, feed, stored);
        if (refused.length === 0) throw error;
        const sequences = new Set(refused.map(({ sequence }) => sequence));
        const left = stored.filter(({ payload }) => !sequences.has(payload.header.sequence));
        await registerLocated(session, left);
        return compute(left, refused);
    }
}

/** Those on which the engine gives up, each found by halves. Needs a prepared session. */
async function notComputable(
    ingest: Ingest,
    session: ParseSession,
    feed: KnownFeed,
    stored: readonly LocatedPayload[],
): Promise<RefusedPayload[]> {
    const [only, ...others] = stored;
    if (only === undefined) return [];
    await registerLocated(session, stored);
    const options = { feedId: feed.feedId, bucketSize: ingest.lake.bucketSize };
    const refused = await withSpool(ingest, feed, stored, (source) =>
        refusalOfValues(session, feed.contract, source, options),
    );
    if (refused === undefined) return [];
    if (others.length === 0) return [refusedPayload(feed, only, refused)];
    const half = stored.length >> 1;
    return [
        ...(await notComputable(ingest, session, feed, stored.slice(0, half))),
        ...(await notComputable(ingest, session, feed, stored.slice(half))),
    ];
}

async function parseAllBySpool(
    ingest: Ingest,
    session: ParseSession,
    feed: KnownFeed,
    stored: readonly LocatedPayload[],
): Promise<BatchResult> {
    return withSpool(ingest, feed, stored, async (source, refused) => {
        const { parsed, ...judged } = await parseWithRegistration(ingest, session, feed, source);
        const told = (list: readonly RefusedBatchPayload[]) =>
            list.map((r) => refusedPayload(feed, stored[r.payloadNo], r.refused));
        return {
            parsed,
            refused: [...refused, ...told(judged.refused)],
            flagged: told(judged.flagged),
            payloadCount: stored.length,
        };
    });
}

/** Brings payloads into one scratch file of records, which is gone when `use` has ended; tells those that are refused as a whole. */
export async function withSpool<T>(
    ingest: Pick<Ingest, 'scratchFolder'>,
    feed: KnownFeed,
    stored: readonly LocatedPayload[],
    use: (source: RecordSource & { kind: 'spool' }, refused: RefusedPayload[]) => Promise<T>,
): Promise<T> {
    await makeFolderDurably(ingest.scratchFolder);
    const spoolPath = path.join(ingest.scratchFolder, scratchName('spool'));
    const sink = new ScratchFile(spoolPath);
    try {
        const inputs = stored.map(({ payload }, ordinal) => ({
            ordinal,
            chunks: decompressed(payloadBytes(payload)),
        }));
        const spooled = await spoolRecords(inputs, feed.contract, sink);
        sink.close();
        crashPoint('parse');
        const refused = spooled.flatMap(({ ordinal, verdict }) =>
            verdict.ok ? [] : [refusedPayload(feed, stored[ordinal], verdict.refused)],
        );
        return await use({ kind: 'spool', path: spoolPath }, refused);
    } finally {
        await removeFiles([spoolPath]);
    }
}

export function refusedPayload(
    feed: KnownFeed,
    located: LocatedPayload | undefined,
    refusal: PayloadRefusal,
): RefusedPayload {
    return {
        sequence: located?.payload.header.sequence ?? 0,
        segmentNo: located?.segmentNo ?? 0,
        sourceKey: located?.payload.header.sourceKey ?? '',
        contractNo: feed.contractNo,
        ruleId: refusal.ruleId,
        message: refusal.message,
        lineNo: refusal.line ?? null,
        field: refusal.field ?? null,
    };
}

/** A feed that registers unknown meters does so from what a first look finds. */
async function parseWithRegistration(
    ingest: Ingest,
    session: ParseSession,
    feed: KnownFeed,
    source: RecordSource & { kind: 'spool' },
): Promise<{ parsed: ParsedBatch } & Pick<JudgedSpool, 'refused' | 'flagged'>> {
    const options = { feedId: feed.feedId, bucketSize: ingest.lake.bucketSize };
    await session.prepare(feed.contract);
    const judged = await judgeSpool(session, ingest.lake, feed.contract, source, options);
    const { unknown, refused, flagged } = judged;
    if (feed.contract.reading.unknownMeter === 'register' && unknown.length > 0) {
        await registerUnknown(ingest, feed, unknown);
        await session.prepare(feed.contract);
        await matchAgain(session.engine);
    }
    const parsed = await writeParsed(session, ingest.lake, { ...options, kind: feed.contract.kind });
    await extend(ingest, parsed);
    return { parsed, refused, flagged };
}

export async function registerUnknown(
    ingest: Pick<Ingest, 'lake'>,
    feed: KnownFeed,
    unknown: readonly UnknownMeter[],
): Promise<void> {
    const { identifies, flow } = feed.contract.reading;
    await registerFeedChannels(ingest.lake.db, {
        feed: feed.contract.feed,
        identifies,
        meters: unknown.map((m) => ({
            externalId: m.externalId,
            registerId: m.registerId,
            intervalMinutes: m.intervalMinutes,
            flow,
            firstDay: dateOfEpochDay(m.firstDayNo),
        })),
        bucketSize: ingest.lake.bucketSize,
        clock: ingest.lake.clock,
    });
}

/** Before the rows are committed: an expectation without rows is mended by the retry, rows without one never. */
export async function extend(ingest: Pick<Ingest, 'lake'>, parsed: ParsedBatch): Promise<void> {
    if (parsed.earlierDays.length === 0) return;
    await extendExpectation(
        ingest.lake.db,
        parsed.earlierDays.map((d) => ({ channelNo: d.channelNo, firstDay: dateOfEpochDay(d.firstDayNo) })),
        { bucketSize: ingest.lake.bucketSize, clock: ingest.lake.clock },
    );
}

function addTotals(totals: ParseTotals, segments: number, batch: BatchResult): void {
    totals.segments += segments;
    totals.payloads += batch.payloadCount;
    totals.refused += batch.refused.length;
    for (const counts of batch.parsed.counts) {
        totals.records += counts.records;
        totals.versions += counts.versions;
        totals.waiting += counts.waiting;
        totals.quarantined += counts.quarantined;
        totals.rounded += counts.rounded;
        totals.unused += counts.unused;
        for (const [rule, n] of Object.entries(counts.quarantinedByRule)) {
            totals.quarantinedByRule[rule] = (totals.quarantinedByRule[rule] ?? 0) + n;
        }
    }
    note(totals.refusals, batch.refused);
    note(totals.flags, batch.flagged);
}

/** Keeps the first of them to be told. */
export function note(into: PayloadRefused[], payloads: readonly RefusedPayload[]): void {
    for (const { sourceKey, ruleId, message, lineNo: line, field } of payloads) {
        if (into.length < NOTED_REFUSALS) into.push({ sourceKey, ruleId, message, line, field });
    }
}
