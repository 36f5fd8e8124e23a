import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../kernel/clock.ts';
import { DurableFile, makeFolderDurably } from '../kernel/durable.ts';
import { crashPoint } from '../kernel/faults.ts';
import type { Database } from '../store/database.ts';
import { headerLine, type PayloadHeader, payloadIdentity, reservedSize } from './segment-format.ts';

export interface RawStore {
    readonly db: Database;
    /** Folder of segments. */
    readonly folder: string;
    readonly clock: Clock;
}

export interface ReceivingFeed {
    readonly feedId: number;
    readonly name: string;
    /** The same delivery within so many days changes nothing; null: never compared. */
    readonly repeatWindowDays: number | null;
}

/** A delivery: its bytes, or the file that holds them (read once, streamed when large). */
export type IncomingPayload =
    | { readonly sourceKey: string; readonly bytes: Buffer }
    | { readonly sourceKey: string; readonly path: string };

export interface Receipt {
    /** `r` and the sequence of the payload that holds these bytes. */
    readonly receiptId: string;
    readonly sequence: number;
    readonly sourceKey: string;
    /** The same delivery had been received before; nothing was written. */
    readonly isRepeat: boolean;
}

// a payload above this is streamed into a segment of its own; smaller ones share one up to the limits
const LARGE_BYTES = 8 << 20;
const GROUP_BYTES = 32 << 20;
const GROUP_PAYLOADS = 20_000;

/**
 * Writes payloads to the raw store and acknowledges them: when a receipt is yielded its bytes are on disk
 * and in the catalogue. One fsync and one transaction a group. Nothing looks inside the bytes.
 */
export async function* receive(
    store: RawStore,
    feed: ReceivingFeed,
    payloads: Iterable<IncomingPayload> | AsyncIterable<IncomingPayload>,
): AsyncGenerator<Receipt> {
    let group: { sourceKey: string; bytes: Buffer }[] = [];
    let size = 0;
    for await (const payload of payloads) {
        if ('path' in payload && statSync(payload.path).size > LARGE_BYTES) {
            yield await receiveLarge(store, feed, payload);
            continue;
        }
        const bytes = 'path' in payload ? await readFile(payload.path) : payload.bytes;
        group.push({ sourceKey: payload.sourceKey, bytes });
        size += bytes.length;
        if (size >= GROUP_BYTES || group.length >= GROUP_PAYLOADS) {
            yield* await receiveGroup(store, feed, group);
            group = [];
            size = 0;
        }
    }
    if (group.length > 0) yield* await receiveGroup(store, feed, group);
}

async function receiveGroup(
    store: RawStore,
    feed: ReceivingFeed,
    group: readonly { sourceKey: string; bytes: Buffer }[],
): Promise<Receipt[]> {
    const hashed = group.map((p) => ({
        ...p,
        feed: feed.name,
        sha256: createHash('sha256').update(p.bytes).digest('hex'),
    }));
    const known = await firstReceipts(store, feed, hashed.map(payloadIdentity));
    const fresh = new Map<string, (typeof hashed)[number]>();
    for (const payload of hashed) {
        const key = payloadIdentity(payload).toString('hex');
        if (!known.has(key) && !(feed.repeatWindowDays !== null && fresh.has(key))) {
            fresh.set(feed.repeatWindowDays === null ? `${key}-${fresh.size}` : key, payload);
        }
    }
    const receivedAt = store.clock.now();
    const sequences = await takeSequences(store, fresh.size);
    const headers = [...fresh.values()].map(
        (p, i): PayloadHeader => ({
            sequence: sequences[i] ?? 0,
            feed: feed.name,
            sourceKey: p.sourceKey,
            receivedAt,
            length: p.bytes.length,
            sha256: p.sha256,
        }),
    );
    if (headers.length > 0) {
        const contents = [...fresh.values()];
        await publishSegment(store, feed, headers, async (file) => {
            for (const [i, header] of headers.entries()) {
                await file.append(Buffer.concat([headerLine(header), contents[i]?.bytes ?? Buffer.alloc(0), Buffer.from('\n')]));
            }
        });
    }
    return receiptsOf(store, feed, hashed, headers);
}

async function receiptsOf(
    store: RawStore,
    feed: ReceivingFeed,
    payloads: readonly { sourceKey: string; sha256: string; feed: string }[],
    written: readonly PayloadHeader[],
): Promise<Receipt[]> {
    const own = new Set(written.map((header) => header.sequence));
    const first = feed.repeatWindowDays === null ? new Map<string, number>() : await firstReceipts(store, feed, payloads.map(payloadIdentity));
    const used = new Set<number>();
    const queue = new Map(written.map((header) => [`${header.sourceKey}\0${header.sha256}`, header.sequence]));
    return payloads.map((payload) => {
        const sequence = first.get(payloadIdentity(payload).toString('hex')) ?? queue.get(`${payload.sourceKey}\0${payload.sha256}`) ?? 0;
        const isRepeat = !own.has(sequence) || used.has(sequence);
        used.add(sequence);
        return { receiptId: `r${sequence}`, sequence, sourceKey: payload.sourceKey, isRepeat };
    });
}

