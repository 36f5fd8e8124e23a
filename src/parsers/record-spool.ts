import type { FeedContract } from '../contracts/feed-contract.ts';
import { delimitedRecords } from './delimited-records.ts';
import { jsonRecords } from './json-records.ts';
import { PayloadScan } from './payload-scan.ts';
import {
    type PayloadRefusal,
    type PayloadShape,
    type PayloadVerdict,
    refusalOfStreamError,
} from './payload-verdict.ts';
import { type RecordSink, SpoolWriter } from './spool-writer.ts';

/** Chunks of a payload's decompressed text, of any size. */
export type PayloadChunks = AsyncIterable<Buffer> | Iterable<Buffer>;

export interface SpoolInput {
    /** A whole number from 0 by which the caller knows the payload again. */
    readonly ordinal: number;
    readonly chunks: PayloadChunks;
}

export interface SpooledPayload {
    readonly ordinal: number;
    readonly verdict: PayloadVerdict;
}

/**
 * Writes text of a line and its fields, each field after a separator. Gives '' or what is wrong with the line as
 * `<row rule>` or `<row rule>:<field>`; what it has written until then is taken back.
 */
export type RecordWriter = (line: Buffer, from: number, to: number) => string;

const LF = 0x0a;
const CR = 0x0d;
const BOM_BYTES = 3;
/** Room for a record: its line as text and as fields, where a carriage return takes three bytes, and the separators. */
const roomFor = (lineBytes: number, columnCount: number) => lineBytes * 6 + columnCount + 512;

/**
 * Brings the payloads of one feed into one form that an engine reads fast whatever was sent: one line for each record, fields
 * separated by 0x1F, none quoted: ordinal of the payload, line number in it (from 1), fault (see `RecordWriter`), the
 * line's text without its end, then one field for each column of the contract (empty where the column is absent or the line is
 * faulty), blanks around them cut off. A payload that breaks a file rule leaves nothing in the sink.
 */
export async function spoolRecords(
    payloads: AsyncIterable<SpoolInput> | Iterable<SpoolInput>,
    contract: FeedContract,
    sink: RecordSink,
): Promise<SpooledPayload[]> {
    const spool = new SpoolWriter(sink);
    const spooled: SpooledPayload[] = [];
    for await (const { ordinal, chunks } of payloads) {
        const mark = spool.mark;
        const verdict = await spoolPayload(new PayloadLines(ordinal, contract, spool), chunks);
        if (!verdict.ok) spool.rewind(mark);
        spooled.push({ ordinal, verdict });
    }
    spool.flush();
    return spooled;
}

/**
 * What the beginning of a payload says about it: its header and whether there is anything unusual so far. Undefined
 * where it breaks a file rule, or where its header does not end within these bytes.
 */
export function beginningShape(head: Buffer, contract: FeedContract): PayloadShape | undefined {
    const scan = new PayloadScan(contract);
    if (scan.accept(head) !== undefined || scan.header === undefined) return undefined;
    return scan.shape;
}

async function spoolPayload(lines: PayloadLines, chunks: PayloadChunks): Promise<PayloadVerdict> {
    const refused = await readThrough(lines, chunks);
    if (refused !== undefined) return { ok: false, refused };
    lines.finish();
    return { ok: true, shape: lines.scan.shape };
}

async function readThrough(lines: PayloadLines, chunks: PayloadChunks): Promise<PayloadRefusal | undefined> {
    try {
        for await (const chunk of chunks) {
            const refused = lines.scan.accept(chunk);
            if (refused !== undefined) return refused;
            lines.accept(chunk);
        }
    } catch (error) {
        return refusalOfStreamError(error);
    }
    return lines.scan.finish();
}

/** Cuts the chunks of one payload into lines; a line that two chunks share is put together. */
class PayloadLines {
    readonly scan: PayloadScan;
    readonly #ordinal: number;
    readonly #contract: FeedContract;
    readonly #spool: SpoolWriter;
    #write: RecordWriter | undefined;
    #lineNo = 0;
    #carry: Buffer = Buffer.alloc(0);

    constructor(ordinal: number, contract: FeedContract, spool: SpoolWriter) {
        this.scan = new PayloadScan(contract);
        this.#ordinal = ordinal;
        this.#contract = contract;
        this.#spool = spool;
    }

    /** To be called after the scan has accepted the chunk. */
    accept(chunk: Buffer): void {
        let from = 0;
        if (this.#carry.length > 0) {
            const end = chunk.indexOf(LF);
            if (end < 0 || !this.scan.hasBegun) {
                this.#carry = Buffer.concat([this.#carry, chunk]);
                return;
            }
            const line = Buffer.concat([this.#carry, chunk.subarray(0, end + 1)]);
            this.#lines(line, 0);
            from = end + 1;
        }
        const rest = this.scan.hasBegun ? this.#lines(chunk, from) : from;
        this.#carry = rest === chunk.length ? Buffer.alloc(0) : Buffer.from(chunk.subarray(rest));
    }

    /** Takes the last line, which has no end; to be called after the scan has finished. */
    finish(): void {
        const rest = this.#lines(this.#carry, 0);
        if (rest < this.#carry.length) this.#line(this.#carry, rest, this.#carry.length);
    }

    /** Takes every whole line; gives where the rest begins. */
    #lines(bytes: Buffer, from: number): number {
        this.#spool.mayHaveReturns = this.scan.hasLoneCr;
        let start = from;
        for (let end = bytes.indexOf(LF, start); end >= 0; end = bytes.indexOf(LF, start)) {
            this.#line(bytes, start, end);
            start = end + 1;
        }
        return start;
    }

    #line(bytes: Buffer, from: number, to: number): void {
        this.#lineNo += 1;
        if (this.#lineNo <= this.scan.headerLine) return;
        const start = this.#lineNo === 1 && this.scan.hasBom ? from + BOM_BYTES : from;
        const end = to > start && bytes[to - 1] === CR ? to - 1 : to;
        if (isBlank(bytes, start, end)) return;
        this.#write ??= this.#recordWriter();
        this.#record(this.#write, bytes, start, end);
    }

    #record(write: RecordWriter, bytes: Buffer, from: number, to: number): void {
        const spool = this.#spool;
        spool.reserve(roomFor(to - from, this.#contract.columns.length));
        spool.number(this.#ordinal);
        spool.separator();
        spool.number(this.#lineNo);
        spool.separator();
        const start = spool.at;
        spool.separator();
        const fault = write(bytes, from, to);
        if (fault !== '') {
            spool.at = start;
            spool.text(fault.replaceAll('\r', '␍'));
            spool.separator();
            spool.copy(bytes, from, to);
            for (const _column of this.#contract.columns) spool.separator();
        }
        spool.endRecord();
    }

    #recordWriter(): RecordWriter {
        const header = this.scan.header;
        if (header === undefined) return jsonRecords(this.#contract, this.#spool);
        return delimitedRecords(this.#contract, header, this.#spool);
    }
}

function isBlank(bytes: Buffer, from: number, to: number): boolean {
    for (let at = from; at < to; at += 1) {
        const byte = bytes[at];
        if (byte !== 0x20 && byte !== 0x09 && byte !== CR) return false;
    }
    return true;
}
