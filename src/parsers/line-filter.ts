import type { PayloadChunks } from './record-spool.ts';

const LF = 0x0a;
const INK_FROM = 0x21;

/** A payload without the lines that cannot be meant. */
export interface FilteredPayload {
    /** The lines that stay, each with its end, in order. */
    readonly chunks: PayloadChunks;
    /** The number in the payload of line `n` of what stays (both from 1). To be asked once `chunks` have been read. */
    lineNoOf(n: number): number;
}

/**
 * Leaves the lines up to and with the first that is not blank (a header, where there is one) and those that hold one of the texts. For
 * formats in which a line is a record, and the texts stand in it as they are. Reads as a stream and holds what stays of one chunk.
 */
export function filterLines(chunks: PayloadChunks, texts: readonly string[]): FilteredPayload {
    const needles = texts.map((text) => Buffer.from(text));
    const kept: number[] = [];
    return {
        chunks: keptLines(chunks, needles, kept),
        lineNoOf: (n) => kept[n - 1] ?? n,
    };
}

async function* keptLines(
    chunks: PayloadChunks,
    needles: readonly Buffer[],
    kept: number[],
): AsyncGenerator<Buffer> {
    const place = { lineNo: 1, hasHeader: false };
    // the beginning of a line whose end is in a later chunk
    let begun: Buffer[] = [];
    for await (const chunk of chunks) {
        const end = chunk.lastIndexOf(LF) + 1;
        if (end > 0) {
            const from = begun.length === 0 ? 0 : chunk.indexOf(LF) + 1;
            if (from > 0)
                yield* linesOf(Buffer.concat([...begun, chunk.subarray(0, from)]), needles, place, kept);
            yield* linesOf(chunk.subarray(from, end), needles, place, kept);
            begun = [];
        }
        if (end < chunk.length) begun.push(Buffer.from(chunk.subarray(end)));
    }
    if (begun.length > 0) yield* linesOf(Buffer.concat(begun), needles, place, kept);
}

/** `bytes` are whole lines; the last may lack its end. */
function* linesOf(
    bytes: Buffer,
    needles: readonly Buffer[],
    place: { lineNo: number; hasHeader: boolean },
    kept: number[],
): Generator<Buffer> {
    let from = 0;
    while (!place.hasHeader && from < bytes.length) {
        const to = lineEnd(bytes, from);
        place.hasHeader = hasInk(bytes, from, to);
        kept.push(place.lineNo);
        place.lineNo += 1;
        yield bytes.subarray(from, to);
        from = to;
    }
    // the next place of each needle, so that each is sought once
    const next = needles.map((needle) => bytes.indexOf(needle, from));
    for (;;) {
        const at = next.reduce((a, b) => (b >= 0 && (a < 0 || b < a) ? b : a), -1);
        if (at < 0) break;
        const start = Math.max(from, bytes.lastIndexOf(LF, at) + 1);
        const to = lineEnd(bytes, at);
        place.lineNo += countLineEnds(bytes, from, start);
        kept.push(place.lineNo);
        place.lineNo += 1;
        yield bytes.subarray(start, to);
        from = to;
        needles.forEach((needle, i) => {
            const known = next[i] ?? -1;
            if (known >= 0 && known < from) next[i] = bytes.indexOf(needle, from);
        });
    }
    place.lineNo += countLineEnds(bytes, from, bytes.length);
}

function lineEnd(bytes: Buffer, from: number): number {
    const end = bytes.indexOf(LF, from);
    return end < 0 ? bytes.length : end + 1;
}

function hasInk(bytes: Buffer, from: number, to: number): boolean {
    for (let at = from; at < to; at += 1) if ((bytes[at] ?? 0) >= INK_FROM) return true;
    return false;
}

const LF_IN_EACH_BYTE = 0x0a0a0a0a;
const LOW_BITS = 0x7f7f7f7f;

/** Four bytes at a time, of which most words have none: three times as fast. */
function countLineEnds(bytes: Buffer, from: number, to: number): number {
    if (to - from < 64) return countEach(bytes, from, to);
    const aligned = from + ((4 - ((bytes.byteOffset + from) & 3)) & 3);
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + aligned, (to - aligned) >> 2);
    let count = 0;
    for (let i = 0; i < words.length; i += 1) {
        const other = (words[i] ?? 0) ^ LF_IN_EACH_BYTE;
        // the high bit of each byte that is 0 in `other`; no carry leaves a byte
        const ends = ~(((other & LOW_BITS) + LOW_BITS) | other | LOW_BITS);
        if (ends !== 0) count += Math.imul((ends >>> 7) & 0x01010101, 0x01010101) >>> 24;
    }
    const rest = aligned + words.length * 4;
    return count + countEach(bytes, from, aligned) + countEach(bytes, rest, to);
}

function countEach(bytes: Buffer, from: number, to: number): number {
    let count = 0;
    for (let at = from; at < to; at += 1) if (bytes[at] === LF) count += 1;
    return count;
}
