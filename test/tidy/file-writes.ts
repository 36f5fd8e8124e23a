import type { Import } from './imports.ts';
import { OPENING_CALLS, WRITING_CALLS, WRITING_FLAG } from './tables.ts';
import { lexCode, type Token } from './typescript-lexer.ts';

export interface FileWrite {
    readonly line: number;
    /** Name in node:fs. */
    readonly call: string;
}

/**
 * Where a file takes from node:fs what writes or removes: at the import of its name, since it may be handed on
 * instead of called; and where it is called on the module itself. Opening counts only with a flag that writes.
 */
export function fileWrites(source: string, imports: readonly Import[]): FileWrite[] {
    const fromFs = imports.filter((found) => /^(node:)?fs(\/promises)?$/.test(found.from));
    const imported = fromFs.flatMap((found) =>
        found.names
            .filter((name) => WRITING_CALLS.has(name))
            .map((call): FileWrite => ({ line: found.line, call })),
    );
    const named = new Set(fromFs.flatMap((found) => found.names));
    const modules = new Set(fromFs.map((found) => found.namespace ?? ''));
    const tokens = lexCode(source);
    const called = tokens.filter((token, at) => {
        if (token.kind !== 'word') return false;
        const ofModule = tokens[at - 1]?.text === '.' && isModuleBefore(tokens, at - 2, modules);
        if (ofModule && WRITING_CALLS.has(token.text)) return true;
        if (!OPENING_CALLS.has(token.text) || !(ofModule || named.has(token.text))) return false;
        return argumentsOf(tokens, at).some((text) => WRITING_FLAG.test(text));
    });
    return [...imported, ...called.map((token) => ({ line: token.line, call: token.text }))];
}

function isModuleBefore(tokens: readonly Token[], at: number, modules: ReadonlySet<string>): boolean {
    const isPromises = tokens[at]?.text === 'promises' && tokens[at - 1]?.text === '.';
    return modules.has(tokens[isPromises ? at - 2 : at]?.text ?? '?');
}

function argumentsOf(tokens: readonly Token[], call: number): string[] {
    const texts: string[] = [];
    let depth = 0;
    for (const token of tokens.slice(call + 1)) {
        if (token.text === '(') depth += 1;
        if (token.text === ')') depth -= 1;
        if (depth === 0) return texts;
        texts.push(token.text);
    }
    return texts;
}
