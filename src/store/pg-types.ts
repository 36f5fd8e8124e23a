import pg from 'pg';

const { builtins } = pg.types;

function safeInteger(text: string): number {
    const value = Number(text);
    if (!Number.isSafeInteger(value)) throw new RangeError(`bigint ${text} is beyond what a number holds exactly`);
    return value;
}

/** timestamptz in a session whose time zone is UTC: `2013-05-01 00:00:00.123+00` to epoch milliseconds. */
function epochMs(text: string): number {
    if (text === 'infinity') return Number.POSITIVE_INFINITY;
    if (text === '-infinity') return Number.NEGATIVE_INFINITY;
    return Date.parse(`${text.replace(' ', 'T').replace(/\+00$/, '')}Z`);
}

const PARSERS: ReadonlyMap<number, (text: string) => unknown> = new Map<number, (text: string) => unknown>([
    [builtins.INT8, safeInteger],
    [builtins.NUMERIC, (text) => text],
    [builtins.TIMESTAMPTZ, epochMs],
    [builtins.DATE, (text) => text],
]);

/** bigint as a safe number, numeric and date as text, timestamptz as epoch milliseconds (UTC). */
export const TYPES = {
    getTypeParser(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
        const own = format === 'binary' ? undefined : PARSERS.get(oid);
        return own ?? (pg.types.getTypeParser(oid as never, format as never) as (value: string) => unknown);
    },
};
