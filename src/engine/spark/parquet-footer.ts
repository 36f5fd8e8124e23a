import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { assert } from '../../kernel/errors.ts';

const MAGIC = 'PAR1';
// length of the footer, and the magic
const TAIL_BYTES = 8;

/**
 * Rows of a whole Parquet file, as its footer has them: to ask a server for them is a job with a row for each row. Asserts that the file is one.
 * The footer is a `FileMetaData` in Thrift's compact protocol: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
 */
export function parquetRowCount(file: string): number {
    const count = new CompactReader(footerOf(file)).numberOfField(NUM_ROWS);
    assert(count !== undefined && count >= 0, `a number of rows in the footer of ${file}`);
    return count;
}

/** Field of `FileMetaData`. */
const NUM_ROWS = 3;

function footerOf(file: string): Buffer {
    const opened = openSync(file, 'r');
    try {
        const { size } = fstatSync(opened);
        const read = (from: number, length: number) => {
            const bytes = Buffer.alloc(length);
            assert(from >= 0 && readSync(opened, bytes, 0, length, from) === length, `${file} is whole`);
            return bytes;
        };
        const tail = read(size - TAIL_BYTES, TAIL_BYTES);
        assert(tail.toString('latin1', 4) === MAGIC, `${file} ends as a Parquet file`);
        const length = tail.readUInt32LE(0);
        return read(size - TAIL_BYTES - length, length);
    } finally {
        closeSync(opened);
    }
}

// types of Thrift's compact protocol
const [STOP, TRUE, FALSE, BYTE, I16, I64, DOUBLE, BINARY] = [0, 1, 2, 3, 4, 6, 7, 8] as const;
const [LIST, SET, STRUCT] = [9, 10, 12] as const;

/** Reads a struct's numbers, and skips what else it has. */
class CompactReader {
    readonly #bytes: Buffer;
    #at = 0;

    constructor(bytes: Buffer) {
        this.#bytes = bytes;
    }

    /** The value of a whole number of the struct that begins here; undefined where it has none. */
    numberOfField(wanted: number): number | undefined {
        let id = 0;
        for (;;) {
            const head = this.#byte();
            const [type, step] = [head & 0x0f, head >> 4];
            if (type === STOP) return undefined;
            id = step === 0 ? this.#zigzag() : id + step;
            if (id === wanted && type >= I16 && type <= I64) return this.#zigzag();
            this.#skip(type);
        }
    }

    #skip(type: number): void {
        // within a struct, a boolean's value is its type
        if (type === TRUE || type === FALSE) return;
        if (type === BYTE) this.#skipBytes(1);
        else if (type >= I16 && type <= I64) this.#varint();
        else if (type === DOUBLE) this.#skipBytes(8);
        else if (type === BINARY) this.#skipBytes(this.#varint());
        else if (type === LIST || type === SET) this.#skipList();
        else {
            // the schema has lists and structs, and no map
            assert(type === STRUCT, `a type of the compact protocol, not ${type}`);
            this.numberOfField(-1);
        }
    }

    #skipList(): void {
        const head = this.#byte();
        const size = head >> 4 === 15 ? this.#varint() : head >> 4;
        const type = head & 0x0f;
        // in a list, a boolean is a byte
        for (let n = 0; n < size; n += 1) this.#skip(type === TRUE || type === FALSE ? BYTE : type);
    }

    #skipBytes(length: number): void {
        this.#at += length;
    }

    #byte(): number {
        const byte = this.#bytes[this.#at];
        assert(byte !== undefined, 'a footer goes on');
        this.#at += 1;
        return byte;
    }

    /** Unsigned; a number above 2^53 is none that a footer has. */
    #varint(): number {
        let value = 0;
        for (let scale = 1; ; scale *= 128) {
            const byte = this.#byte();
            value += (byte & 0x7f) * scale;
            if (byte < 128) return value;
        }
    }

    #zigzag(): number {
        const value = this.#varint();
        return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
}