/** Streams one large payload; its header is written over the reserved place once length and hash are known. */
async function receiveLarge(
    store: RawStore,
    feed: ReceivingFeed,
    payload: { readonly sourceKey: string; readonly path: string },
): Promise<Receipt> {
    const size = reservedSize(payload.sourceKey);
    const sequence = (await takeSequences(store, 1))[0] ?? 0;
    const receivedAt = store.clock.now();
    const { folder, file } = await openSegment(store, receivedAt);
    const hash = createHash('sha256');
    let length = 0;
    try {
        await file.append(Buffer.alloc(size, ' '));
        for await (const chunk of createReadStream(payload.path, { highWaterMark: 4 << 20 })) {
            hash.update(chunk);
            length += chunk.length;
            await file.append(chunk);
        }
        await file.append(Buffer.from('\n'));
        const header = { sequence, feed: feed.name, sourceKey: payload.sourceKey, receivedAt, length, sha256: hash.digest('hex') };
        const known = await firstReceipts(store, feed, [payloadIdentity(header)]);
        const first = known.get(payloadIdentity(header).toString('hex'));
        if (first !== undefined) {
            await file.discard();
            return { receiptId: `r${first}`, sequence: first, sourceKey: payload.sourceKey, isRepeat: true };
        }
        await file.writeAt(0, headerLine(header, size));
        await commitSegment(store, feed, [header], path.join(folder, `${sequence}.segment`), file);
        const receipts = await receiptsOf(store, feed, [header], [header]);
        return receipts[0] ?? { receiptId: `r${sequence}`, sequence, sourceKey: payload.sourceKey, isRepeat: false };
    } catch (error) {
        await file.discard();
        throw error;
    }
}

async function publishSegment(
    store: RawStore,
    feed: ReceivingFeed,
    headers: readonly PayloadHeader[],
    write: (file: DurableFile) => Promise<void>,
): Promise<void> {
    const { folder, file } = await openSegment(store, headers[0]?.receivedAt ?? store.clock.now());
    try {
        await write(file);
        await commitSegment(store, feed, headers, path.join(folder, `${headers[0]?.sequence}.segment`), file);
    } catch (error) {
        await file.discard();
        throw error;
    }
}

/** Segments lie by hour of receipt (UTC): raw/yyyy/mm/dd/hh/. */
async function openSegment(store: RawStore, receivedAt: number): Promise<{ folder: string; file: DurableFile }> {
    const hour = new Date(receivedAt).toISOString().slice(0, 13).replaceAll(/[-T]/g, '/');
    const folder = path.join(store.folder, hour);
    await makeFolderDurably(folder);
    return { folder, file: await DurableFile.create(folder, { label: 'segment' }) };
}

async function commitSegment(
    store: RawStore,
    feed: ReceivingFeed,
    headers: readonly PayloadHeader[],
    target: string,
    file: DurableFile,
): Promise<void> {
    crashPoint('receive');
    await store.db.withLock('receive', 'shared', async () => {
        await file.publish(target);
        crashPoint('receive');
        await enterSegment(store, feed.feedId, headers, target);
    });
}

/** The catalogue's rows of a segment; also what `verify raw` enters again from headers. */
export async function enterSegment(
    store: RawStore,
    feedId: number,
    headers: readonly PayloadHeader[],
    segmentPath: string,
): Promise<void> {
    const sequences = headers.map((h) => h.sequence);
    await store.db.transaction(async (tx) => {
        const rows = await tx.query<{ segmentNo: number }>(
            `insert into segments (feed_id, path, first_sequence, last_sequence, payload_count, payload_bytes, received_at)
             values ($1, $2, $3, $4, $5, $6, to_timestamp($7 / 1000.0))
             on conflict (path) do nothing returning segment_no as "segmentNo"`,
            [
                feedId,
                path.relative(store.folder, segmentPath),
                sequences.reduce((a, b) => Math.min(a, b), Number.MAX_SAFE_INTEGER),
                sequences.reduce((a, b) => Math.max(a, b), 0),
                headers.length,
                headers.reduce((sum, h) => sum + h.length, 0),
                headers[0]?.receivedAt ?? 0,
            ],
        );
        const segmentNo = rows[0]?.segmentNo;
        if (segmentNo === undefined) return;
        await tx.query(
            `insert into payload_identities (identity, sequence, segment_no, received_at)
             select i, s, $3, to_timestamp(r / 1000.0) from unnest($1::bytea[], $2::bigint[], $4::double precision[]) as t(i, s, r)
             on conflict do nothing`,
            [headers.map(payloadIdentity), sequences, segmentNo, headers.map((h) => h.receivedAt)],
        );
    });
}

async function takeSequences(store: RawStore, count: number): Promise<number[]> {
    if (count === 0) return [];
    const rows = await store.db.query<{ n: number }>(
        `select nextval('payload_sequence') as n from generate_series(1, $1) order by n`,
        [count],
    );
    return rows.map((row) => row.n);
}

/** Lowest sequence of each identity received within the feed's window; the one rule of what a repeat is. */
async function firstReceipts(
    store: RawStore,
    feed: ReceivingFeed,
    identities: readonly Buffer[],
): Promise<Map<string, number>> {
    if (feed.repeatWindowDays === null) return new Map();
    const rows = await store.db.query<{ identity: string; sequence: number }>(
        `select encode(identity, 'hex') as identity, min(sequence) as sequence from payload_identities
          where identity = any($1) and received_at >= to_timestamp($2 / 1000.0) - make_interval(days => $3)
          group by identity`,
        [identities, store.clock.now(), feed.repeatWindowDays],
    );
    return new Map(rows.map((row) => [row.identity, row.sequence]));
}

/** Sequences of a segment that only repeat an earlier delivery (two processes received it at once). */
export async function repeatedSequences(
    db: Pick<Database, 'query'>,
    segmentNos: readonly number[],
    windowDays: number | null,
): Promise<Set<number>> {
    if (windowDays === null) return new Set();
    const rows = await db.query<{ sequence: number }>(
        `select p.sequence from payload_identities p
          where p.segment_no = any($1) and exists (
              select 1 from payload_identities q where q.identity = p.identity and q.sequence < p.sequence
                 and q.received_at >= p.received_at - make_interval(days => $2))`,
        [segmentNos, windowDays],
    );
    return new Set(rows.map((row) => row.sequence));
}
