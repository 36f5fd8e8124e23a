import { counted } from '../../kernel/counted.ts';
import type { ColumnFacts } from './column-facts.ts';
import { namedEnd, plainWords } from './column-names.ts';
import type { ColumnRoles } from './column-roles.ts';
import { type Guessed, guessed, shown, unclearSample } from './draft-guess.ts';
import type { StampForm } from './stamp-forms.ts';
import { distances, distancesTo, type SampleStamps } from './stamp-series.ts';
import type { WideRange } from './wide-ranges.ts';

const LENGTHS = [5, 10, 15, 30, 60];
/** So many distances tell what is common. */
const MANY = 10;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** How stamps are written. Where days and months can be taken for each other, days that follow each other decide. */
export function guessStampFormat(roles: ColumnRoles): Guessed<string> & { readonly form: StampForm } {
    const { stamp } = roles;
    const hasTime = roles.form.hasTime;
    const forms = stamp.stamps.filter(({ form }) => form.hasTime === hasTime);
    const [best, other] = forms;
    const form = best?.form ?? roles.form;
    const first = shown(stamp.filled[0] ?? '');
    if (best && other && other.share === best.share && isTwin(form, other.form)) {
        return twinFormat(roles, form, other.form);
    }
    const share = Math.round((best?.share ?? 1) * 1000) / 10;
    const why = `${share} % of the stamps are written so, such as ${first}`;
    if (form.format === 'iso') return { form, ...guessed('iso', why, 'certain') };
    if (form.order !== 'year-month-day') {
        const other = form.order === 'day-month' ? 'month' : 'day';
        const told = `${why}; numbers above 12 in the ${form.order === 'day-month' ? 'first' : 'second'} place are no months`;
        return { form, ...guessed(form.format, told, 'certain', [`none with the ${other} first`]) };
    }
    return { form, ...guessed(form.format, why, 'certain') };
}

function isTwin(a: StampForm, b: StampForm): boolean {
    return a.order !== 'year-month-day' && b.order !== 'year-month-day' && a.order !== b.order;
}

/** The order in which the sample's days lie closer together; on a single day the one that most of the world uses. */
function twinFormat(
    roles: ColumnRoles,
    a: StampForm,
    b: StampForm,
): Guessed<string> & { readonly form: StampForm } {
    const [dayFirst, monthFirst] = a.order === 'day-month' ? [a, b] : [b, a];
    const span = (form: StampForm) => {
        const days = roles.stamp.filled.map((text) => Math.floor((form.read(text) ?? 0) / DAY_MS));
        const [least, most] = days.reduce(([x, y], day) => [Math.min(x, day), Math.max(y, day)], [
            Infinity,
            -Infinity,
        ] as [number, number]);
        return { days: new Set(days).size, length: most - least + 1 };
    };
    const [asDay, asMonth] = [span(dayFirst), span(monthFirst)];
    const open = 'no number in the place of day or month is above 12';
    if (asDay.length === asMonth.length) {
        const why = `${open}, and the days lie as close together either way; the day first is the commoner order`;
        return { form: dayFirst, ...guessed(dayFirst.format, why, 'unsure', [monthFirst.format]) };
    }
    const [form, chosen, other, rest] =
        asDay.length < asMonth.length
            ? [dayFirst, asDay, monthFirst, asMonth]
            : [monthFirst, asMonth, dayFirst, asDay];
    const why = `${open}; read so, ${chosen.days} days lie within ${chosen.length}, and the other way within ${rest.length}`;
    return { form, ...guessed(form.format, why, 'likely', [other.format]) };
}

