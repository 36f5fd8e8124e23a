import { countLineEnds, LF } from '../kernel/line-ends.ts';
import type { PayloadChunks } from './record-spool.ts';

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
    return filterPieces([{ chunks, firstLineNo: 1 }], texts);
}

/** Whole lines of a payload. */
export interface PayloadPiece {
    readonly chunks: PayloadChunks;
    /** From 1. */
    readonly firstLineNo: number;
}

/** The same of pieces of a payload, in their order. The first begins where it does; the others hold no header. */
export function filterPieces(pieces: readonly PayloadPiece[], texts: readonly string[]): FilteredPayload {
    const needles = texts.map((text) => Buffer.from(text));
    const kept: number[] = [];
    return {
        chunks: keptPieces(pieces, needles, kept),
        lineNoOf: (n) => kept[n - 1] ?? n,
    };
}

async function* keptPieces(
    pieces: readonly PayloadPiece[],
    needles: readonly Buffer[],
    kept: number[],
): AsyncGenerator<Buffer> {
    for (const { chunks, firstLineNo } of pieces) {
        const place = { lineNo: firstLineNo, hasHeader: firstLineNo > 1 };
        yield* keptLines(chunks, needles, place, kept);
    }
}

async function* keptLines(
    chunks: PayloadChunks,
    needles: readonly Buffer[],
    place: { lineNo: number; hasHeader: boolean },
    kept: number[],
): AsyncGenerator<Buffer> {
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
