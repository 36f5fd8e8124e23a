/**
 * What `npm run test:engines` runs: the tests that need a Spark server or a reader of open tables, which are first installed outside of the
 * tree, once. Where Java or Python is absent they skip and say so. One file at a time, because a server takes two cores.
 */
import path from 'node:path';
import { endTestsWithRunner, runSuite } from '../suite.ts';
import { installReaders } from './install-readers.ts';
import { installSpark } from './install-spark.ts';
import { shareSparkServer } from './spark-server.ts';

let leave = async () => {};
endTestsWithRunner(() => leave());

const missing = installSpark();
if (missing !== undefined) process.stdout.write(`Spark is not there: ${missing}\n`);
const named = process.argv.slice(2).map((argument) => argument.replace(/^(\.\/)?test\//, ''));
try {
    for (const what of await installReaders()) process.stdout.write(`not installed: ${what}\n`);
    // where it does not start, those that need it start their own, and say why they cannot
    if (missing === undefined)
        leave = await shareSparkServer().catch((error) => {
            process.stdout.write(`no server to share: ${error.message}\n`);
            return async () => {};
        });
    process.exitCode = await runSuite({
        folder: path.join(import.meta.dirname, '..'),
        patterns: named.length > 0 ? named : ['engines/'],
        included: ['long', 'slow'],
        concurrency: 1,
        print: (line) => process.stdout.write(`${line}\n`),
    });
} finally {
    await leave();
}
