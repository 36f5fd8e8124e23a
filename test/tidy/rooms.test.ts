import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { expectNone } from './expect-none.ts';
import { findImports, type Import } from './imports.ts';
import {
    LAYERS,
    OPENING_CALLS,
    TEST_PACKAGES,
    WRAPPERS,
    WRITING_CALLS,
    WRITING_FLAG,
    WRITING_PLACES,
} from './tables.ts';
import { filesUnder, readTree, treeFiles } from './tree.ts';
import { lexCode, type Token } from './typescript-lexer.ts';

interface ImportingFile {
    readonly file: string;
    readonly imports: readonly Import[];
}

const sources: ImportingFile[] = filesUnder('src', '.ts').map((file) => ({
    file,
    imports: findImports(readTree(file)),
}));

test('a room of src is in the table of layers and imports only from rows above its own', () => {
    const wrong = sources.flatMap(({ file, imports }) =>
        imports.flatMap((found) => {
            const fault = layerFault(file, found.from);
            return fault === undefined ? [] : [`${file}:${found.line} ${fault}`];
        }),
    );
    const unknown = sources
        .filter(({ file }) => rowOf(roomOf(file)) < 0)
        .map(({ file }) => `${file} is in no room`);
    expectNone([...unknown, ...wrong]);
});

test('the import rule tells a lower room, a sibling and a way out of src from what is allowed', () => {
    assert.equal(layerFault('src/lake/commit.ts', '../raw/segment.ts'), undefined);
    assert.equal(layerFault('src/lake/commit.ts', './plan.ts'), undefined);
    assert.equal(layerFault('src/lake/commit.ts', 'node:fs'), undefined);
    assert.match(layerFault('src/lake/commit.ts', '../billing/bill.ts') ?? '', /billing/);
    assert.match(layerFault('src/billing/bill.ts', '../vee/estimate.ts') ?? '', /vee/);
    assert.match(layerFault('src/kernel/decimal.ts', '../../test/x.ts') ?? '', /outside/);
    assert.match(layerFault('src/kernel/decimal.ts', '../unheard-of/x.ts') ?? '', /unheard-of/);
});

function layerFault(file: string, from: string): string | undefined {
    if (!from.startsWith('.')) return undefined;
    const target = path.posix.join(path.posix.dirname(file), from);
    if (!target.startsWith('src/')) return `imports ${target}, outside src`;
    const [own, other] = [roomOf(file), roomOf(target)];
    if (own === other || (rowOf(other) >= 0 && rowOf(other) < rowOf(own))) return undefined;
    return `imports ${target}: ${other} is not in a row above ${own}`;
}

function roomOf(file: string): string {
    const [, room, inside] = file.split('/');
    return inside === undefined ? '' : (room ?? '');
}

function rowOf(room: string): number {
    return LAYERS.findIndex((row) => row.includes(room));
}

test('a package is used behind its one wrapper', () => {
    const wrong = WRAPPERS.flatMap(({ from, within, filesMax }) => {
        const users = sources.filter(({ imports }) => imports.some((found) => from.test(found.from)));
        const outside = users.filter(({ file }) => !file.startsWith(within));
        const tooMany = filesMax !== undefined && users.length > filesMax ? users : outside;
        return tooMany.map(
            ({ file }) => `${file} imports ${from.source}, which belongs in one place of ${within}`,
        );
    });
    const forTests = sources
        .filter(({ imports }) => imports.some((found) => TEST_PACKAGES.test(found.from)))
        .map(({ file }) => `${file} imports a package of the tests`);
    expectNone([...wrong, ...forTests]);
});

test('files are written by the durable module and by nobody else', () => {
    const wrong = sources
        .filter(({ file }) => !WRITING_PLACES.some((place) => place.path.test(file)))
        .flatMap(({ file, imports }) =>
            writingCalls(readTree(file), imports).map((token) => `${file}:${token.line} calls ${token.text}`),
        );
    expectNone(wrong);
});

test('the rule about writing sees named, renamed and namespaced calls, and leaves reading alone', () => {
    const calls = (source: string) => writingCalls(source, findImports(source)).map((token) => token.text);
    assert.deepEqual(calls("import { writeFile } from 'node:fs/promises';\nwriteFile('x', '');"), [
        'writeFile',
    ]);
    assert.deepEqual(calls("import * as fs from 'node:fs';\nfs.promises.rename('x', 'y');"), ['rename']);
    assert.deepEqual(calls("import fs from 'node:fs';\nfs.openSync(name, 'wx');"), ['openSync']);
    assert.deepEqual(calls("import { rename as move } from 'node:fs';\nmove('x', 'y');"), ['rename']);
    assert.deepEqual(calls("import { open } from 'node:fs/promises';\nopen('x', 'r'); open('x');"), []);
    assert.deepEqual(calls("import { open } from './door.ts';\nopen('x', 'w');"), []);
});

/** Names of writing calls: where they are imported by name, and where they are called on the module. */
function writingCalls(source: string, imports: readonly Import[]): Token[] {
    const fromFs = imports.filter((found) => /^(node:)?fs(\/promises)?$/.test(found.from));
    const named = new Set(fromFs.flatMap((found) => found.names));
    const modules = new Set(fromFs.map((found) => found.namespace ?? ''));
    const tokens = lexCode(source);
    return tokens.filter((token, at) => {
        if (token.kind !== 'word') return false;
        const ofModule = tokens[at - 1]?.text === '.' && isModuleBefore(tokens, at - 2, modules);
        if (!ofModule && !(named.has(token.text) && tokens[at - 1]?.text !== '.')) return false;
        if (OPENING_CALLS.has(token.text))
            return argumentsOf(tokens, at).some((text) => WRITING_FLAG.test(text));
        return WRITING_CALLS.has(token.text) && isUse(tokens, at, ofModule);
    });
}

/** A renamed import counts at its import, which is the only place with the true name; others where they are called. */
function isUse(tokens: readonly Token[], at: number, ofModule: boolean): boolean {
    return ofModule || tokens[at + 1]?.text === '(' || tokens[at + 1]?.text === 'as';
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

test('each room of src says in its README.md what it owns', () => {
    const rooms = new Set(sources.map(({ file }) => roomOf(file)));
    const files = new Set(treeFiles().map((file) => file.path));
    const missing = [...rooms].map((room) => `src/${room}/README.md`).filter((readme) => !files.has(readme));
    expectNone(
        missing,
        'missing; write: owns, does not own, which time is which, states, what happens on failure',
    );
});
