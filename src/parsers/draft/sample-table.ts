import { counted } from '../../kernel/counted.ts';
import { trimBlanks } from '../header.ts';
import { delimiterName } from '../header-difference.ts';
import { JsonLine } from '../json-line.ts';
import { splitQuoted } from '../quoted-line.ts';
import { type Guessed, guessed, shown, shownList, unreadableSample } from './draft-guess.ts';
import type { SampleLine, SampleLines } from './sample-lines.ts';

/** A sample as rows of fields, blanks around them cut off. */
export interface SampleTable {
    readonly file: string;
    readonly format: Guessed<'csv' | 'tsv' | 'ndjson'>;
    /** Of delimited text; told apart from `format` only where a contract must name it. */
    readonly delimiter?: Guessed<string>;
    readonly quoting: Guessed<'none' | 'double'>;
    readonly columns: readonly string[];
    /** Keys that some objects lack. */
    readonly absent: ReadonlySet<string>;
    readonly rows: readonly (readonly string[])[];
    /** Lines that are no row of these columns. */
    readonly oddLines: number;
    readonly isWhole: boolean;
    readonly lineBytesMax: number;
}

/** Characters that are used between fields; the commonest first. */
const DELIMITERS = [',', ';', '\t', '|', '^', '~', '#', '!', ':'];
/** So many lines tell how often a delimiter splits as the header does. */
const LOOKED_AT = 500;
const SURE_SHARE = 0.9;
const ENOUGH_SHARE = 0.5;

