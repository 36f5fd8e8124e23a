/**
 * What `npm run test:engines` runs: the tests that need a Spark server or a reader of open tables, which are first installed outside of the
 * tree, once. Where Java or Python is absent they skip and say so. Two files at once: a server that plans leaves a core idle. The long ones are
 * included; GRIDTALLY_LONG_UNTIL and the other settings of `npm test` hold here too.
 *
 * Where files outside of `engines/` are named, as in `npm run test:engines -- chain/`, the homes of their scenarios name the server as their engine.
 */
import path from 'node:path';
import { endTestsWithRunner, runSuite, timeForLongFiles } from '../suite.ts';
import { installReaders } from './install-readers.ts';
import { installSpark } from './install-spark.ts';
import { SCENARIO_ENGINE } from './scenario-engine.ts';
import { sharedSparkServer, shareSparkServer } from './spark-server.ts';

let leave = async () => {};
endTestsWithRunner(() => leave());

const missing = installSpark();
if (missing !== undefined) process.stdout.write(`Spark is not there: ${missing}\n`);
const named = process.argv.slice(2).map((argument) => argument.replace(/^(\.\/)?test\//, ''));
const areScenarios = named.length > 0 && !named.some((pattern) => pattern.startsWith('engines'));
try {
    for (const what of await installReaders()) process.stdout.write(`not installed: ${what}\n`);
    // where it does not start, those that need it start their own, and say why they cannot
    if (missing === undefined)
        leave = await shareSparkServer().catch((error) => {
            process.stdout.write(`no server to share: ${error.message}\n`);
            return async () => {};
        });
    if (areScenarios && missing === undefined)
        process.env[SCENARIO_ENGINE] = (await sharedSparkServer()).address;
    // without a server they would say nothing about it
    if (areScenarios && missing !== undefined) process.stdout.write('0 passed, 0 failed\n');
    else
        process.exitCode = await runSuite({
            folder: path.join(import.meta.dirname, '..'),
            patterns: named.length > 0 ? named : ['engines/'],
            included: areScenarios ? ['long'] : ['long', 'slow'],
            concurrency: Number(process.env.GRIDTALLY_TEST_CONCURRENCY ?? 2),
            ...timeForLongFiles(),
            print: (line) => process.stdout.write(`${line}\n`),
        });
} finally {
    await leave();
}
