import type { ColumnRole } from '../../contracts/feed-contract.ts';
import { counted } from '../../kernel/counted.ts';
import type { ColumnRoles } from './column-roles.ts';
import { type Guess, type Guessed, guessed, type Question } from './draft-guess.ts';
import type { DraftSettings } from './draft-settings.ts';
import type { SampleTable } from './sample-table.ts';
import type { WideRange } from './wide-ranges.ts';

interface DraftParts {
    readonly name: Guessed<string>;
    readonly table: SampleTable;
    readonly roles: ColumnRoles;
    readonly wide: WideRange | undefined;
    readonly settings: DraftSettings;
    readonly questions: readonly Question[];
}

const COMMENT_COLUMNS = 116;
const TYPES: Partial<Record<string, string>> = {
    stamp: 'timestamp',
    value: 'number',
    minutes: 'integer',
    periods: 'number',
    times: 'number',
};

/** The document, with a comment above each guess and question, and the guesses about columns. */
export function draftText(parts: DraftParts): { text: string; columnGuesses: Guess[] } {
    const { name, table, settings, questions } = parts;
    const columns = columnTexts(parts);
    const rows = `${counted(table.rows.length, 'row')}${table.isWhole ? '' : ', with which it begins'}`;
    const head = [
        ...comment(
            '',
            `Drafted by "gridtally feed infer" from ${printable(table.file)} (${rows}). What says "guess" was read off this sample, what says ` +
                '"question" no sample can tell. Settle them with the sender, take the comments out, and say status: active.',
        ),
        'apiVersion: v3.1.0',
        'kind: DataContract',
        `id: gridtally-feed-${name.value}`,
        ...(name.why === 'it was given' ? [] : guessComment('', name)),
        `name: ${name.value}`,
        'version: 0.1.0',
        'status: draft',
        'schema:',
        '  - name: readings',
        '    logicalType: object',
        '    properties:',
    ];
    const guessedFields = new Set(settings.guesses.map(({ field }) => field));
    const asked = (field: string) =>
        questions
            .filter((q) => q.field === field)
            .flatMap((q) => comment('      ', `question: ${q.question}`));
    const own = new Set(['unknownMeter', 'flow', 'rank', 'repeatedInPayload']);
    const lines = [
        ...head,
        ...columns.flatMap(({ lines }) => lines),
        '    customProperties:',
        ...settings.guesses.flatMap((guess) => [
            ...guessComment('      ', guess),
            ...asked(guess.field),
            ...property('      ', guess.field, guess.value),
        ]),
        ...questions
            .filter(({ field }) => own.has(field) && !guessedFields.has(field))
            .flatMap(({ field, value }) => [...asked(field), ...property('      ', field, value)]),
        ...questions
            .filter(({ field }) => !own.has(field) && !guessedFields.has(field))
            .flatMap(({ field }) => asked(field)),
    ];
    return { text: `${lines.join('\n')}\n`, columnGuesses: columns.flatMap(({ guess }) => guess ?? []) };
}

interface ColumnText {
    readonly lines: readonly string[];
    readonly guess?: Guess;
}

function columnTexts({ table, roles, wide }: DraftParts): ColumnText[] {
    return table.columns.flatMap((name, place) => {
        if (wide && place >= wide.from && place <= wide.to) {
            return place === wide.from ? rangeTexts(wide) : [];
        }
        const guess: Guessed<ColumnRole> =
            roles.guesses.get(place) ?? guessed('ignored', 'it is not needed', 'unsure');
        const isNeeded = ['meter', 'stamp', 'value'].includes(guess.value);
        const isRequired = isNeeded || (guess.value !== 'ignored' && !table.absent.has(name));
        return [columnText(name, guess, isRequired)];
    });
}

/** The columns that every day fills are required; those of the longest day of the year may be absent. */
function rangeTexts(wide: WideRange): ColumnText[] {
    const full = 1440 / wide.minutes;
    const names = wide.columns.map(({ name }) => name);
    const range = (from: number, to: number) => `${names[from]}..${names[to]}`;
    const count = Math.min(full, names.length);
    const why = `${names.length} columns ${wide.role === 'times' ? 'named by times' : 'numbered'} one after the other`;
    const guess = guessed(wide.role, why, 'certain');
    const most = columnText(range(0, count - 1), guess, true);
    if (names.length <= full) return [most];
    const rest = guessed(wide.role, 'only the long day of the year fills them', 'certain');
    return [most, columnText(range(full, names.length - 1), rest, false)];
}

function columnText(name: string, guess: Guessed<string>, isRequired: boolean): ColumnText {
    const lines = [
        ...guessComment('      ', guess),
        `      - name: ${scalar(name)}`,
        `        logicalType: ${TYPES[guess.value] ?? 'string'}`,
        `        required: ${isRequired}`,
        '        customProperties:',
        '          - property: role',
        `            value: ${guess.value}`,
    ];
    return { lines, guess: { field: `${name}.role`, ...guess } };
}

function property(indent: string, name: string, value: unknown): string[] {
    return [`${indent}- property: ${name}`, `${indent}  value: ${valueText(value)}`];
}

/** Texts, numbers and booleans, lists of texts, and maps of texts; all that settings are. */
function valueText(value: unknown): string {
    if (Array.isArray(value)) return `[${value.map((item) => quoted(String(item))).join(', ')}]`;
    if (typeof value === 'object' && value !== null) {
        return `{ ${Object.entries(value)
            .map(([key, item]) => `${quoted(key)}: ${scalar(String(item))}`)
            .join(', ')} }`;
    }
    return typeof value === 'string' ? scalar(value) : String(value);
}

/** Words stay plain; whatever YAML might take for something else is quoted. */
function scalar(text: string): string {
    const isPlain =
        /^[A-Za-z][A-Za-z0-9_/-]*$/.test(text) && !/^(true|false|null|yes|no|on|off)$/i.test(text);
    return isPlain ? text : quoted(text);
}

/** Double quotes of YAML take the escapes of JSON; what an editor would not show is escaped, too. */
function quoted(text: string): string {
    return JSON.stringify(text).replace(
        /[\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202f\ufeff]/g,
        (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
}

function guessComment(indent: string, { why, certainty, alternatives }: Guessed<unknown>): string[] {
    const others = alternatives.length > 0 ? `; else ${alternatives.slice(0, 6).join(', ')}` : '';
    return comment(indent, `guess: ${why} (${certainty}${others})`);
}

function comment(indent: string, text: string): string[] {
    const lines = [`${indent}#`];
    for (const word of printable(text).split(' ')) {
        const last = lines.at(-1) ?? '';
        if (last.length + 1 + word.length <= COMMENT_COLUMNS || last.endsWith('#')) {
            lines[lines.length - 1] = `${last} ${word}`;
        } else lines.push(`${indent}#   ${word}`);
    }
    return lines;
}

/** Names and texts of a file may hold anything; a comment is one line of what can be seen. */
function printable(text: string): string {
    return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '�');
}
