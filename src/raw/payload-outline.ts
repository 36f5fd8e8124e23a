import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { countLineEnds, LF } from '../kernel/line-ends.ts';
import type { Database, Transaction } from '../store/database.ts';
import { changedPayload, damageError, type StoredPayload } from './segment-reader.ts';

/**
 * Where lines begin in a payload: it is cut into blocks of one size, of which the last is shorter. With it a few blocks can be read, compared with what
 * was received, and their lines numbered, without the others.
 */
export interface PayloadOutline {
    readonly blockBytes: number;
    /** CRC-32 of each block, as a signed number: enough to tell damage, at a third of what another SHA-256 of all would cost. */
    readonly checksums: readonly number[];
    /** Line feeds in each block. */
    readonly lineEnds: readonly number[];
    /** Of each block, where in it the first line begins; -1: none does. */
    readonly lineStarts: readonly number[];
    /** That line without its end; blank where it does not end in the block. */
    readonly firstLines: readonly string[];
}

/** An outline with the payload that it is of. */
export interface OutlinedPayload {
    readonly sequence: number;
    readonly segmentNo: number;
    readonly outline: PayloadOutline;
}

/** Lines of some blocks that follow each other. */
export interface BlockLines {
    /** From 1. */
    readonly firstLineNo: number;
    /** Whole lines: from the first that begins in the blocks to the last that does. */
    readonly chunks: AsyncIterable<Buffer> | Iterable<Buffer>;
}

/** Small enough that a meter's few lines cost little, large enough that a payload of a gigabyte has two thousand. */
export const BLOCK_BYTES = 1 << 19;

/** Makes the outline of a payload while its bytes pass by in chunks of any size. */
export class OutlineMaker {
    readonly #blockBytes: number;
    readonly #checksums: number[] = [];
    readonly #lineEnds: number[] = [];
    readonly #lineStarts: number[] = [];
    readonly #firstLines: string[] = [];
    /** Whether the last byte that was accepted ends a line. */
    #endsLine = true;
    #block = emptyBlock();

    constructor(blockBytes: number = BLOCK_BYTES) {
        this.#blockBytes = blockBytes;
    }

