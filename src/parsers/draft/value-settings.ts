import type { EnergyUnit } from '../../contracts/feed-contract.ts';
import { type ColumnFacts, countsOf, isNumber, saysNoValue } from './column-facts.ts';
import type { ColumnRoles } from './column-roles.ts';
import { type Guessed, guessed, shown, shownList, unclearSample } from './draft-guess.ts';
import { unitInName, unitWord } from './unit-words.ts';

export interface ValueGuess {
    readonly unit: Guessed<EnergyUnit>;
    /** Absent where it is the point. */
    readonly decimalMark: Guessed<'comma'> | undefined;
    readonly maxDecimals: Guessed<number>;
    readonly maxKwh: Guessed<string>;
    readonly allowsNegative: Guessed<boolean>;
    readonly nullTexts: Guessed<readonly string[]>;
    /** A meter's values never fall, as those of a register do. */
    readonly looksCumulative: boolean;
    /** Texts in place of values that are neither numbers nor known to say that there is none. */
    readonly odd: readonly string[];
}

/** What a contract keeps exactly, and the most that it may let pass. */
const DECIMALS_KEPT = 6;
const DECIMALS_MAX = 12;
/** Half an hour of a home is some 0.2 kWh, which is 200 Wh. */
const WH_MEDIAN = 10;
const CUMULATIVE_STEPS = 24;

/** Throws `feed.sample-unclear` where the unit is one that no reading may have. */
export function guessValues(
    roles: ColumnRoles,
    options: { readonly minutes: number; readonly isBlankMissing: boolean },
): ValueGuess {
    const columns = roles.value ? [roles.value] : roles.cells;
    const counts = countsOf(columns.flatMap(({ filled }) => filled));
    const numbers = new Map([...counts].filter(([text]) => isNumber(text)));
    const unit = guessUnit(roles, columns, numbers);
    const others = [...counts.keys()].filter((text) => !isNumber(text));
    const nulls = others.filter(saysNoValue);
    return {
        unit,
        decimalMark: guessDecimalMark(columns),
        maxDecimals: guessDecimals([...numbers.keys()]),
        maxKwh: guessMaxKwh([...numbers.keys()], unit.value, options.minutes),
        allowsNegative: guessNegative(numbers),
        nullTexts: guessNullTexts(nulls, options.isBlankMissing),
        looksCumulative: columns.length === 1 && isCumulative(roles),
        odd: others.filter((text) => !saysNoValue(text)),
    };
}

/** Numbers of the sample as they are written, and how often each stands there. */
type NumberCounts = ReadonlyMap<string, number>;

function guessNegative(numbers: NumberCounts): Guessed<boolean> {
    const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0);
    const all = sum([...numbers.values()]);
    const negative = sum([...numbers].filter(([text]) => Number(text) < 0).map(([, n]) => n));
    if (negative > 0) return guessed(true, `${negative} of ${all} values are negative`, 'likely', ['false']);
    return guessed(false, `none of ${all} values is negative`, 'likely', ['true']);
}

/** The size below which half of the values are that are not zero, and the largest. */
function sizesOf(numbers: NumberCounts): { median: number; largest: number } {
    const sizes = [...numbers].map(([text, n]) => [Math.abs(Number(text)), n] as const);
    const sorted = sizes.filter(([size]) => size > 0).sort((a, b) => a[0] - b[0]);
    let left = sorted.reduce((sum, [, n]) => sum + n, 0) >> 1;
    const median = sorted.find(([, n]) => {
        left -= n;
        return left < 0;
    });
    return { median: median?.[0] ?? 0, largest: sorted.at(-1)?.[0] ?? 0 };
}

