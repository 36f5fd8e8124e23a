import type { StampRules } from '../contracts/feed-contract.ts';

/** Texts of SQL over a raw stamp column: wall clock in microseconds, or the instant where the stamp has an offset. */
export interface StampSql {
    /** True where the text is written as the contract says. */
    readonly isWellFormed: string;
    /** Wall-clock microseconds since 1970 as if the stamp were UTC; null: no such date or time. */
    readonly wallUs: string;
    /** Instant microseconds, for stamps that carry an offset; null: they have none. */
    readonly instantUs: string;
}

const DAY_US = 86_400_000_000;

/** `column` is trimmed text. */
export function stampSql(column: string, rules: StampRules): StampSql {
    return rules.format === 'iso' ? isoStamp(column, rules) : patternStamp(column, rules);
}

function isoStamp(column: string, rules: StampRules): StampSql {
    const body = '\\d{4}-\\d{2}-\\d{2}[T ]\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,6})?)?';
    const offset = '(Z|[+-]\\d{2}:?\\d{2})';
    // the common forms end in Z or in an offset of six characters; DuckDB reads both without its zone database
    const hasOffset = `regexp_matches(${column}, '${offset}$')`;
    const wall = `substr(${column}, 1, 19)`;
    const allowed = rules.allows2400;
    return {
        isWellFormed: `regexp_full_match(${column}, '${body}${offset}?')`,
        wallUs: midnightAware(wall, (text) => `epoch_us(try_cast(${text} as timestamp))`, allowed),
        instantUs: `case when ${hasOffset} then ${midnightAware(column, (text) => `epoch_us(try_cast(${text} as timestamptz))`, allowed)} end`,
    };
}

const DIRECTIVES: Readonly<Record<string, string>> = {
    '%Y': '\\d{4}',
    '%m': '\\d{2}',
    '%d': '\\d{2}',
    '%H': '\\d{2}',
    '%M': '\\d{2}',
    '%S': '\\d{2}',
};

function patternStamp(column: string, rules: StampRules): StampSql {
    const pattern = rules.format.replace(/%[A-Za-z]|[^%]/g, (part) => DIRECTIVES[part] ?? escapePattern(part));
    const format = rules.format.replaceAll("'", "''");
    const parse = (text: string) =>
        rules.format === '%Y-%m-%d %H:%M:%S'
            ? `epoch_us(try_cast(${text} as timestamp))`
            : `epoch_us(try_strptime(${text}, '${format}'))`;
    return {
        isWellFormed: `regexp_full_match(${column}, '${pattern}')`,
        wallUs: midnightAware(column, parse, rules.allows2400),
        instantUs: 'cast(null as bigint)',
    };
}

function escapePattern(character: string): string {
    return /[\w ]/.test(character) ? character : `\\${character}`.replace("\\'", "''");
}

/** 24:00 is refused unless the contract allows it; then it is 00:00 of the next day. */
function midnightAware(text: string, parse: (text: string) => string, allows2400: boolean): string {
    const is2400 = `contains(${text}, '24:00')`;
    if (!allows2400) return `case when not ${is2400} then ${parse(text)} end`;
    return `case when ${is2400} then ${parse(`replace(${text}, '24:00', '00:00')`)} + ${DAY_US} else ${parse(text)} end`;
}
