import type { ColumnRole } from '../../contracts/feed-contract.ts';
import { counted } from '../../kernel/counted.ts';
import { codeMeaning, isYesOrNo } from './code-words.ts';
import { type ColumnFacts, stampFormOf } from './column-facts.ts';
import { namedEnd, nameScore, plainWords } from './column-names.ts';
import { type Guessed, guessed, shown, shownList } from './draft-guess.ts';
import { refuseMissingRoles } from './missing-roles.ts';
import type { SampleTable } from './sample-table.ts';
import { type StampForm, unreadableTime } from './stamp-forms.ts';
import { unitWord } from './unit-words.ts';
import { numberedNames, type WideRange } from './wide-ranges.ts';

/** Which column is what; those that no role speaks for are in none. */
export interface ColumnRoles {
    readonly meter: ColumnFacts;
    readonly stamp: ColumnFacts;
    readonly form: StampForm;
    /** Absent in a wide file. */
    readonly value?: ColumnFacts;
    readonly register?: ColumnFacts;
    readonly minutes?: ColumnFacts;
    readonly unit?: ColumnFacts;
    readonly quality?: ColumnFacts;
    readonly version?: ColumnFacts;
    readonly withdrawn?: ColumnFacts;
    /** Of a wide file: the columns of the intervals of a day. */
    readonly cells: readonly ColumnFacts[];
    /** By place in the header; columns of a wide range have none. */
    readonly guesses: ReadonlyMap<number, Guessed<ColumnRole>>;
}

type Role = Exclude<ColumnRole, 'ignored' | 'cell'>;

interface Rule {
    readonly role: Role;
    readonly fits: (column: ColumnFacts, score: number) => boolean;
    /** Added to twice the score of the name. */
    readonly bonus?: (column: ColumnFacts) => number;
    readonly speaks: (column: ColumnFacts) => string;
}

const MINUTES = new Set(['5', '10', '15', '30', '60']);
const CODES_MAX = 20;
const CODE_LENGTH_MAX = 30;
const ENOUGH = 0.8;

const isCodes = ({ counts }: ColumnFacts) =>
    counts.size > 0 &&
    counts.size <= CODES_MAX &&
    [...counts.keys()].every((text) => text.length <= CODE_LENGTH_MAX);
const every = ({ counts }: ColumnFacts, is: (text: string) => boolean) =>
    counts.size > 0 && [...counts.keys()].every(is);
const examples = ({ counts }: ColumnFacts) => `such as ${shownList([...counts.keys()], 3)}`;

/** In the order in which columns are given away: what the content of a column shows best comes first. */
const RULES: readonly Rule[] = [
    {
        role: 'unit',
        fits: (column, score) => score > 0 && every(column, (text) => unitWord(text) !== undefined),
        speaks: (column) => `its name, and units in it (${shownList([...column.counts.keys()])})`,
    },
    {
        role: 'minutes',
        fits: (column, score) => score > 0 && every(column, (text) => MINUTES.has(text)),
        speaks: (column) => `its name, and lengths in it (${shownList([...column.counts.keys()])})`,
    },
    {
        role: 'withdrawn',
        fits: (column, score) => score > 0 && every(column, isYesOrNo),
        speaks: (column) => `its name, and yes or no in it (${shownList([...column.counts.keys()])})`,
    },
    {
        role: 'version',
        fits: (column, score) => score > 0 && versionKind(column, score) !== undefined,
        speaks: (column) =>
            `its name, and ${versionKind(column, 3) === 'instant' ? 'instants' : 'whole numbers'} in it, ${examples(column)}`,
    },
    {
        role: 'quality',
        fits: (column, score) =>
            isCodes(column) &&
            !column.hasDecimals &&
            (score > 2 || (score > 0 && [...column.counts.keys()].some((text) => codeMeaning(text)))),
        bonus: (column) => ([...column.counts.keys()].some((text) => codeMeaning(text)) ? 1 : 0),
        speaks: (column) => `its name, and few codes in it (${shownList([...column.counts.keys()])})`,
    },
    {
        role: 'value',
        fits: (column, score) => score > 0 && column.numberShare >= ENOUGH,
        bonus: ({ hasDecimals }) => (hasDecimals ? 1 : 0),
        speaks: (column) => `its name, and numbers in it, ${examples(column)}`,
    },
    {
        role: 'meter',
        fits: (column, score) => score > 0 && isIdentifier(column) && (score > 2 || !countsRows(column)),
        speaks: (column) => `its name, and identifiers in it, ${examples(column)}`,
    },
    {
        role: 'register',
        fits: (column, score) => score > 1 && isCodes(column) && !column.hasDecimals,
        speaks: (column) => `its name, and few texts in it (${shownList([...column.counts.keys()])})`,
    },
    {
        role: 'value',
        fits: (column) =>
            column.hasDecimals && column.numberShare >= ENOUGH && nameScore(column.name, 'meter') < 2,
        speaks: (column) => `numbers with decimals in it, ${examples(column)}, but not its name`,
    },
    {
        role: 'meter',
        fits: (column) => isIdentifier(column) && looksLikeIdentifiers(column),
        bonus: ({ counts, filled }) => (counts.size < filled.length ? 1 : 0),
        speaks: (column) => `texts like identifiers in it, ${examples(column)}, but not its name`,
    },
];

