/**
 * What `npm run test:engines` runs: the tests that need a Spark server or a reader of open tables, which are first installed outside of the
 * tree, once. Where Java or Python is absent they skip and say so. Two files at once: a server that plans leaves a core idle. The long ones are
 * included; GRIDTALLY_LONG_UNTIL and the other settings of `npm test` hold here too.
 *
 * Where all files that are named lie outside of `engines/`, as in `npm run test:engines -- chain/`, the homes of their scenarios name the server as their engine.
 */
import path from 'node:path';
import { endTestsWithRunner, filesNamed, runSuite, timeForLongFiles } from '../suite.ts';
import { installReaders } from './install-readers.ts';
import { installSpark } from './install-spark.ts';
import { SCENARIO_ENGINE } from './scenario-engine.ts';
import { sharedSparkServer, shareSparkServer } from './spark-server.ts';

let leave = async () => {};
endTestsWithRunner(() => leave());

const missing = installSpark();
if (missing !== undefined) process.stdout.write(`Spark is not there: ${missing}\n`);
const named = process.argv.slice(2).map((argument) => argument.replace(/^(\.\/)?test\//, ''));
const folder = path.join(import.meta.dirname, '..');
const files = filesNamed(folder, named);
const scenarios = files.filter((file) => !file.startsWith('engines/'));

/** A line that says why nothing can run, as the suite ends its own. */
function refuse(why: string): number {
    process.stdout.write(`not ok - ${why}\n0 passed, 1 failed\n`);
    return 1;
}

async function run(): Promise<number> {
    for (const what of await installReaders()) process.stdout.write(`not installed: ${what}\n`);
    const isOfScenarios = scenarios.length > 0;
    if (isOfScenarios && scenarios.length < files.length)
        return refuse('name files of engines/, or scenarios that are to run on the server, not both');
    if (isOfScenarios && missing !== undefined) return refuse('scenarios on Spark need a server');
    if (missing === undefined)
        leave = await shareSparkServer().catch((error) => {
            process.stdout.write(`no server to share: ${error.message}\n`);
            if (isOfScenarios) throw error;
            // those that need it start their own, and say why they cannot
            return async () => {};
        });
    if (isOfScenarios) process.env[SCENARIO_ENGINE] = (await sharedSparkServer()).address;
    return runSuite({
        folder,
        patterns: named.length > 0 ? named : ['engines/'],
        included: isOfScenarios ? ['long'] : ['long', 'slow'],
        concurrency: Number(process.env.GRIDTALLY_TEST_CONCURRENCY ?? 2),
        ...timeForLongFiles(),
        print: (line) => process.stdout.write(`${line}\n`),
    });
}

try {
    process.exitCode = await run();
} finally {
    await leave();
}
