import type { FeedContract } from '../contracts/feed-contract.ts';
import {
    delimiterName,
    differenceText,
    headerDifference,
    looksLikeRow,
    otherDelimiter,
    shortName,
} from './header-difference.ts';
import type { PayloadRefusal } from './payload-verdict.ts';
import { splitQuoted } from './quoted-line.ts';

export interface Header {
    readonly columns: readonly string[];
    /** For each column of the contract its place in the header, or -1 where an optional one is absent. */
    readonly places: readonly number[];
}

type HeaderReading = { readonly header: Header } | { readonly refused: PayloadRefusal };

/** Matches a header with the contract: the contract's columns in its order, where optional ones may be absent. */
export function readHeader(text: string, line: number, contract: FeedContract): HeaderReading {
    const { delimiter, quoting } = contract.layout;
    const names = (quoting === 'double' && splitQuoted(text, delimiter)) || text.split(delimiter);
    const columns = names.map((name) => trimBlanks(name));
    const places = contract.columns.map(({ name }) => columns.indexOf(name));
    const refused = headerFault(text, columns, places, line, contract);
    return refused === undefined ? { header: { columns, places } } : { refused };
}

/** Cuts off blanks and tabs, and nothing else that JavaScript takes for white space. */
export function trimBlanks(text: string): string {
    return text.replace(/^[ \t]+|[ \t]+$/g, '');
}

function headerFault(
    text: string,
    columns: readonly string[],
    places: readonly number[],
    line: number,
    contract: FeedContract,
): PayloadRefusal | undefined {
    const { delimiter } = contract.layout;
    const difference = headerDifference(columns, contract);
    const expected = contract.columns.map(({ name }) => name).join(delimiter);
    const refuse = (ruleId: PayloadRefusal['ruleId'], field: string, what: string) => {
        const message = `The header differs from the contract ${contract.feed} ${contract.version}: ${what}. It has ${expected}.`;
        return { ruleId, message, line, field: JSON.parse(shortName(field)) };
    };
    const told = differenceText(difference);
    const twice = columns.filter((name, i) => columns.indexOf(name) < i);
    if (twice.length > 0) {
        const what = `column twice: ${twice.map(shortName).join(', ')}`;
        return refuse('file.header-duplicate', twice[0] ?? '', [what, told].filter(Boolean).join('; '));
    }
    const known = new Set(contract.columns.map(({ name }) => name));
    const unknown = columns.find((name) => !known.has(name));
    if (unknown !== undefined) {
        const other = otherDelimiter(text, contract);
        if (other !== undefined) {
            const what = `delimiter changed: ${delimiterName(delimiter)} → ${delimiterName(other)}`;
            return refuse('file.delimiter', unknown, what);
        }
        const row = looksLikeRow(columns) ? 'the first line looks like a row, and there is no header; ' : '';
        return refuse('file.column-unknown', unknown, row + told);
    }
    const missing = contract.columns.find(({ required }, i) => required && places[i] === -1);
    if (missing !== undefined) return refuse('file.column-missing', missing.name, told);
    const [moved] = difference.moved;
    return moved === undefined ? undefined : refuse('file.column-order', moved, told);
}
