import type { FeedContract } from '../contracts/feed-contract.ts';
import { type Header, trimBlanks } from './header.ts';
import { splitQuoted } from './quoted-line.ts';
import type { RecordWriter } from './record-spool.ts';
import { FIELD_SEPARATOR, type SpoolWriter, writeVisibleReturn } from './spool-writer.ts';

const QUOTE = 0x22;
const CR = 0x0d;
const TAB = 0x09;
const BLANK = 0x20;

/** Writes lines of delimited fields, whose header has been matched with the contract. */
export function delimitedRecords(contract: FeedContract, header: Header, spool: SpoolWriter): RecordWriter {
    const { layout } = contract;
    const delimiter = layout.delimiter.charCodeAt(0);
    const fieldCount = header.columns.length;
    const separators = separatorsBefore(header);

    const writePlain: RecordWriter = (line, from, to) => {
        spool.copy(line, from, to);
        const found = copyFields(line, from, to, delimiter, separators, spool);
        return found === fieldCount ? '' : 'row.fields';
    };
    const writeQuoted: RecordWriter = (line, from, to) => {
        const quote = line.indexOf(QUOTE, from);
        if (quote < 0 || quote >= to) return writePlain(line, from, to);
        const fields = splitQuoted(line.toString('utf8', from, to), layout.delimiter);
        if (fields === undefined) return 'row.quote';
        if (fields.length !== fieldCount) return 'row.fields';
        spool.copy(line, from, to);
        for (const place of header.places) {
            spool.separator();
            if (place >= 0) spool.text(trimBlanks(fields[place] ?? '').replaceAll('\r', '␍'));
        }
        return '';
    };
    return layout.quoting === 'double' ? writeQuoted : writePlain;
}

/**
 * How many separators stand before each field of a line: its own and those of the absent columns before it. The last entry counts
 * those of absent columns at the end. This is enough because a header keeps the contract's order.
 */
function separatorsBefore(header: Header): Int32Array {
    const counts = new Int32Array(header.columns.length + 1);
    let field = 0;
    for (const place of header.places) {
        counts[field] = (counts[field] ?? 0) + 1;
        if (place >= 0) field += 1;
    }
    return counts;
}

/** Copies fields, blanks around them cut off; gives the number of fields. Nearly all the time of a spool is spent here. */
function copyFields(
    line: Buffer,
    from: number,
    to: number,
    delimiter: number,
    separators: Int32Array,
    spool: SpoolWriter,
): number {
    const { bytes } = spool;
    let { at } = spool;
    let found = 0;
    for (let n = separators[0] as number; n > 0; n -= 1) bytes[at++] = FIELD_SEPARATOR;
    let fieldAt = at;
    for (let i = from; i < to; i += 1) {
        const byte = line[i] as number;
        if (byte === delimiter) {
            while (at > fieldAt && isBlank(bytes[at - 1] as number)) at -= 1;
            found += 1;
            if (found >= separators.length) return found + 1;
            for (let n = separators[found] as number; n > 0; n -= 1) bytes[at++] = FIELD_SEPARATOR;
            fieldAt = at;
        } else if (byte > BLANK) bytes[at++] = byte;
        else if (byte === CR) at = writeVisibleReturn(bytes, at);
        else if (at > fieldAt || !isBlank(byte)) bytes[at++] = byte;
    }
    while (at > fieldAt && isBlank(bytes[at - 1] as number)) at -= 1;
    if (found + 1 < separators.length) {
        for (let n = separators[found + 1] as number; n > 0; n -= 1) bytes[at++] = FIELD_SEPARATOR;
    }
    spool.at = at;
    return found + 1;
}

function isBlank(byte: number): boolean {
    return byte === BLANK || byte === TAB;
}