    accept(chunk: Buffer): void {
        for (let at = 0; at < chunk.length; ) {
            const part = chunk.subarray(at, at + this.#blockBytes - this.#block.filled);
            at += part.length;
            this.#take(part);
            if (this.#block.filled === this.#blockBytes) this.#close({ isLast: false });
        }
    }

    /** The outline of all that was accepted, which is the whole payload. */
    finish(): PayloadOutline {
        if (this.#block.filled > 0) this.#close({ isLast: true });
        return {
            blockBytes: this.#blockBytes,
            checksums: this.#checksums,
            lineEnds: this.#lineEnds,
            lineStarts: this.#lineStarts,
            firstLines: this.#firstLines,
        };
    }

    #take(part: Buffer): void {
        const block = this.#block;
        if (block.lineStart < 0) block.lineStart = this.#findStart(part);
        if (block.lineStart >= 0 && !block.hasLine) {
            const from = Math.max(block.lineStart - block.filled, 0);
            const end = part.indexOf(LF, from);
            // a chunk may be overwritten by its source once this has returned
            block.line.push(Buffer.from(part.subarray(from, end < 0 ? part.length : end)));
            block.hasLine = end >= 0;
        }
        block.checksum = crc32(part, block.checksum);
        block.lineEnds += countLineEnds(part, 0, part.length);
        block.filled += part.length;
        this.#endsLine = part.at(-1) === LF;
    }

    /** Where in the block a line begins in this part or right after it; -1: none does. */
    #findStart(part: Buffer): number {
        const { filled } = this.#block;
        if (this.#endsLine && filled === 0) return 0;
        const end = part.indexOf(LF);
        return end < 0 ? -1 : filled + end + 1;
    }

    #close({ isLast }: { readonly isLast: boolean }): void {
        const { checksum, lineEnds, lineStart, filled, line, hasLine } = this.#block;
        const hasStart = lineStart >= 0 && lineStart < filled;
        this.#checksums.push(checksum | 0);
        this.#lineEnds.push(lineEnds);
        this.#lineStarts.push(hasStart ? lineStart : -1);
        // the last line of a payload may lack its end
        this.#firstLines.push(hasStart && (hasLine || isLast) ? Buffer.concat(line).toString('utf8') : '');
        this.#block = emptyBlock();
    }
}

/** What is known of the block that is not complete. */
function emptyBlock() {
    return {
        checksum: 0,
        lineEnds: 0,
        filled: 0,
        lineStart: -1,
        /** The first line as far as it has come, without its end. */
        line: [] as Buffer[],
        hasLine: false,
    };
}

/**
 * Lines that begin in the blocks from `first` to before `end`. Reads these and the one in which the last line ends, no other. Throws
 * `raw.segment-damaged` where a block is not what was received.
 */
export function linesOfBlocks(
    payload: StoredPayload,
    outline: PayloadOutline,
    { first, end }: { readonly first: number; readonly end: number },
): BlockLines {
    const { lineStarts, lineEnds } = outline;
    const begins = lineStarts.findIndex((start, no) => no >= first && start >= 0);
    if (begins < 0 || begins >= end) return { firstLineNo: 0, chunks: [] };
    const start = lineStarts[begins] ?? 0;
    const endsBefore = lineEnds.slice(0, begins).reduce((sum, n) => sum + n, 0) + (start > 0 ? 1 : 0);
    return { firstLineNo: endsBefore + 1, chunks: readLines(payload, outline, { begins, start, end }) };
}

async function* readLines(
    payload: StoredPayload,
    outline: PayloadOutline,
    { begins, start, end }: { readonly begins: number; readonly start: number; readonly end: number },
): AsyncGenerator<Buffer> {
    const file = await open(payload.segmentPath, 'r');
    try {
        for (let no = begins; no < outline.checksums.length; no += 1) {
            const block = await readBlock(file, payload, outline, no);
            if (no < end) {
                yield no === begins ? block.subarray(start) : block;
                if (no === end - 1 && block.at(-1) === LF) return;
                continue;
            }
            // the last line ends in a block after the last one
            const to = block.indexOf(LF);
            yield to < 0 ? block : block.subarray(0, to + 1);
            if (to >= 0) return;
        }
    } finally {
        await file.close();
    }
}

async function readBlock(
    file: FileHandle,
    payload: StoredPayload,
    { blockBytes, checksums }: PayloadOutline,
    no: number,
): Promise<Buffer> {
    const at = no * blockBytes;
    const length = Math.min(blockBytes, payload.header.length - at);
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, payload.from + at);
    const block = buffer.subarray(0, bytesRead);
    if ((crc32(block) | 0) !== checksums[no]) throw damageError(changedPayload(payload));
    return block;
}

/** Keeps it beside the segment; one that is there already is of the same bytes. */
export async function enterOutline(
    tx: Pick<Transaction, 'query'>,
    { sequence, segmentNo, outline }: OutlinedPayload,
): Promise<void> {
    await tx.query(
        `insert into payload_outlines (sequence, segment_no, block_bytes, checksums, line_ends, line_starts, first_lines)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict (sequence) do nothing`,
        [
            sequence,
            segmentNo,
            outline.blockBytes,
            outline.checksums,
            outline.lineEnds,
            outline.lineStarts,
            outline.firstLines,
        ],
    );
}

/** The outlines that there are of these payloads, by sequence. */
export async function findOutlines(
    db: Pick<Database, 'query'>,
    sequences: readonly number[],
): Promise<Map<number, PayloadOutline>> {
    const rows = await db.query<PayloadOutline & { readonly sequence: number }>(
        `select sequence, block_bytes as "blockBytes", checksums, line_ends as "lineEnds", line_starts as "lineStarts",
                first_lines as "firstLines"
           from payload_outlines where sequence = any($1)`,
        [sequences],
    );
    return new Map(rows.map(({ sequence, ...outline }) => [sequence, outline]));
}
