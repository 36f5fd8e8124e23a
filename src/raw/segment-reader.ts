import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { type PayloadHeader, parseHeader } from './segment-format.ts';

/** Where a payload's bytes stand in its segment. */
export interface StoredPayload {
    readonly header: PayloadHeader;
    readonly segmentPath: string;
    readonly from: number;
    /** Bytes of header lines before the payload: 1 line, when the payload is the segment's first. */
    readonly headerFrom: number;
}

export interface SegmentDamage {
    readonly segmentPath: string;
    readonly offset: number;
    readonly what: string;
}

const HEADER_LIMIT = 1 << 20;

/** Lists a segment's payloads from their headers, without reading payloads. Damage ends the list and is given back. */
export async function listPayloads(segmentPath: string): Promise<{ payloads: StoredPayload[]; damage?: SegmentDamage }> {
    const payloads: StoredPayload[] = [];
    const file = await open(segmentPath, 'r');
    try {
        const { size } = await file.stat();
        let at = 0;
        while (at < size) {
            const line = await readLine(file, at);
            const header = line === undefined ? undefined : parseHeader(line.text);
            if (!line || !header) return { payloads, damage: { segmentPath, offset: at, what: 'there is no payload header' } };
            const from = at + line.bytes;
            if (from + header.length + 1 > size) {
                return { payloads, damage: { segmentPath, offset: at, what: `payload ${header.sequence} is cut off` } };
            }
            payloads.push({ header, segmentPath, from, headerFrom: at });
            at = from + header.length + 1;
        }
        return { payloads };
    } finally {
        await file.close();
    }
}

async function readLine(
    file: Awaited<ReturnType<typeof open>>,
    from: number,
): Promise<{ text: string; bytes: number } | undefined> {
    let size = 4096;
    for (;;) {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, from);
        const end = buffer.subarray(0, bytesRead).indexOf(10);
        if (end >= 0) return { text: buffer.toString('utf8', 0, end), bytes: end + 1 };
        if (bytesRead < size || size >= HEADER_LIMIT) return undefined;
        size *= 4;
    }
}

/** The payload's bytes as received. */
export function payloadBytes(payload: StoredPayload): AsyncIterable<Buffer> {
    if (payload.header.length === 0) return emptyStream();
    return createReadStream(payload.segmentPath, {
        start: payload.from,
        end: payload.from + payload.header.length - 1,
        highWaterMark: 1 << 20,
    });
}

async function* emptyStream(): AsyncGenerator<Buffer> {}
