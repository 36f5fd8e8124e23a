import assert from 'node:assert/strict';
import test from 'node:test';
import { COMMON_FUNCTIONS, calledFunctions } from '../../src/engine/common-functions.ts';
import { MACROS } from '../../src/engine/macros.ts';
import { expectNone } from './expect-none.ts';
import { lexSql, unorderedNulls } from './sql-lexer.ts';
import { GENERATED_SQL, SQL_COLUMNS_MAX } from './tables.ts';
import { filesUnder, readTree, treeFiles } from './tree.ts';

const models = filesUnder('models', '.sql');
const sqlFiles = [...models, ...filesUnder('migrations', '.sql')].filter(
    (file) => !GENERATED_SQL.includes(file),
);

test('the rules see SQL', () => {
    assert.ok(sqlFiles.length > 0);
});

test('SQL is lower case outside of quotes', () => {
    const wrong = sqlFiles.flatMap((file) =>
        lexSql(readTree(file))
            .filter((token) => token.kind === 'word' && token.text !== token.text.toLowerCase())
            .map((token) => `${file}:${token.line} ${token.text}`),
    );
    expectNone(wrong);
});

test('SQL is indented by 4 spaces, and models stay within the columns', () => {
    const wrong = sqlFiles.flatMap((file) =>
        readTree(file)
            .split('\n')
            .flatMap((line, i) => {
                const fault = lineFault(
                    line,
                    models.includes(file) ? SQL_COLUMNS_MAX : Number.POSITIVE_INFINITY,
                );
                return fault === undefined ? [] : [`${file}:${i + 1} ${fault}`];
            }),
    );
    expectNone(wrong);
});

test('the line rule sees tabs, odd indents, long lines and blanks at the end', () => {
    assert.equal(lineFault('        sum(kwh) as kwh,'), undefined);
    assert.equal(lineFault(' * a comment that goes on'), undefined);
    assert.match(lineFault('\tselect') ?? '', /tab/);
    assert.match(lineFault('   select') ?? '', /4 spaces/);
    assert.match(lineFault('select ') ?? '', /blanks/);
    assert.match(lineFault(`select ${'x'.repeat(SQL_COLUMNS_MAX)}`) ?? '', /columns/);
});

function lineFault(line: string, columnsMax = SQL_COLUMNS_MAX): string | undefined {
    if (line.includes('\t')) return 'has a tab';
    if (line.length > columnsMax) return `has ${line.length} columns`;
    if (line !== line.trimEnd()) return 'ends with blanks';
    const indent = line.length - line.trimStart().length;
    const isCommentBody = line.trimStart().startsWith('*');
    return indent % 4 === 0 || isCommentBody ? undefined : 'is not indented by 4 spaces';
}

test('sorting in a model always says where nulls go', () => {
    const wrong = models.flatMap((file) => unorderedNulls(readTree(file)).map((line) => `${file}:${line}`));
    expectNone(wrong);
});

test('an outer join asks each bound by one comparison: with an `or` the engine compares every row with every other', () => {
    const texts = [...models, ...filesUnder('src', '.ts')];
    expectNone(texts.flatMap((file) => outerJoinsByOr(readTree(file)).map((line) => `${file}:${line}`)));
    assert.deepEqual(
        outerJoinsByOr('a\nleft join b on b.x = a.x\n  and (b.y is null or b.y > a.y)\nwhere 1'),
        [2],
    );
    assert.deepEqual(outerJoinsByOr('left join b on (b.y > a.y\n  or b.y is null)'), [1]);
    assert.deepEqual(outerJoinsByOr('left join b on b.x = a.x and (b.y is null\n    or b.y > a.y)'), [1]);
    assert.deepEqual(outerJoinsByOr('left join b on (b.y > a.y or (b.y\n is null))'), [1]);
    assert.deepEqual(outerJoinsByOr('left join b on b.x = a.x\nwhere b.y is null or b.y > a.y'), []);
});

const OUTER_JOIN_BY_OR =
    /\bleft join\b(?:(?!\b(?:where|join|group by|order by|union|select)\b|`)[\s\S])*?(?:\bis null\s+or\b|\bor\s+\(*[\w.]+\s+is null\b)/g;

function outerJoinsByOr(text: string): number[] {
    return [...text.matchAll(OUTER_JOIN_BY_OR)].map(({ index }) => text.slice(0, index).split('\n').length);
}

test('models call macros and functions that all engines have', () => {
    const used = new Set<string>();
    const wrong = models.flatMap((file) => {
        // name.duckdb.sql is for one engine, and may use all that it has
        if (/\.[a-z]+\.sql$/.test(file)) return [];
        const called = calledFunctions(readTree(file).replace(/--[^\n]*/g, ''));
        for (const name of called) used.add(name);
        return called
            .filter((name) => !Object.hasOwn(MACROS, name) && !COMMON_FUNCTIONS.has(name))
            .map((name) => `${file} calls ${name}`);
    });
    expectNone(wrong);
    expectNone([...COMMON_FUNCTIONS].filter((name) => !used.has(name)).map((name) => `${name} is not used`));
});

test('beside each model lies a contract that begins with the grain', () => {
    const files = new Set(treeFiles().map((file) => file.path));
    const wrong = models.flatMap((file) => {
        // name.duckdb.sql is another text for the model name.sql
        const contract = file.replace(/(\.[a-z]+)?\.sql$/, '.yml');
        if (!files.has(contract)) return [`${contract} is missing`];
        const isGrainFirst = /^description:\s*(?:[>|]-?\s*)?["']?One row per /m.test(readTree(contract));
        return isGrainFirst ? [] : [`${contract}: the description does not begin with 'One row per'`];
    });
    expectNone(wrong);
});
