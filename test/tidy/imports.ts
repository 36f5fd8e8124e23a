import { lexCode, type Token } from './typescript-lexer.ts';

export interface Import {
    readonly from: string;
    readonly line: number;
    /** Names as exported there; `*` for all, `default` for the default export; empty for `import 'x'` and `import('x')`. */
    readonly names: readonly string[];
    /** The name under which `*` or the default is known here. */
    readonly namespace: string | undefined;
    /** `export … from`, which passes on what another file exports. */
    readonly isReexport: boolean;
}

/** All imports of a file: static, dynamic with a literal, side effects, and re-exports. */
export function findImports(source: string): Import[] {
    const tokens = lexCode(source);
    const found: Import[] = [];
    tokens.forEach((token, at) => {
        if (token.kind !== 'word' || tokens[at - 1]?.text === '.') return;
        if (token.text !== 'import' && token.text !== 'export') return;
        const clause = clauseAt(tokens, at);
        if (clause !== undefined)
            found.push({ ...clause, line: token.line, isReexport: token.text === 'export' });
    });
    return found;
}

function clauseAt(tokens: readonly Token[], at: number): Omit<Import, 'line' | 'isReexport'> | undefined {
    const next = tokens[at + 1];
    if (tokens[at]?.text === 'import') {
        if (next?.kind === 'string') return { from: unquote(next.text), names: [], namespace: undefined };
        const argument = tokens[at + 2];
        if (next?.text === '(') {
            if (argument?.kind !== 'string') return undefined;
            return { from: unquote(argument.text), names: ['*'], namespace: undefined };
        }
    } else if (next?.text !== '{' && next?.text !== '*' && next?.text !== 'type') {
        return undefined;
    }
    const end = tokens.findIndex((token, i) => i > at && (token.text === 'from' || token.text === ';'));
    const from = tokens[end + 1];
    if (end < 0 || tokens[end]?.text !== 'from' || from?.kind !== 'string') return undefined;
    const words = tokens.slice(at + 1, end);
    return { from: unquote(from.text), ...namesOf(words.filter((token) => token.text !== 'type')) };
}

function namesOf(clause: readonly Token[]): { names: string[]; namespace: string | undefined } {
    const names: string[] = [];
    let namespace: string | undefined;
    clause.forEach((token, i) => {
        const isRenamed = clause[i - 1]?.text === 'as';
        if (token.text === '*') {
            names.push('*');
            namespace = clause[i + 2]?.text;
        } else if (token.kind === 'word' && token.text !== 'as' && !isRenamed) {
            const isDefault = i === 0;
            names.push(isDefault ? 'default' : token.text);
            if (isDefault) namespace = token.text;
        }
    });
    return { names, namespace };
}

function unquote(text: string): string {
    return text.slice(1, -1);
}
