import { isUtf8 } from 'node:buffer';
import type { FeedContract } from '../contracts/feed-contract.ts';
import { type Header, readHeader } from './header.ts';
import type { PayloadRefusal, PayloadShape } from './payload-verdict.ts';
import { completeUtf8Length, validUtf8Length } from './utf8-prefix.ts';

const LF = 0x0a;
const CR = 0x0d;
const TAB = 0x09;
const BLANK = 0x20;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
/** Tab, line feed, vertical tab, form feed, carriage return. */
const TEXT_CONTROLS = 0b11_1110_0000_0000;

/**
 * Looks at each byte of a payload once, in chunks of any size, and holds no more than a line: is it text, in UTF-8, in lines that are
 * not too long, with the header that the contract says? Of several faults the one whose byte comes first is told, so that
 * the verdict does not depend on where the chunks end.
 */
export class PayloadScan {
    readonly #contract: FeedContract;
    readonly #lineBytesMax: number;
    header: Header | undefined;
    headerLine = 0;
    hasBom = false;
    #hasCrlf = false;
    /** So far; true at the latest when the line's last byte has been seen. */
    hasLoneCr = false;
    /** Bytes in chunks before the present one. */
    #before = 0;
    /** Bytes held back: the first ones until a byte order mark can be told, then an incomplete character. */
    #held: Buffer = Buffer.alloc(0);
    hasBegun = false;
    #lineNo = 1;
    #lineStart = 0;
    #lineHasInk = false;
    #crAt = -2;
    #inkLines = 0;
    #blankLines = 0;
    /** Text up to the end of the header, while that has not been seen. */
    #headerText: Buffer = Buffer.alloc(0);

    constructor(contract: FeedContract) {
        this.#contract = contract;
        this.#lineBytesMax = contract.layout.maxLineBytes;
    }

