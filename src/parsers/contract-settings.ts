import * as z from 'zod';
import { zoneOf } from '../kernel/zone.ts';

/** The custom properties of a contract's schema and of its columns; `docs/feeds.md` explains each. */
const EXACT_DECIMAL = /^\d{1,12}(\.\d{1,6})?$/;

/** One ASCII character that neither ends a line nor belongs to what a field is made of. */
const DELIMITER = /^[\t!#$%&'()*,/:;<=>?@\\^`{|}~]$/;

const STAMP_FORMAT_RULE =
    'A stamp is iso, or a pattern with %Y, %m, %d and %H once each (a wide file has no %H), %M and %S at most once, and literals without %.';

const exactKwh = z
    .union([z.int().transform(String), z.string()])
    .refine((text) => EXACT_DECIMAL.test(text), 'A plain decimal number with at most 6 decimals.');

const codeTexts = z.array(z.union([z.string(), z.int().transform(String)]));

export const feedSettings = z.strictObject({
    kind: z.enum(['interval', 'register']).default('interval'),
    format: z.enum(['csv', 'tsv', 'ndjson']),
    delimiter: z
        .string()
        .regex(
            DELIMITER,
            'A delimiter is one ASCII character that is no letter, digit, quote, blank, point, + or -.',
        )
        .optional(),
    quoting: z.enum(['none', 'double']).default('none'),
    maxLineBytes: z.int().min(64).max(1_048_576).default(65_536),
    sourceKey: z.enum(['fileName', 'idempotencyKey']).default('fileName'),
    repeatWindowDays: z.union([z.int().min(1).max(3660), z.literal('off')]).default(35),
    formFaultsPercent: z.union([z.int().min(0).max(99), z.literal('off')]).default(50),
    stampShift: z.enum(['off', 'flag', 'refuse']).default('off'),
    unitShift: z.enum(['off', 'flag', 'refuse']).default('off'),
    backfill: z.boolean().default(false),
    identifies: z.enum(['meter', 'meteringPoint']).default('meter'),
    unknownMeter: z.enum(['wait', 'register']).default('wait'),
    defaultRegister: z.string().min(1).max(64).default('1'),
    flow: z.enum(['toCustomer', 'fromCustomer']).default('toCustomer'),
    unit: z.enum(['kWh', 'Wh', 'MWh', 'kW']),
    intervalMinutes: z.union(
        [5, 10, 15, 30, 60].map((minutes) => z.literal(minutes)),
        'An interval is 5, 10, 15, 30 or 60 minutes long.',
    ),
    stampFormat: z.string().refine(isStampFormat, STAMP_FORMAT_RULE),
    stampMarks: z.enum(['start', 'end']),
    clock: z
        .string()
        .refine(isClock, 'A clock is utc, a fixed offset such as +01:00, or a zone such as Europe/London.'),
    repeatedHour: z.enum(['first', 'second', 'by-order', 'refuse']).default('refuse'),
    allows2400: z.boolean().default(false),
    maxFutureMinutes: z.int().min(0).max(525_600).default(60),
    decimalMark: z.enum(['point', 'comma']).default('point'),
    maxDecimals: z.int().min(0).max(12).default(6),
    maxKwh: exactKwh.default('100000'),
    allowsNegative: z.boolean().default(false),
    nullTexts: codeTexts.default([]),
    qualityCodes: z
        .record(z.string(), z.enum(['measured', 'estimated', 'missing', 'withdrawn']))
        .default({ '': 'measured' }),
    withdrawnCodes: codeTexts.default([]),
    repeatedInPayload: z.enum(['last', 'refuse']).default('last'),
    rank: z.int().min(0).max(1000).default(100),
    newestAlways: z.boolean().default(false),
    versionStamp: z.enum(['none', 'integer', 'instant']).default('none'),
});

/** What the rows of a feed of register reads leave no room for: an interval, and a meter that nobody registered, whose interval length nobody knows. */
const OF_INTERVALS = {
    intervalMinutes: true,
    stampMarks: true,
    stampShift: true,
    unitShift: true,
    unknownMeter: true,
    flow: true,
    allowsNegative: true,
} as const;

export const registerSettings = feedSettings.omit(OF_INTERVALS).extend({
    kind: z.literal('register'),
    unit: z.enum(['kWh', 'Wh', 'MWh']),
    maxKwh: exactKwh.default('999999999.999999'),
});

/** Of both kinds of feeds; what register reads have not is as if it did not matter. */
export type FeedSettings = Omit<z.infer<typeof feedSettings>, 'intervalMinutes'> & {
    readonly intervalMinutes: number;
};

/** What stands between the fields of delimited text. */
export function delimiterOf({ delimiter, format }: FeedSettings): string {
    return delimiter ?? (format === 'tsv' ? '\t' : ',');
}

export function settingsOfRegister(settings: z.infer<typeof registerSettings>): FeedSettings {
    return {
        ...settings,
        intervalMinutes: 0,
        stampMarks: 'start',
        stampShift: 'off',
        unitShift: 'off',
        unknownMeter: 'wait',
        flow: 'toCustomer',
        allowsNegative: false,
    };
}

export const columnSettings = z.strictObject({
    role: z.enum([
        'meter',
        'register',
        'stamp',
        'minutes',
        'value',
        'unit',
        'quality',
        'version',
        'withdrawn',
        'ignored',
        'periods',
        'times',
    ]),
});

function isStampFormat(text: string): boolean {
    if (text === 'iso') return true;
    const parts = [...text.matchAll(/%(.?)/g)].map((match) => match[1] ?? '');
    const isDate = parts.length === 3 && ['Y', 'm', 'd'].every((part) => parts.includes(part));
    if (isDate) return true;
    const once = ['Y', 'm', 'd', 'H'].every((part) => parts.filter((p) => p === part).length === 1);
    return once && parts.every((part) => 'YmdHMS'.includes(part)) && new Set(parts).size === parts.length;
}

function isClock(text: string): boolean {
    if (text === 'utc') return true;
    try {
        zoneOf(text);
        return true;
    } catch {
        return false;
    }
}
