import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const BENCH = fileURLToPath(new URL('../../bench/main.ts', import.meta.url));

function bench(...words: string[]): { code: number | null; said: string } {
    const { status, stdout, stderr } = spawnSync(process.execPath, [BENCH, ...words], { encoding: 'utf8' });
    return { code: status, said: stdout + stderr };
}

test('a benchmark is only begun with words that it knows', () => {
    const help = bench('late', '--help');
    assert.equal(help.code, 0);
    assert.match(help.said, /bench -- late {3}\[--meters N\]/);
    const refused: [string[], RegExp][] = [
        [['nothing'], /^there is no benchmark nothing\n/],
        [['late', '--metres', '5'], /^late has no option --metres\n/],
        [['chain', '--meters', '1e3'], /^--meters takes a whole number above zero\n/],
        [['market', '--no-alone', '--memory-mb'], /^--memory-mb takes a whole number above zero\n/],
        [['validation', '7'], /^validation has no option 7\n/],
    ];
    for (const [words, why] of refused) {
        const { code, said } = bench(...words);
        assert.equal(code, 2, words.join(' '));
        assert.match(said, why);
    }
});
