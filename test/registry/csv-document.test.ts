import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InputFault } from '../../src/kernel/errors.ts';
import { parseCsv } from '../../src/registry/csv-document.ts';
import { csvTable } from '../../src/registry/source-table.ts';

test('byte order mark, CRLF, blanks around fields and blank lines are taken as they are meant', () => {
    const { header, rows, faults } = parseCsv('\ufeffa,b\r\n 1 , x \r\n\r\n"q, r",2\r\n', 'f.csv');
    assert.deepEqual(header, ['a', 'b']);
    assert.deepEqual(rows, [
        { line: 2, fields: ['1', 'x'] },
        { line: 4, fields: ['q, r', '2'] },
    ]);
    assert.deepEqual(faults, []);
});

test('rows with too many or too few fields are named with their lines, the others are read', () => {
    const { rows, faults } = parseCsv('a,b\n1,2,3\n4,5\n6\n', 'f.csv');
    assert.deepEqual(rows, [{ line: 3, fields: ['4', '5'] }]);
    assert.deepEqual(faults, [
        { file: 'f.csv', line: 2, message: 'the row has 3 fields, the header has 2' },
        { file: 'f.csv', line: 4, message: 'the row has 1 fields, the header has 2' },
    ]);
});

test('every row of a large file may be at fault, and all are told', () => {
    const faults: InputFault[] = [];
    csvTable(`a,b\n${'1\n'.repeat(200_000)}`, 'f.csv', faults);
    assert.equal(faults.length, 200_000);
    assert.equal(faults.at(-1)?.line, 200_001);
});

test('a line number counts the line breaks within quotes', () => {
    const { rows } = parseCsv('a,b\n"x\ny",1\nz,2\n', 'f.csv');
    assert.deepEqual(
        rows.map((row) => row.line),
        [3, 4],
    );
});

for (const [what, text, line] of [
    ['an open quote', 'a,b\n1,2\n3,"x\n4,5\n', 4],
    ['a quote within a field', 'a,b\n1,2\n3,x"y\n', 3],
    ['a file without a line', '', 1],
] as const) {
    test(`${what} is a fault of the file`, () => {
        const { rows, faults } = parseCsv(text, 'f.csv');
        assert.deepEqual(rows, []);
        assert.deepEqual(
            faults.map((fault) => [fault.file, fault.line]),
            [['f.csv', line]],
        );
    });
}
