import { twoDigits } from '../../kernel/calendar-date.ts';
import { counted } from '../../kernel/counted.ts';
import { instantText } from '../../kernel/period.ts';
import { changesWithin, type Zone, zoneOf } from '../../kernel/zone.ts';
import { countsOf } from './column-facts.ts';
import { plainWords } from './column-names.ts';
import type { ColumnRoles } from './column-roles.ts';
import { type Guessed, guessed } from './draft-guess.ts';
import type { SampleStamps } from './stamp-series.ts';
import type { WideRange } from './wide-ranges.ts';

type RepeatedHour = 'first' | 'by-order' | 'refuse';

export interface ClockGuess {
    readonly clock: Guessed<string>;
    /** Of local time only. */
    readonly repeatedHour?: Guessed<RepeatedHour>;
    /** The sample does not tell, so a person must. */
    readonly isOpen: boolean;
}

/** Zones whose clocks move at different times, one for each kind; tried where no zone is named. */
const TRIED = [
    'Europe/London',
    'Europe/Berlin',
    'Europe/Helsinki',
    'America/New_York',
    'America/Chicago',
    'America/Denver',
    'America/Los_Angeles',
    'Australia/Sydney',
    'Pacific/Auckland',
];
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** What the clock changes of a zone within the sample say about its stamps. */
interface Evidence {
    /** Changes after which the stamps go as local time does: an hour skipped, or repeated. */
    readonly local: string[];
    /** Changes over which the stamps go on as if nothing were. */
    readonly steady: string[];
    /** Repeated hours that are there twice, one after the other or sorted by their stamps. */
    readonly twice: string[];
    /** Repeated hours that are there twice, in an order that does not tell which is the first. */
    readonly unordered: string[];
    /** Repeated hours that are there once, as of a clock that does not move or of a file that dropped one of them. */
    readonly once: string[];
}

export function guessClock(
    roles: ColumnRoles,
    stamps: SampleStamps,
    options: { readonly minutes: number; readonly zone?: string; readonly wide?: WideRange | undefined },
): ClockGuess {
    if (stamps.read > 0 && stamps.withOffset === stamps.read) {
        const list = stamps.offsets.map(offsetText).join(', ');
        const why = `each stamp says its offset (${list}), so this holds for none`;
        return { clock: guessed('utc', why, 'certain'), isOpen: false };
    }
    const isNamed = /(^|_)(utc|gmt|zulu)(_|$)/.test(plainWords(roles.stamp.name));
    if (isNamed || /(UTC|GMT|Z)$/.test(roles.form.format)) {
        const why = isNamed ? `the column is named ${roles.stamp.name}` : 'each stamp ends with it';
        return { clock: guessed('utc', why, isNamed ? 'likely' : 'certain'), isOpen: false };
    }
    const evidenceOf = (name: string) =>
        options.wide
            ? wideEvidence(zoneOf(name), roles, options.wide)
            : evidence(zoneOf(name), stamps, options.minutes);
    if (options.zone !== undefined) return clockOfZone(options.zone, evidenceOf(options.zone), options.wide);
    return clockOfAnyZone(evidenceOf, options.wide);
}

function clockOfZone(zone: string, found: Evidence, wide: WideRange | undefined): ClockGuess {
    const { local } = found;
    const steady = local.length > 0 ? found.steady : [...found.steady, ...found.once];
    if (steady.length > local.length) {
        const why = `the clock of ${zone} changed (${steady.slice(0, 2).join('; ')}), and the stamps go on without a step`;
        return { clock: guessed('utc', why, 'likely', ['a fixed offset such as +01:00']), isOpen: true };
    }
    const clock =
        local.length > 0
            ? guessed(zone, `the stamps follow its clock (${local.slice(0, 2).join('; ')})`, 'likely', [
                  'utc',
              ])
            : guessed(
                  zone,
                  'the zone that was named; no change of its clock is in the sample, so the stamps may have another clock',
                  'unsure',
                  ['utc', 'a fixed offset such as +01:00'],
              );
    return { clock, repeatedHour: guessRepeatedHour(found, wide), isOpen: local.length === 0 };
}

