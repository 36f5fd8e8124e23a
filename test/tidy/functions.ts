import { lexCode, type Token } from './typescript-lexer.ts';

export interface FunctionSpan {
    readonly name: string;
    readonly firstLine: number;
    readonly lastLine: number;
}

/** Words before `(…) {` that begin a statement, not a function. */
const STATEMENTS = new Set(['if', 'for', 'while', 'switch', 'catch', 'with', 'await']);
/** Words after which a type goes on, so that a following `{` belongs to the type. */
const TYPE_GOES_ON = new Set(['is', 'asserts', 'keyof', 'typeof', 'extends', 'readonly', 'infer']);
const CLOSERS: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}', '<': '>' };

/**
 * The functions of a file that have a body in braces, each from the line of its name (an arrow function:
 * of its parameters) to that of its closing brace. The callback of `describe` or `suite` is a heading of
 * tests, not a function of its own, and is left out.
 */
export function findFunctions(source: string): FunctionSpan[] {
    const tokens = lexCode(source).filter((token) => token.kind !== 'template');
    const spans: FunctionSpan[] = [];
    for (let at = 0; at < tokens.length; at += 1) {
        const body =
            tokens[at]?.text === '=>'
                ? at + 1
                : tokens[at]?.text === '('
                  ? bodyAfterParameters(tokens, at)
                  : -1;
        if (tokens[body]?.text !== '{' || tokens[body]?.kind !== 'mark') continue;
        const start = tokens[at]?.text === '=>' ? arrowStart(tokens, at) : nameBefore(tokens, at);
        if (isTestHeading(tokens, start)) continue;
        spans.push({
            name: nameOf(tokens, start),
            firstLine: tokens[start]?.line ?? 0,
            lastLine: tokens[matching(tokens, body)]?.lastLine ?? 0,
        });
    }
    return spans;
}

/** Where the body of a function begins whose parameters open at `open`; -1 where this is no such function. */
function bodyAfterParameters(tokens: readonly Token[], open: number): number {
    const before = tokens[open - 1];
    if (before === undefined || (before.kind === 'word' && STATEMENTS.has(before.text))) return -1;
    const canBeNamed =
        before.kind === 'word' || before.kind === 'string' || before.text === '>' || before.text === ']';
    if (!canBeNamed && before.text !== '*') return -1;
    const after = matching(tokens, open) + 1;
    if (tokens[after]?.text === '{') return after;
    return tokens[after]?.text === ':' ? bodyAfterType(tokens, after + 1) : -1;
}

/** Where the body begins after a return type that begins at `from`; -1 where the type ends without one. */
function bodyAfterType(tokens: readonly Token[], from: number): number {
    let isComplete = false;
    for (let at = from; at < tokens.length; at += 1) {
        const token = tokens[at];
        if (token === undefined) return -1;
        if (token.kind !== 'mark') {
            isComplete = !TYPE_GOES_ON.has(token.text);
        } else if (token.text === '{' && isComplete) {
            return at;
        } else if (CLOSERS[token.text] !== undefined) {
            at = matching(tokens, at);
            isComplete = true;
        } else if (token.text === '=>' || '|&.?:'.includes(token.text)) {
            isComplete = false;
        } else {
            return -1;
        }
    }
    return -1;
}

/** The index of the bracket that closes the one at `open`. `>` of an arrow is a token of its own and does not count. */
function matching(tokens: readonly Token[], open: number): number {
    const opener = tokens[open]?.text ?? '';
    const closer = CLOSERS[opener];
    let depth = 0;
    for (let at = open; at < tokens.length; at += 1) {
        const token = tokens[at];
        if (token?.kind !== 'mark') continue;
        if (token.text === opener) depth += 1;
        if (token.text === closer) depth -= 1;
        if (depth === 0) return at;
    }
    return tokens.length - 1;
}

/** The token at which the parameters of the arrow at `arrow` begin, without a return type's tokens being told apart. */
function arrowStart(tokens: readonly Token[], arrow: number): number {
    let depth = 0;
    for (let at = arrow - 1; at >= 0; at -= 1) {
        const text = tokens[at]?.kind === 'mark' ? tokens[at]?.text : undefined;
        if (text === ')') depth += 1;
        if (text === '(') depth -= 1;
        if (depth === 0 && (text === '(' || tokens[at]?.kind === 'word') && tokens[at - 1]?.text !== ':')
            return at;
    }
    return arrow;
}

/** The name before the parameters that open at `open`, which type parameters may stand between. */
function nameBefore(tokens: readonly Token[], open: number): number {
    let at = open - 1;
    for (let depth = 0; at > 0; at -= 1) {
        if (tokens[at]?.text === '>') depth += 1;
        else if (tokens[at]?.text === '<') depth -= 1;
        else if (depth === 0) break;
    }
    return Math.max(0, at);
}

function isTestHeading(tokens: readonly Token[], start: number): boolean {
    const nearby = tokens.slice(Math.max(0, start - 12), start).map((token) => token.text);
    const call = Math.max(nearby.lastIndexOf('describe'), nearby.lastIndexOf('suite'));
    return call >= 0 && nearby[call + 1] === '(' && !nearby.slice(call).includes('=>');
}

function nameOf(tokens: readonly Token[], start: number): string {
    const back = tokens.slice(Math.max(0, start - 3), start + 1).filter((token) => token.kind === 'word');
    return back.at(-1)?.text ?? 'function';
}
