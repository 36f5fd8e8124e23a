import { counted } from '../../kernel/counted.ts';
import { type CodeMeaning, codeMeaning, isYes, isYesOrNo, yesFor } from './code-words.ts';
import { isNumber } from './column-facts.ts';
import { plainWords } from './column-names.ts';
import type { ColumnRoles } from './column-roles.ts';
import { type Certainty, type Guessed, guessed, shown } from './draft-guess.ts';

export interface CodeGuess {
    readonly codes: Guessed<Readonly<Record<string, CodeMeaning>>>;
    /** Codes whose meaning nothing tells. */
    readonly unknown: readonly string[];
}

interface CodeRow {
    readonly code: string;
    readonly count: number;
    /** How many of its rows have a number. */
    readonly withValue: number;
}

/** What each code of the quality column means, by common use, and by whether its rows have values. */
export function guessQualityCodes(roles: ColumnRoles): CodeGuess | undefined {
    const { quality } = roles;
    if (!quality) return undefined;
    const rows = codeRows(roles);
    const isEstimateFlag =
        /estim/.test(plainWords(quality.name)) && rows.every(({ code }) => code === '' || isYesOrNo(code));
    const known = rows.map((row) => ({ row, ...meaningOf(row, isEstimateFlag) }));
    const unknown = known
        .filter(({ isKnown, row }) => !isKnown && row.code !== '')
        .map(({ row }) => row.code);
    const hasMeasured = known.some(({ isKnown, meaning }) => isKnown && meaning === 'measured');
    // a value whose code nobody knows gives way to a measured one, unless it is what nearly all rows have
    const commonest = unknown[0];
    const codes = Object.fromEntries(
        known.map(({ row, meaning, isKnown }) => [
            row.code,
            isKnown || row.code === '' || (row.code === commonest && !hasMeasured) ? meaning : 'estimated',
        ]),
    );
    const told = known
        .map(({ row, why }) => `${shown(row.code)} (${counted(row.count, 'row')}): ${why}`)
        .join('; ');
    const certainty: Certainty = unknown.length > 0 ? 'unsure' : 'likely';
    return { codes: guessed(codes, told, certainty), unknown };
}

function codeRows(roles: ColumnRoles): CodeRow[] {
    const rows = new Map<string, { count: number; withValue: number }>();
    const values = roles.value ? [roles.value] : roles.cells;
    roles.quality?.texts.forEach((code, row) => {
        const known = rows.get(code) ?? { count: 0, withValue: 0 };
        known.count += 1;
        if (values.some(({ texts }) => isNumber(texts[row] ?? ''))) known.withValue += 1;
        rows.set(code, known);
    });
    return [...rows].map(([code, row]) => ({ code, ...row })).sort((a, b) => b.count - a.count);
}

function meaningOf(
    { code, count, withValue }: CodeRow,
    isEstimateFlag: boolean,
): { meaning: CodeMeaning; why: string; isKnown: boolean } {
    if (code === '') {
        const meaning = withValue > 0 ? 'measured' : 'missing';
        return {
            meaning,
            why: withValue > 0 ? 'a blank one is most often measured' : 'no value',
            isKnown: true,
        };
    }
    if (isEstimateFlag) {
        const meaning = isYes(code) ? 'estimated' : 'measured';
        return { meaning, why: `the column says whether the value is an estimate`, isKnown: true };
    }
    const meaning = codeMeaning(code);
    const isBlank = withValue === 0;
    if (meaning === 'missing' && !isBlank) {
        return { meaning: 'measured', why: `it has values, so it is not missing`, isKnown: false };
    }
    if (meaning === 'withdrawn' && 2 * withValue > count && code.length === 1) {
        return {
            meaning: 'measured',
            why: 'most of its rows have values, so nothing is taken back',
            isKnown: false,
        };
    }
    if (meaning === undefined || (isBlank && meaning !== 'missing' && meaning !== 'withdrawn')) {
        if (isBlank) return { meaning: 'missing', why: 'none of its rows has a value', isKnown: true };
        return { meaning: 'measured', why: 'nothing tells what it means', isKnown: false };
    }
    return {
        meaning,
        why: code.length > 1 ? `its word says ${meaning}` : `a usual letter for ${meaning}`,
        isKnown: true,
    };
}

/** Whether a blank value is said to be missing by its row's quality; then blank need not be a text for "no value". */
export function areBlanksExplained(
    roles: ColumnRoles,
    codes: Readonly<Record<string, CodeMeaning>> | undefined,
): boolean {
    const { value, quality } = roles;
    if (!value) return false;
    return value.texts.every((text, row) => {
        if (text !== '') return true;
        const meaning = codes?.[quality?.texts[row] ?? ''];
        return meaning === 'missing' || meaning === 'withdrawn';
    });
}

/** Texts in the withdrawn column that take a reading back. */
export function guessWithdrawnCodes(roles: ColumnRoles): Guessed<readonly string[]> | undefined {
    const { withdrawn } = roles;
    if (!withdrawn) return undefined;
    const texts = [...withdrawn.counts.keys()];
    const yes = texts.filter(isYes);
    if (yes.length > 0) return guessed(yes, `the column ${withdrawn.name} says yes by it`, 'likely');
    const no = texts[0] ?? '0';
    return guessed([yesFor(no)], `only ${shown(no)} was seen; this is its opposite`, 'unsure');
}
