import { createHash, type Hash, hash } from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';
import type { DurableFile } from '../kernel/durable.ts';
import { assert, GridtallyError } from '../kernel/errors.ts';
import { firstSequences, takeSequences } from './segment-catalogue.ts';
import { headerLine, type PayloadHeader, payloadIdentity, reservedSize } from './segment-format.ts';
import { type RawStore, type ReceivingFeed, writeSegment } from './segment-writer.ts';

export { repeatedSequences } from './segment-catalogue.ts';
export type { RawStore, ReceivingFeed } from './segment-writer.ts';

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

interface SmallPayload {
    readonly sourceKey: string;
    readonly bytes: Buffer;
}

interface HashedPayload extends SmallPayload {
    readonly sha256: string;
    /** Identity in hex digits. */
    readonly identity: string;
}

// a payload above this is streamed into a segment of its own; smaller ones share one up to the limits
const LARGE_BYTES = 8 << 20;
const GROUP_BYTES = 32 << 20;
const GROUP_PAYLOADS = 20_000;
const WRITE_BYTES = 1 << 20;
/** Bytes of a source key as JSON: more than any file system allows for a name. */
const SOURCE_KEY_BYTES = 1024;

/**
 * Writes payloads to the raw store and acknowledges them, in their order: when a receipt is yielded its bytes are on disk and in the
 * catalogue. One fsync and one transaction a group. Nothing looks inside the bytes. Of the same delivery within the
 * feed's window the first one's receipt is given, whatever process received it.
 * Throws `raw.source-key-invalid`, `raw.catalogue-behind`; payloads without a receipt have then not been received.
 */
export async function* receive(
    store: RawStore,
    feed: ReceivingFeed,
    payloads: Iterable<IncomingPayload> | AsyncIterable<IncomingPayload>,
): AsyncGenerator<Receipt> {
    let group: SmallPayload[] = [];
    let size = 0;
    for await (const payload of payloads) {
        checkSourceKey(payload.sourceKey);
        const isLarge = (await sizeOf(payload)) > LARGE_BYTES;
        // Sequences follow the order of the payloads, because in a feed without stamps the later one wins.
        if (group.length > 0 && (isLarge || size >= GROUP_BYTES || group.length >= GROUP_PAYLOADS)) {
            yield* await receiveGroup(store, feed, group);
            group = [];
            size = 0;
        }
        if (isLarge) yield await receiveLarge(store, feed, payload);
        else {
            const bytes = 'path' in payload ? await readFile(payload.path) : payload.bytes;
            group.push({ sourceKey: payload.sourceKey, bytes });
            size += bytes.length;
        }
    }
    if (group.length > 0) yield* await receiveGroup(store, feed, group);
}

async function sizeOf(payload: IncomingPayload): Promise<number> {
    return 'path' in payload ? (await stat(payload.path)).size : payload.bytes.length;
}

function checkSourceKey(sourceKey: string): void {
    const isPrintable = sourceKey.isWellFormed() && !/\p{Cc}/u.test(sourceKey);
    if (isPrintable && sourceKey !== '' && Buffer.byteLength(JSON.stringify(sourceKey)) <= SOURCE_KEY_BYTES)
        return;
    const shown = JSON.stringify(sourceKey.slice(0, 80));
    throw new GridtallyError('raw.source-key-invalid', `A delivery cannot be named ${shown}.`);
}

async function receiveGroup(
    store: RawStore,
    feed: ReceivingFeed,
    group: readonly SmallPayload[],
): Promise<Receipt[]> {
    const hashed = group.map((payload): HashedPayload => {
        const sha256 = hash('sha256', payload.bytes, 'hex');
        const identity = payloadIdentity({ feed: feed.name, sourceKey: payload.sourceKey, sha256 }).toString(
            'hex',
        );
        return { ...payload, sha256, identity };
    });
    for (;;) {
        const receivedAt = store.clock.now();
        const known = await knownReceipts(store, feed, hashed, receivedAt);
        const { fresh, places } = planGroup(hashed, known, feed.repeatWindowDays !== null);
        const sequences = await takeSequences(store.db, fresh.length);
        const isWritten =
            fresh.length === 0 ||
            (await writeSegment(store, feed, receivedAt, async (file) => {
                const headers = groupHeaders(feed, fresh, sequences, receivedAt);
                for (const bytes of groupBytes(fresh, headers)) await file.append(bytes);
                return headers;
            }));
        // Otherwise another process was first with one of them, whose receipt is known now.
        if (isWritten)
            return places.map((place, i) => receiptAt(place, hashed[i]?.sourceKey ?? '', sequences));
    }
}

/** Where a payload's bytes are: in an earlier segment, or at a place of the group that is being written. */
type PayloadPlace =
    | { readonly sequence: number }
    | { readonly freshPlace: number; readonly isRepeat: boolean };

function planGroup(
    payloads: readonly HashedPayload[],
    known: ReadonlyMap<string, number>,
    comparesRepeats: boolean,
): { fresh: HashedPayload[]; places: PayloadPlace[] } {
    const fresh: HashedPayload[] = [];
    const seen = new Map<string, number>();
    const places = payloads.map((payload): PayloadPlace => {
        const sequence = known.get(payload.identity);
        if (sequence !== undefined) return { sequence };
        const earlier = comparesRepeats ? seen.get(payload.identity) : undefined;
        if (earlier !== undefined) return { freshPlace: earlier, isRepeat: true };
        seen.set(payload.identity, fresh.length);
        fresh.push(payload);
        return { freshPlace: fresh.length - 1, isRepeat: false };
    });
    return { fresh, places };
}

