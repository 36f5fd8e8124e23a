import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { runSuite } from '../suite.ts';

// The limit of the files on trial is their own, whatever this run is given.
delete process.env.GRIDTALLY_TEST_LIMIT_S;

const IMPORT = "import test, { describe, it, before } from 'node:test';\n";
const GOOD = `${IMPORT}test('a', () => {}); describe('s', () => { it('b', () => {}); });`;

interface Trial {
    readonly code: number;
    readonly lines: readonly string[];
}

async function trial(
    files: Record<string, string>,
    patterns: readonly string[] = [],
    included: readonly ('long' | 'slow')[] = [],
    longUntilMs?: number,
): Promise<Trial> {
    const folder = mkdtempSync(path.join(tmpdir(), 'gridtally suite '));
    for (const [name, text] of Object.entries(files)) {
        mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
        writeFileSync(path.join(folder, name), text);
    }
    const lines: string[] = [];
    const print = (line: string) => lines.push(line);
    const time = longUntilMs === undefined ? {} : { longUntilMs };
    const code = await runSuite({ folder, patterns, included, concurrency: 2, ...time, print });
    rmSync(folder, { recursive: true });
    return { code, lines };
}

test('tests are counted, suites are not, and the last line is plain', async () => {
    const { code, lines } = await trial({
        'a.test.ts': GOOD,
        'deep/b.test.ts': GOOD,
        'not-a-test.ts': 'throw 1;',
    });
    assert.deepEqual([code, lines.at(-1)], [0, '4 passed, 0 failed']);
});

const REFUSED: Readonly<Record<string, readonly [string, RegExp]>> = {
    'a failing test': [`${IMPORT}test('a', () => { throw new Error('boom'); });`, /boom/],
    'a failing hook': [
        `${IMPORT}describe('s', () => { before(() => { throw new Error('hook'); }); it('a', () => {}); });`,
        /hook/,
    ],
    'an end in the middle of a test': [
        `${IMPORT}test('a', () => {}); test('b', () => process.exit(0));`,
        /before any test/,
    ],
    'an end while a test waits': [
        `${IMPORT}setTimeout(() => process.exit(0), 1); test('a', () => new Promise((done) => setTimeout(done, 500)));`,
        /before any test/,
    ],
    'a file without a test': ['export const nothing = 1;', /has none/],
    'a suite without a test': [`${IMPORT}describe('s', () => {});`, /executed no test/],
    'an error while loading': [`${IMPORT}test('a', () => {}); throw new Error('top');`, /top/],
    'an error after the last test': [
        `${IMPORT}test('a', () => { setTimeout(() => { throw new Error('late'); }, 5); });`,
        /late/,
    ],
    'a killed process': [`${IMPORT}test('a', () => { process.kill(process.pid, 'SIGKILL'); });`, /SIGKILL/],
    'a test beyond the limit of its file': [
        `// test limit: 1 s\n${IMPORT}test('a', () => new Promise((done) => setTimeout(done, 30000)));`,
        /ended after 1 s in 'a'/,
    ],
    'a skip without a reason': [`${IMPORT}test('a', { skip: true }, () => {});`, /skipped without a reason/],
};

for (const [what, [source, says]] of Object.entries(REFUSED)) {
    test(`${what} fails the run and is told`, async () => {
        const { code, lines } = await trial({ 'bad.test.ts': source, 'good.test.ts': GOOD });
        assert.equal(code, 1);
        assert.match(lines.join('\n'), says);
        assert.match(lines.at(-1) ?? '', /^\d+ passed, [1-9]\d* failed$/);
    });
}

test('a skipped test tells its reason and does not count', async () => {
    const { code, lines } = await trial({
        'a.test.ts': `${GOOD} test('c', { skip: 'no server' }, () => {});`,
    });
    assert.deepEqual([code, lines.at(-1)], [0, '2 passed, 0 failed']);
    assert.ok(lines.includes('skipped - c: no server'));
});

test('arguments choose files, and one that matches nothing is a fault', async () => {
    const files = { 'raw/a.test.ts': GOOD, 'lake/b.test.ts': GOOD };
    assert.equal((await trial(files, ['raw'])).lines.at(-1), '2 passed, 0 failed');
    const { code, lines } = await trial(files, ['raw', 'typo']);
    assert.deepEqual([code, lines.at(-1)], [1, '2 passed, 1 failed']);
});

