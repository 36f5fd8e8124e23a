import type { FeedContract } from '../contracts/feed-contract.ts';
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
    const refused = headerFault(columns, places, line, contract);
    return refused === undefined ? { header: { columns, places } } : { refused };
}

/** Cuts off blanks and tabs, and nothing else that JavaScript takes for white space. */
export function trimBlanks(text: string): string {
    return text.replace(/^[ \t]+|[ \t]+$/g, '');
}

function headerFault(
    columns: readonly string[],
    places: readonly number[],
    line: number,
    contract: FeedContract,
): PayloadRefusal | undefined {
    const expected = contract.columns.map(({ name }) => name).join(contract.layout.delimiter);
    const refuse = (ruleId: PayloadRefusal['ruleId'], fields: readonly string[], what: string) => {
        const named = fields.map((name) => JSON.stringify(shortened(name))).join(', ');
        const message = `${what}: ${named}. The contract ${contract.feed} ${contract.version} has ${expected}.`;
        return { ruleId, message, line, field: shortened(fields[0] ?? '') };
    };
    const twice = columns.filter((name, i) => columns.indexOf(name) < i);
    if (twice.length > 0)
        return refuse('file.header-duplicate', twice, 'A column stands twice in the header');
    const known = new Set(contract.columns.map(({ name }) => name));
    const unknown = columns.filter((name) => !known.has(name));
    if (unknown.length > 0)
        return refuse('file.column-unknown', unknown, 'The contract does not know the column');
    const missing = contract.columns.filter(({ required }, i) => required && places[i] === -1);
    if (missing.length > 0) {
        const fields = missing.map(({ name }) => name);
        return refuse('file.column-missing', fields, 'The header has no column');
    }
    const present = places.filter((place) => place >= 0);
    const early = present.findIndex((place, i) => place < (present[i - 1] ?? -1));
    if (early < 0) return undefined;
    const field = columns[present[early] ?? 0] ?? '';
    return refuse(
        'file.column-order',
        [field],
        'A column stands before another that the contract puts first',
    );
}

/** A file without a header shows its first row here, which may be long. */
function shortened(name: string): string {
    return name.length <= 80 ? name : `${name.slice(0, 79)}…`;
}
