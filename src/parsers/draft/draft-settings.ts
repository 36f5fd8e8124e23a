import { counted } from '../../kernel/counted.ts';
import { changesWithin, zoneOf } from '../../kernel/zone.ts';
import { type ClockGuess, guessClock } from './clock-settings.ts';
import {
    areBlanksExplained,
    type CodeGuess,
    guessQualityCodes,
    guessWithdrawnCodes,
} from './code-settings.ts';
import type { ColumnFacts } from './column-facts.ts';
import { plainWords } from './column-names.ts';
import { type ColumnRoles, versionKind } from './column-roles.ts';
import { type Guess, type Guessed, guessed, shownList, unclearSample } from './draft-guess.ts';
import type { SampleTable } from './sample-table.ts';
import { type SampleStamps, sampleStamps } from './stamp-series.ts';
import { guessInterval, guessMarks, guessStampFormat } from './time-settings.ts';
import { guessValues, type ValueGuess } from './value-settings.ts';
import type { WideRange } from './wide-ranges.ts';

export interface SampleParts {
    readonly table: SampleTable;
    readonly facts: readonly ColumnFacts[];
    readonly roles: ColumnRoles;
    readonly wide: WideRange | undefined;
    readonly zone: string | undefined;
}

/** The settings of a draft that were guessed, and what questions are made from. */
export interface DraftSettings {
    /** In the order of the document; each is a custom property of the schema. */
    readonly guesses: readonly Guess[];
    readonly stamps: SampleStamps;
    readonly clock: ClockGuess;
    readonly values: ValueGuess;
    readonly codes: CodeGuess | undefined;
}

const UNITS = ['kWh', 'Wh', 'MWh', 'kW'];
/** Lines longer than half of the default get room for more. */
const LONG_LINE = 32_768;
const LINE_BYTES_MAX = 1_048_576;
const DAY_MS = 86_400_000;

export function draftSettings(parts: SampleParts): DraftSettings {
    const { table, facts, wide, zone } = parts;
    const format = guessStampFormat(parts.roles);
    const roles: ColumnRoles = { ...parts.roles, form: format.form };
    const stamps = sampleStamps(roles);
    const minutes = guessInterval(roles, stamps, facts, wide);
    const marks = guessMarks(roles, stamps, minutes.value, wide);
    const clock = guessClock(roles, stamps, {
        minutes: minutes.value,
        wide,
        ...(zone === undefined ? {} : { zone }),
    });
    const codes = guessQualityCodes(roles);
    const isBlankMissing = wide
        ? hasBlankCells(roles, wide, clock.clock.value)
        : !areBlanksExplained(roles, codes?.codes.value);
    const values = guessValues(roles, { minutes: minutes.value, isBlankMissing });
    const withdrawn = guessWithdrawnCodes(roles);
    const longest = table.lineBytesMax;
    const optional: readonly (Guess | undefined)[] = [
        setting('delimiter', table.delimiter),
        table.quoting.value === 'none' ? undefined : setting('quoting', table.quoting),
        longest > LONG_LINE ? setting('maxLineBytes', guessLineBytes(longest)) : undefined,
    ];
    const given = (list: readonly (Guess | undefined)[]) => list.filter((guess) => guess !== undefined);
    const { form: _form, ...stampFormat } = format;
    const guesses = given([
        setting('format', table.format),
        ...optional,
        setting('identifies', guessIdentifies(roles)),
        setting('unit', values.unit),
        setting('intervalMinutes', minutes),
        setting('stampFormat', stampFormat),
        setting('stampMarks', marks),
        setting('clock', clock.clock),
        setting('repeatedHour', clock.repeatedHour),
        stamps.at2400 > 0
            ? setting('allows2400', guessed(true, `${counted(stamps.at2400, 'stamp')} of 24:00`, 'certain'))
            : undefined,
        setting('decimalMark', values.decimalMark),
        setting('maxDecimals', values.maxDecimals),
        setting('maxKwh', values.maxKwh),
        setting('allowsNegative', values.allowsNegative),
        values.nullTexts.value.length > 0 ? setting('nullTexts', values.nullTexts) : undefined,
        setting('qualityCodes', codes?.codes),
        setting('withdrawnCodes', withdrawn),
        setting('versionStamp', guessVersionStamp(roles)),
    ]);
    return { guesses, stamps, clock, values, codes };
}

