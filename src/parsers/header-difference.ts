import type { FeedContract } from '../contracts/feed-contract.ts';

/** How a header differs from the columns of a contract. Names are as the file and the contract have them. */
export interface HeaderDifference {
    readonly added: readonly string[];
    /** Required columns that the header lacks. */
    readonly missing: readonly string[];
    readonly renamed: readonly { readonly from: string; readonly to: string; readonly because: string }[];
    /** Columns that stand before one that the contract puts first. */
    readonly moved: readonly string[];
}

const OTHER_DELIMITERS = [',', ';', '\t', '|', ':'];
const ALIKE = 0.6;

export function headerDifference(columns: readonly string[], contract: FeedContract): HeaderDifference {
    const known = contract.columns.map(({ name }) => name);
    const unknown = columns.filter((name) => !known.includes(name));
    const absent = contract.columns.filter(({ name }) => !columns.includes(name));
    const renamed = renamedColumns(unknown, absent, columns, known);
    const places = known.map((name) => columns.indexOf(name)).filter((place) => place >= 0);
    return {
        added: unknown.filter((name) => !renamed.some(({ to }) => to === name)),
        missing: absent
            .filter(({ name, required }) => required && !renamed.some(({ from }) => from === name))
            .map(({ name }) => name),
        renamed,
        moved: places.flatMap((place, i) =>
            place < Math.max(-1, ...places.slice(0, i)) ? [columns[place] ?? ''] : [],
        ),
    };
}

/** The difference as a sentence; blank where there is none. */
export function differenceText({ added, missing, renamed, moved }: HeaderDifference): string {
    const parts = [
        ...(renamed.length > 0
            ? [
                  `probably renamed: ${renamed.map((r) => `${shortName(r.from)} → ${shortName(r.to)} (${r.because})`).join(', ')}`,
              ]
            : []),
        ...(added.length > 0 ? [`column added: ${added.map(shortName).join(', ')}`] : []),
        ...(missing.length > 0 ? [`missing: ${missing.map(shortName).join(', ')}`] : []),
        ...(moved.length > 0 ? [`order changed: ${moved.map(shortName).join(', ')} stands too early`] : []),
    ];
    return parts.join('; ');
}

/** A delimiter by which the header would have at least two of the contract's columns, where by the contract's own it has none. */
export function otherDelimiter(text: string, contract: FeedContract): string | undefined {
    const known = new Set(contract.columns.map(({ name }) => plainName(name)));
    const hits = (delimiter: string) =>
        text.split(delimiter).filter((name) => known.has(plainName(name))).length;
    if (hits(contract.layout.delimiter) > 0) return undefined;
    return OTHER_DELIMITERS.find((delimiter) => hits(delimiter) >= 2);
}

/** True where most fields are numbers or stamps, so that the first line is a row rather than names. */
export function looksLikeRow(columns: readonly string[]): boolean {
    const values = columns.filter((name) => /^-?[\d.,:/ TZ+-]+$/.test(name));
    return values.length * 2 >= columns.length;
}

export function delimiterName(delimiter: string): string {
    return delimiter === '\t' ? 'a tab' : `"${delimiter}"`;
}

/** A file without a header shows its first row here, which may be long. */
export function shortName(name: string): string {
    return JSON.stringify(name.length <= 80 ? name : `${name.slice(0, 79)}…`);
}

interface Candidate {
    readonly from: string;
    readonly to: string;
    readonly score: number;
    readonly because: string;
}

/** Pairs each unknown column with the absent one that it most likely is; the surest pairs first, each column once. */
function renamedColumns(
    unknown: readonly string[],
    absent: FeedContract['columns'],
    columns: readonly string[],
    known: readonly string[],
): HeaderDifference['renamed'] {
    const candidates = unknown
        .flatMap((to) => absent.map(({ name, required }) => candidate(name, to, required, columns, known)))
        .filter((c) => c !== undefined)
        .sort((a, b) => b.score - a.score || columns.indexOf(a.to) - columns.indexOf(b.to));
    const renamed: Candidate[] = [];
    for (const c of candidates) {
        if (!renamed.some(({ from, to }) => from === c.from || to === c.to)) renamed.push(c);
    }
    return renamed.map(({ from, to, because }) => ({ from, to, because }));
}

function candidate(
    from: string,
    to: string,
    required: boolean,
    columns: readonly string[],
    known: readonly string[],
): Candidate | undefined {
    if (plainName(from) === plainName(to)) {
        return { from, to, score: 2, because: 'the names differ in case and signs only' };
    }
    const alike = likeness(plainName(from), plainName(to));
    const isInPlace = columns.indexOf(to) === known.indexOf(from);
    if (alike >= ALIKE) {
        const place = isInPlace ? ' and it stands in the same place' : '';
        return {
            from,
            to,
            score: 1 + alike,
            because: `the names are ${Math.round(alike * 100)} % alike${place}`,
        };
    }
    if (!isInPlace || !required || columns.length !== known.length) return undefined;
    return { from, to, score: alike, because: 'it stands in the same place of as many columns' };
}

/** Equal for names that differ in case and signs only. */
export function plainName(name: string): string {
    return name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
}

/** 1: the same; 0: nothing in common. One less the share of characters to change (Levenshtein), or 0.8 where one holds the other. */
function likeness(a: string, b: string): number {
    if (a === '' || b === '') return 0;
    const isPart = Math.min(a.length, b.length) >= 4 && (a.includes(b) || b.includes(a));
    let before = Array.from({ length: b.length + 1 }, (_, i) => i);
    for (let i = 1; i <= a.length; i += 1) {
        const row = [i];
        for (let j = 1; j <= b.length; j += 1) {
            const change = (before[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
            row.push(Math.min(change, (before[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
        }
        before = row;
    }
    const changed = (before[b.length] ?? 0) / Math.max(a.length, b.length);
    return Math.max(isPart ? 0.8 : 0, 1 - changed);
}
