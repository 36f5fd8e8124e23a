import { existsSync } from 'node:fs';
import path from 'node:path';
import { CACHE, SPARK_CACHE } from './spark-cache.ts';

/** Where the readers of open tables are kept, outside of the tree; `install-readers.ts` fills it. */
export const READER_CACHE = path.join(CACHE, 'open-table-readers-1');
export const READER_PACKAGES = ['deltalake==1.6.6', 'duckdb==1.5.5', 'duckdb-extension-delta==1.5.5'];
export const READER_PYTHON = path.join(READER_CACHE, 'py');

/** The Delta reader of Spark 4.1 from the Maven repository, with the SHA-256 of each file. */
export const DELTA_JARS: readonly { readonly path: string; readonly sha256: string }[] = [
    {
        path: 'io/delta/delta-spark_4.1_2.13/4.4.0/delta-spark_4.1_2.13-4.4.0.jar',
        sha256: '75a9400986853c061f5109f012547de2545a5759e5e752e5ef633dabe16a4f10',
    },
    {
        path: 'io/delta/delta-storage/4.4.0/delta-storage-4.4.0.jar',
        sha256: 'c46735481fa8e326b0957be02b4420cbcab4b325bb08009b7f2045a95133f1cc',
    },
];
export const DELTA_JAR_FILES = DELTA_JARS.map((jar) => path.join(READER_CACHE, path.basename(jar.path)));

/** A Spark 4.1 with its Python side, where the tests on Spark keep it. */
export const READER_SPARK = path.join(SPARK_CACHE, 'py');

const INSTALL = 'run `npm run test:engines`, which installs it outside of the tree';

/** For `skip` of a test: false where the reader is there. */
export const READER_SKIPS: Readonly<Record<'deltalake' | 'duckdb' | 'spark', string | false>> = {
    deltalake: existsSync(path.join(READER_PYTHON, 'deltalake'))
        ? false
        : `deltalake is not there: ${INSTALL}`,
    duckdb: existsSync(path.join(READER_PYTHON, 'duckdb_extension_delta'))
        ? false
        : `DuckDB's delta extension is not there: ${INSTALL}`,
    spark: sparkSkip(),
};

function sparkSkip(): string | false {
    if (!DELTA_JAR_FILES.every((file) => existsSync(file))) return `delta-spark is not there: ${INSTALL}`;
    return existsSync(path.join(READER_SPARK, 'pyspark')) ? false : `Spark 4.1 is not there: ${INSTALL}`;
}
