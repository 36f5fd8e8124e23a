import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { assert } from '../../kernel/errors.ts';
import { listOf, numberOf, readStruct, type Struct, structOf, structsOf } from './compact-protocol.ts';

export const MAGIC = 'PAR1';
// length of the footer, and the magic
const TAIL_BYTES = 8;

/** Fields of the footer: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift */
export const FILE = { schema: 2, rows: 3, rowGroups: 4, createdBy: 6 } as const;
export const ROW_GROUP = { columns: 1, rows: 3, fileOffset: 5, ordinal: 7 } as const;
export const COLUMN_CHUNK = {
    filePath: 1,
    fileOffset: 2,
    metaData: 3,
    offsetIndex: 4,
    offsetIndexLength: 5,
    columnIndex: 6,
    columnIndexLength: 7,
    cryptography: 8,
    encryptedMetaData: 9,
} as const;
export const COLUMN = {
    type: 1,
    path: 3,
    values: 5,
    compressedBytes: 7,
    dataPage: 9,
    indexPage: 10,
    dictionaryPage: 11,
    statistics: 12,
    bloomFilter: 14,
    bloomFilterLength: 15,
} as const;
const STATISTICS = { nulls: 3, max: 5, min: 6, isMaxExact: 7, isMinExact: 8 } as const;
const [INT32, INT64, BYTE_ARRAY] = [1, 2, 6] as const;

/** The `FileMetaData` of a whole Parquet file. Asserts that the file is one. */
export function readFooter(file: string): Struct {
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
        return readStruct(read(size - TAIL_BYTES - length, length));
    } finally {
        closeSync(opened);
    }
}

/** Rows of a whole Parquet file, as its footer has them: to ask a server for them is a job with a row for each row. Asserts that the file is one. */
export function parquetRowCount(file: string): number {
    const count = numberOf(readFooter(file), FILE.rows);
    assert(count !== undefined && count >= 0, `a number of rows in the footer of ${file}`);
    return count;
}

/** A row group, and what one of its columns, of whole numbers, reaches from and to, both included. */
export interface RowGroupSpan {
    readonly rowCount: number;
    readonly low: number;
    readonly high: number;
}

/** Of each row group of a file; undefined where one does not say it. */
export function rowGroupSpans(footer: Struct, column: string): RowGroupSpan[] | undefined {
    const spans: RowGroupSpan[] = [];
    for (const group of structsOf(footer, FILE.rowGroups)) {
        const metaData = columnOf(group, column);
        const statistics = metaData && structOf(metaData, COLUMN.statistics);
        const low = statistics && wholeNumber(metaData, statistics, STATISTICS.min);
        const high = statistics && wholeNumber(metaData, statistics, STATISTICS.max);
        if (low === undefined || high === undefined) return undefined;
        spans.push({ rowCount: numberOf(group, ROW_GROUP.rows) ?? 0, low, high });
    }
    return spans;
}

function columnOf(group: Struct, column: string): Struct | undefined {
    return structsOf(group, ROW_GROUP.columns)
        .map((chunk) => structOf(chunk, COLUMN_CHUNK.metaData))
        .find((of) => of !== undefined && listOf(of, COLUMN.path).join('.') === column);
}

/**
 * The values of a column of which each row group has one alone, by row group: a whole number as it is stored, a text, or null. Undefined where a row group
 * has several, does not say it, or has a value of another kind.
 */
export function soleValues(footer: Struct, column: string): (number | string | null)[] | undefined {
    const values: (number | string | null)[] = [];
    const writer = footer.get(FILE.createdBy)?.value;
    const isOfDuckdb = Buffer.isBuffer(writer) && writer.toString('latin1').startsWith('DuckDB ');
    for (const group of structsOf(footer, FILE.rowGroups)) {
        const metaData = columnOf(group, column);
        const value = metaData && soleValue(metaData, isOfDuckdb);
        if (value === undefined) return undefined;
        values.push(value);
    }
    return values;
}

// longer ones DuckDB cuts
const WHOLE_BOUND_BYTES_MAX = 255;

function soleValue(metaData: Struct, isOfDuckdb: boolean): number | string | null | undefined {
    const statistics = structOf(metaData, COLUMN.statistics);
    const nulls = statistics && numberOf(statistics, STATISTICS.nulls);
    if (statistics === undefined || nulls === undefined) return undefined;
    if (nulls > 0) return nulls === numberOf(metaData, COLUMN.values) ? null : undefined;
    const [low, high] = [statistics.get(STATISTICS.min)?.value, statistics.get(STATISTICS.max)?.value];
    if (!Buffer.isBuffer(low) || !Buffer.isBuffer(high) || !low.equals(high)) return undefined;
    if (numberOf(metaData, COLUMN.type) !== BYTE_ARRAY)
        return wholeNumber(metaData, statistics, STATISTICS.min);
    // of a long text a bound may be its beginning; the bounds of an enumeration, which DuckDB does not call exact, are those of all its texts
    const isExact = [STATISTICS.isMinExact, STATISTICS.isMaxExact].every(
        (id) => statistics.get(id)?.value === true,
    );
    const isWhole = isExact || (isOfDuckdb && low.length <= WHOLE_BOUND_BYTES_MAX);
    return isWhole ? low.toString('utf8') : undefined;
}

function wholeNumber(metaData: Struct, statistics: Struct, id: number): number | undefined {
    const bytes = statistics.get(id)?.value;
    if (!Buffer.isBuffer(bytes)) return undefined;
    const type = numberOf(metaData, COLUMN.type);
    if (type === INT32 && bytes.length === 4) return bytes.readInt32LE();
    if (type === INT64 && bytes.length === 8) return Number(bytes.readBigInt64LE());
    return undefined;
}

export function rowGroupCount(footer: Struct): number {
    return structsOf(footer, FILE.rowGroups).length;
}
