import type { StampRules } from '../contracts/feed-contract.ts';

/** Texts of SQL over a raw stamp column: wall clock in microseconds, and the offset that a stamp carries. */
export interface StampSql {
    /** The part of the column that `wallUs` reads. */
    readonly wallText: string;
    /** True where the text is written as the contract says. */
    readonly isWellFormed: string;
    /** Of a column that holds `wallText`, wall-clock microseconds since 1970 as if the stamp were UTC; null: no such date or time. */
    readonly wallUs: (wallText: string) => string;
    /** Microseconds that the wall clock is ahead of UTC, where the stamp says it; null: it does not. */
    readonly offsetUs: string;
}

const DAY_US = 86_400_000_000;

/** `column` is trimmed text. */
export function stampSql(column: string, rules: StampRules): StampSql {
    return rules.format === 'iso' ? isoStamp(column, rules) : patternStamp(column, rules);
}

const ISO_BODY = '\\d{4}-\\d{2}-\\d{2}[T ]\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,6})?)?';
// no clock of the time zone database is or was 16 hours from UTC (furthest: Manila until 1844, 15:56:08 behind it)
const ISO_OFFSET = '[+-](0\\d|1[0-5]):?[0-5]\\d';

/** SQL that is true for a text in the form of an instant, with an offset or without. */
export function isIsoText(column: string): string {
    return `regexp_full_match(${column}, '${ISO_BODY}(Z|${ISO_OFFSET})?')`;
}

function isoStamp(column: string, rules: StampRules): StampSql {
    // nearly every stamp has whole seconds: its first 19 characters are the wall clock
    const toSeconds = `case when substr(${column}, 17, 1) = ':' then substr(${column}, 1, 19) else substr(${column}, 1, 16) end`;
    const sign = `case when contains(right(${column}, 6), '+') then 1 else -1 end`;
    const digits = `regexp_replace(right(${column}, 6), '[^0-9]', '', 'g')`;
    const minutes = `(cast(substr(right(${digits}, 4), 1, 2) as bigint) * 60 + cast(right(${digits}, 2) as bigint))`;
    return {
        isWellFormed: isIsoText(column),
        wallText: `case when substr(${column}, 20, 1) = '.' then regexp_extract(${column}, '^${ISO_BODY}') else ${toSeconds} end`,
        wallUs: (wallText) => midnightAware(wallText, isoWallUs, ISO_END_OF_DAY, rules.allows2400),
        offsetUs: `case when ends_with(${column}, 'Z') then 0 when regexp_full_match(${column}, '${ISO_BODY}${ISO_OFFSET}')
        then ${sign} * ${minutes} * 60000000 end`,
    };
}

const isoWallUs = (text: string) => `epoch_us(try_cast(${text} as timestamp))`;

const DIRECTIVES: Readonly<Record<string, string>> = {
    '%Y': '\\d{4}',
    '%m': '\\d{2}',
    '%d': '\\d{2}',
    '%H': '\\d{2}',
    '%M': '\\d{2}',
    '%S': '\\d{2}',
};

function patternStamp(column: string, rules: StampRules): StampSql {
    const pattern = rules.format.replace(
        /%[A-Za-z]|[^%]/g,
        (part) => DIRECTIVES[part] ?? escapePattern(part),
    );
    const format = rules.format.replaceAll("'", "''");
    const parse = (text: string) =>
        rules.format === '%Y-%m-%d %H:%M:%S'
            ? isoWallUs(text)
            : `epoch_us(try_strptime(${text}, '${format}'))`;
    const hasHour = rules.format.includes('%H');
    return {
        isWellFormed: `regexp_full_match(${column}, '${pattern}')`,
        wallText: column,
        wallUs: (text) =>
            hasHour ? midnightAware(text, parse, endOfDay(rules.format), rules.allows2400) : parse(text),
        offsetUs: 'cast(null as bigint)',
    };
}

/** Where the hour stands in a stamp, from 1, and what stands there at the end of a day: the hour, and the minute where it follows. */
interface EndOfDay {
    readonly at: number;
    readonly end: string;
}

/** `2013-05-01T` stands before the hour. */
const ISO_END_OF_DAY: EndOfDay = { at: 12, end: '24:00' };

/** Every directive has a fixed width. */
function endOfDay(format: string): EndOfDay {
    const hourAt = format.indexOf('%H');
    const before = format.slice(0, hourAt);
    const minute = /^%H([^%]*)%M/.exec(format.slice(hourAt));
    return {
        at: before.replaceAll('%Y', '    ').replace(/%[A-Za-z]/g, '  ').length + 1,
        end: minute ? `24${minute[1]}00` : format.includes('%M') ? '24:00' : '24',
    };
}

function escapePattern(character: string): string {
    return /[\w ]/.test(character) ? character : `\\${character}`.replace("\\'", "''");
}

/** 24:00 is refused unless the contract allows it; then it is 00:00 of the next day. */
function midnightAware(
    text: string,
    parse: (text: string) => string,
    { at, end }: EndOfDay,
    allows2400: boolean,
): string {
    // only where the hour stands: 18:24:00 has the same characters
    const is2400 = `(substr(${text}, ${at}, ${end.length}) = '${end.replaceAll("'", "''")}')`;
    if (!allows2400) return `case when not ${is2400} then ${parse(text)} end`;
    const midnight = `concat(substr(${text}, 1, ${at - 1}), '00', substr(${text}, ${at + 2}))`;
    return `case when ${is2400} then ${parse(midnight)} + ${DAY_US} else ${parse(text)} end`;
}