/** Throws `feed.sample-unclear` where a meter, a stamp or a value is not to be found, with what was looked for. */
export function findRoles(
    table: SampleTable,
    facts: readonly ColumnFacts[],
    wide: WideRange | undefined,
): ColumnRoles {
    const numbered = numberedNames(table.columns);
    const others = facts.filter(({ place }) => !wide || place < wide.from || place > wide.to);
    const free = new Set(others.filter(({ name }) => !numbered.has(name)));
    const guesses = new Map<number, Guessed<ColumnRole>>();
    const found: Partial<Record<Role, ColumnFacts>> = {};
    const give = (role: Role, column: ColumnFacts, guess: Guessed<ColumnRole>) => {
        found[role] = column;
        free.delete(column);
        guesses.set(column.place, guess);
    };
    const stamp = pickStamp([...free], wide === undefined);
    if (stamp) give('stamp', stamp.column, stamp.guess);
    for (const rule of RULES) {
        if (found[rule.role] !== undefined || (wide && ['value', 'minutes'].includes(rule.role))) continue;
        const picked = pick([...free], rule);
        if (picked) give(rule.role, picked.column, picked.guess);
    }
    const { meter, value } = found;
    const form = found.stamp && stampFormOf(found.stamp, wide === undefined);
    if (!meter || !found.stamp || !form || !(value || wide))
        throw refuseMissingRoles(table, facts, found, wide);
    if (!found.register && value) {
        const register = distinguishing([...free], [meter, found.stamp]);
        if (register) give('register', register.column, register.guess);
    }
    for (const column of others) if (!guesses.has(column.place)) guesses.set(column.place, ignored(column));
    const cells = wide ? facts.slice(wide.from, wide.to + 1) : [];
    return { ...found, meter, stamp: found.stamp, form, cells, guesses };
}

/** Of several columns of stamps the one of the start goes before that of the end. */
function pickStamp(
    columns: readonly ColumnFacts[],
    hasTime: boolean,
): { column: ColumnFacts; guess: Guessed<ColumnRole> } | undefined {
    const score = (column: ColumnFacts) =>
        nameScore(column.name, 'stamp') +
        (namedEnd(column.name) === 'start' ? 0.5 : 0) +
        // of a local and a UTC column the one that nothing can be mistaken about
        (column.stamps[0]?.form.offsetOf(column.filled[0] ?? '') === undefined ? 0 : 0.4) +
        (/(^|_)(utc|gmt)(_|$)/.test(plainWords(column.name)) ? 0.3 : 0) -
        (nameScore(column.name, 'version') > 0 ? 3 : 0);
    const fitting = columns
        .filter((column) => stampFormOf(column, hasTime) !== undefined)
        // digits alone are as well a number or an identifier
        .filter((column) => !/^\d+$/.test(column.filled[0] ?? '') || nameScore(column.name, 'stamp') > 1)
        .toSorted((a, b) => score(b) - score(a));
    const [column, ...others] = fitting;
    if (column === undefined) return undefined;
    const why = `${column.filled.length} ${hasTime ? 'times' : 'dates'}, such as ${shown(column.filled[0] ?? '')}`;
    const certainty = others.length === 0 ? 'certain' : 'likely';
    return {
        column,
        guess: guessed(
            'stamp',
            why,
            certainty,
            others.map(({ name }) => `the column ${name}`),
        ),
    };
}

