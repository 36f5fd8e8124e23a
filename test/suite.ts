import { spawn } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** What `reporter.ts` writes about one test file, line by line. */
export type TestRecord =
    | { readonly kind: 'begin'; readonly name: string }
    | { readonly kind: 'pass'; readonly name: string; readonly wallMs: number }
    | { readonly kind: 'skip'; readonly name: string; readonly reason: string }
    | { readonly kind: 'fail'; readonly name: string; readonly line: number; readonly message: string }
    | { readonly kind: 'end'; readonly announced: number; readonly finished: number };

/** How the process of a test file ended. */
export interface FileRun {
    readonly file: string;
    readonly records: readonly TestRecord[];
    readonly exitCode: number | null;
    readonly signal: string | null;
    readonly isTimedOut: boolean;
    readonly limitMs: number;
    readonly wallMs: number;
    readonly output: string;
}

export interface FileOutcome {
    readonly passed: number;
    readonly skipped: readonly string[];
    readonly faults: readonly string[];
}

export interface SuiteOptions {
    /** The folder that is searched for `*.test.ts`. */
    readonly folder: string;
    /** Parts of paths; a file that contains any of them runs. None: all files. */
    readonly patterns: readonly string[];
    /** Kinds of files that only run when asked for: `*.long.test.ts`, `*.slow.test.ts`. A long one also runs when a pattern names it. */
    readonly included: readonly ('long' | 'slow')[];
    readonly concurrency: number;
    /** Past it, in ms since 1970, no long file begins; those that did not are named. They come after the others then. */
    readonly longUntilMs?: number;
    readonly print: (line: string) => void;
}

/** What GRIDTALLY_LONG_UNTIL says, in seconds since 1970. */
export function timeForLongFiles(): Pick<SuiteOptions, 'longUntilMs'> {
    const until = process.env.GRIDTALLY_LONG_UNTIL;
    return until === undefined ? {} : { longUntilMs: Number(until) * 1000 };
}

const LIMIT_MS = 120_000;
const SLOW_LIMIT_MS = 900_000;
const OUTPUT_CHARACTERS_MAX = 100_000;

/**
 * Runs test files, each in a process of its own, and prints what a reader needs, ending with the plain
 * line `N passed, N failed`. Returns the exit code: 0 when every file ran to its end and nothing failed.
 */
export async function runSuite(options: SuiteOptions): Promise<number> {
    const files = chooseFiles(options);
    let passed = 0;
    let skipped = 0;
    let failed = 0;
    const queue = [...files];
    const late: string[] = [];
    const work = async () => {
        for (let file = queue.shift(); file !== undefined && !isEnding; file = queue.shift()) {
            if (isLong(file) && Date.now() > (options.longUntilMs ?? Number.POSITIVE_INFINITY)) {
                late.push(file);
                continue;
            }
            const run = await runFile(options.folder, file);
            const outcome = judge(run);
            passed += outcome.passed;
            skipped += outcome.skipped.length;
            failed += outcome.faults.length;
            for (const line of describeOutcome(run, outcome)) options.print(line);
        }
    };
    await Promise.all(Array.from({ length: options.concurrency }, work));
    for (const pattern of options.patterns) {
        if (files.some((file) => file.includes(pattern))) continue;
        failed += 1;
        options.print(`not ok - no test file matches '${pattern}' (slow ones run with GRIDTALLY_SLOW=1)`);
    }
    if (passed + failed === 0) {
        failed += 1;
        options.print('not ok - no test ran');
    }
    for (const file of late) options.print(`not run - ${file}: the time for long ones was over`);
    if (skipped > 0) options.print(`${skipped} skipped, see the reasons above`);
    options.print(`${passed} passed, ${failed} failed`);
    return failed === 0 ? 0 : 1;
}

const isSlow = (file: string) => file.endsWith('.slow.test.ts');
const isLong = (file: string) => file.endsWith('.long.test.ts');

/** Test files below a folder whose path contains any of the patterns. */
export function filesNamed(folder: string, patterns: readonly string[]): string[] {
    return globSync('**/*.test.ts', { cwd: folder })
        .map((file) => file.split(path.sep).join('/'))
        .filter((file) => patterns.some((pattern) => file.includes(pattern)));
}

/**
 * The files to run, slow and long ones and those that ask for time first, so that they do not run alone at the end. Where there may be no time for all long ones they come
 * last, those first that always run, and from hour to hour others after them. Engines need servers: only when asked for.
 */
