import pg from 'pg';
import { AssertionError } from '../kernel/errors.ts';

type Parse = (text: string) => unknown;

const { builtins } = pg.types;

/** As it is; the driver's type declarations call it a function. */
const listParser = pg.types.arrayParser as unknown as {
    create(text: string, parse: (entry: string | null) => unknown): { parse(): unknown[] };
};

const asText: Parse = (text) => text;

/** Per type: how one value is read, and the oid of its list type, which Postgres numbers apart (`pg_type.typarray`). */
const OWN: readonly (readonly [oid: number, listOid: number, parse: Parse])[] = [
    [builtins.INT8, 1016, safeInteger],
    [builtins.NUMERIC, 1231, asText],
    [builtins.TIMESTAMPTZ, 1185, epochMs],
    [builtins.DATE, 1182, asText],
    // Without a zone they are no instants: the driver would read them in the zone of the machine.
    [builtins.TIMESTAMP, 1115, asText],
    [builtins.INTERVAL, 1187, asText],
];

const PARSERS: ReadonlyMap<number, Parse> = new Map(
    OWN.flatMap(([oid, listOid, parse]): [number, Parse][] => [
        [oid, parse],
        [
            listOid,
            (text) => listParser.create(text, (entry) => (entry === null ? null : parse(entry))).parse(),
        ],
    ]),
);

/**
 * How values come out: bigint as a number that is exact (an assertion otherwise), numeric, date, timestamp and interval as text, timestamptz
 * as epoch milliseconds (UTC; digits below the millisecond are cut off), lists of these accordingly; bytea as Buffer, json parsed, ranges as text.
 */
export const TYPES = {
    getTypeParser(oid: number, format?: 'text' | 'binary'): Parse {
        const own = format === 'binary' ? undefined : PARSERS.get(oid);
        return own ?? (pg.types.getTypeParser(oid as never, format as never) as Parse);
    },
};

function safeInteger(text: string): number {
    const value = Number(text);
    if (!Number.isSafeInteger(value))
        throw new AssertionError(`bigint ${text} is within what a number holds exactly`);
    return value;
}

const INSTANT = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})(?:\.(\d{1,6}))?\+00$/;

/** A timestamptz of a session whose zone is UTC, such as `2013-05-01 00:00:00.123+00`. */
function epochMs(text: string): number {
    if (text === 'infinity') return Number.POSITIVE_INFINITY;
    if (text === '-infinity') return Number.NEGATIVE_INFINITY;
    const [, date, time, decimals = ''] = INSTANT.exec(text) ?? [];
    if (date === undefined)
        throw new AssertionError(`timestamptz ${text} is in UTC, between the years 1 and 9999`);
    return Date.parse(`${date}T${time}.${decimals.padEnd(3, '0').slice(0, 3)}Z`);
}
