/**
 * What `npm test` runs: every `*.test.ts` below `test`, or those whose path contains an argument, as in
 * `npm test -- raw`. The last line is `N passed, N failed`; the exit code is 0 only when nothing failed.
 *
 * GRIDTALLY_LONG=1 includes `*.long.test.ts`, as the build machine does, and a word that names one runs it; GRIDTALLY_SLOW=1 includes `*.slow.test.ts`, and `npm test -- slow` runs nothing else; GRIDTALLY_LONG_UNTIL, in seconds since 1970, is when no other long file
 * begins, and brings the others forward; GRIDTALLY_TEST_CONCURRENCY says how many files run at once;
 * GRIDTALLY_TEST_LIMIT_S replaces the time limit of every file; GRIDTALLY_TEST_TIMES=1 prints what each test took. `test/engines` needs servers and runs only
 * when an argument names it; `npm run test:engines` installs what it needs.
 *
 * In a run of all files, homes that are made by `openChainWorld` share one database server, each in a schema of its own: to make and start
 * a server for each would be a fifth of the run. Where files are named, each home has a server of its own, as homes have by themselves.
 * A run of all quick files has its scratch folders in memory where there is room and TMPDIR is not set.
 * GRIDTALLY_TEST_DATABASE=postgres://… names a server that is there instead, which is left as it was.
 */
import { availableParallelism } from 'node:os';
import { useMemoryForScratch } from './scratch-in-memory.ts';
import { startSharedDatabase } from './shared-database.ts';
import { endTestsWithRunner, runSuite, timeForLongFiles } from './suite.ts';

let leave = async () => {};
let isInMemory = false;
endTestsWithRunner(() => leave());

const patterns = process.argv.slice(2).map((argument) => argument.replace(/^(\.\/)?test\//, ''));
if (patterns.length === 0) {
    process.stdout.write(
        'skipped - engines/: they need a Spark server; `npm run test:engines` installs and starts it\n',
    );
    const isQuick = process.env.GRIDTALLY_LONG !== '1' && process.env.GRIDTALLY_SLOW !== '1';
    const leaveMemory = isQuick ? useMemoryForScratch() : undefined;
    isInMemory = leaveMemory !== undefined;
    const leaveDatabase = await startSharedDatabase();
    leave = async () => {
        await leaveDatabase().finally(() => leaveMemory?.());
    };
}

// a test file often waits, for a process that it started and most of all for the disk: on two cores four files at once take less time than three,
// and without the disk 4:09 rather than 4:25 the other way round
const atOnce = Math.min(5, availableParallelism() + (isInMemory ? 1 : 2));
const concurrency = Number(process.env.GRIDTALLY_TEST_CONCURRENCY ?? atOnce);

try {
    process.exitCode = await runSuite({
        folder: import.meta.dirname,
        patterns,
        included: [
            ...(process.env.GRIDTALLY_LONG === '1' ? ['long' as const] : []),
            ...(process.env.GRIDTALLY_SLOW === '1' || patterns.includes('slow') ? ['slow' as const] : []),
        ],
        concurrency,
        ...timeForLongFiles(),
        print: (line) => process.stdout.write(`${line}\n`),
    });
} finally {
    await leave();
}