function receiptAt(place: PayloadPlace, sourceKey: string, sequences: readonly number[]): Receipt {
    if ('sequence' in place) return receipt(place.sequence, sourceKey, true);
    return receipt(sequences[place.freshPlace] ?? 0, sourceKey, place.isRepeat);
}

function receipt(sequence: number, sourceKey: string, isRepeat: boolean): Receipt {
    return { receiptId: `r${sequence}`, sequence, sourceKey, isRepeat };
}

function groupHeaders(
    feed: ReceivingFeed,
    payloads: readonly HashedPayload[],
    sequences: readonly number[],
    receivedAt: number,
): PayloadHeader[] {
    return payloads.map(({ sourceKey, sha256, bytes }, i) => ({
        sequence: sequences[i] ?? 0,
        feed: feed.name,
        sourceKey,
        receivedAt,
        payloadCount: payloads.length,
        length: bytes.length,
        sha256,
    }));
}

/** A group's file in pieces that are worth a write each. */
function* groupBytes(
    payloads: readonly SmallPayload[],
    headers: readonly PayloadHeader[],
): Generator<Buffer> {
    let parts: Buffer[] = [];
    let size = 0;
    for (const [i, header] of headers.entries()) {
        const added = [headerLine(header), payloads[i]?.bytes ?? Buffer.alloc(0), Buffer.from('\n')];
        parts.push(...added);
        size += added.reduce((sum, part) => sum + part.length, 0);
        if (size < WRITE_BYTES) continue;
        yield Buffer.concat(parts, size);
        parts = [];
        size = 0;
    }
    yield Buffer.concat(parts, size);
}

/** Streams one large payload; its header is written over the reserved place once length and hash are known. */
async function receiveLarge(
    store: RawStore,
    feed: ReceivingFeed,
    payload: IncomingPayload,
): Promise<Receipt> {
    const { sourceKey } = payload;
    for (;;) {
        const receivedAt = store.clock.now();
        const [sequence = 0] = await takeSequences(store.db, 1);
        let first: number | undefined;
        const isWritten = await writeSegment(store, feed, receivedAt, async (file) => {
            const reserved = reservedSize(sourceKey);
            await file.append(Buffer.alloc(reserved, ' '));
            const content = createHash('sha256');
            if ('path' in payload) await appendFile(file, payload.path, content);
            else {
                content.update(payload.bytes);
                await file.append(payload.bytes);
            }
            const length = file.size - reserved;
            await file.append(Buffer.from('\n'));
            const sha256 = content.digest('hex');
            const header = {
                sequence,
                feed: feed.name,
                sourceKey,
                receivedAt,
                payloadCount: 1,
                length,
                sha256,
            };
            const identity = payloadIdentity(header).toString('hex');
            first = (await knownReceipts(store, feed, [{ identity }], receivedAt)).get(identity);
            if (first !== undefined) return undefined;
            await file.writeAt(0, headerLine(header, reserved));
            return [header];
        });
        if (isWritten) return receipt(sequence, sourceKey, false);
        if (first !== undefined) return receipt(first, sourceKey, true);
    }
}

// buffers that are used again: fresh ones of 4 MB took two and a half times as long, most of it in the kernel
const COPY_BYTES = 1 << 20;
const COPIES_AT_ONCE = 4;

/** Appends what a file holds, and hashes it: it is read, hashed and written at the same time. */
async function appendFile(file: DurableFile, source: string, content: Hash): Promise<void> {
    const handle = await open(source, 'r');
    const buffers = Array.from({ length: COPIES_AT_ONCE }, () => ({
        bytes: Buffer.allocUnsafeSlow(COPY_BYTES),
        written: Promise.resolve(),
    }));
    try {
        for (let turn = 0; ; turn = (turn + 1) % COPIES_AT_ONCE) {
            const buffer = buffers[turn];
            assert(buffer !== undefined, 'buffers are taken in turns');
            await buffer.written;
            // from where the last one ended: a pipe has no other places
            const { bytesRead } = await handle.read(buffer.bytes, 0, COPY_BYTES, null);
            if (bytesRead === 0) break;
            const chunk = buffer.bytes.subarray(0, bytesRead);
            buffer.written = file.append(chunk);
            // a failure is thrown when the buffer is next wanted, or at the end
            buffer.written.catch(() => {});
            content.update(chunk);
        }
        await Promise.all(buffers.map((buffer) => buffer.written));
    } finally {
        await Promise.allSettled(buffers.map((buffer) => buffer.written));
        await handle.close();
    }
}

async function knownReceipts(
    store: RawStore,
    feed: ReceivingFeed,
    payloads: readonly { readonly identity: string }[],
    at: number,
): Promise<Map<string, number>> {
    if (feed.repeatWindowDays === null) return new Map();
    const identities = payloads.map(({ identity }) => Buffer.from(identity, 'hex'));
    return firstSequences(store.db, identities, at, feed.repeatWindowDays);
}
