import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { expectNone } from './expect-none.ts';
import { findFunctions } from './functions.ts';
import { findImports } from './imports.ts';
import {
    BANNED_CLASS_ENDINGS,
    BANNED_NAMES,
    BANNED_TEXT,
    BANNED_WORDS,
    DEFAULT_EXPORTS,
    FILE_BYTES_MAX,
    FUNCTION_LINES_MAX,
    GENERATED_TYPESCRIPT,
    MEDIAN_SOURCE_LINES_MAX,
    ROOT_ENTRIES,
    ROOT_ENTRIES_MAX,
    SQL_LINES_IN_TYPESCRIPT_MAX,
} from './tables.ts';
import { filesUnder, isText, lineCount, readTree, treeFiles } from './tree.ts';
import { lexCode, type Token } from './typescript-lexer.ts';

const typescript = ['src', 'test', 'bench'].flatMap(writtenUnder);

/** TypeScript that people write: what a tool makes has the tool's form. */
function writtenUnder(folder: string): string[] {
    return filesUnder(folder, '.ts').filter(
        (file) => !GENERATED_TYPESCRIPT.some((made) => file.startsWith(made)),
    );
}

test('the rules see the tree', () => {
    assert.ok(typescript.includes('test/tidy/form.test.ts'));
    assert.ok(filesUnder('src', '.ts').length > 10);
});

test('no function is too long to be read at once', () => {
    const long = typescript.flatMap((file) =>
        findFunctions(readTree(file))
            .map((span) => ({ ...span, lines: span.lastLine - span.firstLine + 1 }))
            .filter((span) => span.lines > FUNCTION_LINES_MAX)
            .map((span) => `${file}:${span.firstLine} ${span.name} has ${span.lines} lines`),
    );
    expectNone(long);
});

test('half of the source files are short', () => {
    const lengths = writtenUnder('src').map((file) => lineCount(readTree(file)));
    lengths.sort((a, b) => a - b);
    const median = lengths[lengths.length >> 1] ?? 0;
    assert.ok(median < MEDIAN_SOURCE_LINES_MAX, `the median is ${median} lines`);
});

test('files are named by what they are about, in kebab-case', () => {
    expectNone(typescript.filter(isBadlyNamed));
});

test('classes are named by what they are', () => {
    const wrong = typescript.flatMap((file) =>
        emptyClassNames(readTree(file)).map((name) => `${file} has the class ${name}`),
    );
    expectNone(wrong);
});

test('the rules about names see capitals, empty words and empty endings', () => {
    assert.ok(!isBadlyNamed('src/registry/load-master-data.test.ts'));
    for (const name of ['loadData', 'load_data', 'data', 'string-utils', 'helpers', 'run.manager']) {
        assert.ok(isBadlyNamed(`src/lake/${name}.ts`), name);
    }
    const source =
        'class A {}; export class RunManager<T> {}; const of = "class BInfo"; class Information {}';
    assert.deepEqual(emptyClassNames(source), ['RunManager']);
});

function isBadlyNamed(file: string): boolean {
    const parts = path.posix.basename(file).split('.').slice(0, -1);
    const isKebab = parts.every((part) => /^[a-z0-9]+(-[a-z0-9]+)*$/.test(part));
    const isEmpty = (part: string) => part.split('-').some((word) => BANNED_WORDS.includes(word));
    return !isKebab || parts.some((part) => BANNED_NAMES.includes(part) || isEmpty(part));
}

function emptyClassNames(source: string): string[] {
    const tokens = lexCode(source);
    return tokens
        .filter((token, at) => token.kind === 'word' && tokens[at - 1]?.text === 'class')
        .map((token) => token.text)
        .filter((name) => {
            const ending = /[A-Z][a-z]*$/.exec(name)?.[0].toLowerCase() ?? '';
            return BANNED_CLASS_ENDINGS.includes(ending);
        });
}

