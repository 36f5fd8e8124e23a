const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** Kinds of value in a flat object. */
export type JsonKind = 'text' | 'number' | 'word' | 'null';

/**
 * Reads the members of one flat JSON object from a line (RFC 8259) without losing a digit: JSON.parse would make floats of numbers.
 * After `next` has said true, the key and the value stand in the fields as places in the line; a text with escapes stands in
 * `decodedKey` or `decodedValue` instead.
 */
export class JsonLine {
    #line: Buffer = Buffer.alloc(0);
    #at = 0;
    #to = 0;
    #count = 0;
    /** The line is not a flat object. */
    isBroken = false;
    keyFrom = 0;
    keyTo = 0;
    decodedKey: string | undefined;
    kind: JsonKind = 'null';
    valueFrom = 0;
    valueTo = 0;
    decodedValue: string | undefined;

    open(line: Buffer, from: number, to: number): void {
        this.#line = line;
        this.#at = from;
        this.#to = to;
        this.#count = 0;
        this.isBroken = false;
        if (this.#skip() !== 0x7b) this.isBroken = true;
        this.#at += 1;
    }

    /** Goes on to the next member; false at the end of the object or where it is broken. */
    next(): boolean {
        if (this.isBroken) return false;
        let byte = this.#skip();
        if (byte === 0x7d && this.#count === 0) return this.#end();
        if (this.#count > 0) {
            if (byte === 0x7d) return this.#end();
            if (byte !== 0x2c) return this.#break();
            this.#at += 1;
            byte = this.#skip();
        }
        if (byte !== QUOTE || !this.#text()) return this.#break();
        this.keyFrom = this.valueFrom;
        this.keyTo = this.valueTo;
        this.decodedKey = this.decodedValue;
        if (this.#skip() !== 0x3a) return this.#break();
        this.#at += 1;
        this.#count += 1;
        return this.#value() || this.#break();
    }

    #end(): false {
        this.#at += 1;
        if (this.#skip() !== -1) this.isBroken = true;
        return false;
    }

    #break(): false {
        this.isBroken = true;
        return false;
    }

    /** Skips white space; gives the byte there, or -1 at the end of the line. */
    #skip(): number {
        for (; this.#at < this.#to; this.#at += 1) {
            const byte = this.#line[this.#at] as number;
            if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) return byte;
        }
        return -1;
    }

    #value(): boolean {
        const byte = this.#skip();
        if (byte === QUOTE) {
            this.kind = 'text';
            return this.#text();
        }
        this.decodedValue = undefined;
        this.valueFrom = this.#at;
        while (this.#at < this.#to && !endsToken(this.#line[this.#at] as number)) this.#at += 1;
        this.valueTo = this.#at;
        if (isPlainNumber(this.#line, this.valueFrom, this.valueTo)) this.kind = 'number';
        else {
            const token = this.#line.toString('latin1', this.valueFrom, this.valueTo);
            if (token === 'null') this.kind = 'null';
            else if (token === 'true' || token === 'false') this.kind = 'word';
            else if (NUMBER.test(token)) this.kind = 'number';
            else return false;
        }
        return true;
    }

    #text(): boolean {
        const from = this.#at;
        let hasEscape = false;
        for (let at = from + 1; at < this.#to; at += 1) {
            const byte = this.#line[at] as number;
            if (byte < 0x20) return false;
            if (byte === BACKSLASH) {
                hasEscape = true;
                at += 1;
            } else if (byte === QUOTE) {
                this.#at = at + 1;
                this.valueFrom = from + 1;
                this.valueTo = at;
                this.decodedValue = undefined;
                return !hasEscape || this.#decode(from, at + 1);
            }
        }
        return false;
    }

    /** Control characters and halves of characters cannot stand in a record's text, so they break the line. */
    #decode(from: number, to: number): boolean {
        try {
            const text: string = JSON.parse(this.#line.toString('utf8', from, to));
            this.decodedValue = text;
            // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
            return text.isWellFormed() && !/[\u0000-\u001f]/.test(text);
        } catch {
            return false;
        }
    }
}

function endsToken(byte: number): boolean {
    return byte === 0x2c || byte === 0x7d || byte === 0x20 || byte === 0x09 || byte === 0x0d;
}

/** Digits with at most one point between them and no zero before others: what almost every number of a feed looks like. */
function isPlainNumber(line: Buffer, from: number, to: number): boolean {
    let point = -1;
    for (let at = from; at < to; at += 1) {
        const byte = line[at] as number;
        if (byte === 0x2e && point < 0 && at > from) point = at;
        else if (byte < 0x30 || byte > 0x39) return false;
    }
    const wholeDigits = (point < 0 ? to : point) - from;
    return wholeDigits > 0 && point !== to - 1 && (wholeDigits === 1 || line[from] !== 0x30);
}
