import type { ColumnRole, FeedContract } from '../contracts/feed-contract.ts';
import { sqlText } from '../engine/sql-text.ts';
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
}

const DAY_US = 86_400_000_000;
// no text field holds control characters: the scan of the payload refuses them
const ABSENT = '\u0001';

/** True where the contract is one whose right rows `plainRows` recognises; the others go through the spool. */
export function isPlain(contract: FeedContract): boolean {
    const { layout, reading, precedence } = contract;
    return (
        layout.format === 'delimited' &&
        layout.quoting === 'none' &&
        reading.unit === 'kWh' &&
        reading.stamp.clock.kind === 'utc' &&
        reading.stamp.marks === 'start' &&
        precedence.stampKind !== 'instant'
    );
}

/**
 * The hot step of parsing, DuckDB's own text: types rows that are right beyond doubt (plain kWh with at most
 * six decimals, a stamp in the contract's plainest form, a registered meter) and stops with an error at the
 * first row that is not, whereupon the payload goes through the spool, where every rule has its say.
 * Rows come out as in `typedRows` (tests hold both equal).
 */
export function plainRows(contract: FeedContract, source: PlainSource): string {
    const { reading } = contract;
    const index = (role: ColumnRole) =>
        contract.columns.findIndex((c, i) => c.role === role && source.present[i]);
    const of = (role: ColumnRole) => (index(role) < 0 ? undefined : `c${index(role)}`);
    const stamp = plainStamp(of('stamp') ?? "''", contract);
    const quality = of('quality');
    const version = of('version');
    const register = of('register');
    const minutes = of('minutes');
    const isValue = `regexp_full_match(${of('value')}, '-?\\d{1,12}(\\.\\d{1,${Math.min(6, reading.value.maxDecimals)}})?')`;
    const mustHold = [
        isValue,
        stamp.isPlain,
        // casts take more than the rules allow: 30.0 is no length, and 24:00 would be the next day's midnight
        ...(minutes ? [`${minutes} in ('', ${KNOWN_MINUTES.map((m) => `'${m}'`).join(', ')})`] : []),
        ...(of('unit') ? [`${of('unit')} in ('', 'kWh')`] : []),
        ...(of('withdrawn') ? [`${of('withdrawn')} = ''`] : []),
        ...(version ? [`regexp_full_match(${version}, '\\d{0,18}')`] : []),
    ];
    const typed = `select ${of('meter')} as meter_key,
    ${register ? `case when ${register} = '' then ${sqlText(reading.defaultRegister)} else ${register} end` : sqlText(reading.defaultRegister)} as register_key,
    ${minutes ? `case when ${minutes} = '' then ${reading.intervalMinutes} else try_cast(${minutes} as smallint) end` : `cast(${reading.intervalMinutes} as smallint)`} as minutes,
    ${stamp.us} as period_us, try_cast(${of('value')} as decimal(18, 6)) as kwh, ${qualityCase(quality, reading.qualityCodes)} as quality,
    ${quality ? `nullif(${quality}, '')` : 'cast(null as varchar)'} as source_code,
    ${version ? `try_cast(nullif(${version}, '') as bigint)` : 'cast(null as bigint)'} as version_stamp,
    ${mustHold.join(' and ')} as is_plain
from ${records(contract, source)}`;
    return `select d.*, c.channel_no, ${fate(contract, source)} as is_right
from (select t.*, ${dayColumns(source)} from (${typed}) as t ${source.fixedOffsetUs === undefined ? `left join utc_dates as u on u.utc_day_no = cast(t.period_us // ${DAY_US} as integer)` : ''}) as d
left join channel_map as c on c.external_key = d.meter_key and c.register_key = d.register_key
    and d.period_us >= c.valid_from_us and d.period_us < c.valid_to_us`;
}

function plainStamp(column: string, contract: FeedContract): { isPlain: string; us: string } {
    const { stamp } = contract.reading;
    if (stamp.format !== 'iso') {
        const sql = stampSql(column, { ...stamp, allows2400: false });
        return { isPlain: sql.isWellFormed, us: sql.wallUs };
    }
    return {
        isPlain: `regexp_full_match(${column}, '\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}Z')`,
        us: `case when substr(${column}, 12, 2) <> '24' then epoch_us(try_cast(substr(${column}, 1, 19) as timestamp)) end`,
    };
}

function qualityCase(quality: string | undefined, codes: FeedContract['reading']['qualityCodes']): string {
    const valued = Object.entries(codes).filter(
        ([, meaning]) => meaning === 'measured' || meaning === 'estimated',
    );
    if (quality === undefined) return sqlText(valued.find(([code]) => code === '')?.[1] ?? '');
    return `case ${quality} ${valued.map(([code, meaning]) => `when ${sqlText(code)} then ${sqlText(meaning)}`).join(' ')} end`;
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
        "d.quality <> ''",
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
    return `read_csv(${sqlText(source.path)}, header = false, skip = ${source.skipLines}, auto_detect = false,
        delim = ${sqlText(contract.layout.delimiter)}, quote = '', escape = '', nullstr = '${ABSENT}', columns = {${types.join(', ')}})`;
}
