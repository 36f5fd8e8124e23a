import { isUtf8 } from 'node:buffer';
import { validUtf8Length } from '../utf8-prefix.ts';
import { unreadableSample } from './draft-guess.ts';

export interface SampleLine {
    /** From 1, as an editor counts. */
    readonly no: number;
    readonly text: string;
}

/** The beginning of a file as lines of text; blank lines are left out. */
export interface SampleLines {
    readonly file: string;
    readonly lines: readonly SampleLine[];
    /** False where the file goes on after the sample. */
    readonly isWhole: boolean;
    readonly lineBytesMax: number;
}

/** A header and as many rows; enough for a year of half-hours of one meter. */
const LINES_MAX = 20_001;
/** Text is held as lines, then as fields: some ten times as much memory. */
const BYTES_MAX = 4 * 1024 * 1024;
/** The longest line that a contract may allow (`maxLineBytes`). */
const LINE_BYTES_MAX = 1_048_576;

const LF = 0x0a;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Reads the first 20,001 lines or 4 MiB of decompressed text, whatever the file holds beyond them.
 * Throws `feed.sample-unreadable` where that is no UTF-8 text in lines.
 */
export async function readSampleLines(
    chunks: AsyncIterable<Buffer> | Iterable<Buffer>,
    file: string,
): Promise<SampleLines> {
    const { bytes, isWhole } = await beginning(chunks);
    refuseOtherFormats(bytes, file);
    const text = bytes.subarray(0, BOM.length).equals(BOM) ? bytes.subarray(BOM.length) : bytes;
    const end = isWhole ? text.length : text.lastIndexOf(LF) + 1;
    const complete = text.subarray(0, end === 0 ? text.length : end);
    refuseControlBytes(complete, file);
    refuseOtherEncodings(complete, file);
    const all = complete.toString('utf8').split('\n');
    const lineBytesMax = all.reduce((most, line) => Math.max(most, Buffer.byteLength(line)), 0);
    if (lineBytesMax > LINE_BYTES_MAX) {
        const line = all.findIndex((text) => Buffer.byteLength(text) > LINE_BYTES_MAX) + 1;
        const message = `line ${line} is longer than the ${LINE_BYTES_MAX} bytes that a contract may allow`;
        throw unreadableSample(file, message, { line });
    }
    const lines = all
        .map((line, i) => ({ no: i + 1, text: line.replace(/\r$/, '') }))
        .filter((line) => /[^ \t\r]/.test(line.text))
        .slice(0, LINES_MAX);
    if (lines.length === 0) throw unreadableSample(file, 'the file has no line');
    return { file, lines, isWhole, lineBytesMax };
}

async function beginning(
    chunks: AsyncIterable<Buffer> | Iterable<Buffer>,
): Promise<{ bytes: Buffer; isWhole: boolean }> {
    const parts: Buffer[] = [];
    let size = 0;
    let lines = 0;
    for await (const chunk of chunks) {
        parts.push(chunk);
        size += chunk.length;
        for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1)) lines += 1;
        if (size > BYTES_MAX || lines > LINES_MAX) return { bytes: Buffer.concat(parts), isWhole: false };
    }
    return { bytes: Buffer.concat(parts), isWhole: true };
}

/** First bytes of formats that come instead of a table, and what to do about each. */
const OTHER_FORMATS: readonly (readonly [RegExp, string, string])[] = [
    [
        /^PK[^\w ]/,
        'it is a ZIP archive or an Excel workbook',
        'Unpack it, or save the sheet as CSV in UTF-8.',
    ],
    [/^\xd0\xcf/, 'it is an Excel workbook', 'Save the sheet as CSV in UTF-8.'],
    [/^PAR1/, 'it is a Parquet file', 'Write it as CSV, for example with DuckDB: copy (from FILE) to OUT.'],
    [/^%PDF/, 'it is a PDF', 'Ask the sender for the readings as CSV or NDJSON.'],
    [/^(\xef\xbb\xbf)?\s*</, 'it is XML or HTML', 'Feeds are CSV, TSV or NDJSON: convert it to one of them.'],
    [
        /^(\xef\xbb\xbf)?\s*\[/,
        'it is one JSON array',
        'Write one object a line, for example with jq -c ".[]".',
    ],
    [/^(UNA|UNB\+)/, 'it is EDIFACT', 'Feeds are CSV, TSV or NDJSON: convert it to one of them.'],
    [
        /^(\xef\xbb\xbf)?"?100"?,"?NEM1[23]/,
        'it is a NEM12 or NEM13 file, whose lines are of several kinds',
        'Convert it to one reading a line, or one row a day with a header.',
    ],
];

function refuseOtherFormats(bytes: Buffer, file: string): void {
    const start = bytes.toString('latin1', 0, 64);
    const other = OTHER_FORMATS.find(([form]) => form.test(start));
    if (other) throw unreadableSample(file, other[1], { remedy: other[2] });
    if (/^(\xff\xfe|\xfe\xff)/.test(start)) {
        throw unreadableSample(file, 'it begins as UTF-16 does', { remedy: 'Save it as UTF-8.' });
    }
}

/** Tab, line feed, vertical tab, form feed and carriage return are text; the other bytes below the blank are not. */
function refuseControlBytes(bytes: Buffer, file: string): void {
    const at = bytes.findIndex((byte) => byte < 0x20 && (byte < 0x09 || byte > 0x0d));
    if (at < 0) return;
    const hex = `0x${(bytes[at] ?? 0).toString(16).toUpperCase().padStart(2, '0')}`;
    throw unreadableSample(file, `a byte ${hex} stands in it, so it is no text`, { line: lineAt(bytes, at) });
}

function refuseOtherEncodings(bytes: Buffer, file: string): void {
    if (isUtf8(bytes)) return;
    const at = validUtf8Length(bytes);
    const byte = bytes[at] ?? 0;
    const hex = `0x${byte.toString(16).toUpperCase()}`;
    const letter = byte >= 0xa0 ? `; in Windows-1252 the byte ${hex} is ${String.fromCharCode(byte)}` : '';
    throw unreadableSample(file, `bytes that are no UTF-8 stand in it (${hex})${letter}`, {
        line: lineAt(bytes, at),
        remedy: 'Convert it to UTF-8, for example with iconv -f WINDOWS-1252 -t UTF-8.',
    });
}

function lineAt(bytes: Buffer, at: number): number {
    let line = 1;
    for (let lf = bytes.indexOf(LF); lf >= 0 && lf < at; lf = bytes.indexOf(LF, lf + 1)) line += 1;
    return line;
}