function guessUnit(
    roles: ColumnRoles,
    columns: readonly ColumnFacts[],
    numbers: NumberCounts,
): Guessed<EnergyUnit> {
    if (roles.unit) {
        const [[text] = ['kWh']] = roles.unit.counts;
        const word = unitWord(text);
        if (word !== undefined && word !== 'other') {
            const why = `the column ${roles.unit.name} says it, most often ${text}; this holds where it is blank`;
            return guessed(word, why, 'likely');
        }
        throw otherUnit(`the column ${roles.unit.name} has ${shownList([...roles.unit.counts.keys()])}`);
    }
    const name = columns[0]?.name ?? '';
    const named = unitInName(name);
    if (named === 'other') throw otherUnit(`the column ${name} is named after another unit`);
    if (named !== undefined) {
        const others = named === 'kWh' ? [] : ['kWh'];
        return guessed(named, `the column is named ${name}`, 'certain', others);
    }
    const { median, largest } = sizesOf(numbers);
    const isWhole = [...numbers.keys()].every((text) => !text.includes('.'));
    const told = `half of the values are below ${median}, the largest is ${largest}`;
    if (isWhole && median >= WH_MEDIAN) {
        return guessed('Wh', `all values are whole, and ${told}`, 'unsure', ['kWh', 'kW']);
    }
    if (!isWhole && largest > 0 && largest < 0.01) {
        return guessed('MWh', `the values are tiny: ${told}`, 'unsure', ['kWh', 'kW']);
    }
    const certainty = isWhole || median > 100 ? 'unsure' : 'likely';
    const why = `${isWhole ? 'all values are whole' : 'the values have decimals'}, and ${told}`;
    return guessed('kWh', why, certainty, ['kW (mean power)', 'Wh', 'MWh']);
}

function otherUnit(message: string) {
    return unclearSample(
        'The unit of the values is none that a reading may have.',
        [{ field: 'unit', message: `${message}; readings are in kWh, Wh, MWh or kW` }],
        'Convert the values, or take the rows of other quantities out of the file.',
    );
}

function guessDecimalMark(columns: readonly ColumnFacts[]): Guessed<'comma'> | undefined {
    const seen = columns.filter(({ withComma }) => withComma !== undefined);
    const [first] = seen;
    if (first === undefined) return undefined;
    const why = `numbers such as ${shown(first.withComma?.text ?? '')} in the column ${first.name}`;
    const isUnsure = seen.every(({ withComma }) => withComma?.mayBeThousands);
    return guessed('comma', why, isUnsure ? 'unsure' : 'certain', isUnsure ? ['a mark of thousands'] : []);
}

function guessDecimals(numbers: readonly string[]): Guessed<number> {
    const most = numbers.reduce((max, text) => Math.max(max, text.split('.')[1]?.length ?? 0), 0);
    const finer = most > DECIMALS_KEPT ? '; beyond six they are rounded half-even' : '';
    const value = Math.min(DECIMALS_MAX, Math.max(DECIMALS_KEPT, most));
    const cut = most > DECIMALS_MAX ? ', of which a contract allows 12: finer values are quarantined' : '';
    return guessed(value, `at most ${most} decimals were seen${cut}${finer}`, 'likely');
}

/** Ten times what was seen, as 1, 2 or 5 with zeros: above it a value is a fault of the unit rather than a reading. */
function guessMaxKwh(numbers: readonly string[], unit: EnergyUnit, minutes: number): Guessed<string> {
    const factor = { kWh: 1, Wh: 0.001, MWh: 1000, kW: minutes / 60 }[unit];
    const most = numbers.reduce((max, text) => Math.max(max, Math.abs(Number(text))), 0) * factor;
    const wanted = Math.max(10, most * 10);
    const power = 10 ** Math.floor(Math.log10(wanted));
    const limit = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= wanted) ?? 10 * power;
    const seen = `the largest value seen is ${Number(most.toPrecision(6))} kWh`;
    if (limit > 1e11) return guessed('999999999999', `${seen}; this is the highest limit there is`, 'unsure');
    return guessed(String(limit), `${seen}; the limit is some ten times as much`, 'unsure', [
        'what the largest connection can carry in an interval',
    ]);
}

function guessNullTexts(nulls: readonly string[], isBlankMissing: boolean): Guessed<readonly string[]> {
    const texts = [...(isBlankMissing ? [''] : []), ...nulls];
    if (texts.length === 0) return guessed([], 'every value is a number', 'likely');
    return guessed(texts, `${shownList(texts)} stand in place of values`, 'likely', ['a value of zero']);
}

/** Over at least 24 steps no value of a meter falls, though it rises; intervals go up and down. */
function isCumulative(roles: ColumnRoles): boolean {
    const last = new Map<string, number>();
    let rises = 0;
    let falls = 0;
    roles.value?.texts.forEach((text, row) => {
        if (!isNumber(text)) return;
        const key = `${roles.meter.texts[row]}\n${roles.register?.texts[row] ?? ''}`;
        const before = last.get(key);
        if (before !== undefined && Number(text) > before) rises += 1;
        if (before !== undefined && Number(text) < before) falls += 1;
        last.set(key, Number(text));
    });
    return rises >= CUMULATIVE_STEPS && falls * 100 <= rises;
}