function chooseFiles(options: SuiteOptions): string[] {
    const askedFor =
        options.patterns.length === 0
            ? filesNamed(options.folder, ['']).filter((file) => !file.startsWith('engines/'))
            : filesNamed(options.folder, options.patterns);
    const isIncluded = (file: string) => {
        if (isSlow(file)) return options.included.includes('slow');
        return !isLong(file) || options.patterns.length > 0 || options.included.includes('long');
    };
    const weight = (file: string) =>
        4 * Number(isSlow(file)) +
        2 * Number(isLong(file)) +
        Number(TEST_LIMIT.test(headOf(path.join(options.folder, file))));
    const files = askedFor
        .filter(isIncluded)
        .map((file) => ({ file, weight: weight(file) }))
        .sort((a, b) => b.weight - a.weight || (a.file < b.file ? -1 : 1))
        .map(({ file }) => file);
    if (options.longUntilMs === undefined) return files;
    const long = files.filter(isLong);
    const first = long.filter((file) => FIRST_OF_LONG.test(headOf(path.join(options.folder, file))));
    const others = long.filter((file) => !first.includes(file));
    const next = (7 * Math.floor(Date.now() / 3_600_000)) % Math.max(others.length, 1);
    return [
        ...files.filter((file) => !isLong(file)),
        ...first,
        ...others.slice(next),
        ...others.slice(0, next),
    ];
}

/** A file may ask for a limit of its own. */
const TEST_LIMIT = /^\/\/ test limit: (\d+) s$/m;

/** A long file may ask to run before all others, so that it always does. */
const FIRST_OF_LONG = /^\/\/ first of the long ones$/m;

/** The lines in which a file says how it wants to be run. */
const headOf = (file: string) => readFileSync(file, 'utf8').slice(0, 2000);

/** Judges a run: every way in which a file can look right without having been tested is a fault. */
export function judge(run: FileRun): FileOutcome {
    const faults: string[] = [];
    const skipped: string[] = [];
    let passed = 0;
    const end = run.records.find((record) => record.kind === 'end');
    for (const record of run.records) {
        if (record.kind === 'pass') passed += 1;
        if (record.kind === 'skip') skipped.push(`${record.name}: ${record.reason}`);
        if (record.kind === 'skip' && record.reason === '')
            faults.push(`${record.name}: skipped without a reason`);
        if (record.kind === 'fail') faults.push(`${record.name} (line ${record.line})\n${record.message}`);
    }
    const isTested = passed + skipped.length + faults.length > 0;
    const at = unfinishedOf(run.records);
    if (run.isTimedOut)
        faults.push(`was ended after ${run.limitMs / 1000} s${at}; see GRIDTALLY_TEST_LIMIT_S`);
    else if (run.signal !== null) faults.push(`was ended by ${run.signal}${at}`);
    else if (end === undefined && run.exitCode === 0 && !isTested) {
        faults.push('ended before any test had finished, or has none');
    } else if (end === undefined)
        faults.push(`ended with code ${run.exitCode}${at} before its tests had finished`);
    else if (run.exitCode === 0 && !isTested) faults.push('executed no test');
    else if (end.announced > end.finished) {
        faults.push(`announced ${end.announced} tests and finished ${end.finished}`);
    } else if (run.exitCode !== 0 && faults.length === 0) faults.push(`ended with code ${run.exitCode}`);
    return { passed, skipped, faults };
}

/** The tests in which a file was that did not end, where it tells. */
function unfinishedOf(records: readonly TestRecord[]): string {
    const open: string[] = [];
    for (const record of records) {
        if (record.kind === 'begin') open.push(record.name);
        // a suite whose hook fails has an outcome, and no begin
        else if (record.kind !== 'end' && open.includes(record.name))
            open.splice(open.lastIndexOf(record.name), 1);
    }
    return open.length === 0 ? '' : ` in ${open.map((name) => `'${name}'`).join(' and ')}`;
}

function describeOutcome(run: FileRun, outcome: FileOutcome): string[] {
    const seconds = (run.wallMs / 1000).toFixed(1);
    const counts = `${outcome.passed} passed, ${outcome.faults.length} failed, ${seconds} s`;
    const lines = [`${outcome.faults.length === 0 ? 'ok' : 'NOT OK'} ${run.file}: ${counts}`];
    if (process.env.GRIDTALLY_TEST_TIMES === '1') lines.push(...timesOf(run));
    for (const skip of outcome.skipped) lines.push(`skipped - ${skip}`);
    for (const fault of outcome.faults) lines.push(`not ok - ${run.file}: ${fault}`);
    if (outcome.faults.length > 0 && run.output.trim() !== '') {
        lines.push(`output of ${run.file}:`, run.output.trimEnd());
    }
    return lines;
}

