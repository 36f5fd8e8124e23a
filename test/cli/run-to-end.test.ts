import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const MODULE = new URL('../../src/cli/run-to-end.ts', import.meta.url).href;

function end(program: string): { status: number | null; said: string } {
    const text = `import { runToEnd } from ${JSON.stringify(MODULE)}; runToEnd(${program});`;
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', text], {
        encoding: 'utf8',
    });
    return { status, said: stderr };
}

test('a program that nothing ends is no success, and says so', () => {
    const { status, said } = end('() => new Promise(() => {})');
    assert.equal(status, 13);
    assert.match(said, /the command has not ended/);
});

test('the exit status is what the program gives, or what an error that nobody caught makes of it', () => {
    assert.deepEqual(end('async () => 0'), { status: 0, said: '' });
    assert.deepEqual(end('async () => 2'), { status: 2, said: '' });
    const failed = end("async () => { throw new Error('oops') }");
    assert.equal(failed.status, 1);
    assert.match(failed.said, /oops/);
    assert.doesNotMatch(failed.said, /has not ended/);
});
