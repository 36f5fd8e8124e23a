import { createHash, hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { GridtallyError } from '../kernel/errors.ts';
import { type PayloadHeader, parseHeader } from './segment-format.ts';

/** Where a payload's bytes stand in its segment. */
export interface StoredPayload {
    readonly header: PayloadHeader;
    readonly segmentPath: string;
    /** Offset of the payload's first byte. */
    readonly from: number;
    /** Offset of its header line. */
    readonly headerFrom: number;
    /** The payload's bytes where its segment is small enough to have been read as a whole. */
    readonly held?: Buffer;
}

export interface SegmentDamage {
    readonly segmentPath: string;
    readonly offset: number;
    /** The payload that is damaged, where its header is whole. */
    readonly sequence?: number;
    readonly what: string;
}

const HEADER_LIMIT = 1 << 16;
const LF = 0x0a;
/** Above the largest group of small payloads with their headers; a larger segment holds one payload, which is streamed. */
const HELD_BYTES = 48 << 20;

/**
 * Lists a segment's payloads in the order of receipt; with `heldBytes: 0` their bytes stay where they are. Throws `raw.segment-damaged` where not every
 * one can be found.
 */
export async function listPayloads(
    segmentPath: string,
    heldBytes: number = HELD_BYTES,
): Promise<{ payloads: StoredPayload[] }> {
    const { payloads, damage } = await inspectSegment(segmentPath, heldBytes);
    if (damage !== undefined) throw damageError(damage);
    return { payloads };
}

/** The payloads up to the first damage of the segment's frame, and that damage. Does not look at the bytes of payloads. */
export async function inspectSegment(
    segmentPath: string,
    heldBytes: number = HELD_BYTES,
): Promise<{ payloads: StoredPayload[]; damage?: SegmentDamage }> {
    const payloads: StoredPayload[] = [];
    const file = await open(segmentPath, 'r');
    try {
        const { size } = await file.stat();
        const held = size <= heldBytes ? await readWhole(file, size) : undefined;
        let at = 0;
        while (at < size) {
            const line = held === undefined ? await readLine(file, at) : lineIn(held, at);
            const header = line === undefined ? undefined : parseHeader(line.text);
            if (!line || !header) {
                return {
                    payloads,
                    damage: { segmentPath, offset: at, what: 'there is no whole payload header' },
                };
            }
            const from = at + line.bytes;
            const { sequence, length } = header;
            if (from + length + 1 > size) {
                return {
                    payloads,
                    damage: { segmentPath, offset: from, sequence, what: 'the payload is cut off' },
                };
            }
            const bytes = held === undefined ? {} : { held: held.subarray(from, from + length) };
            payloads.push({ header, segmentPath, from, headerFrom: at, ...bytes });
            at = from + length + 1;
        }
        const expected = payloads[0]?.header.payloadCount ?? 1;
        if (payloads.length === expected) return { payloads };
        const what = `there are ${payloads.length} payloads where ${expected} were written`;
        return { payloads, damage: { segmentPath, offset: size, what } };
    } finally {
        await file.close();
    }
}

/**
 * The payload's bytes as received. Once they have all been read, throws `raw.segment-damaged` where they are not those that were
 * received, so that damage never becomes readings.
 */
export function payloadBytes(payload: StoredPayload): AsyncIterable<Buffer> | Iterable<Buffer> {
    const { header, held } = payload;
    if (held === undefined) return streamedBytes(payload);
    if (hash('sha256', held, 'hex') !== header.sha256) throw damageError(changedPayload(payload));
    return [held];
}

/** The first and the last bytes of a payload, at most `size` of each; not compared with its SHA-256. */
export async function payloadEdges(
    payload: StoredPayload,
    size: number,
): Promise<{ head: Buffer; tail: Buffer }> {
    const { header, segmentPath, from } = payload;
    const length = Math.min(size, header.length);
    const file = await open(segmentPath, 'r');
    try {
        const read = async (at: number) => {
            const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
            return buffer.subarray(0, bytesRead);
        };
        return { head: await read(from), tail: await read(from + header.length - length) };
    } finally {
        await file.close();
    }
}

export function changedPayload({ segmentPath, from, header }: StoredPayload): SegmentDamage {
    return {
        segmentPath,
        offset: from,
        sequence: header.sequence,
        what: 'the payload does not have its SHA-256',
    };
}

async function* streamedBytes(payload: StoredPayload): AsyncGenerator<Buffer> {
    const { header, segmentPath, from } = payload;
    const content = createHash('sha256');
    if (header.length > 0) {
        const range = { start: from, end: from + header.length - 1, highWaterMark: 1 << 20 };
        for await (const chunk of createReadStream(segmentPath, range)) {
            content.update(chunk);
            yield chunk;
        }
    }
    if (content.digest('hex') !== header.sha256) throw damageError(changedPayload(payload));
}

export function damageError(damage: SegmentDamage): GridtallyError {
    const { segmentPath, offset, sequence, what } = damage;
    const which = sequence === undefined ? '' : ` (payload ${sequence})`;
    return new GridtallyError('raw.segment-damaged', `${segmentPath} at byte ${offset}${which}: ${what}.`);
}

async function readWhole(file: FileHandle, size: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(size);
    let done = 0;
    while (done < size) {
        const { bytesRead } = await file.read(bytes, done, size - done, done);
        if (bytesRead === 0) break;
        done += bytesRead;
    }
    return bytes.subarray(0, done);
}

interface HeaderText {
    readonly text: string;
    /** With its line feed. */
    readonly bytes: number;
}

async function readLine(file: FileHandle, from: number): Promise<HeaderText | undefined> {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_LIMIT), 0, HEADER_LIMIT, from);
    return lineIn(buffer.subarray(0, bytesRead), 0);
}

function lineIn(bytes: Buffer, from: number): HeaderText | undefined {
    const end = bytes.indexOf(LF, from);
    if (end < 0) return undefined;
    return { text: bytes.toString('utf8', from, end), bytes: end + 1 - from };
}
