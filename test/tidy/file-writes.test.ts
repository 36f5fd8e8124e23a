import assert from 'node:assert/strict';
import test from 'node:test';
import { fileWrites } from './file-writes.ts';
import { findImports } from './imports.ts';

const writes = (source: string) => fileWrites(source, findImports(source)).map(({ call }) => call);

test('a writing name counts where it is imported, also renamed or only handed on', () => {
    assert.deepEqual(writes("import { readFile, writeFile } from 'node:fs/promises';\nwriteFile('x', '');"), [
        'writeFile',
    ]);
    assert.deepEqual(writes("import { rename as move } from 'node:fs';\nmove('x', 'y');"), ['rename']);
    assert.deepEqual(writes("import { rmSync } from 'fs';\nfiles.forEach(rmSync);"), ['rmSync']);
});

test('a call on the module counts where it is called', () => {
    assert.deepEqual(writes("import * as fs from 'node:fs';\nfs.promises.rename('x', 'y');"), ['rename']);
    assert.deepEqual(writes("import fs from 'node:fs';\nfs.openSync(name, 'wx');"), ['openSync']);
});

test('opening counts only with a flag that writes, and reading never', () => {
    assert.deepEqual(writes("import { openSync } from 'node:fs';\nopenSync('x', 'r'); openSync('x', 'a');"), [
        'openSync',
    ]);
    assert.deepEqual(writes("import { open } from 'node:fs/promises';\nopen('x', 'r'); open('x');"), []);
    assert.deepEqual(writes("import { open, writeFile } from './door.ts';\nopen('x', 'w');"), []);
});
