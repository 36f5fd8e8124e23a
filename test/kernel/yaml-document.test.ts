import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GridtallyError } from '../../src/kernel/errors.ts';
import { parseYaml } from '../../src/kernel/yaml-document.ts';

test('a number that is no whole number stays the text that was written', () => {
    const { value } = parseYaml(
        '{ a: 0.10, b: 3, c: 1e3, d: 9007199254740993, e: .inf, f: "7", g: -2 }',
        'x.yaml',
    );
    assert.deepEqual(value, { a: '0.10', b: 3, c: '1e3', d: '9007199254740993', e: '.inf', f: '7', g: -2 });
});

test('places are found by path, missing ones at their nearest parent', () => {
    const text = '# first\nprices:\n  - from: 1\n    to: 2\n  - from: 3\nname: x\n';
    const { lineOf } = parseYaml(text, 'x.yaml');
    assert.equal(lineOf(['prices']), 2);
    assert.equal(lineOf(['prices', 0, 'to']), 4);
    assert.equal(lineOf(['prices', 1]), 5);
    assert.equal(lineOf(['prices', 1, 'to']), 5);
    assert.equal(lineOf(['prices', 7]), 2);
    assert.equal(lineOf(['name']), 6);
});

test('all faults of syntax are told with file and line', () => {
    for (const [text, line] of [
        ['a: 1\na: 2\n', 2],
        ['a: [1, 2\nb: 3\n', 2],
        ['a: 1\nb: "open\n', 3],
        ['a: !secret x\n', 1],
    ] as const) {
        assert.throws(
            () => parseYaml(text, 'x.yaml'),
            (error) => {
                assert.ok(error instanceof GridtallyError && error.code === 'yaml.invalid', text);
                assert.deepEqual([error.faults[0]?.file, error.faults[0]?.line], ['x.yaml', line], text);
                return true;
            },
        );
    }
});
