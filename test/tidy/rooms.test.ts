import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { expectNone } from './expect-none.ts';
import { fileWrites } from './file-writes.ts';
import { findImports, type Import } from './imports.ts';
import { LAYERS, TEST_PACKAGES, WRAPPERS, WRITING_PLACES } from './tables.ts';
import { filesUnder, readTree, treeFiles } from './tree.ts';

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

test('a package is in the table of wrappers, and used behind its one wrapper', () => {
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
    const unlisted = sources.flatMap(({ file, imports }) =>
        imports
            .filter((found) => !/^(\.|node:)/.test(found.from) && !isListed(found.from))
            .map((found) => `${file} imports ${found.from}, which has no row in WRAPPERS`),
    );
    expectNone([...wrong, ...forTests, ...unlisted]);
});

function isListed(from: string): boolean {
    return TEST_PACKAGES.test(from) || WRAPPERS.some((wrapper) => wrapper.from.test(from));
}

test('files are written by the durable module and by nobody else', () => {
    const wrong = sources
        .filter(({ file }) => !WRITING_PLACES.some((place) => place.path.test(file)))
        .flatMap(({ file, imports }) =>
            fileWrites(readTree(file), imports).map(({ line, call }) => `${file}:${line} ${call}`),
        );
    expectNone(wrong);
});

test('each room of src says in its README.md what it owns', () => {
    const rooms = new Set(sources.map(({ file }) => roomOf(file)));
    const files = new Set(treeFiles().map((file) => file.path));
    const missing = [...rooms].map((room) => `src/${room}/README.md`).filter((readme) => !files.has(readme));
    expectNone(
        missing,
        'missing; write: owns, does not own, which time is which, states, what happens on failure',
    );
});
