import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

const CACHE =
    process.env.GRIDTALLY_CACHE ??
    path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'gridtally');

/** Where the server that the tests start is kept, outside of the tree; `install-spark.ts` fills it. */
export const SPARK_CACHE = path.join(CACHE, 'spark-4.1.4');
export const SPARK_PACKAGES = ['pyspark==4.1.4', 'py4j==0.10.9.9'];
export const SPARK_HOME = path.join(SPARK_CACHE, 'py/pyspark');
export const GENERATOR = ['@bufbuild/protoc-gen-es@2.17.0', '@bufbuild/protobuf@2.17.0'];
export const GENERATOR_FOLDER = path.join(SPARK_CACHE, 'generator/node_modules/@bufbuild/protoc-gen-es');

const JAVA_MAJOR_MIN = 17;

/** What keeps a Spark server from being started here, and whether installing would change it. */
export function missingForSpark(): { readonly what: string; readonly isInstallable: boolean } | undefined {
    if (javaMajor() < JAVA_MAJOR_MIN) {
        return {
            what: `it needs Java ${JAVA_MAJOR_MIN} or newer on PATH or in JAVA_HOME`,
            isInstallable: false,
        };
    }
    if (existsSync(path.join(SPARK_HOME, 'bin/spark-submit')) && existsSync(GENERATOR_FOLDER))
        return undefined;
    if (spawnSync('python3', ['-m', 'pip', '--version']).status !== 0)
        return { what: 'it is installed with Python 3 and pip, which are not here', isInstallable: false };
    return { what: 'run `npm run test:engines`, which installs it outside of the tree', isInstallable: true };
}

/** For `skip` of a test: false where Spark is there. */
export const SPARK_SKIP: string | false = (() => {
    const missing = missingForSpark();
    return missing === undefined ? false : `Spark is not there: ${missing.what}`;
})();

function javaMajor(): number {
    const java = process.env.JAVA_HOME === undefined ? 'java' : path.join(process.env.JAVA_HOME, 'bin/java');
    const { stderr } = spawnSync(java, ['-version'], { encoding: 'utf8' });
    return Number(/version "(\d+)/.exec(stderr ?? '')?.[1] ?? 0);
}