/** Throws `feed.sample-unreadable` where the lines have no fields and no header in common. */
export function readSampleTable(sample: SampleLines): SampleTable {
    const first = sample.lines[0]?.text ?? '';
    return /^[ \t]*\{/.test(first) ? jsonTable(sample) : delimitedTable(sample);
}

interface Split {
    readonly delimiter: string;
    readonly isQuoted: boolean;
    readonly columns: readonly string[];
    /** Share of the lines after the header that have as many fields. */
    readonly share: number;
}

function delimitedTable(sample: SampleLines): SampleTable {
    const { file, isWhole, lineBytesMax } = sample;
    const [head, ...lines] = sample.lines as [SampleLine, ...SampleLine[]];
    const splits = DELIMITERS.map((delimiter) => splitBy(delimiter, head, lines)).filter(
        ({ columns, share }) => columns.length > 1 && (share >= ENOUGH_SHARE || lines.length === 0),
    );
    const best = splits.toSorted(
        (a, b) =>
            Number(b.share >= SURE_SHARE) - Number(a.share >= SURE_SHARE) ||
            b.columns.length - a.columns.length,
    )[0];
    if (best === undefined) throw noColumns(sample);
    if (lines.length === 0) throw unreadableSample(file, 'it has a header and no line beside it');
    refuseNames(best.columns, file, head.no);
    const fields = lines.map(({ text }) => fieldsOf(text, best.delimiter, best.isQuoted));
    const rows = fields.filter((row) => row?.length === best.columns.length) as string[][];
    const format = best.delimiter === '\t' ? 'tsv' : 'csv';
    const others = splits.filter(({ delimiter }) => delimiter !== best.delimiter);
    const why = `${best.columns.length} names in the header, and as many fields in ${rows.length} of ${lines.length} lines`;
    const certainty = others.length > 0 || best.share < SURE_SHARE ? 'likely' : 'certain';
    const name = `the delimiter is ${delimiterName(best.delimiter)}: ${why}`;
    return {
        file,
        format: guessed(
            format,
            name,
            certainty,
            others.map(({ delimiter }) => delimiterName(delimiter)),
        ),
        ...(best.delimiter === ',' || best.delimiter === '\t'
            ? {}
            : { delimiter: guessed(best.delimiter, why, certainty) }),
        quoting: quotingOf(sample.lines, best),
        columns: best.columns,
        absent: new Set(),
        rows,
        oddLines: lines.length - rows.length,
        isWhole,
        lineBytesMax,
    };
}

function splitBy(delimiter: string, head: SampleLine, lines: readonly SampleLine[]): Split {
    const looked = lines.slice(0, LOOKED_AT);
    const attempt = (isQuoted: boolean): Split => {
        const columns = fieldsOf(head.text, delimiter, isQuoted) ?? [];
        const alike = looked.filter(
            ({ text }) => fieldsOf(text, delimiter, isQuoted)?.length === columns.length,
        );
        return { delimiter, isQuoted, columns, share: alike.length / Math.max(1, looked.length) };
    };
    const plain = attempt(false);
    if (![head, ...looked].some(({ text }) => text.includes('"'))) return plain;
    const quoted = attempt(true);
    return quoted.columns.length > 1 && (quoted.share >= plain.share || head.text.includes('"'))
        ? quoted
        : plain;
}

function fieldsOf(text: string, delimiter: string, isQuoted: boolean): string[] | undefined {
    return (isQuoted ? splitQuoted(text, delimiter) : text.split(delimiter))?.map(trimBlanks);
}

function quotingOf(lines: readonly SampleLine[], { isQuoted }: Split): Guessed<'none' | 'double'> {
    const withQuotes = lines.filter(({ text }) => text.includes('"')).length;
    if (isQuoted)
        return guessed('double', `fields in double quotes in ${counted(withQuotes, 'line')}`, 'certain');
    if (withQuotes === 0) return guessed('none', 'no line has a double quote', 'likely', ['double']);
    return guessed(
        'none',
        `the double quotes in ${counted(withQuotes, 'line')} enclose no fields`,
        'likely',
        ['double'],
    );
}

/** A header is the first line that is not blank; where another comes first, the lines after it say so. */
function noColumns({ file, lines }: SampleLines) {
    const [head] = lines;
    const later = DELIMITERS.find((delimiter) => commonestCount(lines, delimiter) > 2);
    if (later !== undefined) {
        const message = `the first line, ${shown(head?.text ?? '')}, is no header: it has other fields than most lines, which ${delimiterName(later)} separates`;
        return unreadableSample(file, message, {
            line: head?.no ?? 1,
            remedy: 'Take the lines before the header out: a header is the first line that is not blank.',
        });
    }
    const tried = DELIMITERS.map(delimiterName).join(' ');
    return unreadableSample(file, `no delimiter (${tried}) splits the lines into columns`, {
        line: head?.no ?? 1,
        remedy: 'Give a file whose first line names the columns, or one JSON object a line.',
    });
}

/** How many fields most of the lines have; 0 where no number of them is that of most. */
function commonestCount(lines: readonly SampleLine[], delimiter: string): number {
    const counts = lines.slice(0, LOOKED_AT).map(({ text }) => text.split(delimiter).length);
    const middle = counts.toSorted((a, b) => a - b)[counts.length >> 1] ?? 0;
    return counts.filter((n) => n === middle).length * 2 > counts.length ? middle : 0;
}

function refuseNames(columns: readonly string[], file: string, line: number): void {
    const blank = columns.indexOf('');
    if (blank >= 0) {
        const what = blank === columns.length - 1 ? ': the header ends with a delimiter' : '';
        throw unreadableSample(file, `column ${blank + 1} has no name${what}`, {
            line,
            remedy: 'Give each column a name of its own in the header.',
        });
    }
    const twice = columns.find((name, i) => columns.indexOf(name) < i);
    if (twice !== undefined) {
        throw unreadableSample(file, `two columns are named ${shown(twice)}`, { line, field: twice });
    }
    const odd = columns.find((name) => name !== name.trim() || /[\p{Cc}"]/u.test(name));
    if (odd !== undefined) {
        const message = `the name ${shown(odd)} has a quote, a control character or a blank of another kind at its ends, which no contract can name`;
        throw unreadableSample(file, message, { line, field: odd });
    }
}

function jsonTable(sample: SampleLines): SampleTable {
    const { file, isWhole, lineBytesMax, lines } = sample;
    const objects = lines.map(({ text }) => flatObject(text));
    const sound = objects.filter((object) => object !== undefined);
    if (sound.length < lines.length * ENOUGH_SHARE) {
        const line = lines[objects.indexOf(undefined)]?.no ?? 1;
        throw unreadableSample(file, `line ${line} begins as JSON does and is no flat object`, {
            line,
            remedy: 'Write one object a line, without objects or lists in it, for example with jq -c.',
        });
    }
    const columns = [...new Set(sound.flatMap((object) => [...object.keys()]))];
    refuseNames(columns, file, lines[0]?.no ?? 1);
    const absent = columns.filter((name) => sound.some((object) => !object.has(name)));
    const why = `${counted(sound.length, 'line')} with a flat object each; the keys are ${shownList(columns)}`;
    return {
        file,
        format: guessed('ndjson', why, 'certain'),
        quoting: guessed('none', 'JSON has quotes of its own', 'certain'),
        columns,
        absent: new Set(absent),
        rows: sound.map((object) => columns.map((name) => object.get(name) ?? '')),
        oddLines: lines.length - sound.length,
        isWhole,
        lineBytesMax,
    };
}

/** Texts of the members as the reader takes them: digits as they stand, null as nothing. */
function flatObject(text: string): Map<string, string> | undefined {
    const line = Buffer.from(text);
    const reader = new JsonLine();
    const object = new Map<string, string>();
    reader.open(line, 0, line.length);
    while (reader.next()) {
        const key = reader.decodedKey ?? line.toString('utf8', reader.keyFrom, reader.keyTo);
        const value = reader.decodedValue ?? line.toString('utf8', reader.valueFrom, reader.valueTo);
        if (object.has(key)) return undefined;
        object.set(key, reader.kind === 'null' ? '' : trimBlanks(value));
    }
    return reader.isBroken ? undefined : object;
}
