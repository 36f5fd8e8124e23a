import {
    type Column,
    type Field,
    Type,
    tableFromArrays,
    tableFromIPC,
    tableToIPC,
    utf8,
} from '@uwdata/flechette';

/** Decimals, dates (`YYYY-MM-DD`) and timestamps (ISO, to the microsecond; with `Z` unless without a zone) are text. */
export type SparkValue = string | number | bigint | boolean | null | Uint8Array;
export type SparkRow = Record<string, SparkValue>;

/**
 * The rows of one batch, an Arrow stream as the server sends it. The bytes may lie anywhere in memory.
 * @throws RangeError for a column of arrays, maps or structs
 */
export function rowsOfBatch(bytes: Uint8Array): SparkRow[] {
    // a copy, as a view into a message is not aligned to 8 bytes
    const table = tableFromIPC(new Uint8Array(bytes), {
        useDecimalInt: true,
        useBigInt: true,
        useDate: false,
    });
    const columns = table.schema.fields.map((field, i) => ({
        name: field.name,
        read: readerOf(field, table.getChildAt(i)),
    }));
    return Array.from({ length: table.numRows }, (_, at) =>
        Object.fromEntries(columns.map(({ name, read }) => [name, read(at)])),
    );
}

/** Columns of text as an Arrow stream; not dictionary-encoded, which Spark would read as numbers. */
export function batchOfTexts(
    names: readonly string[],
    rows: readonly (readonly (string | null)[])[],
): Uint8Array {
    const table = tableFromArrays(
        names.map((name, i): [string, (string | null)[]] => [name, rows.map((row) => row[i] ?? null)]),
        { types: Object.fromEntries(names.map((name) => [name, utf8()])) },
    );
    const bytes = tableToIPC(table, { format: 'stream' });
    if (bytes === null) throw new RangeError('a table of texts has an Arrow form');
    return bytes;
}

function readerOf(field: Field, column: Column<unknown>): (at: number) => SparkValue {
    const write = writerOf(field);
    return (at) => {
        const value = column.at(at);
        return value === null || value === undefined ? null : write(value);
    };
}

function writerOf({ name, type }: Field): (value: unknown) => SparkValue {
    switch (type.typeId) {
        case Type.Utf8:
        case Type.LargeUtf8:
        case Type.Bool:
        case Type.Int:
        case Type.Float:
        case Type.Binary:
        case Type.LargeBinary:
            return (value) => value as SparkValue;
        case Type.Null:
            return () => null;
        case Type.Decimal:
            return (value) => decimalText(value as bigint | number, type.scale);
        case Type.Date:
            return (value) => new Date(value as number).toISOString().slice(0, 10);
        case Type.Timestamp:
            return (value) => timestampText(value as number) + (type.timezone ? 'Z' : '');
        default:
            throw new RangeError(
                `column ${name} has a type that is not read here: give its parts as columns`,
            );
    }
}

function decimalText(units: bigint | number, scale: number): string {
    const whole = BigInt(units);
    const digits = (whole < 0n ? -whole : whole).toString().padStart(scale + 1, '0');
    const sign = whole < 0n ? '-' : '';
    return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** @param ms milliseconds since 1970 with a fraction, exact to the microsecond until the year 2100 and long after */
function timestampText(ms: number): string {
    const us = Math.round(ms * 1000);
    const seconds = Math.floor(us / 1_000_000);
    const fraction = us - seconds * 1_000_000;
    const text = new Date(seconds * 1000).toISOString().slice(0, 19);
    return fraction === 0 ? text : `${text}.${String(fraction).padStart(6, '0').replace(/0+$/, '')}`;
}
