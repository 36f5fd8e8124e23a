import { hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { countLineEnds, LF } from '../kernel/line-ends.ts';
import type { Database, Transaction } from '../store/database.ts';
import { changedPayload, damageError, type StoredPayload } from './segment-reader.ts';

/**
 * Where lines begin in a payload: it is cut into blocks of one size, of which the last is shorter. With it a few blocks can be read, compared with what
 * was received, and their lines numbered, without the others.
 */
export interface PayloadOutline {
    readonly blockBytes: number;
    /** SHA-256 of each block, in hex digits. */
    readonly digests: readonly string[];
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
    readonly #digests: string[] = [];
    readonly #lineEnds: number[] = [];
    readonly #lineStarts: number[] = [];
    readonly #firstLines: string[] = [];
    /** Of the block that is not complete. */
    #parts: Buffer[] = [];
    #filled = 0;
    #endsLine = true;

    constructor(blockBytes: number = BLOCK_BYTES) {
        this.#blockBytes = blockBytes;
    }

    accept(chunk: Buffer): void {
        for (let at = 0; at < chunk.length; ) {
            const part = chunk.subarray(at, at + this.#blockBytes - this.#filled);
            at += part.length;
            this.#filled += part.length;
            // a chunk may be overwritten by its source once this has returned
            if (this.#filled < this.#blockBytes) this.#parts.push(Buffer.from(part));
            else this.#close([...this.#parts, part]);
        }
    }

    /** The outline of all that was accepted, which is the whole payload. */
    finish(): PayloadOutline {
        if (this.#filled > 0) this.#close(this.#parts, true);
        return {
            blockBytes: this.#blockBytes,
            digests: this.#digests,
            lineEnds: this.#lineEnds,
            lineStarts: this.#lineStarts,
            firstLines: this.#firstLines,
        };
    }

    #close(parts: readonly Buffer[], isLast = false): void {
        const [only] = parts;
        const block = parts.length === 1 && only ? only : Buffer.concat(parts);
        const start = this.#endsLine ? 0 : block.indexOf(LF) + 1 || block.length;
        const hasStart = start < block.length;
        const found = hasStart ? block.indexOf(LF, start) : -1;
        // the last line of a payload may lack its end
        const end = found < 0 && hasStart && isLast ? block.length : found;
        this.#digests.push(hash('sha256', block, 'hex'));
        this.#lineEnds.push(countLineEnds(block, 0, block.length));
        this.#lineStarts.push(hasStart ? start : -1);
        this.#firstLines.push(end < 0 ? '' : block.toString('utf8', start, end));
        this.#endsLine = block.at(-1) === LF;
        this.#parts = [];
        this.#filled = 0;
    }
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
        for (let no = begins; no < outline.digests.length; no += 1) {
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
    { blockBytes, digests }: PayloadOutline,
    no: number,
): Promise<Buffer> {
    const at = no * blockBytes;
    const length = Math.min(blockBytes, payload.header.length - at);
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, payload.from + at);
    const block = buffer.subarray(0, bytesRead);
    if (hash('sha256', block, 'hex') !== digests[no]) throw damageError(changedPayload(payload));
    return block;
}

/** Keeps it beside the segment; one that is there already is of the same bytes. */
export async function enterOutline(
    tx: Pick<Transaction, 'query'>,
    { sequence, segmentNo, outline }: OutlinedPayload,
): Promise<void> {
    await tx.query(
        `insert into payload_outlines (sequence, segment_no, block_bytes, digests, line_ends, line_starts, first_lines)
         values ($1, $2, $3, decode($4, 'hex'), $5, $6, $7) on conflict (sequence) do nothing`,
        [
            sequence,
            segmentNo,
            outline.blockBytes,
            outline.digests.join(''),
            outline.lineEnds,
            outline.lineStarts,
            outline.firstLines,
        ],
    );
}

const DIGEST_DIGITS = 64;

/** The outlines that there are of these payloads, by sequence. */
export async function findOutlines(
    db: Pick<Database, 'query'>,
    sequences: readonly number[],
): Promise<Map<number, PayloadOutline>> {
    interface Row extends Omit<PayloadOutline, 'digests'> {
        readonly sequence: number;
        readonly digests: string;
    }
    const rows = await db.query<Row>(
        `select sequence, block_bytes as "blockBytes", encode(digests, 'hex') as digests, line_ends as "lineEnds",
                line_starts as "lineStarts", first_lines as "firstLines"
           from payload_outlines where sequence = any($1)`,
        [sequences],
    );
    return new Map(
        rows.map(({ sequence, digests, ...row }) => [
            sequence,
            { ...row, digests: digests.match(new RegExp(`.{${DIGEST_DIGITS}}`, 'g')) ?? [] },
        ]),
    );
}