function setting(field: string, guess: Guessed<unknown> | undefined): Guess | undefined {
    return guess && { field, ...guess };
}

function guessLineBytes(longest: number): Guessed<number> {
    const value = Math.min(LINE_BYTES_MAX, Math.ceil((longest * 4) / 1024) * 1024);
    return guessed(value, `the longest line has ${longest} bytes`, 'likely');
}

function guessIdentifies(roles: ColumnRoles): Guessed<'meter' | 'meteringPoint'> {
    const { name } = roles.meter;
    const isPoint =
        /point|mpan|mpxn|mprn|nmi|esi|ean|cups|prm|pdl|gsrn|(^|_)pod(_|$)|malo|lokation|hlpunkt/.test(
            plainWords(name),
        );
    if (isPoint) return guessed('meteringPoint', `the column is named ${name}`, 'likely', ['meter']);
    return guessed('meter', `the column is named ${name}`, 'unsure', ['meteringPoint']);
}

function guessVersionStamp(roles: ColumnRoles): Guessed<'integer' | 'instant'> | undefined {
    const { version } = roles;
    const kind = version && versionKind(version, 3);
    if (!version || !kind) return undefined;
    const what = kind === 'integer' ? 'whole numbers' : 'instants';
    return guessed(kind, `the column ${version.name} has ${what}; the highest wins`, 'likely', ['none']);
}

/** A unit that a contract would not know by its spelling, such as KWH, is said by the contract, and its column left alone. */
export function unitSpelling(roles: ColumnRoles): ColumnRoles {
    const { unit } = roles;
    if (!unit) return roles;
    const texts = [...unit.counts.keys()];
    if (texts.some((text) => UNITS.includes(text))) return roles;
    if (texts.length > 1) {
        const message = `the column ${unit.name} has ${shownList(texts)}, and readings are in kWh, Wh, MWh or kW, spelt so`;
        throw unclearSample(
            'The units of the values are none that a reading may have.',
            [{ field: unit.name, message }],
            'Take the rows of other quantities out of the file, or have the units spelt as gridtally does.',
        );
    }
    const why = `it says ${shownList(texts)} throughout, which a contract does not know by this spelling; the setting unit says it instead`;
    const guesses = new Map(roles.guesses).set(unit.place, guessed('ignored', why, 'likely'));
    return { ...roles, guesses };
}

/** Whether cells are blank of periods that their day has; on a short day some are blank rightly. */
function hasBlankCells(roles: ColumnRoles, wide: WideRange, clock: string): boolean {
    const isLocal = clock !== 'utc' && !/^[+-]/.test(clock);
    return roles.stamp.texts.some((text, row) => {
        const day = roles.form.read(text);
        if (day === undefined) return false;
        const changes = isLocal ? changesWithin(zoneOf(clock), day - DAY_MS, day + 2 * DAY_MS) : [];
        const moved = changes
            .filter(
                ({ at, offsetBeforeS }) => Math.floor((at + offsetBeforeS * 1000) / DAY_MS) * DAY_MS === day,
            )
            .reduce((sum, change) => sum + (change.offsetAfterS - change.offsetBeforeS) / 60, 0);
        if (moved > 0 && wide.role === 'times') return false;
        const count = wide.role === 'times' ? wide.columns.length : (1440 - moved) / wide.minutes;
        return roles.cells.slice(0, count).some(({ texts }) => texts[row] === '');
    });
}