test('nothing is exported by default', () => {
    const wrong = typescript.flatMap((file) => {
        const tokens = lexCode(readTree(file)).filter((token) => token.kind !== 'template');
        return tokens
            .filter((token, at) => token.text === 'default' && isExported(tokens, at))
            .filter(() => DEFAULT_EXPORTS[file] === undefined)
            .map((token) => `${file}:${token.line} has a default export`);
    });
    expectNone(wrong);
});

function isExported(tokens: readonly Token[], at: number): boolean {
    if (tokens[at - 1]?.text === 'export') return true;
    const before = tokens.slice(0, at).map((token) => token.text);
    return before.at(-1) === 'as' && before.lastIndexOf('export') > before.lastIndexOf(';');
}

test('no file is a barrel: one that passes on only what others export, or all of it', () => {
    const wrong = typescript.flatMap((file) => {
        const source = readTree(file);
        const reexports = findImports(source).filter((found) => found.isReexport);
        if (reexports.length === 0) return [];
        const exportCount = lexCode(source).filter((token) => token.text === 'export').length;
        const isWhole = reexports.some((found) => found.names.includes('*'));
        return isWhole || exportCount === reexports.length
            ? [`${file}:${reexports[0]?.line} is a barrel`]
            : [];
    });
    expectNone(wrong);
});

/** After comments and brackets. */
const SQL_BEGINNING = /^`(\s|\(|--[^\n]*\n)*(with|select|insert|update|delete|create|merge|copy|alter)\b/i;

test('a long SQL text lies in a file of its own', () => {
    assert.match('`\n -- why\n(select 1)`', SQL_BEGINNING);
    assert.doesNotMatch('`Selected rows`', SQL_BEGINNING);
    const long = writtenUnder('src').flatMap((file) =>
        lexCode(readTree(file))
            .filter((token) => token.kind === 'template' && SQL_BEGINNING.test(token.text))
            .filter((token) => token.lastLine - token.line + 1 > SQL_LINES_IN_TYPESCRIPT_MAX)
            .map((token) => `${file}:${token.line} has SQL of ${token.lastLine - token.line + 1} lines`),
    );
    expectNone(long);
});

test('a test is never left to run alone, and skips say why', () => {
    const wrong = filesUnder('test', '.test.ts').flatMap((file) => {
        const tokens = lexCode(readTree(file));
        return tokens.flatMap((token, at) => {
            const before = tokens[at - 1]?.text;
            const isOnly = token.text === 'only' && (before === '.' || tokens[at + 1]?.text === ':');
            const isSilentSkip =
                token.text === 'skip' &&
                ((tokens[at + 1]?.text === ':' && tokens[at + 2]?.text === 'true') ||
                    (before === '.' && tokens[at + 1]?.text === '(' && tokens[at + 2]?.text === ')'));
            return isOnly || isSilentSkip ? [`${file}:${token.line} ${token.text}`] : [];
        });
    });
    expectNone(wrong);
});

test('the root holds what is listed, each with its purpose', () => {
    const entries = new Set(treeFiles().map((file) => file.path.split('/')[0] ?? ''));
    expectNone(
        [...entries].filter((entry) => ROOT_ENTRIES[entry] === undefined),
        'not in ROOT_ENTRIES:',
    );
    assert.ok(entries.size <= ROOT_ENTRIES_MAX, `${entries.size} entries`);
});

test('no file is large', () => {
    const large = treeFiles().filter((file) => file.bytes > FILE_BYTES_MAX);
    expectNone(large.map((file) => `${file.path} has ${file.bytes} bytes`));
});

test('no text speaks of unfinished work, of one machine, or of secrets', () => {
    const wrong = treeFiles()
        .filter((file) => file.path !== 'LICENSE' && isText(file.path))
        .flatMap((file) =>
            readTree(file.path)
                .split('\n')
                .flatMap((line, i) => {
                    const banned = BANNED_TEXT.find((rule) => rule.pattern.test(line));
                    return banned === undefined
                        ? []
                        : [`${file.path}:${i + 1} ${banned.why}: ${line.trim()}`];
                }),
        );
    expectNone(wrong);
});
