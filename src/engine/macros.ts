import type { Dialect } from './engine.ts';

/**
 * Portable functions: one name, one text for each engine that can, expanded before the engine sees the SQL.
 * $1, $2 … are the arguments. Instants are timestamps with time zone; `_us` are microseconds since 1970.
 */
export const MACROS: Readonly<Record<string, Readonly<Partial<Record<Dialect, string>>>>> = {
    instant_us: { duckdb: 'epoch_us($1)', spark: 'unix_micros($1)' },
    instant_of_us: { duckdb: 'make_timestamptz($1)', spark: 'timestamp_micros($1)' },
    /**
     * Whether two instants are one, in the condition of a join that also compares a whole number of 32 bits: Spark looks up a key of two such numbers, here
     * the other one and the minute (32 bits hold those until the year 6053), several times faster than a longer one.
     */
    same_instant: {
        duckdb: '($1 = $2)',
        spark: '(cast(unix_micros($1) div 60000000 as int) = cast(unix_micros($2) div 60000000 as int) and $1 <= $2 and $2 <= $1)',
    },
    /** Day number since 1970-01-01 to date. */
    date_of_day_no: {
        duckdb: 'make_date(cast($1 as integer))',
        spark: 'date_from_unix_date(cast($1 as int))',
    },
    day_no: { duckdb: "cast(($1 - date '1970-01-01') as integer)", spark: 'unix_date($1)' },
    int_div: { duckdb: '(($1) // ($2))', spark: '(($1) div ($2))' },
    /** Quotient rounded up, for operands that are not negative. */
    int_div_up: { duckdb: '((($1) + ($2) - 1) // ($2))', spark: '((($1) + ($2) - 1) div ($2))' },
    /** Quotient rounded to a whole number, ties to the even one; the divisor is positive. */
    half_even_quotient: { duckdb: halfEvenQuotient('//'), spark: halfEvenQuotient('div') },
    /** A whole number of up to 38 digits, for products that a bigint does not hold. */
    wide_whole: { duckdb: 'cast($1 as hugeint)', spark: 'cast($1 as decimal(38, 0))' },
    /** The number with only this bit set; $1 from 0 to 62. */
    single_bit: {
        duckdb: '(cast(1 as bigint) << cast($1 as bigint))',
        spark: 'shiftleft(cast(1 as bigint), cast($1 as int))',
    },
    /** An aggregate: the third largest of the values that are not null, equal ones counted each; null where they are fewer. */
    third_highest: {
        duckdb: '(max($1, 3))[3]',
        spark: 'try_element_at(sort_array(collect_list($1), false), 3)',
    },
    /** Millionths of kWh, a whole number; $1 is decimal(18,6). */
    micro_kwh: { duckdb: microKwh('duckdb', '$1'), spark: microKwh('spark', '$1') },
    /**
     * Two independent 31-bit digests of one reading; their sums over rows are the order-independent content
     * checksum. Masks and shifts instead of remainders, which cost ten times as much; every product stays
     * below 2^63. $1 instant_us, $2 kwh, $3 quality, $4 minutes.
     */
    reading_digest_1: digestMacro(48271, 69621, 1073741789),
    reading_digest_2: digestMacro(40692, 39373, 1073741723),
    /** The columns of a Delta checkpoint, from a line of the log that names every field of every action that it has. */
    log_actions: {
        duckdb: `unnest(cast(cast($1 as json) as struct(${logActions(duckdbType)})))`,
        spark: `inline(array(from_json($1, '${logActions(sparkType)}')))`,
    },
};

type LogType = 'string' | 'bigint' | 'integer' | 'boolean' | 'map' | 'list' | readonly LogField[];
type LogField = readonly [name: string, type: LogType];

function halfEvenQuotient(divide: string): string {
    const whole = `(abs($1) ${divide} ($2))`;
    const twice = '2 * (abs($1) % ($2))';
    const isUp = `${twice} > ($2) or ${twice} = ($2) and ${whole} % 2 = 1`;
    return `(case when ($1) < 0 then -1 else 1 end * (${whole} + case when ${isUp} then 1 else 0 end))`;
}

function digestMacro(first: number, second: number, added: number): Readonly<Record<Dialect, string>> {
    const mask = 2147483647;
    const text = (dialect: Dialect, minute: string) => {
        const micros = `(${microKwh(dialect, '$2')} & ${mask})`;
        const mark =
            "(case $3 when 'measured' then 11 when 'estimated' then 23 else 37 end + cast($4 as bigint) * 101)";
        const mixed = `((${minute} & ${mask}) * ${first} + ${micros} * ${second} + ${mark} * 16807)`;
        return `((((${mixed} & ${mask}) * (((${mixed} >> 17) & ${mask}) + ${added})) >> 16) & ${mask})`;
    };
    return {
        duckdb: text('duckdb', '(($1) // 60000000)'),
        spark: text('spark', '(($1) div 60000000)'),
    };
}

/**
 * DuckDB keeps a product of decimal(18,6) with a whole number in 18 digits, and refuses what does not fit: from a million kWh on it is made in
 * 38, which takes ten times as long.
 */
function microKwh(dialect: Dialect, kwh: string): string {
    const product = `cast((${kwh}) * 1000000 as bigint)`;
    if (dialect === 'spark') return product;
    const wide = `cast(cast((${kwh}) as decimal(38, 6)) * 1000000 as bigint)`;
    return `(case when abs(${kwh}) < 1000000 then ${product} else ${wide} end)`;
}

function logActions(typeText: (type: LogType) => string): string {
    const actions: readonly LogField[] = [
        ['protocol', fields('minReaderVersion integer, minWriterVersion integer')],
        [
            'metaData',
            [
                ...fields('id string, name string, description string'),
                ['format', fields('provider string, options map')],
                ...fields(
                    'schemaString string, partitionColumns list, configuration map, createdTime bigint',
                ),
            ],
        ],
        ['txn', fields('appId string, version bigint, lastUpdated bigint')],
        [
            'remove',
            fields(
                'path string, deletionTimestamp bigint, dataChange boolean, extendedFileMetadata boolean, partitionValues map, size bigint',
            ),
        ],
        [
            'add',
            fields(
                'path string, partitionValues map, size bigint, modificationTime bigint, dataChange boolean, stats string',
            ),
        ],
    ];
    return actions.map(([name, type]) => `${name} ${typeText(type)}`).join(', ');
}

function fields(text: string): LogField[] {
    return text.split(', ').map((field) => field.split(' ') as [string, LogType]);
}

function duckdbType(type: LogType): string {
    if (typeof type !== 'string')
        return `struct(${type.map(([name, of]) => `${name} ${duckdbType(of)}`).join(', ')})`;
    return { string: 'varchar', map: 'map(varchar, varchar)', list: 'varchar[]' }[type as string] ?? type;
}

function sparkType(type: LogType): string {
    if (typeof type !== 'string')
        return `struct<${type.map(([name, of]) => `${name}: ${sparkType(of)}`).join(', ')}>`;
    return { integer: 'int', map: 'map<string, string>', list: 'array<string>' }[type as string] ?? type;
}