test('slow files and engines run only when asked for', async () => {
    const files = { 'a.test.ts': GOOD, 'b.slow.test.ts': GOOD, 'engines/c.test.ts': GOOD };
    assert.equal((await trial(files)).lines.at(-1), '2 passed, 0 failed');
    assert.equal((await trial(files, [], ['slow'])).lines.at(-1), '4 passed, 0 failed');
    assert.equal((await trial(files, ['engines'])).lines.at(-1), '2 passed, 0 failed');
});

test('long files that their time leaves no room for are named, and the others run', async () => {
    const files = { 'a.long.test.ts': GOOD, 'b.test.ts': GOOD, 'c.long.test.ts': GOOD };
    const late = await trial(files, [], ['long'], Date.now() - 1000);
    assert.deepEqual(late.lines.filter((line) => line.startsWith('not run')).toSorted(), [
        'not run - a.long.test.ts: the time for long ones was over',
        'not run - c.long.test.ts: the time for long ones was over',
    ]);
    assert.deepEqual([late.code, late.lines.at(-1)], [0, '2 passed, 0 failed']);
    const inTime = await trial(files, [], ['long'], Date.now() + 60_000);
    assert.equal(inTime.lines.at(-1), '6 passed, 0 failed');
});

test('long files that ask for it come before all others where time is short', async () => {
    const slow = `${IMPORT}test('a', () => new Promise((done) => setTimeout(done, 700)));`;
    const others = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => [`${name}.long.test.ts`, slow]);
    const files = { ...Object.fromEntries(others), 'z.long.test.ts': `// first of the long ones\n${GOOD}` };
    const { lines } = await trial(files, [], ['long'], Date.now() + 60_000);
    assert.match(lines[0] ?? '', /^ok z\.long\.test\.ts/);
});

test('long files run where they are included, and where a pattern names them', async () => {
    const files = { 'a.test.ts': GOOD, 'b.long.test.ts': GOOD };
    assert.equal((await trial(files)).lines.at(-1), '2 passed, 0 failed');
    assert.equal((await trial(files, [], ['long'])).lines.at(-1), '4 passed, 0 failed');
    assert.equal((await trial(files, ['b'])).lines.at(-1), '2 passed, 0 failed');
});

test('a run of no file fails', async () => {
    const { code, lines } = await trial({});
    assert.deepEqual([code, lines.at(-1)], [1, '0 passed, 1 failed']);
});

test('a run that is interrupted ends what runs, begins nothing more, and leaves in its own time', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'gridtally suite '));
    const marks = path.join(folder, 'marks');
    mkdirSync(marks);
    for (const name of ['a', 'b', 'c'])
        writeFileSync(
            path.join(folder, `${name}.test.ts`),
            `${IMPORT}import { writeFileSync } from 'node:fs';
            writeFileSync(${JSON.stringify(path.join(marks, name))}, String(process.pid));
            test('sleeps', () => new Promise((done) => setTimeout(done, 60_000)));`,
        );
    const suite = JSON.stringify(path.join(import.meta.dirname, '../suite.ts'));
    const runner = `import { endTestsWithRunner, runSuite } from ${suite};
        endTestsWithRunner(() => new Promise((done) => setTimeout(done, 700)));
        await runSuite({ folder: ${JSON.stringify(folder)}, patterns: [], included: [], concurrency: 1, print: console.log });`;
    writeFileSync(path.join(folder, 'runner.ts'), runner);
    const child = spawn(process.execPath, [path.join(folder, 'runner.ts')], { stdio: 'ignore' });
    const ended = once(child, 'exit');
    while (readdirSync(marks).length === 0) await sleep(20);
    const from = performance.now();
    child.kill('SIGTERM');
    const [code] = await ended;
    assert.equal(code, 1);
    assert.ok(performance.now() - from >= 690);
    await sleep(300);
    assert.deepEqual(readdirSync(marks), ['a']);
    const pid = Number(readFileSync(path.join(marks, 'a'), 'utf8'));
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
    rmSync(folder, { recursive: true });
});
