/** A way of writing stamps, as a contract's `stampFormat` says it. */
export interface StampForm {
    readonly format: string;
    /** False for dates without a time, as in wide files. */
    readonly hasTime: boolean;
    /** `day-month` and `month-day` can be taken for each other. */
    readonly order: 'year-month-day' | 'day-month' | 'month-day';
    /** Wall clock in epoch milliseconds as if it were UTC; undefined: not written so, or no such day. */
    read(text: string): number | undefined;
    /** Whether the text is 24:00 of its day. */
    isEndOfDay(text: string): boolean;
    /** Minutes that the wall clock is ahead of UTC, where the stamp says it. */
    offsetOf(text: string): number | undefined;
}

/** Below this share of readable texts a form is not that of the column. */
export const READABLE_SHARE = 0.8;
const FIRST_YEAR = 2000;
const LAST_YEAR = 2099;
const MINUTE_MS = 60_000;

/** The forms in which at least four of five texts can be read, the best first; a date before the year 2000 is none. */
export function stampForms(texts: readonly string[]): { form: StampForm; share: number }[] {
    const prototypes = commonestShapes(texts);
    const forms = [ISO, ...prototypes.flatMap(patternForms)];
    return forms
        .map((form) => ({ form, share: share(texts, form) }))
        .filter((found) => found.share >= READABLE_SHARE)
        .sort((a, b) => b.share - a.share);
}

function share(texts: readonly string[], form: StampForm): number {
    // most columns are no stamps, which a few texts tell
    const few = texts.slice(0, 100).filter((text) => form.read(text) !== undefined).length;
    if (few * 2 < Math.min(100, texts.length)) return 0;
    return texts.filter((text) => form.read(text) !== undefined).length / texts.length;
}

/** A text of each of the two commonest shapes, digits being alike. */
function commonestShapes(texts: readonly string[]): string[] {
    const shapes = new Map<string, { text: string; count: number }>();
    for (const text of texts.slice(0, 1000)) {
        const shape = text.replace(/\d/g, '9');
        const known = shapes.get(shape);
        if (known) known.count += 1;
        else shapes.set(shape, { text, count: 1 });
    }
    return [...shapes.values()]
        .sort((a, b) => b.count - a.count)
        .slice(0, 2)
        .map(({ text }) => text);
}

const ISO_TEXT =
    /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?(Z|[+-](?:0\d|1[0-5]):?[0-5]\d)?$/;

const ISO: StampForm = {
    format: 'iso',
    hasTime: true,
    order: 'year-month-day',
    read(text) {
        const found = ISO_TEXT.exec(text);
        if (found === null) return undefined;
        const [, year, month, day, hour, minute, second, part = ''] = found;
        const at = wallClock({ year, month, day, hour, minute, second });
        return at === undefined ? undefined : at + Number(part.padEnd(3, '0').slice(0, 3));
    },
    isEndOfDay: (text) => ISO_TEXT.exec(text)?.[4] === '24',
    offsetOf(text) {
        const zone = ISO_TEXT.exec(text)?.[8];
        if (zone === undefined) return undefined;
        if (zone === 'Z') return 0;
        const digits = zone.replace(/\D/g, '');
        const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2));
        return zone.startsWith('-') ? -minutes : minutes;
    },
};

const DATES: readonly {
    readonly text: string;
    readonly formats: readonly (readonly [string, StampForm['order']])[];
}[] = [
    { text: String.raw`\d{4}(?<sep>[-/. ]?)\d{2}\k<sep>\d{2}`, formats: [['%Y%m%d', 'year-month-day']] },
    {
        text: String.raw`\d{2}(?<sep>[-/. ]?)\d{2}\k<sep>\d{4}`,
        formats: [
            ['%d%m%Y', 'day-month'],
            ['%m%d%Y', 'month-day'],
        ],
    },
];
const TIME = String.raw`(?<h>\d{2})(?<tsep>[:.h]?)(?<m>\d{2})?(?:\k<tsep>(?<s>\d{2}))?`;
/** Between date and time, and after both: no digits but those of a fraction that is always zero. */
const BETWEEN = String.raw`(?<between>[^\d%]{0,3})`;
const AFTER = String.raw`(?<after>(?:[.,]0+)?[^\d%]{0,5})`;

