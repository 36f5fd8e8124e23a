import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { assert, GridtallyError } from '../kernel/errors.ts';
import { COMMON_FUNCTIONS, calledFunctions } from './common-functions.ts';
import type { Dialect } from './engine.ts';
import { MACROS } from './macros.ts';

const MODELS = fileURLToPath(new URL('../../models/', import.meta.url));

/** A model ready to run: its text for one engine, and the fingerprint that partitions record as an input. */
export interface CompiledModel {
    readonly name: string;
    readonly sql: string;
    readonly fingerprint: string;
}

const compiled = new Map<string, CompiledModel>();
interface Override {
    readonly transform: (text: string) => string;
    readonly functions: readonly string[];
}
const overrides = new Map<string, Override>();

/**
 * For tests only: a model's text goes through `transform` before it is compiled, in this process, until the returned function is
 * called. Its fingerprint changes with it, so what was made from the model becomes stale. So a test can plant a fault and
 * show that a comparison finds it, or make everything stale without changing any meaning. The text may then also call `functions` that not every
 * engine has. `<model>.<engine>` is the engine's own text, which begins empty where the model has none.
 */
export function overrideModel(
    name: string,
    transform: (text: string) => string,
    functions: readonly string[] = [],
): () => void {
    const model = name.split('.')[0] ?? name;
    const forget = () => {
        for (const key of compiled.keys()) if (key.startsWith(`${model}.`)) compiled.delete(key);
    };
    overrides.set(name, { transform, functions });
    forget();
    return () => {
        overrides.delete(name);
        forget();
    };
}

/**
 * Reads `models/<name>.sql`, or `models/<name>.<dialect>.sql` where a hot step has an engine's own text,
 * resolves `ref('table')` and expands macros. `inputs` gives tables of a session other names than the model does, so that one text decides for
 * several tables. Throws `engine.unsupported` where the engine has no text for a macro, and where a portable text calls what is neither a macro nor a function
 * that all engines have; asserts that calls are balanced.
 */
export function compileModel(
    name: string,
    dialect: Dialect,
    inputs: Readonly<Record<string, string>> = {},
): CompiledModel {
    const key = `${name}.${dialect}.${JSON.stringify(inputs)}`;
    const known = compiled.get(key);
    if (known) return known;
    // the portable text is the meaning; an engine's own text is held equal to it by the tests
    const meaning = readText(name) ?? '';
    const own = readText(`${name}.${dialect}`);
    const functions = overrides.get(name)?.functions ?? [];
    const sql =
        own === undefined
            ? compileText(meaning, dialect, name, inputs, functions)
            : expand(withoutComments(own), dialect, name, inputs);
    const fingerprint = createHash('sha256').update(meaning).digest('hex').slice(0, 16);
    const model = { name, sql, fingerprint };
    compiled.set(key, model);
    return model;
}

/** The text of a model or, by `<model>.<engine>`, that of an engine alone; undefined where there is none. */
function readText(name: string): string | undefined {
    const file = `${MODELS}${name}.sql`;
    const override = overrides.get(name);
    if (override === undefined && !existsSync(file)) return undefined;
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    return override === undefined ? text : override.transform(text);
}

/** Expands `ref('x')` and macros in any portable SQL text; `name` is for messages. It may also call `functions` that not every engine has. */
export function compileText(
    text: string,
    dialect: Dialect,
    name: string,
    inputs: Readonly<Record<string, string>> = {},
    functions: readonly string[] = [],
): string {
    const sql = withoutComments(text);
    const known = (called: string) =>
        Object.hasOwn(MACROS, called) || COMMON_FUNCTIONS.has(called) || functions.includes(called);
    const unknown = calledFunctions(sql).filter((called) => !known(called));
    if (unknown.length > 0)
        throw new GridtallyError(
            'engine.unsupported',
            `model ${name} calls ${unknown.join(', ')}, for the engine ${dialect}: no macro, and no function that all engines have`,
            { remedy: UNKNOWN_FUNCTION },
        );
    return expand(sql, dialect, name, inputs);
}

const UNKNOWN_FUNCTION =
    'Use a function of src/engine/common-functions.ts, or give it a macro with a text for each engine in src/engine/macros.ts.';

function withoutComments(text: string): string {
    return text
        .replace(/--[^\n]*/g, '')
        .trim()
        .replace(/;$/, '');
}

function expand(
    sql: string,
    dialect: Dialect,
    name: string,
    inputs: Readonly<Record<string, string>>,
): string {
    const resolved = sql.replace(
        /\bref\(\s*'([a-z_0-9]+)'\s*\)/g,
        (_, table: string) => inputs[table] ?? table,
    );
    return expandMacros(withoutLastCommas(resolved), dialect, name);
}

/** A comma after the last column is for the reader of a difference; not every engine takes it. */
function withoutLastCommas(sql: string): string {
    const pieces = sql.split("'");
    // between quotes, every second piece is a literal
    return pieces.map((piece, i) => (i % 2 === 0 ? piece.replace(/,(\s+from\b)/g, '$1') : piece)).join("'");
}

function expandMacros(sql: string, dialect: Dialect, name: string): string {
    const call = new RegExp(`\\b(${Object.keys(MACROS).join('|')})\\(`, 'g');
    let out = '';
    let at = 0;
    for (;;) {
        call.lastIndex = at;
        const match = call.exec(sql);
        if (!match) return out + sql.slice(at);
        const { args, end } = readArguments(sql, call.lastIndex, `${match[1]} in model ${name}`);
        const text = MACROS[match[1] ?? '']?.[dialect];
        if (text === undefined)
            throw new GridtallyError(
                'engine.unsupported',
                `model ${name} uses the macro ${match[1]}, for which ${dialect} has no text`,
            );
        const expanded = args.map((arg) => expandMacros(arg.trim(), dialect, name));
        out += sql.slice(at, match.index) + text.replace(/\$(\d)/g, (_, n) => expanded[Number(n) - 1] ?? '');
        at = end;
    }
}

function readArguments(sql: string, from: number, what: string): { args: string[]; end: number } {
    const args: string[] = [];
    let depth = 1;
    let isQuoted = false;
    let start = from;
    for (let i = from; i < sql.length; i++) {
        const c = sql[i];
        if (c === "'") isQuoted = !isQuoted;
        if (isQuoted) continue;
        if (c === '(') depth++;
        if (c === ')') depth--;
        if (depth === 0 || (c === ',' && depth === 1)) {
            args.push(sql.slice(start, i));
            start = i + 1;
        }
        if (depth === 0) return { args, end: i + 1 };
    }
    assert(false, `balanced parentheses of ${what}`);
}