/** Throws `feed.sample-unclear` where the readings are further apart than any interval that gridtally knows. */
export function guessInterval(
    roles: ColumnRoles,
    stamps: SampleStamps,
    facts: readonly ColumnFacts[],
    wide: WideRange | undefined,
): Guessed<number> {
    if (wide) {
        const count = wide.to - wide.from + 1;
        return guessed(wide.minutes, `${count} columns for the intervals of a day`, 'certain');
    }
    if (roles.minutes) {
        const [[text, count] = ['30', 0]] = roles.minutes.counts;
        const why = `the column ${roles.minutes.name} says it for each row, ${count} times ${text}; this holds where it is blank`;
        return guessed(Number(text), why, 'likely');
    }
    const other = facts.find(
        (column) => column !== roles.stamp && namedEnd(column.name) && isPairOf(roles, column),
    );
    const pair = other && distancesTo(roles, other).map(([minutes, n]) => [Math.abs(minutes), n] as const)[0];
    if (other && pair && LENGTHS.includes(pair[0])) {
        const why = `${pair[1]} of ${stamps.read} rows have as much between ${roles.stamp.name} and ${other.name}`;
        return guessed(pair[0], why, 'certain');
    }
    return statedLength(facts) ?? lengthByDistance(roles, stamps, facts);
}

/** A column of ISO 8601 durations, such as PT15M, which no contract reads but a person does. */
function statedLength(facts: readonly ColumnFacts[]): Guessed<number> | undefined {
    const minutesOf = (text: string) => {
        const [, hours, minutes] = /^PT(?:(\d{1,2})H)?(?:(\d{1,2})M)?$/.exec(text) ?? [];
        return Number(hours ?? 0) * 60 + Number(minutes ?? 0);
    };
    for (const { name, counts } of facts) {
        const lengths = [...counts.keys()].map(minutesOf);
        if (lengths.length === 0 || !lengths.every((minutes) => LENGTHS.includes(minutes))) continue;
        const why = `the column ${name} says ${shown([...counts.keys()][0] ?? '')}`;
        const others = lengths.slice(1).map(String);
        return guessed(lengths[0] ?? 30, why, others.length > 0 ? 'unsure' : 'certain', others);
    }
    return undefined;
}

/** Distances that no interval has are gaps, unless there are many and they are nearly all. */
function lengthByDistance(
    roles: ColumnRoles,
    stamps: SampleStamps,
    facts: readonly ColumnFacts[],
): Guessed<number> {
    const found = distances(stamps);
    const total = found.reduce((sum, [, n]) => sum + n, 0);
    const [commonest] = found;
    if (commonest && !LENGTHS.includes(commonest[0]) && total >= MANY && commonest[1] * 2 > total) {
        throw oddInterval(roles, commonest, total);
    }
    const [known, ...rest] = found.filter(([minutes]) => LENGTHS.includes(minutes));
    if (known === undefined) return withoutDistances(stamps, facts);
    const [minutes, n] = known;
    const grid = gridLength(stamps);
    if (grid !== undefined && grid < minutes) {
        const why = `${n} of ${total} distances between a meter's stamps are ${minutes} minutes, but stamps lie on a grid of ${grid}`;
        return guessed(grid, why, 'unsure', [String(minutes)]);
    }
    const others = rest.filter(([, k]) => k * 20 > total);
    const why = `${n} of ${total} distances between a meter's stamps are ${minutes} minutes`;
    const certainty = n * 10 > total * 9 && n >= MANY ? 'certain' : n * 2 > total ? 'likely' : 'unsure';
    return guessed(
        minutes,
        why,
        certainty,
        others.map(([m, k]) => `${m} (${k} times)`),
    );
}

function isPairOf(roles: ColumnRoles, column: ColumnFacts): boolean {
    return column.stamps.some(({ form }) => form.format === roles.form.format);
}

function oddInterval(roles: ColumnRoles, [minutes, n]: readonly [number, number], total: number) {
    const message = `the readings of a meter are ${minutes} minutes apart (${n} of ${total} distances), and an interval has 5, 10, 15, 30 or 60`;
    return unclearSample(
        `The stamps of ${roles.stamp.name} are not those of intervals.`,
        [{ field: 'intervalMinutes', message }],
        'Ask for interval readings; register readings and daily totals are no feed of intervals.',
    );
}

