import type { ColumnRole, FeedContract } from '../contracts/feed-contract.ts';
import { sqlText } from '../engine/sql-text.ts';
import { looksForMoves } from './moved-payloads.ts';
import { stampSql } from './stamp-sql.ts';
import { FIRST_STAMP_US, KNOWN_MINUTES, marketDayColumns } from './typed-rows.ts';

/** A large plain payload, read where it lies in the raw store. */
export interface PlainSource {
    readonly path: string;
    readonly skipLines: number;
    /** Which of the contract's columns the header has. */
    readonly present: readonly boolean[];
    readonly sequence: number;
    /** UTC epoch milliseconds. */
    readonly receivedAt: number;
    readonly fixedOffsetUs?: number;
    /** Stamps as they stand at the payload's ends. */
    readonly sampledStamps: readonly string[];
    /** Reads the payload through: true where it is what was received, in plain lines. */
    readonly isAsReceived: () => Promise<boolean>;
}

const DAY_US = 86_400_000_000;
// no text field holds control characters: the scan of the payload refuses them
const ABSENT = '\u0001';

/** True where the contract is one whose right rows `plainRows` recognises; the others go through the spool. */
export function isPlain(contract: FeedContract): boolean {
    const { layout, reading, precedence } = contract;
    return (
        contract.kind === 'interval' &&
        layout.format === 'delimited' &&
        layout.quoting === 'none' &&
        !looksForMoves(contract) &&
        contract.columns.every(({ role }) => role !== 'cell') &&
        reading.unit === 'kWh' &&
        reading.value.decimalMark === 'point' &&
        reading.stamp.clock.kind === 'utc' &&
        reading.stamp.marks === 'start' &&
        precedence.stampKind !== 'instant'
    );
}

/** The stamp column of lines of a payload, where they have one. */
export function stampsOfLines(
    lines: readonly string[],
    contract: FeedContract,
    present: readonly boolean[],
): string[] {
    const columns = contract.columns.filter((_, i) => present[i]);
    const at = columns.findIndex((c) => c.role === 'stamp');
    return lines.flatMap((line) => line.split(contract.layout.delimiter)[at] ?? []);
}

// a year of five-minute stamps: a hash table that the processor's cache still holds
const KNOWN_STAMPS_MAX = 110_000;

/**
 * A table of the stamps that a payload's rows will most likely have, with their instants: to find a text in it costs a
 * tenth of reading the text. A stamp that is not in it is read, so it decides nothing. May be empty.
 */
export function knownStamps(contract: FeedContract, source: PlainSource): string {
    const { stamp, intervalMinutes } = contract.reading;
    const hasMinutes = contract.columns.some((c, i) => c.role === 'minutes' && source.present[i]);
    const stepUs = (hasMinutes ? Math.min(...KNOWN_MINUTES) : intervalMinutes) * 60_000_000;
    const read = plainStamp('stamp', contract);
    const texts = [...new Set(source.sampledStamps)].map((text) => `(${sqlText(text)})`);
    const format = stamp.format === 'iso' ? '%Y-%m-%dT%H:%M:%SZ' : stamp.format;
    return `with sampled as (select ${read.us} as us from (values ${texts.join(', ') || "('')"}) as t(stamp) where ${read.isPlain}),
    days as (select min(us) // ${DAY_US} * ${DAY_US} as from_us, (max(us) // ${DAY_US} + 1) * ${DAY_US} as to_us from sampled),
    instants as (select unnest(range(from_us, to_us, ${stepUs})) as known_us from days where (to_us - from_us) // ${stepUs} <= ${KNOWN_STAMPS_MAX})
-- a format without minutes writes several instants alike: what such a text means is its first
select strftime(make_timestamp(known_us), ${sqlText(format)}) as known_stamp, min(known_us) as known_us from instants group by 1`;
}

/**
 * The hot step of parsing, DuckDB's own text: types rows that are right beyond doubt (plain kWh with at most
 * six decimals, a stamp in the contract's plainest form, a registered meter) and stops with an error at the
 * first row that is not, whereupon the payload goes through the spool, where every rule has its say.
 * Rows come out as in `typedRows` (tests hold both equal). Reads the tables `known_stamps` and `known_codes` of the session.
 */
