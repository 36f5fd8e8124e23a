// test limit: 900 s
import test, { after, before } from 'node:test';
import { checkLclCase } from '../chain/lcl-case.ts';
import { LCL_SKIP } from '../chain/lcl-files.ts';
import { SPARK_SKIP } from './spark-cache.ts';
import { type SparkServer, sharedSparkServer } from './spark-server.ts';

let server: Pick<SparkServer, 'address' | 'end'>;

before(async () => {
    if (!SPARK_SKIP) server = await sharedSparkServer();
});

after(async () => {
    await server?.end();
});

test(
    'sixty real homes give the same figures, with no change but the address of the engine',
    { skip: SPARK_SKIP || LCL_SKIP },
    () => checkLclCase(server.address),
);
