import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import test from 'node:test';
import { create } from '@bufbuild/protobuf';
import { sparkEngine } from '../../src/engine/spark/spark-engine.ts';
import { explainSparkError } from '../../src/engine/spark/spark-faults.ts';
import { FetchErrorDetailsResponseSchema } from '../../src/engine/spark-connect/protocol/spark/connect/base_pb.ts';
import { SparkError, wholeError } from '../../src/engine/spark-connect/spark-error.ts';
import { GridtallyError } from '../../src/kernel/errors.ts';

const LAKE = '/srv/market/lake/reads_interval/2026/a';
const PATIENCE = { connectMs: 500, reconnectMs: 500 };

/** What is told of a job that failed, and of what caused that on the server. */
function told(errorClass: string, ...causes: readonly string[]): GridtallyError {
    const kept = create(FetchErrorDetailsResponseSchema, {
        rootErrorIdx: 0,
        errors: ['Job aborted.', ...causes].map((message, i) => ({
            message,
            errorTypeHierarchy: [i === 0 ? 'org.apache.spark.SparkException' : 'java.io.IOException'],
            ...(i < causes.length ? { causeIdx: i + 1 } : {}),
            ...(i === 0 ? { sparkThrowable: { errorClass } } : {}),
        })),
    });
    const error = wholeError(new SparkError('Job abor', { status: 'INTERNAL' }), kept);
    const explained = explainSparkError(error, { deed: `write below ${LAKE}`, lakeFolders: [LAKE] });
    assert.ok(explained instanceof GridtallyError);
    return explained;
}

test('a full disk is told also where only a cause of the error says so', () => {
    const full = told('TASK_WRITE_FAILED', 'Task failed', 'No space left on device');
    assert.equal(full.code, 'engine.disk-full');
    assert.match(full.message, /: Job aborted\.\njava\.io\.IOException: No space left on device\n/);
});

test('a file that is missing is the lake’s only where it lies there', () => {
    for (const [cause, code] of [
        [`${LAKE}/parts/_temporary/0/part-0.parquet (Permission denied)`, 'engine.lake-unreachable'],
        [`Mkdirs failed to create file:${LAKE}/parts`, 'engine.lake-unreachable'],
        [
            'java.io.FileNotFoundException: /tmp/blockmgr-1/0c/shuffle_0_0.data (No such file)',
            'engine.failed',
        ],
        ['/var/spark/spill-7 (Permission denied)', 'engine.failed'],
    ] as const)
        assert.equal(told('TASK_WRITE_FAILED', cause).code, code, cause);
    // what is asked for by its path is the lake's
    assert.equal(told('PATH_NOT_FOUND').code, 'engine.lake-unreachable');
    assert.equal(told('DIVIDE_BY_ZERO').code, 'engine.failed');
});

const WEB = [
    ['a path that is not there', { ':status': 404, 'content-type': 'text/html' }],
    ['a page for logging in', { ':status': 302, location: 'https://login.example.com/' }],
    ['a page', { ':status': 200, 'content-type': 'text/html' }],
] as const;

for (const [what, headers] of WEB)
    test(`a web server that answers with ${what} is no Spark server, and told as a wrong address or token`, async () => {
        const server = createHttp2Server();
        server.on('stream', (stream) => {
            stream.on('error', () => {});
            stream.respond({ ...headers });
            stream.end('<html>hello</html>');
        });
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        const { port } = server.address() as AddressInfo;
        const engine = sparkEngine({ address: `sc://127.0.0.1:${port}/;token=right`, patience: PATIENCE });
        try {
            await assert.rejects(engine.openSession(), (error) => {
                assert.ok(error instanceof GridtallyError, String(error));
                assert.equal(error.code, 'engine.unreachable', error.message);
                assert.match(error.message, /answers, and is no Spark Connect server: /);
                assert.match(error.remedy, /address and port .* token/);
                return true;
            });
        } finally {
            await engine.close();
            await new Promise((resolve) => server.close(resolve));
        }
    });

test('a web server of the first kind is out of reach', async () => {
    const server = createServer((_, response) => response.end('hello'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const engine = sparkEngine({ address: `sc://127.0.0.1:${port}`, patience: PATIENCE });
    try {
        await assert.rejects(
            engine.openSession(),
            (error) => error instanceof GridtallyError && error.code === 'engine.unreachable',
        );
    } finally {
        await engine.close();
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
    }
});