export function plainRows(contract: FeedContract, source: PlainSource): string {
    const { reading } = contract;
    const index = (role: ColumnRole) =>
        contract.columns.findIndex((c, i) => c.role === role && source.present[i]);
    const of = (role: ColumnRole) => (index(role) < 0 ? undefined : `c${index(role)}`);
    const stamp = plainStamp(of('stamp') ?? "''", contract);
    const version = of('version');
    const register = of('register');
    const minutes = of('minutes');
    const value = of('value') ?? "''";
    const decimals = Math.min(6, reading.value.maxDecimals);
    const isValue = `regexp_full_match(${value}, '-?\\d{1,12}${decimals > 0 ? `(\\.\\d{1,${decimals}})?` : ''}')`;
    const nullTexts = reading.value.nullTexts.map(sqlText).join(', ');
    // the form of a stamp is not among them: a stamp of another form has no `period_us`, and what two columns say alike the engine works out for every row
    // before it looks whether the stamp is a known one
    const mustHold = [
        'surplus is null',
        isValue,
        ...(nullTexts === '' ? [] : [`${value} not in (${nullTexts})`]),
        // no rule looks at an ignored column but those of files: text without control characters, in lines that are not too long
        ...ignored(contract, source).map((c) => `regexp_full_match(${c}, '[^\\x00-\\x1F]{0,200}')`),
        // casts take more than the rules allow: 30.0 is no length, and 24:00 would be the next day's midnight
        ...(minutes ? [`${minutes} in ('', ${KNOWN_MINUTES.map((m) => `'${m}'`).join(', ')})`] : []),
        ...(of('unit') ? [`${of('unit')} in ('', 'kWh')`] : []),
        ...(of('withdrawn') ? [`${of('withdrawn')} = ''`] : []),
        ...(version ? [`regexp_full_match(${version}, '\\d{0,18}')`] : []),
    ];
    const typed = `select ${of('meter')} as meter_key,
    ${register ? `case when ${register} = '' then ${sqlText(reading.defaultRegister)} else ${register} end` : sqlText(reading.defaultRegister)} as register_key,
    ${minutes ? `case when ${minutes} = '' then ${reading.intervalMinutes} else try_cast(${minutes} as smallint) end` : `cast(${reading.intervalMinutes} as smallint)`} as minutes,
    coalesce(s.known_us, case when ${stamp.isPlain} then ${stamp.us} end) as period_us, try_cast(${value} as decimal(18, 6)) as kwh, q.known_quality as quality,
    q.known_source_code as source_code,
    ${version ? `try_cast(nullif(${version}, '') as bigint)` : 'cast(null as bigint)'} as version_stamp,
    ${mustHold.join(' and ')} as is_plain
from ${records(contract, source)} left join known_stamps as s on s.known_stamp = ${of('stamp')}
    left join known_codes as q on q.known_code = ${of('quality') ?? "''"}`;
    return `select d.*, c.channel_no, ${fate(contract, source)} as is_right
from (select t.*, ${dayColumns(source)} from (${typed}) as t ${source.fixedOffsetUs === undefined ? `left join utc_dates as u on u.utc_day_no = cast(t.period_us // ${DAY_US} as integer)` : ''}) as d
left join channel_map as c on c.external_key = d.meter_key and c.register_key = d.register_key
    and d.period_us >= c.valid_from_us and d.period_us < c.valid_to_us`;
}

function ignored(contract: FeedContract, source: PlainSource): string[] {
    return contract.columns.flatMap((c, i) => (c.role === 'ignored' && source.present[i] ? [`c${i}`] : []));
}

function plainStamp(column: string, contract: FeedContract): { isPlain: string; us: string } {
    const { stamp } = contract.reading;
    if (stamp.format !== 'iso') {
        const sql = stampSql(column, { ...stamp, allows2400: false });
        return { isPlain: sql.isWellFormed, us: sql.wallUs(sql.wallText) };
    }
    return {
        isPlain: `regexp_full_match(${column}, '\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}Z')`,
        us: `case when substr(${column}, 12, 2) <> '24' then epoch_us(try_cast(substr(${column}, 1, 19) as timestamp)) end`,
    };
}

/**
 * A table of the quality codes under which a row has a value, with what they mean. Both are enumerations: a file takes them
 * as they are, where texts would be looked up row by row. Empty where the contract has none, and then no row is plain.
 */
export function knownCodes(contract: FeedContract): string {
    const codes = Object.entries(contract.reading.qualityCodes).filter(
        ([, meaning]) => meaning === 'measured' || meaning === 'estimated',
    );
    const texts = codes.map(([code]) => sqlText(code));
    const rows = codes.map(([code, meaning]) => `(${sqlText(code)}, ${sqlText(meaning)})`);
    const values = rows.length === 0 ? '(cast(null as varchar), cast(null as varchar))' : rows.join(', ');
    return `select code as known_code, cast(meaning as enum('estimated', 'measured')) as known_quality,
    cast(nullif(code, '') as enum(${texts.join(', ') || "''"})) as known_source_code from (values ${values}) as t(code, meaning)`;
}

function dayColumns(source: PlainSource): string {
    if (source.fixedOffsetUs === undefined) return marketDayColumns('t.period_us', 'u');
    const local = `((t.period_us + ${source.fixedOffsetUs}) // ${DAY_US})`;
    return `cast(${local} as integer) as market_day_no, ${local} * ${DAY_US} - ${source.fixedOffsetUs} as day_from_us,
    (${local} + 1) * ${DAY_US} - ${source.fixedOffsetUs} as day_to_us`;
}

/** True, or an error that ends the statement. A null anywhere counts as not right. */
function fate(contract: FeedContract, source: PlainSource): string {
    const { stamp, value } = contract.reading;
    const lengthUs = '(cast(d.minutes as bigint) * 60000000)';
    const latestUs = source.receivedAt * 1000 + stamp.maxFutureMinutes * 60_000_000;
    const conditions = [
        'd.is_plain',
        'd.quality is not null',
        `d.kwh <= cast(${sqlText(value.maxKwh)} as decimal(18, 6))`,
        value.allowsNegative ? `d.kwh >= -cast(${sqlText(value.maxKwh)} as decimal(18, 6))` : 'd.kwh >= 0',
        'd.minutes = c.interval_minutes',
        `d.period_us >= ${FIRST_STAMP_US}`,
        `(d.period_us - d.day_from_us) % ${lengthUs} = 0`,
        `d.period_us + ${lengthUs} <= least(d.day_to_us, ${latestUs})`,
    ];
    return `case when ${conditions.join(' and ')} then true else error('not plain') end`;
}

function records(contract: FeedContract, source: PlainSource): string {
    const types = contract.columns.flatMap((_, i) => (source.present[i] ? [`'c${i}': 'VARCHAR'`] : []));
    // a row that is short has nulls, which are never right; without a place for it, a blank field at the end would not be seen
    types.push("'surplus': 'VARCHAR'");
    return `read_csv(${sqlText(source.path)}, header = false, skip = ${source.skipLines}, auto_detect = false,
        delim = ${sqlText(contract.layout.delimiter)}, quote = '', escape = '', null_padding = true, nullstr = '${ABSENT}', columns = {${types.join(', ')}})`;
}
