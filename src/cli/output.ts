import { GridtallyError, type InputFault } from '../kernel/errors.ts';
import { explainFullDisk } from './full-disk.ts';

/** Where a command writes: one JSON document or text on stdout; progress and notices on stderr. */
export interface Output {
    readonly isJson: boolean;
    /** The result: `text` lines for people, `value` for `--json`. */
    result(value: unknown, text: string | readonly string[]): void;
    /** One line that replaces the last one on a terminal, and is left out elsewhere except at its end. */
    progress(line: string): void;
    notice(line: string): void;
}

export function openOutput(isJson: boolean): Output {
    const isTerminal = process.stderr.isTTY === true;
    let hasProgress = false;
    const endProgress = () => {
        if (hasProgress) process.stderr.write('\n');
        hasProgress = false;
    };
    return {
        isJson,
        result(value, text) {
            endProgress();
            const lines = typeof text === 'string' ? [text] : text;
            process.stdout.write(isJson ? `${jsonText(value)}\n` : `${lines.join('\n')}\n`);
        },
        progress(line) {
            if (!isTerminal) return;
            process.stderr.write(`\r\x1b[2K${line.slice(0, (process.stderr.columns ?? 80) - 1)}`);
            hasProgress = true;
        },
        notice(line) {
            endProgress();
            process.stderr.write(`${line}\n`);
        },
    };
}

/** Whole numbers that DuckDB gives as bigint are numbers in JSON while these are exact, else texts; decimals are texts already. */
function jsonText(value: unknown): string {
    return JSON.stringify(value, (_key, v) => (typeof v === 'bigint' ? exactNumber(v) : v), 2);
}

function exactNumber(whole: bigint): number | string {
    const number = Number(whole);
    return Number.isSafeInteger(number) ? number : String(whole);
}

/** Columns as wide as their content; numbers to the right. */
export function tableText(columns: readonly string[], rows: readonly (readonly unknown[])[]): string[] {
    const cells = rows.map((row) => row.map((v) => (v === null || v === undefined ? '' : String(v))));
    // a row at a time: an answer may have more rows than a call can have arguments
    const widths = columns.map((name, i) =>
        cells.reduce((widest, row) => Math.max(widest, row[i]?.length ?? 0), name.length),
    );
    const isNumeric = columns.map(
        (_, i) => cells.length > 0 && cells.every((row) => /^-?[\d,]*\.?\d*$/.test(row[i] ?? '')),
    );
    const line = (row: readonly string[]) =>
        row
            .map((cell, i) => (isNumeric[i] ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
            .join('  ')
            .trimEnd();
    return [line(columns), widths.map((w) => '-'.repeat(w)).join('  '), ...cells.map(line)];
}

/** A line for each fault of an input, with its place. */
export function faultText(faults: readonly InputFault[]): string[] {
    return faults.map((f) => {
        const place = placeText(f);
        return `  ${place}${place === '' ? '' : ': '}${f.message}`;
    });
}

/** Where in an input, as `file:line field`, as far as that is known. */
export function placeText(place: {
    readonly file?: string | undefined;
    readonly line?: number | null | undefined;
    readonly field?: string | null | undefined;
}): string {
    const at = [place.file, place.line].filter((part) => part !== undefined && part !== null).join(':');
    return [at, place.field].filter(Boolean).join(' ');
}

/** A key of a result in words: `payloadsUnparsed` as `payloads unparsed`. */
export function inWords(key: string): string {
    return key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).replace(/\bkwh\b/, 'kWh');
}

const LINE_COLUMNS = 120;

/** Sentences in lines of at most 120 columns, further ones indented; a word that is longer stays whole. */
export function wrapped(text: string): string[] {
    const indent = `${/^ */.exec(text)?.[0] ?? ''}    `;
    const lines = [''];
    for (const word of text.split(/(?<=[^ ]) /)) {
        const last = lines.at(-1) ?? '';
        if (last === '') lines[lines.length - 1] = word;
        else if (last.length + 1 + word.length <= LINE_COLUMNS) lines[lines.length - 1] = `${last} ${word}`;
        else lines.push(`${indent}${word}`);
    }
    return lines;
}

/** For `--json`: one document also where a command fails. */
export function printErrorJson(error: {
    readonly code: string;
    readonly message: string;
    readonly remedy?: string;
    readonly faults?: readonly InputFault[];
}): void {
    process.stdout.write(`${JSON.stringify({ error }, null, 2)}\n`);
}

/** What is wrong, where, and what to do; the stack only of a broken assumption. */
export function reportError(thrown: unknown, isJson: boolean): number {
    const error = explainFullDisk(thrown);
    if (error instanceof GridtallyError) {
        const { code, message, remedy, faults } = error;
        if (isJson) printErrorJson({ code, message, remedy, faults });
        process.stderr.write([`error ${code}: ${message}`, ...faultText(faults), remedy, ''].join('\n'));
        return code === 'usage.invalid' ? 2 : 1;
    }
    const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
    if (isJson) printErrorJson({ code: 'internal', message: String(error) });
    process.stderr.write(`error: ${said}\n`);
    return 1;
}