function timesOf(run: FileRun): string[] {
    return run.records.flatMap((record) =>
        record.kind === 'pass' ? [`${(record.wallMs / 1000).toFixed(1).padStart(8)} s  ${record.name}`] : [],
    );
}

async function runFile(folder: string, file: string): Promise<FileRun> {
    const scratch = mkdtempSync(path.join(tmpdir(), 'gridtally-test-'));
    const records = path.join(scratch, 'records');
    const limitMs = limitOf(path.join(folder, file));
    const startedMs = performance.now();
    const ended = await spawnTest(path.join(folder, file), records, limitMs);
    const lines = existsSync(records) ? readFileSync(records, 'utf8').split('\n') : [];
    rmSync(scratch, { recursive: true, force: true });
    return {
        ...ended,
        file,
        limitMs,
        wallMs: performance.now() - startedMs,
        records: lines.filter((line) => line !== '').map((line): TestRecord => JSON.parse(line)),
    };
}

/** A file may ask for its own limit in a comment of its first lines: `// test limit: 240 s`. */
function limitOf(file: string): number {
    const own = TEST_LIMIT.exec(headOf(file));
    const seconds = process.env.GRIDTALLY_TEST_LIMIT_S ?? own?.[1];
    if (seconds !== undefined) return Number(seconds) * 1000;
    return file.endsWith('.slow.test.ts') ? SLOW_LIMIT_MS : LIMIT_MS;
}

const running = new Set<number>();
/** The run was interrupted: no other file begins. */
let isEnding = false;

/**
 * Ends what still runs when the run itself is interrupted: each test has a group of its own, which no signal to the run reaches. Then
 * runs `leave`.
 */
export function endTestsWithRunner(leave: () => Promise<void> = async () => {}): void {
    const endAll = async () => {
        // a second signal changes nothing
        if (isEnding) return;
        isEnding = true;
        endRunningTests();
        await leave();
        process.exit(1);
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
        process.on(signal, () => {
            if (!isEnding) process.stdout.write(`not ok - interrupted by ${signal}\n0 passed, 1 failed\n`);
            void endAll();
        });
    }
    // `npm test | head` closes the pipe while tests run
    process.stdout.on('error', () => void endAll());
}

function endRunningTests(): void {
    for (const pid of running) endGroup(pid);
}

function spawnTest(
    file: string,
    records: string,
    limitMs: number,
): Promise<Pick<FileRun, 'exitCode' | 'signal' | 'isTimedOut' | 'output'>> {
    const env: NodeJS.ProcessEnv = { ...process.env, GRIDTALLY_TEST_RECORDS: records };
    // Set when this runs inside another test; the file would then report to that one.
    delete env.NODE_TEST_CONTEXT;
    const reporter = path.join(import.meta.dirname, 'reporter.ts');
    const args = [`--test-reporter=${reporter}`, '--test-reporter-destination=stdout', file];
    // A group of its own, so that what a test started is ended with it.
    const child = spawn(process.execPath, args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let isTimedOut = false;
    const keep = (chunk: string) => {
        if (output.length < OUTPUT_CHARACTERS_MAX) output += chunk;
    };
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    const pid = child.pid;
    if (pid !== undefined) running.add(pid);
    const timer = setTimeout(() => {
        isTimedOut = true;
        if (pid !== undefined) endGroup(pid);
    }, limitMs);
    return new Promise((resolve, reject) => {
        child.on('error', reject);
        child.on('exit', (exitCode, signal) => {
            clearTimeout(timer);
            if (pid !== undefined) running.delete(pid);
            // Not `close` alone: a server that a test leaves behind holds the pipes open.
            const lastOutput = setTimeout(finish, 300);
            child.on('close', finish);
            function finish() {
                clearTimeout(lastOutput);
                child.stdout.destroy();
                child.stderr.destroy();
                resolve({ exitCode, signal, isTimedOut, output });
            }
        });
    });
}

function endGroup(pid: number): void {
    try {
        process.kill(-pid, 'SIGKILL');
    } catch {
        // it has ended by itself in the meantime
    }
}