function clockOfAnyZone(evidenceOf: (name: string) => Evidence, wide: WideRange | undefined): ClockGuess {
    const tried = TRIED.map((name) => ({ name, found: evidenceOf(name) }));
    const local = tried.filter(({ found }) => found.local.length > found.steady.length);
    const [first, ...others] = local.toSorted((a, b) => b.found.local.length - a.found.local.length);
    if (first) {
        const why = `the stamps skip and repeat hours as its clock does (${first.found.local.slice(0, 2).join('; ')})`;
        const alternatives = [...others.map(({ name }) => name), 'another zone with the same changes'];
        return {
            clock: guessed(first.name, why, 'likely', alternatives),
            repeatedHour: guessRepeatedHour(first.found, wide),
            isOpen: true,
        };
    }
    const steady = tried.filter(({ found }) => found.steady.length + found.once.length > 0);
    const alternatives = ['a zone such as Europe/London', 'a fixed offset such as +01:00'];
    if (steady.length > 0) {
        const list = steady.map(({ name }) => name).join(', ');
        const why = `no zone is named, and the stamps go on without a step where the clocks of ${list} changed`;
        return { clock: guessed('utc', why, 'unsure', alternatives.toReversed()), isOpen: true };
    }
    const why = 'stamps have no offset, no zone is named, and no change of a clock is in the sample';
    return { clock: guessed('utc', why, 'unsure', alternatives), isOpen: true };
}

function guessRepeatedHour(
    { twice, unordered, once }: Evidence,
    wide: WideRange | undefined,
): Guessed<RepeatedHour> {
    if (wide) {
        const why = 'a wide file has the repeated hour once; which occurrence it is, no file tells';
        return guessed('first', why, 'unsure', ['second', 'refuse']);
    }
    if (unordered.length > 0) {
        const why =
            'the repeated hour is there twice, in an order of rows that does not tell which is the first';
        return guessed('refuse', why, 'likely', ['first', 'second']);
    }
    if (twice.length > 0)
        return guessed('by-order', 'the repeated hour is there twice, the first passing first', 'likely', [
            'refuse',
        ]);
    if (once.length > 0) {
        const why = 'the repeated hour is there once; which occurrence it is, no file tells';
        return guessed('first', why, 'unsure', ['second', 'refuse']);
    }
    const why = 'no repeated hour is in the sample; refused rows are quarantined until a person decides';
    return guessed('refuse', why, 'unsure', ['by-order', 'first', 'second']);
}

/**
 * Over a skipped hour of 30-minute intervals a clock that does not move has three stamps from one end to the other, local time one;
 * over a repeated hour one of each against two of each. Only meters with stamps on both sides are asked.
 */
function evidence(zone: Zone, stamps: SampleStamps, minutes: number): Evidence {
    const found: Evidence = { local: [], steady: [], twice: [], unordered: [], once: [] };
    if (stamps.read === 0) return found;
    for (const change of changesWithin(zone, stamps.first - DAY_MS, stamps.last + DAY_MS)) {
        const [before, after] = [
            change.at + change.offsetBeforeS * 1000,
            change.at + change.offsetAfterS * 1000,
        ];
        const [from, to] = [Math.min(before, after), Math.max(before, after)];
        const steps = (to - from) / (minutes * MINUTE_MS);
        let [local, steady, twice, unordered, once] = [0, 0, 0, 0, 0];
        for (const { walls } of stamps.series) {
            const near = walls.filter(
                (wall) => wall >= from - 2 * (to - from) && wall <= to + 2 * (to - from),
            );
            if (!near.some((wall) => wall < from) || !near.some((wall) => wall > to)) continue;
            const within = near.filter((wall) => wall >= from && wall <= to);
            // where everything is there twice a repeated hour tells nothing
            const around = near.filter((wall) => wall < from || wall > to);
            if (around.length > new Set(around).size) continue;
            if (after > before) {
                if (within.length === steps + 1) steady += 1;
                else if (within.length === 1) local += 1;
            } else if (within.length > new Set(within).size) {
                if (isToldByOrder(near, within, { from, to, steps })) twice += 1;
                else unordered += 1;
            } else if (within.length === steps + 1) once += 1;
        }
        const told = `${instantText(change.at).slice(0, 10)}, ${counted(Math.max(local, steady, twice, unordered, once), 'meter')}`;
        const isTwice = twice + unordered > once;
        if (isTwice) found[unordered > twice ? 'unordered' : 'twice'].push(told);
        else if (once > 0) found.once.push(told);
        if (local > steady || isTwice) found.local.push(told);
        else if (steady > 0) found.steady.push(told);
    }
    return found;
}

