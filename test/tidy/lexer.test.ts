import assert from 'node:assert/strict';
import test from 'node:test';
import { findFunctions } from './functions.ts';
import { findImports } from './imports.ts';
import { lexSql, unorderedNulls } from './sql-lexer.ts';
import { ignoreRules } from './tree.ts';
import { lexCode, lexTypeScript } from './typescript-lexer.ts';

const kinds = (source: string) => lexTypeScript(source).map((token) => `${token.kind} ${token.text}`);

test('strings, comments and patterns hide what is in them', () => {
    assert.deepEqual(kinds("a = 'it\\'s { // no'; // {"), [
        'word a',
        'mark =',
        "string 'it\\'s { // no'",
        'mark ;',
        'comment // {',
    ]);
    assert.deepEqual(kinds('x = /[/}]"\\/{/gu.test(y) / 2;').slice(2, 4), ['regex /[/}]"\\/{/gu', 'mark .']);
    assert.deepEqual(
        kinds('(a) / b / c').filter((kind) => kind.startsWith('regex')),
        [],
    );
    assert.deepEqual(kinds('return /x/').at(-1), 'regex /x/');
    assert.deepEqual(kinds('/* { \n */ a')[0], 'comment /* { \n */');
});

test('a template is one token, followed by the tokens within its substitutions', () => {
    const tokens = lexCode("`a \x24{f(`in \x24{x} }`, '}', { y: 1 })}\n b` + z");
    assert.equal(tokens[0]?.kind, 'template');
    assert.deepEqual([tokens[0]?.line, tokens[0]?.lastLine], [1, 2]);
    assert.ok(tokens.some((token) => token.kind === 'word' && token.text === 'x'));
    assert.deepEqual(
        tokens.slice(-2).map((token) => token.text),
        ['+', 'z'],
    );
    assert.throws(() => lexTypeScript('`no end'));
});

test('a hash-bang line is a comment, and lines are counted from 1', () => {
    const tokens = lexTypeScript('#!/usr/bin/env node\n\nx');
    assert.deepEqual([tokens[0]?.kind, tokens[1]?.line], ['comment', 3]);
});

const SAMPLE = `
function plain(a: number): number {
    if (a > 1) { return 1; }
    return a < 2 ? g(a) : 3;
}
const arrow = async (a: { b: string }): Promise<void> => {
    for (const x of y) { await x; }
};
class Thing {
    constructor(a: string) {
        this.a = a;
    }
    get size(): { w: number } | undefined {
        return cond ? f(x) : { w: 1 };
    }
    static *walk<T extends { id: string }>(from: T): Iterable<T> { yield from; }
    #hidden(): asserts this is Thing {}
}
interface Shape { area(): number; grow(by: number): { w: number }; }
export async function* lines({ a, b }: Options = {}): AsyncGenerator<[string, number]> {
    while (a) { switch (b) { case f(a): { break; } } }
    try { g(); } catch (error) { h(); }
}
describe('heading', () => {
    it('case', async () => {
        g();
    });
});
`;

test('functions are found in every form, and statements are not taken for them', () => {
    const spans = findFunctions(SAMPLE).map((span) => `${span.name} ${span.firstLine}-${span.lastLine}`);
    const expected = [
        'plain 2-5',
        'constructor 10-12',
        'size 13-15',
        'walk 16-16',
        '#hidden 17-17',
        'lines 20-23',
    ];
    for (const span of expected) assert.ok(spans.includes(span), `${span} is in ${spans.join(', ')}`);
    assert.deepEqual(spans.map((span) => span.split(' ')[1]).sort(), [
        '10-12',
        '13-15',
        '16-16',
        '17-17',
        '2-5',
        '20-23',
        '25-27',
        '6-8',
    ]);
});

test('imports are found in every form', () => {
    const source = `
import fs, { type Stats, statSync as stat } from 'node:fs';
import type { Row } from './row.ts';
import * as pg from 'pg';
import './side-effect.ts';
export { one, two as three } from './one.ts';
export * from './all.ts';
export type { Only } from './only.ts';
export const x = 1;
const late = await import('./late.ts');
// import { no } from './comment.ts';
const text = "import { no } from './string.ts'";
const here = import.meta.dirname;
`;
    const imports = findImports(source);
    assert.deepEqual(
        imports.map((found) => found.from),
        ['node:fs', './row.ts', 'pg', './side-effect.ts', './one.ts', './all.ts', './only.ts', './late.ts'],
    );
    assert.deepEqual(imports[0]?.names, ['default', 'Stats', 'statSync']);
    assert.deepEqual([imports[0]?.namespace, imports[2]?.namespace], ['fs', 'pg']);
    assert.deepEqual(
        imports.filter((found) => found.isReexport).map((found) => found.names),
        [['one', 'two'], ['*'], ['Only']],
    );
});

test('SQL in quotes and comments is not looked at', () => {
    const words = lexSql("select 'It''s X', \"Name\" -- WHERE\n/* FROM */ from a").filter(
        ({ kind }) => kind === 'word',
    );
    assert.deepEqual(
        words.map(({ text }) => text),
        ['select', 'from', 'a'],
    );
    assert.equal(words[1]?.line, 2);
});

test('an order without a place for nulls is found in windows, aggregates and at the end', () => {
    assert.deepEqual(unorderedNulls('select 1 order by a nulls last, b desc nulls first limit 5'), []);
    assert.deepEqual(
        unorderedNulls('select row_number() over (partition by x order by a, f(b, c) nulls last) from t'),
        [1],
    );
    assert.deepEqual(unorderedNulls('select 1\norder by a desc'), [2]);
    assert.deepEqual(
        unorderedNulls('select sum(x) over (order by a nulls last rows between 1 preceding and current row)'),
        [],
    );
});

test('ignored files are told by the forms that .gitignore uses, and a new form is refused', () => {
    const isIgnored = ignoreRules('node_modules/\n/town/\n*.log\n.DS_Store\n');
    assert.equal(isIgnored('runtime/node_modules', true), true);
    assert.equal(isIgnored('town', true), true);
    assert.equal(isIgnored('src/town', true), false);
    assert.equal(isIgnored('src/town.ts', false), false);
    assert.equal(isIgnored('a/b.log', false), true);
    assert.equal(isIgnored('src/.DS_Store', false), true);
    assert.throws(() => ignoreRules('src/**/x'));
});
