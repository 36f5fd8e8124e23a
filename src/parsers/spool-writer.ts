/** Where a spool goes: a scratch file, or a collector in memory. */
export interface RecordSink {
    /** Bytes taken so far. */
    readonly size: number;
    append(bytes: Uint8Array): void;
    /** Takes back everything after the first `size` bytes. */
    truncate(size: number): void;
}

/** Separates the fields of a spooled record; a payload with this byte is refused (`file.not-text`). */
export const FIELD_SEPARATOR = 0x1f;

const LF = 0x0a;
const CR = 0x0d;
const TAB = 0x09;
const BLANK = 0x20;
/** Below so many bytes a loop is faster than a call of the copying of Node. */
const SHORT = 24;
/** Larger than any record: a line of 1 MiB, kept three times as long where each byte of it is a carriage return, twice over. */
const BUFFER_BYTES = 8 << 20;

/**
 * Collects bytes of records and hands them on in large pieces. `bytes` and `at` are open to the code that writes records, because
 * a call for each byte would be most of its time.
 */
export class SpoolWriter {
    readonly bytes: Buffer = Buffer.allocUnsafe(BUFFER_BYTES);
    at = 0;
    /** Whether a carriage return may stand within a line of the present payload. */
    mayHaveReturns = false;
    readonly #sink: RecordSink;

    constructor(sink: RecordSink) {
        this.#sink = sink;
    }

    /** The place to which `rewind` can go back. */
    get mark(): number {
        return this.#sink.size + this.at;
    }

    rewind(mark: number): void {
        if (mark >= this.#sink.size) this.at = mark - this.#sink.size;
        else {
            this.#sink.truncate(mark);
            this.at = 0;
        }
    }

    /** Makes room for so many bytes after `at`. */
    reserve(count: number): void {
        if (this.at + count > this.bytes.length) this.flush();
    }

    flush(): void {
        if (this.at > 0) this.#sink.append(this.bytes.subarray(0, this.at));
        this.at = 0;
    }

    /** A whole number from 0, in decimal digits. */
    number(value: number): void {
        if (value < 10) {
            this.bytes[this.at++] = 48 + value;
            return;
        }
        let digits = 1;
        for (let power = 10; power <= value; power *= 10) digits += 1;
        let rest = value;
        for (let place = this.at + digits - 1; place >= this.at; place -= 1) {
            const next = Math.floor(rest / 10);
            this.bytes[place] = 48 + rest - next * 10;
            rest = next;
        }
        this.at += digits;
    }

    separator(): void {
        this.bytes[this.at++] = FIELD_SEPARATOR;
    }

    endRecord(): void {
        this.bytes[this.at++] = LF;
    }

    text(text: string): void {
        this.at += this.bytes.write(text, this.at, 'utf8');
    }

    /** A stretch of a line. A carriage return within it is shown as ␍, because DuckDB would end the record there. */
    copy(source: Buffer, from: number, to: number): void {
        if (this.mayHaveReturns) this.#copyShowingReturns(source, from, to);
        else if (to - from > SHORT) this.at += source.copy(this.bytes, this.at, from, to);
        else {
            const { bytes } = this;
            let at = this.at;
            for (let i = from; i < to; i += 1) bytes[at++] = source[i] as number;
            this.at = at;
        }
    }

    #copyShowingReturns(source: Buffer, from: number, to: number): void {
        for (let i = from; i < to; i += 1) {
            const byte = source[i] as number;
            if (byte === CR) this.at = writeVisibleReturn(this.bytes, this.at);
            else this.bytes[this.at++] = byte;
        }
    }

    /** `copy` without the blanks and tabs at both ends. */
    copyTrimmed(source: Buffer, from: number, to: number): void {
        let start = from;
        let end = to;
        while (start < end && (source[start] === BLANK || source[start] === TAB)) start += 1;
        while (end > start && (source[end - 1] === BLANK || source[end - 1] === TAB)) end -= 1;
        this.copy(source, start, end);
    }
}

/** U+240D; gives the place after it. */
export function writeVisibleReturn(bytes: Buffer, at: number): number {
    bytes[at] = 0xe2;
    bytes[at + 1] = 0x90;
    bytes[at + 2] = 0x8d;
    return at + 3;
}