/**
 * Whether an ingest by the order of rows takes those of a repeated hour (`within`) that stand among others (`near`) in the order of the file: see
 * `passesByOrder`. The sample may mark starts or ends.
 */
function isToldByOrder(
    near: readonly number[],
    within: readonly number[],
    { from, to, steps }: { readonly from: number; readonly to: number; readonly steps: number },
): boolean {
    const [first = 0, last = 0] = [near[0], near.at(-1)];
    if (first >= from || last <= to) return false;
    const moves = near.slice(1).map((wall, i) => wall - (near[i] ?? 0));
    const notForward = moves.filter((move) => move <= 0);
    if (notForward.some((move) => move < 0))
        return notForward.length === 1 && (notForward[0] ?? 0) > from - to;
    const times = countsOf(within);
    const twice = [...times.values()].filter((n) => n === 2).length;
    const atEdges = (times.get(from) ?? 0) + (times.get(to) ?? 0);
    return twice === steps && times.size <= steps + 1 && atEdges <= 3 && Math.max(...times.values()) === 2;
}

/** A row of a wide file has values up to the end of its local day, and none in the hour that the day skips. */
function wideEvidence(zone: Zone, roles: ColumnRoles, wide: WideRange): Evidence {
    const found: Evidence = { local: [], steady: [], twice: [], unordered: [], once: [] };
    const days = roles.stamp.texts.map((text) => roles.form.read(text));
    const known = days.filter((day) => day !== undefined);
    if (known.length === 0) return found;
    const first = known.reduce((a, b) => Math.min(a, b));
    const last = known.reduce((a, b) => Math.max(a, b));
    for (const change of changesWithin(zone, first - DAY_MS, last + 2 * DAY_MS)) {
        const wall = change.at + change.offsetBeforeS * 1000;
        const date = Math.floor(wall / DAY_MS) * DAY_MS;
        const moved = (change.offsetAfterS - change.offsetBeforeS) / 60;
        const goes = days.map((day, row) =>
            day === date ? dayGoes(roles, wide, row, { from: (wall - date) / MINUTE_MS, moved }) : undefined,
        );
        const [local, steady] = ['local', 'steady'].map((kind) => goes.filter((k) => k === kind).length);
        const told = `${instantText(date).slice(0, 10)}, ${counted(Math.max(local ?? 0, steady ?? 0), 'row')}`;
        if ((local ?? 0) > (steady ?? 0)) found.local.push(told);
        else if ((steady ?? 0) > 0) found.steady.push(told);
    }
    return found;
}

/** How a row goes on its day of a change, which moves the clock by `moved` minutes at minute `from`; undefined: it does not tell. */
function dayGoes(
    roles: ColumnRoles,
    wide: WideRange,
    row: number,
    { from, moved }: { readonly from: number; readonly moved: number },
): 'local' | 'steady' | undefined {
    const isFilled = roles.cells.map(({ texts }) => texts[row] !== '');
    const end = isFilled.lastIndexOf(true) + 1;
    if (end === 0) return undefined;
    if (wide.role === 'periods') {
        const full = 1440 / wide.minutes;
        if (moved > 0) return end <= full - moved / wide.minutes ? 'local' : 'steady';
        if (isFilled.length <= full) return undefined;
        return end > full ? 'local' : 'steady';
    }
    if (moved < 0) return undefined;
    const within = wide.columns.filter(({ cell }, i) => {
        const minute = cell.kind === 'time' ? cell.minuteOfDay : -1;
        return isFilled[i] && minute >= from && minute <= from + moved;
    });
    return within.length < 2 ? 'local' : 'steady';
}

function offsetText(minutes: number): string {
    if (minutes === 0) return 'UTC';
    const size = Math.abs(minutes);
    return `${minutes < 0 ? '-' : '+'}${twoDigits(size / 60)}:${twoDigits(size % 60)}`;
}
