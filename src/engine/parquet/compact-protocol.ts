/**
 * Thrift's compact protocol, in which the footers of Parquet files are written: read into fields, and written again as it was read, with all that nobody here knows of.
 * https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
import { assert } from '../../kernel/errors.ts';

const [STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE] = [0, 1, 2, 3, 4, 5, 6, 7] as const;
const [BINARY, LIST, SET, STRUCT] = [8, 9, 10, 12] as const;

const DOUBLE_BYTES = 8;
/** A list of as many items or more has its size in bytes of its own. */
const LONG_LIST = 15;

/** Fields by their number, in the order in which they stand. */
export type Struct = Map<number, Field>;

/** A value with its type of the protocol, which says how it is written. */
export interface Field {
    readonly type: number;
    readonly value: Value;
}

export interface List {
    readonly itemType: number;
    readonly items: readonly Value[];
}

/** Whole numbers up to 2^53, booleans, bytes of a text or of a double, lists, structs. */
export type Value = number | boolean | Buffer | List | Struct;

/** Asserts that the bytes hold a struct, and that no number in it is above 2^53, which none in a footer is. */
export function readStruct(bytes: Buffer): Struct {
    return new CompactReader(bytes).struct();
}

export function writeStruct(struct: Struct): Buffer {
    const writer = new CompactWriter();
    writer.struct(struct);
    return writer.bytes();
}

/** A whole number; undefined where the struct has no such field. */
export function numberOf(struct: Struct, id: number): number | undefined {
    const value = struct.get(id)?.value;
    return typeof value === 'number' ? value : undefined;
}

export function structOf(struct: Struct, id: number): Struct | undefined {
    const value = struct.get(id)?.value;
    return value instanceof Map ? value : undefined;
}

/** Items of a list of structs; none where the struct has no such field. */
export function structsOf(struct: Struct, id: number): readonly Struct[] {
    return listOf(struct, id).filter((item) => item instanceof Map);
}

/** Items of a list; none where the struct has no such field. */
export function listOf(struct: Struct, id: number): readonly Value[] {
    const value = struct.get(id)?.value;
    return typeof value === 'object' && 'items' in value ? value.items : [];
}

class CompactReader {
    readonly #bytes: Buffer;
    #at = 0;

    constructor(bytes: Buffer) {
        this.#bytes = bytes;
    }

    struct(): Struct {
        const fields: Struct = new Map();
        for (let id = 0; ; ) {
            const head = this.#byte();
            const [type, step] = [head & 0x0f, head >> 4];
            if (type === STOP) return fields;
            id = step === 0 ? this.#zigzag() : id + step;
            // within a struct, a boolean's value is its type
            const value = type === TRUE || type === FALSE ? type === TRUE : this.#value(type);
            fields.set(id, { type, value });
        }
    }

    #value(type: number): Value {
        if (type === BYTE) return this.#byte();
        if (type === I16 || type === I32 || type === I64) return this.#zigzag();
        if (type === DOUBLE) return this.#take(DOUBLE_BYTES);
        if (type === BINARY) return this.#take(this.#varint());
        if (type === LIST || type === SET) return this.#list();
        // the schema of a footer has lists and structs, and no map
        assert(type === STRUCT, `a type of the compact protocol, not ${type}`);
        return this.struct();
    }

    #list(): List {
        const head = this.#byte();
        const size = head >> 4 === LONG_LIST ? this.#varint() : head >> 4;
        const itemType = head & 0x0f;
        // in a list, a boolean is a byte
        const read = itemType === TRUE || itemType === FALSE ? BYTE : itemType;
        return { itemType, items: Array.from({ length: size }, () => this.#value(read)) };
    }

    #take(length: number): Buffer {
        const bytes = this.#bytes.subarray(this.#at, this.#at + length);
        assert(bytes.length === length, 'a footer goes on');
        this.#at += length;
        return bytes;
    }

    #byte(): number {
        const byte = this.#bytes[this.#at];
        assert(byte !== undefined, 'a footer goes on');
        this.#at += 1;
        return byte;
    }

    /** Unsigned. */
    #varint(): number {
        let value = 0;
        for (let scale = 1; ; scale *= 128) {
            const byte = this.#byte();
            value += (byte & 0x7f) * scale;
            if (byte < 128) break;
        }
        assert(Number.isSafeInteger(value), `a number of a footer, not ${value}`);
        return value;
    }

    #zigzag(): number {
        const value = this.#varint();
        return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
}

class CompactWriter {
    readonly #parts: (number | Buffer)[] = [];

    bytes(): Buffer {
        const parts = this.#parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : part));
        return Buffer.concat(parts);
    }

    struct(fields: Struct): void {
        let last = 0;
        for (const [id, { type, value }] of fields) {
            const step = id - last;
            last = id;
            if (step > 0 && step < 16) this.#parts.push((step << 4) | type);
            else {
                this.#parts.push(type);
                this.#zigzag(id);
            }
            if (typeof value !== 'boolean') this.#value(type, value);
        }
        this.#parts.push(STOP);
    }

    #value(type: number, value: Value): void {
        if (value instanceof Map) this.struct(value);
        else if (Buffer.isBuffer(value)) {
            if (type === BINARY) this.#varint(value.length);
            this.#parts.push(value);
        } else if (typeof value === 'object') this.#list(value);
        else if (type === BYTE) this.#parts.push(Number(value));
        else this.#zigzag(Number(value));
    }

    #list({ itemType, items }: List): void {
        if (items.length < LONG_LIST) this.#parts.push((items.length << 4) | itemType);
        else {
            this.#parts.push((LONG_LIST << 4) | itemType);
            this.#varint(items.length);
        }
        const written = itemType === TRUE || itemType === FALSE ? BYTE : itemType;
        for (const item of items) this.#value(written, item);
    }

    #varint(value: number): void {
        let rest = value;
        for (; rest >= 128; rest = Math.floor(rest / 128)) this.#parts.push((rest % 128) | 0x80);
        this.#parts.push(rest);
    }

    #zigzag(value: number): void {
        this.#varint(value < 0 ? -2 * value - 1 : 2 * value);
    }
}