    /** Takes the next chunk; once it has told a refusal it must not be called again. */
    accept(chunk: Buffer): PayloadRefusal | undefined {
        if (this.hasBegun) return this.#inspect(chunk);
        const start = Buffer.concat([this.#held, chunk]);
        this.#held = start;
        return start.length < BOM.length ? undefined : this.#begin();
    }

    /** Says that the payload is complete. */
    finish(): PayloadRefusal | undefined {
        const refused = this.hasBegun ? undefined : this.#begin();
        if (refused !== undefined) return refused;
        if (this.#held.length > 0) return this.#refuse('file.encoding', 'The last character is not complete');
        if (this.#crAt >= this.#lineStart && this.#crAt !== this.#before - 1) this.hasLoneCr = true;
        if (this.#lineHasInk) {
            const late = this.#seekHeader(Buffer.from('\n'));
            if (late !== undefined) return late;
            this.#inkLines += 1;
        } else if (this.#before > this.#lineStart) this.#blankLines += 1;
        if (this.#records > 0) return undefined;
        const has =
            this.#inkLines > 0 ? 'The file has a header and no line beside it.' : 'The file has no line.';
        return { ruleId: 'file.empty', message: has };
    }

    /** To be asked for after `finish`. */
    get shape(): PayloadShape {
        return {
            headerColumns: this.header?.columns ?? [],
            headerLine: this.headerLine,
            hasBom: this.hasBom,
            hasCrlf: this.#hasCrlf,
            hasLoneCr: this.hasLoneCr,
            endsWithNewline: this.#before > 0 && this.#lineStart === this.#before,
            bytes: this.#before + (this.hasBom ? BOM.length : 0),
            records: this.#records,
            blankLines: this.#blankLines,
        };
    }

    get #records(): number {
        return this.#inkLines - (this.#contract.layout.format === 'delimited' && this.#inkLines > 0 ? 1 : 0);
    }

    #begin(): PayloadRefusal | undefined {
        this.hasBegun = true;
        const start = this.#held;
        this.#held = Buffer.alloc(0);
        this.hasBom = start.subarray(0, BOM.length).equals(BOM);
        return this.#inspect(this.hasBom ? start.subarray(BOM.length) : start);
    }

    #inspect(chunk: Buffer): PayloadRefusal | undefined {
        const lineNoBefore = this.#lineNo;
        const fault = this.#walk(chunk);
        const clipped = fault === undefined ? chunk : chunk.subarray(0, fault.at);
        const encoding = this.#checkUtf8(clipped, lineNoBefore, fault?.refusal.ruleId === 'file.not-text');
        const refusal = encoding?.refusal ?? fault?.refusal;
        const header = this.#seekHeader(encoding === undefined ? clipped : clipped.subarray(0, encoding.at));
        this.#before += chunk.length;
        return header ?? refusal;
    }

    /** Visits the control bytes of a chunk, four bytes at a step where there is none. */
    #walk(chunk: Buffer): { at: number; refusal: PayloadRefusal } | undefined {
        const { length, byteOffset } = chunk;
        const head = Math.min(length, -byteOffset & 3);
        const wordCount = (length - head) >> 2;
        const words = wordCount > 0 ? new Int32Array(chunk.buffer, byteOffset + head, wordCount) : [];
        let at = 0;
        const visit = (end: number) => {
            for (; at < end; at += 1) {
                const byte = chunk[at] as number;
                if (byte >= BLANK) continue;
                const refusal = this.#visitControl(chunk, at, byte);
                if (refusal !== undefined) return { at: refusal.at, refusal: refusal.refusal };
            }
            return undefined;
        };
        const early = visit(head);
        if (early !== undefined) return early;
        for (let w = 0; w < wordCount; w += 1) {
            const word = words[w] as number;
            // Not zero exactly where one of the four bytes is below 0x20 (Hacker's Delight, "zero byte", generalised).
            if (((word - 0x20202020) & ~word & 0x80808080) === 0) continue;
            at = head + w * 4;
            const fault = visit(at + 4);
            if (fault !== undefined) return fault;
        }
        at = head + wordCount * 4;
        return visit(length) ?? this.#endOfChunk(chunk);
    }

    #visitControl(
        chunk: Buffer,
        at: number,
        byte: number,
    ): { at: number; refusal: PayloadRefusal } | undefined {
        const position = this.#before + at;
        if (position - this.#lineStart > this.#lineBytesMax) return this.#tooLong();
        if (byte === LF) this.#endLine(chunk, at, position);
        else if (byte === CR) {
            if (this.#crAt >= this.#lineStart) this.hasLoneCr = true;
            this.#crAt = position;
        } else if (((TEXT_CONTROLS >> byte) & 1) === 0) {
            const hex = `0x${byte.toString(16).toUpperCase().padStart(2, '0')}`;
            return { at, refusal: this.#refuse('file.not-text', `A byte ${hex} stands in the file`) };
        }
        return undefined;
    }

    #endLine(chunk: Buffer, at: number, position: number): void {
        if (this.#crAt >= this.#lineStart) {
            if (this.#crAt === position - 1) this.#hasCrlf = true;
            else this.hasLoneCr = true;
        }
        if (this.#lineHasInk || hasInk(chunk, Math.max(0, this.#lineStart - this.#before), at))
            this.#inkLines += 1;
        else this.#blankLines += 1;
        this.#lineHasInk = false;
        this.#lineNo += 1;
        this.#lineStart = position + 1;
    }

    #endOfChunk(chunk: Buffer): { at: number; refusal: PayloadRefusal } | undefined {
        if (this.#before + chunk.length - this.#lineStart > this.#lineBytesMax) return this.#tooLong();
        this.#lineHasInk ||= hasInk(chunk, Math.max(0, this.#lineStart - this.#before), chunk.length);
        return undefined;
    }

    #tooLong(): { at: number; refusal: PayloadRefusal } {
        const refusal = this.#refuse(
            'file.line-too-long',
            `A line is longer than the ${this.#lineBytesMax} bytes of the contract ${this.#contract.feed} ${this.#contract.version}`,
        );
        return { at: Math.max(0, this.#lineStart + this.#lineBytesMax - this.#before), refusal };
    }

    #checkUtf8(
        clipped: Buffer,
        lineNoBefore: number,
        isAtCharacterEnd: boolean,
    ): { at: number; refusal: PayloadRefusal } | undefined {
        const heldBytes = this.#held.length;
        const bytes = heldBytes === 0 ? clipped : Buffer.concat([this.#held, clipped]);
        const end = isAtCharacterEnd ? bytes.length : completeUtf8Length(bytes);
        const complete = bytes.subarray(0, end);
        this.#held = Buffer.from(bytes.subarray(end));
        if (isUtf8(complete)) return undefined;
        const at = Math.max(0, validUtf8Length(complete) - heldBytes);
        const line = lineNoBefore + countLines(clipped.subarray(0, at));
        return {
            at,
            refusal: this.#notUtf8(complete[validUtf8Length(complete)] ?? 0, line, this.#before + at),
        };
    }

    #notUtf8(byte: number, line: number, position: number): PayloadRefusal {
        const { feed, version } = this.#contract;
        const hex = `0x${byte.toString(16).toUpperCase()}`;
        const isMark = position === 0 && !this.hasBom && (byte === 0xff || byte === 0xfe);
        const guess = isMark
            ? 'the file begins as UTF-16 does'
            : byte >= 0xc0 || byte === 0xb0
              ? `in Windows-1252 the byte ${hex} is ${String.fromCharCode(byte)}`
              : `the first is ${hex}`;
        const what = `Bytes that are no UTF-8 stand in the file (${guess}), as the contract ${feed} ${version} has it`;
        return this.#refuse('file.encoding', what, line);
    }

    /** Reads the header as soon as its line is complete. */
    #seekHeader(bytes: Buffer): PayloadRefusal | undefined {
        if (this.header !== undefined || this.#contract.layout.format === 'ndjson') return undefined;
        let text = this.#headerText.length === 0 ? bytes : Buffer.concat([this.#headerText, bytes]);
        for (let end = text.indexOf(LF); end >= 0; end = text.indexOf(LF)) {
            this.headerLine += 1;
            if (hasInk(text, 0, end)) {
                const line = text.toString('utf8', 0, end).replace(/\r$/, '');
                const reading = readHeader(line, this.headerLine, this.#contract);
                this.#headerText = Buffer.alloc(0);
                if ('refused' in reading) return reading.refused;
                this.header = reading.header;
                return undefined;
            }
            text = text.subarray(end + 1);
        }
        this.#headerText = Buffer.from(text);
        return undefined;
    }

    #refuse(ruleId: PayloadRefusal['ruleId'], what: string, line = this.#lineNo): PayloadRefusal {
        return { ruleId, message: `${what}, in line ${line}.`, line };
    }
}

function hasInk(bytes: Buffer, from: number, to: number): boolean {
    for (let at = from; at < to; at += 1) {
        const byte = bytes[at];
        if (byte !== BLANK && byte !== TAB && byte !== CR) return true;
    }
    return false;
}

function countLines(bytes: Buffer): number {
    let count = 0;
    for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) count += 1;
    return count;
}
