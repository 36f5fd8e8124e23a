/**
 * Splits TypeScript into tokens, well enough to count lines of functions and to find names, strings and
 * imports. TypeScript 7 offers no parser to JavaScript, and the rules of this folder need no more.
 */

export type TokenKind = 'word' | 'number' | 'string' | 'template' | 'regex' | 'comment' | 'mark';

export interface Token {
    readonly kind: TokenKind;
    /** As written. A template is one token with everything in it, as well as the tokens of its `${…}`, which follow it. */
    readonly text: string;
    /** First and last line, counted from 1. */
    readonly line: number;
    readonly lastLine: number;
}

const PATTERNS: readonly (readonly [TokenKind, RegExp])[] = [
    ['comment', /\/\/[^\n]*|\/\*[\s\S]*?\*\/|^#![^\n]*/y],
    ['string', /'(?:[^'\\\n]|\\[\s\S])*'|"(?:[^"\\\n]|\\[\s\S])*"/y],
    ['word', /[\p{ID_Start}$_#@][\p{ID_Continue}$]*/uy],
    ['number', /\d[\w.]*/y],
    ['regex', /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y],
    ['mark', /=>|\.\.\.|\?\.|[^\s]/y],
];

/** After these words a slash begins a pattern; after any other word it divides. */
const BEFORE_PATTERN = new Set(
    'return typeof case in of delete void throw new else do instanceof yield await'.split(' '),
);

/** All tokens of `source` in order of their beginnings. Throws where a template has no end. */
export function lexTypeScript(source: string): Token[] {
    const tokens: Token[] = [];
    lexRange(source, 0, source.length, tokens, lineCounter(source));
    return tokens;
}

/** Without comments, for rules about code. */
export function lexCode(source: string): Token[] {
    return lexTypeScript(source).filter((token) => token.kind !== 'comment');
}

function lexRange(
    source: string,
    from: number,
    to: number,
    tokens: Token[],
    lineAt: (at: number) => number,
): void {
    let before: Token | undefined;
    for (let at = from; at < to; ) {
        if (/\s/.test(source.charAt(at))) {
            at += 1;
            continue;
        }
        const isTemplate = source[at] === '`';
        const [kind, end] = isTemplate
            ? (['template', templateEnd(source, at)] as const)
            : matchAt(source, at, before);
        const token = { kind, text: source.slice(at, end), line: lineAt(at), lastLine: lineAt(end - 1) };
        tokens.push(token);
        if (isTemplate) {
            for (const [inFrom, inTo] of substitutions(source, at))
                lexRange(source, inFrom, inTo, tokens, lineAt);
        }
        if (kind !== 'comment') before = token;
        at = end;
    }
}

function matchAt(source: string, at: number, before: Token | undefined): readonly [TokenKind, number] {
    for (const [kind, pattern] of PATTERNS) {
        if (kind === 'regex' && !canBeginPattern(before)) continue;
        pattern.lastIndex = at;
        const match = pattern.exec(source);
        if (match !== null) return [kind, at + match[0].length];
    }
    throw new Error(`no token at character ${at}`);
}

function canBeginPattern(before: Token | undefined): boolean {
    if (before === undefined) return true;
    if (before.kind === 'word') return BEFORE_PATTERN.has(before.text);
    return before.kind === 'mark' && !')]}'.includes(before.text);
}

/** The character after the template that begins at `at`. */
function templateEnd(source: string, at: number): number {
    const last = substitutions(source, at).at(-1);
    for (let i = last === undefined ? at + 1 : last[1] + 1; i < source.length; i += 1) {
        if (source[i] === '\\') i += 1;
        else if (source[i] === '`') return i + 1;
    }
    throw new Error(`the template that begins at character ${at} has no end`);
}

/** The ranges between `${` and `}` of the template that begins at `at`. */
function substitutions(source: string, at: number): [number, number][] {
    const ranges: [number, number][] = [];
    for (let i = at + 1; i < source.length && source[i] !== '`'; i += 1) {
        if (source[i] === '\\') i += 1;
        else if (source.startsWith('${', i)) {
            const end = substitutionEnd(source, i + 2);
            ranges.push([i + 2, end]);
            i = end;
        }
    }
    return ranges;
}

/** The `}` that closes the substitution whose content begins at `from`; skips strings, comments and inner templates. */
function substitutionEnd(source: string, from: number): number {
    let depth = 0;
    let before: Token | undefined;
    for (let at = from; at < source.length; ) {
        if (/\s/.test(source.charAt(at))) {
            at += 1;
            continue;
        }
        if (source[at] === '}' && depth === 0) return at;
        if (source[at] === '{') depth += 1;
        if (source[at] === '}') depth -= 1;
        const [kind, end] =
            source[at] === '`'
                ? (['template', templateEnd(source, at)] as const)
                : matchAt(source, at, before);
        if (kind !== 'comment') before = { kind, text: source.slice(at, end), line: 0, lastLine: 0 };
        at = end;
    }
    throw new Error(`the substitution that begins at character ${from} has no end`);
}

function lineCounter(source: string): (at: number) => number {
    const starts = [0];
    for (let at = source.indexOf('\n'); at >= 0; at = source.indexOf('\n', at + 1)) starts.push(at + 1);
    return (at) => {
        let low = 0;
        let high = starts.length;
        while (high - low > 1) {
            const middle = (low + high) >> 1;
            if ((starts[middle] ?? 0) <= at) low = middle;
            else high = middle;
        }
        return low + 1;
    };
}