/** Too few stamps of each meter: only the minute of the hour and names speak. */
function withoutDistances(stamps: SampleStamps, facts: readonly ColumnFacts[]): Guessed<number> {
    const named = facts.some(({ name }) => /(^|_)hh(_|$)|half_?hour/.test(plainWords(name)));
    if (named) return guessed(30, 'a column is named after half-hours', 'likely', ['15', '60']);
    const grid = gridLength(stamps) ?? 5;
    const guess = grid === 60 ? 30 : grid;
    const others = LENGTHS.filter((minutes) => minutes !== guess && minutes <= grid).map(String);
    const why = `no two stamps of a meter are an interval apart, and all lie on a grid of ${grid} minutes`;
    return guessed(guess, why, 'unsure', others);
}

/** The longest interval on whose grid nearly all stamps lie; undefined where they lie on none. */
function gridLength(stamps: SampleStamps): number | undefined {
    return LENGTHS.toReversed().find((minutes) => offGrid(stamps, minutes) * 100 <= stamps.read);
}

/** Stamps that are no whole number of intervals after the hour. */
export function offGrid({ series }: SampleStamps, minutes: number): number {
    const isOff = (time: number) => time % (minutes * MINUTE_MS) !== 0;
    return series.reduce((sum, { times }) => sum + times.filter(isOff).length, 0);
}

/** Which end of its interval a stamp names: by the header, by 24:00, or by where the runs of the meters begin and end. */
export function guessMarks(
    roles: ColumnRoles,
    stamps: SampleStamps,
    minutes: number,
    wide: WideRange | undefined,
): Guessed<'start' | 'end'> {
    if (wide?.marks) {
        const [first, last] = [wide.columns[0]?.name, wide.columns.at(-1)?.name];
        return guessed(wide.marks, `the columns go from ${first} to ${last}`, 'certain');
    }
    if (wide) return guessed('start', 'periods are counted from the start of the day', 'certain');
    const other = (marks: 'start' | 'end') => [marks === 'start' ? 'end' : 'start'];
    const name = namedEnd(roles.stamp.name);
    if (name) return guessed(name, `the column is named ${roles.stamp.name}`, 'likely', other(name));
    if (stamps.at2400 > 0) {
        const why = `${counted(stamps.at2400, 'stamp')} of 24:00, the end of a day`;
        return guessed('end', why, 'likely', ['start']);
    }
    const [marks, why, certainty] = marksOfRuns(stamps, minutes) ?? [
        'start',
        'nothing in the sample tells; most feeds name the start',
        'unsure',
    ];
    return guessed(marks, why, certainty, other(marks));
}

/**
 * Whole days that begin at 00:00 are those of the start of intervals, and an interval later those of their end. In UTC a local day
 * begins at another hour; an hourly one then has the stamps of the other end, and a half-hourly one where clocks are half an hour off.
 */
function marksOfRuns(
    { series, offsets }: SampleStamps,
    minutes: number,
): ['start' | 'end', string, 'likely' | 'unsure'] | undefined {
    const lengthMs = minutes * MINUTE_MS;
    const firsts = series
        .map(({ walls }) => [Math.min(...walls), Math.max(...walls)] as const)
        .filter(([first, last]) => last > first && (last - first + lengthMs) % DAY_MS === 0)
        .map(([first]) => first);
    const begins = (unit: number) => {
        const start = firsts.filter((first) => first % unit === 0).length;
        const end = firsts.filter((first) => (first - lengthMs) % unit === 0).length;
        return { start, end };
    };
    const day = begins(DAY_MS);
    if (day.start !== day.end) {
        const marks = day.start > day.end ? 'start' : 'end';
        const from = marks === 'start' ? '00:00' : `00:00 and ${minutes} minutes`;
        const why = `${counted(Math.max(day.start, day.end), 'meter')} with whole days, from ${from} on`;
        const isUtc = offsets.length === 1 && offsets[0] === 0;
        return [marks, why, isUtc && minutes === 60 ? 'unsure' : 'likely'];
    }
    const hour = begins(HOUR_MS);
    if (minutes === 60 || hour.start === hour.end) return undefined;
    const marks = hour.start > hour.end ? 'start' : 'end';
    const from = marks === 'start' ? 'a whole hour' : 'an interval after a whole hour';
    const why = `${counted(Math.max(hour.start, hour.end), 'meter')} with whole days, from ${from} on`;
    return [marks, why, minutes === 30 ? 'unsure' : 'likely'];
}
