export interface SqlToken {
    readonly kind: 'word' | 'quoted' | 'comment' | 'mark';
    readonly text: string;
    /** Counted from 1. */
    readonly line: number;
}

/** Text in quotes, in dollar quotes of a function body only where it is not SQL itself (`$$` bodies are read as SQL). */
const PATTERN =
    /(?<comment>--[^\n]*|\/\*[\s\S]*?\*\/)|(?<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*")|(?<word>[\p{L}_][\p{L}\p{N}_]*)|(?<mark>\S)/gu;

/** Splits SQL of any dialect into tokens, well enough for rules about its form. */
export function lexSql(source: string): SqlToken[] {
    const tokens: SqlToken[] = [];
    let line = 1;
    let counted = 0;
    for (const match of source.matchAll(PATTERN)) {
        line += source.slice(counted, match.index).split('\n').length - 1;
        counted = match.index;
        const groups = match.groups ?? {};
        const kind = groups.comment ? 'comment' : groups.quoted ? 'quoted' : groups.word ? 'word' : 'mark';
        tokens.push({ kind, text: match[0], line });
    }
    return tokens;
}

/** Words that end a list of sort keys. */
const AFTER_ORDER = new Set([
    'limit',
    'offset',
    'fetch',
    'rows',
    'range',
    'groups',
    'union',
    'except',
    'intersect',
]);

/** The lines of `order by` items that do not say where nulls go. */
export function unorderedNulls(source: string): number[] {
    const tokens = lexSql(source).filter((token) => token.kind !== 'comment');
    const lines: number[] = [];
    for (let at = 0; at < tokens.length; at += 1) {
        if (tokens[at]?.text !== 'order' || tokens[at + 1]?.text !== 'by') continue;
        for (const item of orderItems(tokens, at + 2)) {
            const [nulls, where] = item.slice(-2).map((token) => token.text);
            if (nulls !== 'nulls' || (where !== 'first' && where !== 'last')) lines.push(item[0]?.line ?? 0);
        }
    }
    return lines;
}

function orderItems(tokens: readonly SqlToken[], from: number): SqlToken[][] {
    const items: SqlToken[][] = [[]];
    let depth = 0;
    for (const token of tokens.slice(from)) {
        if (token.text === '(' || token.text === '[') depth += 1;
        if (token.text === ')' || token.text === ']') depth -= 1;
        if (depth < 0 || token.text === ';') break;
        if (depth === 0 && AFTER_ORDER.has(token.text)) break;
        if (depth === 0 && token.text === ',') items.push([]);
        else items.at(-1)?.push(token);
    }
    return items.filter((item) => item.length > 0);
}