/** The patterns by which a text of the sample may be written, with its own literals. */
function patternForms(prototype: string): StampForm[] {
    return DATES.flatMap(({ text, formats }) => {
        const whole = new RegExp(`^(?<date>${text})(?:${BETWEEN}${TIME}${AFTER})?$`).exec(prototype)?.groups;
        if (!whole) return [];
        return formats.flatMap(([parts, order]) => {
            const date = parts.match(/%./g)?.join(whole.sep ?? '') ?? '';
            const format = date + timePattern(whole);
            // a contract cuts blanks off around a field, those of any script, so no pattern ends with one
            return format === format.trim() ? [patternForm(format, order)] : [];
        });
    });
}

function timePattern({
    between = '',
    h,
    tsep = '',
    m,
    s,
    after = '',
}: Record<string, string | undefined>): string {
    if (h === undefined) return '';
    return `${between}%H${m === undefined ? '' : `${tsep}%M`}${s === undefined ? '' : `${tsep}%S`}${after}`;
}

const PART_NAMES: Readonly<Record<string, string>> = {
    '%Y': '(?<year>\\d{4})',
    '%m': '(?<month>\\d{2})',
    '%d': '(?<day>\\d{2})',
    '%H': '(?<hour>\\d{2})',
    '%M': '(?<minute>\\d{2})',
    '%S': '(?<second>\\d{2})',
};

function patternForm(format: string, order: StampForm['order']): StampForm {
    const source = format.replace(
        /%[A-Za-z]|[^%]/g,
        (part) => PART_NAMES[part] ?? part.replace(/[^\w ]/, '\\$&'),
    );
    const text = new RegExp(`^${source}$`);
    return {
        format,
        hasTime: format.includes('%H'),
        order,
        read: (stamp) => {
            const parts = text.exec(stamp)?.groups;
            return parts && wallClock(parts);
        },
        isEndOfDay: (stamp) => text.exec(stamp)?.groups?.hour === '24',
        offsetOf: () => undefined,
    };
}

/** 24:00 is the first instant of the next day. */
function wallClock(parts: Readonly<Record<string, string | undefined>>): number | undefined {
    const part = (name: string) => Number(parts[name] ?? 0);
    const [year, month, day, hour, minute, second] = [
        part('year'),
        part('month'),
        part('day'),
        part('hour'),
        part('minute'),
        part('second'),
    ];
    if (year < FIRST_YEAR || year > LAST_YEAR || minute > 59 || second > 59) return undefined;
    if (hour > 24 || (hour === 24 && minute + second > 0)) return undefined;
    const date = new Date(Date.UTC(year, month - 1, day));
    if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
    return date.getTime() + (hour * 60 + minute) * MINUTE_MS + second * 1000;
}

/** Why a text that a person takes for a time is none that a contract can describe; undefined where it looks like no time. */
export function unreadableTime(text: string): string | undefined {
    if (/^\d{1,2}[-/.]\d{1,2}[-/.]\d{2}( |T|$)/.test(text)) return 'its years have two digits';
    if (/[a-z]{3}/i.test(text) && /^\d{1,2}[- ]?[a-z]{3,9}[- ,]*\d{2,4}/i.test(text))
        return 'its months are words';
    if (/\d[ ]?[AP]\.?M\.?$/i.test(text)) return 'its hours are those of a.m. and p.m.';
    if (/^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}[ T]+\d{1,2}:\d{2}/.test(text))
        return 'its days, months or hours are written without leading zeros, or it has an offset in a form of its own';
    if (/^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}$/.test(text)) return 'it has a date and no time';
    if (/^\d{1,2}:\d{2}(:\d{2})?$/.test(text)) return 'it has a time and no date';
    if (/^1[0-9]{9}(\d{3})?$/.test(text)) return 'it counts seconds or milliseconds since 1970';
    return undefined;
}
