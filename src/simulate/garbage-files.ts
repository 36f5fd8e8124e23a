import { gzipSync } from 'node:zlib';
import type { FileRule, RowRule } from '../contracts/ingest-rules.ts';
import type { RandomStream } from './random-stream.ts';
import { columnsOf, type LineFormat } from './reading-line.ts';

/** A file that the platform must refuse as a whole, by exactly one rule. */
export interface RefusedFile {
    readonly bytes: Buffer;
    readonly isGzip: boolean;
    readonly rule: FileRule;
}

/** Lines of a feed without file rules on columns, too few to refuse the file: every line is quarantined instead. */
export interface QuarantinedFile {
    readonly lines: readonly string[];
    readonly rule: RowRule;
}

/**
 * A file that is no readings at all: binary, cut off, empty, not UTF-8.
 * @param header first line, or undefined for ndjson
 * @param lines some good lines
 */
export function garbageFile(
    random: RandomStream,
    header: string | undefined,
    lines: readonly string[],
): RefusedFile {
    const text = `${[...(header === undefined ? [] : [header]), ...lines].join('\n')}\n`;
    const plain = (bytes: Buffer, rule: FileRule): RefusedFile => ({ bytes, rule, isGzip: false });
    const makers: [() => RefusedFile, ...(() => RefusedFile)[]] = [
        () => plain(Buffer.concat([Buffer.from(text), controlBytes(random)]), 'file.not-text'),
        () => plain(Buffer.alloc(0), 'file.empty'),
        () => plain(Buffer.from(`${text}\u00c9T\u00c9,${lines[0] ?? ''}\n`, 'latin1'), 'file.encoding'),
        () => {
            const whole = gzipSync(text);
            const bytes = whole.subarray(0, Math.floor(whole.length * 0.6));
            return { bytes, rule: 'file.compression-damaged', isGzip: true };
        },
    ];
    if (header !== undefined) makers.push(() => plain(Buffer.from(`${header}\n`), 'file.empty'));
    return random.pick(makers)();
}

/** Bytes that no text has, all of them below 0x80, so that they are no fault of encoding. */
function controlBytes(random: RandomStream): Buffer {
    return Buffer.from(Array.from({ length: 200 }, () => random.pick([0, 1, 2, 5, 8, 14, 17, 31, 65, 97])));
}

/** A file of a vendor who changed the columns without telling; for csv feeds. */
export function changedFormatFile(
    random: RandomStream,
    format: LineFormat,
    lines: readonly string[],
): RefusedFile {
    const columns = columnsOf(format);
    const rows = lines.map((line) => line.split(','));
    const value = format.feed === 'lcl' ? 2 : 4;
    const rebuilt = (rule: FileRule, change: (fields: readonly string[], isHeader: boolean) => string[]) => {
        const table = [change(columns, true), ...rows.map((row) => change(row, false))];
        const text = `${table.map((fields) => fields.join(',')).join('\n')}\n`;
        return { bytes: Buffer.from(text), isGzip: false, rule };
    };
    const makers: [() => RefusedFile, ...(() => RefusedFile)[]] = [
        () => rebuilt('file.column-unknown', (f, isHeader) => [...f, isHeader ? 'firmware' : '7.1']),
        () => rebuilt('file.column-missing', (f) => f.filter((_, i) => i !== value)),
        () => rebuilt('file.header-duplicate', (f) => [...f, f[value] ?? '']),
        () => rebuilt('file.column-order', (f) => [f[1] ?? '', f[0] ?? '', ...f.slice(2)]),
    ];
    if (format.feed !== 'lcl') {
        const renamed = (f: readonly string[]) =>
            f.map((name) => (name === 'quality' ? 'reading_type' : name));
        makers.push(() => rebuilt('file.column-unknown', (f, isHeader) => (isHeader ? renamed(f) : [...f])));
    }
    return random.pick(makers)();
}

// what `formFaultsPercent` says in docs/feeds.md: fewer broken rows are quarantined one by one
const REFUSED_FROM_LINES = 10;

/** The same of an ndjson vendor: a key that nobody knows in every object. */
export function changedFormatLines(lines: readonly string[]): RefusedFile | QuarantinedFile {
    const changed = lines.map((line) => line.replace(/}$/, ',"firmware":"7.1"}'));
    if (changed.length < REFUSED_FROM_LINES) return { lines: changed, rule: 'row.column-unknown' };
    return { bytes: Buffer.from(`${changed.join('\n')}\n`), isGzip: false, rule: 'file.form-changed' };
}