function pick(
    columns: readonly ColumnFacts[],
    rule: Rule,
): { column: ColumnFacts; guess: Guessed<ColumnRole> } | undefined {
    const score = (column: ColumnFacts) =>
        nameScore(column.name, rule.role) * 2 + (rule.bonus?.(column) ?? 0);
    const fitting = columns
        .filter((column) => rule.fits(column, nameScore(column.name, rule.role)))
        .toSorted((a, b) => score(b) - score(a));
    const [column, ...others] = fitting;
    if (column === undefined) return undefined;
    const name = nameScore(column.name, rule.role);
    const isTied = others.some((other) => score(other) === score(column));
    const certainty = name === 0 || isTied ? 'unsure' : name > 2 ? 'certain' : 'likely';
    const alternatives = others.map((other) => `the column ${other.name}`);
    return { column, guess: guessed(rule.role, rule.speaks(column), certainty, alternatives) };
}

function isIdentifier(column: ColumnFacts): boolean {
    const { filled, texts, hasDecimals, commaShare } = column;
    return (
        filled.length > texts.length * ENOUGH &&
        !hasDecimals &&
        commaShare < ENOUGH &&
        (stampFormOf(column, true) === undefined || /^\d+$/.test(filled[0] ?? ''))
    );
}

/** Whole numbers, each one more than that of the row before: a number of the row is no meter. */
function countsRows({ texts }: ColumnFacts): boolean {
    return texts.length > 2 && texts.every((text, i) => i === 0 || Number(text) === Number(texts[i - 1]) + 1);
}

/** Letters, or digits too many for a quantity and always as many: what a column that is not named so must have. */
function looksLikeIdentifiers(column: ColumnFacts): boolean {
    const length = column.filled[0]?.length ?? 0;
    return (
        column.filled.some((text) => text.length > 1) &&
        column.stamps.length === 0 &&
        !column.filled.some(
            (text) => unreadableTime(text) !== undefined || /^-?[\d.]+e[-+]?\d+$/i.test(text),
        ) &&
        (every(column, (text) => /\p{L}/u.test(text)) ||
            (length > 5 && every(column, (text) => /^\d+$/.test(text) && text.length === length)))
    );
}

export function versionKind(column: ColumnFacts, score: number): 'integer' | 'instant' | undefined {
    if (column.stamps.some(({ form, share }) => form.format === 'iso' && share === 1)) return 'instant';
    return score > 2 && every(column, (text) => /^\d{1,18}$/.test(text)) ? 'integer' : undefined;
}

/** A column of few texts without which rows of one meter and stamp would contradict each other. */
function distinguishing(
    columns: readonly ColumnFacts[],
    keys: readonly ColumnFacts[],
): { column: ColumnFacts; guess: Guessed<ColumnRole> } | undefined {
    const size = keys[0]?.texts.length ?? 0;
    const distinct = (by: readonly ColumnFacts[]) => {
        const seen = new Set<string>();
        for (let row = 0; row < size; row += 1) seen.add(by.map(({ texts }) => texts[row]).join('\n'));
        return seen.size;
    };
    const repeated = size - distinct(keys);
    if (repeated * 10 < size) return undefined;
    const column = columns.find(
        (candidate) =>
            isCodes(candidate) &&
            candidate.counts.size > 1 &&
            candidate.filled.length === size &&
            !candidate.hasDecimals &&
            distinct([...keys, candidate]) === size,
    );
    if (column === undefined) return undefined;
    const why = `${counted(repeated, 'row')} with meter and stamp of another, from which it differs (${shownList([...column.counts.keys()])})`;
    return { column, guess: guessed('register', why, 'likely', ['ignored']) };
}

function ignored(column: ColumnFacts): Guessed<ColumnRole> {
    if (column.filled.length === 0) return guessed('ignored', 'it is blank throughout', 'unsure');
    return guessed('ignored', `no role speaks for it; it has texts ${examples(column)}`, 'likely');
}
