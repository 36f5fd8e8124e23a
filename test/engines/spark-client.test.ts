// test limit: 600 s
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { SparkRow } from '../../src/engine/spark-connect/arrow-values.ts';
import type { QueryProgress } from '../../src/engine/spark-connect/execution.ts';
import { SparkSession } from '../../src/engine/spark-connect/session.ts';
import { SparkError } from '../../src/engine/spark-connect/spark-error.ts';
import { CERTIFICATE_SKIP, makeCertificate } from '../spark-connect/own-certificate.ts';
import { type CuttingProxy, startCuttingProxy } from './cutting-proxy.ts';
import { SPARK_SKIP } from './spark-cache.ts';
import { freePort, type SparkServer, startSparkServer } from './spark-server.ts';

const TOKEN = 'a token; with signs=';
const SETTINGS = `/;token=${encodeURIComponent(TOKEN)}`;
const skip = SPARK_SKIP;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

let server: SparkServer;
let session: SparkSession;
let folder: string;

before(async () => {
    if (skip) return;
    server = await startSparkServer({ token: TOKEN });
    session = await SparkSession.connect(server.address + SETTINGS);
    await session.setConfig({ 'spark.sql.session.timeZone': 'UTC' });
    folder = mkdtempSync(path.join(tmpdir(), 'gridtally-spark-files-'));
});

after(async () => {
    await session?.close();
    await server?.end();
    if (folder) rmSync(folder, { recursive: true, force: true });
});

async function rowsOf(query: string, of = session): Promise<SparkRow[]> {
    return gather(of.rows(query));
}

async function gather<T>(from: AsyncIterable<T>): Promise<T[]> {
    const all: T[] = [];
    for await (const one of from) all.push(one);
    return all;
}

async function failureOf(promise: Promise<unknown>): Promise<SparkError> {
    const error = await promise.then(
        () => undefined,
        (caught: unknown) => caught,
    );
    assert.ok(error instanceof SparkError, `a SparkError, not ${error}`);
    return error;
}

test('values of each plain type arrive exactly', { skip }, async () => {
    assert.match(session.serverVersion, /^4\.1\./);
    const query = `select 1 as i, cast(9007199254740993 as bigint) as l, cast(-3 as smallint) as s, cast(-0.5 as decimal(38, 6)) as d,
        cast(12 as decimal(3, 0)) as w, date '1969-12-31' as day, timestamp '2013-03-31T01:00:00.000001Z' as t, timestamp '1969-12-31T23:59:59.5Z' as u,
        timestamp_ntz '2013-03-31 01:30:00' as n, 'é' as x, true as b, null as o, 1.5d as f`;
    assert.deepEqual(await rowsOf(query), [
        {
            i: 1,
            l: 9007199254740993n,
            s: -3,
            d: '-0.500000',
            w: '12',
            day: '1969-12-31',
            t: '2013-03-31T01:00:00.000001Z',
            u: '1969-12-31T23:59:59.5Z',
            n: '2013-03-31T01:30:00',
            x: 'é',
            b: true,
            o: null,
            f: 1.5,
        },
    ]);
    await assert.rejects(rowsOf('select array(1) as a'), /column a has a type that is not read here/);
    assert.deepEqual(await rowsOf('select 1 as a where false'), []);
});

test('settings are of the session', { skip }, async () => {
    const other = await SparkSession.connect(server.address + SETTINGS);
    try {
        await other.setConfig({ 'spark.sql.shuffle.partitions': '7' });
        const key = 'spark.sql.shuffle.partitions';
        assert.deepEqual(await other.getConfig(key, 'no.such.key'), { [key]: '7', 'no.such.key': undefined });
        assert.deepEqual(await session.getConfig(key), { [key]: '4' });
        await other.createRowsView('mine', [{ name: 'a', type: 'int' }], [['1']]);
        assert.equal((await failureOf(rowsOf('select * from mine'))).errorClass, 'TABLE_OR_VIEW_NOT_FOUND');
    } finally {
        await other.close();
    }
});

test('rows go up in chunks as text, and are cast there', { skip }, async () => {
    const columns = [
        { name: 'no', type: 'int' },
        { name: 'kwh', type: 'decimal(18,6)' },
        { name: 'at', type: 'timestamp' },
    ];
    const rows = Array.from({ length: 250_000 }, (_, i) => [
        String(i),
        i % 10 === 0 ? null : `${i}.000001`,
        '2013-01-01T00:00:00Z',
    ]);
    await session.createRowsView('sent', columns, rows);
    const sums = `select count(*) as n, count(kwh) as k, sum(no) as no, sum(kwh) as kwh, max(at) as at from sent`;
    assert.deepEqual(await rowsOf(sums), [
        {
            n: 250_000n,
            k: 225_000n,
            no: 31_249_875_000n,
            kwh: '28125000000.225000',
            at: '2013-01-01T00:00:00Z',
        },
    ]);
    await session.createRowsView('sent', columns, []);
    assert.deepEqual(await rowsOf('select no, kwh, at from sent'), []);
});

test('a view reads exactly the files that it names', { skip }, async () => {
    // blanks, and what would be a pattern
    const place = path.join(folder, 'a [bc]{d} *');
    mkdirSync(place);
    const write = (query: string, name: string) =>
        session.writeFiles(query, { format: 'parquet', folder: path.join(place, name) });
    await write('select 1 as a, 10L as b', 'one');
    await write('select 2 as a', 'two');
    await write('select 3 as a', 'three');
    const fileOf = (name: string) =>
        readdirSync(path.join(place, name))
            .filter((file) => file.endsWith('.parquet'))
            .map((file) => path.join(place, name, file));
    const columns = [
        { name: 'a', type: 'int' },
        { name: 'b', type: 'bigint' },
    ];
    const paths = [...fileOf('one'), ...fileOf('two')];
    await session.createFilesView('named', { format: 'parquet', columns, paths });
    assert.deepEqual(await rowsOf('select * from named order by a'), [
        { a: 1, b: 10n },
        { a: 2, b: null },
    ]);
    const missing = await failureOf(
        session.createFilesView('lost', {
            format: 'parquet',
            columns,
            paths: [path.join(place, 'no.parquet')],
        }),
    );
    assert.equal(missing.errorClass, 'PATH_NOT_FOUND');
    const there = await failureOf(write('select 1 as a', 'one'));
    assert.equal(there.errorClass, 'PATH_ALREADY_EXISTS');
});

test('a million rows are fetched while memory holds a few batches', { skip }, async () => {
    const before = liveBytes();
    let peak = 0;
    let characters = 0;
    let count = 0;
    let sum = 0n;
    for await (const row of session.rows(
        `select id, repeat('x', 200) as text from range(0, 1000000, 1, 8)`,
    )) {
        count += 1;
        sum += BigInt(row.id as bigint);
        characters += String(row.text).length;
        if (count % 100_000 === 0) peak = Math.max(peak, liveBytes() - before);
    }
    assert.deepEqual([count, sum, characters], [1_000_000, 499_999_500_000n, 200_000_000]);
    assert.ok(peak < 60_000_000, `${Math.round(peak / 1e6)} MB held of 208 MB`);
});

/** What is held once everything has been collected that nobody refers to. */
function liveBytes(): number {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
}

/** Reads a long answer, whose rows come in order and once, while the connection is cut after each 100,000 rows. */
async function readThroughCuts(of: SparkSession, proxy: CuttingProxy, times: number): Promise<void> {
    let cuts = 0;
    let expected = 0n;
    const rows = BigInt(times + 1) * 100_000n;
    const query = `select id, repeat('x', 200) as text from range(0, ${rows}, 1, 4) where sha2(cast(id as string), 256) <> ''`;
    for await (const row of of.rows(query)) {
        assert.equal(row.id, expected);
        expected += 1n;
        if (expected % 100_000n !== 0n || cuts === times) continue;
        assert.ok(proxy.cut() > 0);
        cuts += 1;
    }
    assert.deepEqual([cuts, expected], [times, rows]);
}

test('eight cuts of the connection change nothing in a long answer', { skip }, async () => {
    const proxy = await startCuttingProxy(server.port);
    const cut = await SparkSession.connect(`sc://127.0.0.1:${proxy.port}${SETTINGS}`);
    try {
        await readThroughCuts(cut, proxy, 8);
    } finally {
        await cut.close();
        await proxy.end();
    }
});

test('over TLS all of it is the same: token, rows sent and read, cuts, a wrong token', {
    skip: skip || CERTIFICATE_SKIP,
}, async () => {
    const certificate = makeCertificate(folder);
    const gateway = await startCuttingProxy(server.port, certificate);
    const address = `sc://localhost:${gateway.port}`;
    const trust = { rootCertificates: certificate.certificate };
    const secure = await SparkSession.connect(`${address}${SETTINGS};use_ssl=true`, trust);
    try {
        assert.deepEqual(await rowsOf('select 1 as one', secure), [{ one: 1 }]);
        await secure.createRowsView('sent', [{ name: 'a', type: 'int' }], [['7']]);
        assert.deepEqual(await rowsOf('select a from sent', secure), [{ a: 7 }]);
        await readThroughCuts(secure, gateway, 4);
        const wrong = await failureOf(SparkSession.connect(`${address}/;token=wrong;use_ssl=true`, trust));
        assert.equal(wrong.status, 'UNAUTHENTICATED');
    } finally {
        await secure.close();
        await gateway.end();
    }
});

test('cuts before the first answer do not run a statement twice', { skip }, async () => {
    const proxy = await startCuttingProxy(server.port);
    const cut = await SparkSession.connect(`sc://127.0.0.1:${proxy.port}${SETTINGS}`);
    let cuts = 0;
    const cutting = setInterval(() => {
        cuts += proxy.cut();
    }, 300);
    try {
        // a second run would find the folder there, and fail
        const rows = await cut.writeFiles(
            `select max(sha2(cast(id as string), 512)) as h from range(0, 6000000, 1, 4)`,
            {
                format: 'parquet',
                folder: path.join(folder, 'once'),
            },
        );
        assert.equal(rows, 1);
        assert.ok(cuts >= 3, `${cuts} cuts`);
        const files = readdirSync(path.join(folder, 'once')).filter((file) => file.endsWith('.parquet'));
        assert.equal(files.length, 1);
    } finally {
        clearInterval(cutting);
        await cut.close();
        await proxy.end();
    }
});

test('a write says how many rows it wrote, and keeps the order of each file', { skip }, async () => {
    const write = (query: string, name: string, target: { partitionBy?: string[]; sortBy?: string } = {}) =>
        session.writeFiles(query, { format: 'parquet', folder: path.join(folder, name), ...target });
    assert.equal(await write('select id from range(1000) where id < 0', 'counted-none'), 0);
    assert.equal(await write('select /*+ coalesce(1) */ id from range(0, 1000, 1, 4)', 'counted'), 1000);
    const parts = await write(
        'select /*+ repartition(3, part) */ id, id % 5 as part, id as n from range(0, 100000, 1, 4)',
        'counted-parts',
        { partitionBy: ['part'], sortBy: 'part, n desc nulls last' },
    );
    assert.equal(parts, 100_000);
    const place = path.join(folder, 'counted-parts');
    const names = readdirSync(place, { recursive: true, encoding: 'utf8' }).filter((name) =>
        name.endsWith('.parquet'),
    );
    assert.equal(names.length, 5);
    for (const name of names) {
        await session.createFilesView('part', { format: 'parquet', paths: [path.join(place, name)] });
        const ids = (await rowsOf('select n from part')).map((row) => Number(row.n));
        assert.equal(ids.length, 20_000);
        assert.deepEqual(
            ids,
            ids.toSorted((a, b) => b - a),
        );
    }
});

const ENDLESS = `select count(*) as n from range(0, 1000000000000, 1, 2) where sha2(cast(id as string), 512) = 'x'`;

/**
 * What tells when a query has tasks. A server that is told to interrupt one whose job is not yet submitted says that it has, and submits the job all the same, which
 * then holds every core of it until the session ends.
 */
function whenItRuns(): { readonly isAtWork: Promise<void>; onProgress(progress: QueryProgress): void } {
    const { promise, resolve } = Promise.withResolvers<void>();
    return {
        isAtWork: promise,
        onProgress: ({ runningTasks }) => {
            if (runningTasks > 0) resolve();
        },
    };
}

test('a query is interrupted by its signal, and by its tag', { skip }, async () => {
    const stop = new AbortController();
    const first = whenItRuns();
    const running = gather(session.rows(ENDLESS, { signal: stop.signal, onProgress: first.onProgress }));
    await first.isAtWork;
    const startedMs = performance.now();
    stop.abort();
    const aborted = await failureOf(running);
    assert.equal(aborted.isInterrupted, true);
    assert.equal(aborted.errorClass, 'OPERATION_CANCELED');
    assert.ok(performance.now() - startedMs < 10_000);

    const second = whenItRuns();
    const tagged = failureOf(
        gather(session.rows(ENDLESS, { tags: ['night'], onProgress: second.onProgress })),
    );
    const other = gather(session.rows('select 1 as a', { tags: ['day'] }));
    await second.isAtWork;
    assert.equal(await session.interrupt({ tag: 'night' }), 1);
    assert.equal((await tagged).isInterrupted, true);
    assert.deepEqual(await other, [{ a: 1 }]);
    assert.equal(await session.interrupt(), 0, 'nothing runs any more');
});

test('who stops reading stops the query', { skip }, async () => {
    // it runs for long; the server keeps what tasks have found until it is read, so that each finds little: a reader that other work holds up must
    // not fill the server's memory
    for await (const row of session.rows(`select id from range(0, 4000000, 1, 40000)`)) {
        if (row.id === 1000n) break;
    }
    assert.equal(await session.interrupt(), 0);
    assert.deepEqual(await rowsOf('select 1 as a'), [{ a: 1 }]);
});

test('a session that has ended leaves no job, however early its queries were stopped', { skip }, async () => {
    const early = () => sleep(Math.random() * 300);
    for (let round = 0; round < 10; round += 1) {
        const ending = [0, 1, 2].map(async () => {
            const one = await SparkSession.connect(server.address + SETTINGS);
            const running = failureOf(rowsOf(ENDLESS, one));
            await early();
            await one.close();
            assert.equal((await running).isInterrupted, true);
        });
        await Promise.all(ending);
    }
    const stopped = await SparkSession.connect(server.address + SETTINGS);
    for (let i = 0; i < 10; i += 1) {
        const stop = new AbortController();
        const running = failureOf(gather(stopped.rows(ENDLESS, { signal: stop.signal })));
        await early();
        stop.abort();
        assert.equal((await running).isInterrupted, true);
    }
    await stopped.close();
    await assertNoJob();
});

/** A job of the endless query has as many tasks as the server has cores, and what comes later waits for them. */
async function assertNoJob(): Promise<void> {
    // one that is yet to come counts too
    await sleep(3_000);
    const answer = rowsOf('select count(*) as n from range(0, 1000, 1, 2)');
    assert.deepEqual(await Promise.race([answer, sleep(60_000, 'no core of the server is free')]), [
        { n: 1000n },
    ]);
}

test('progress tells of tasks done', { skip }, async () => {
    const seen: QueryProgress[] = [];
    const query = `select max(sha2(cast(id as string), 512)) as h from range(0, 6000000, 1, 16)`;
    await gather(session.rows(query, { onProgress: (progress) => seen.push(progress) }));
    const stages = seen.flatMap((progress) => progress.stages);
    assert.ok(stages.some((stage) => stage.taskCount === 16 && stage.doneCount > 0));
});

test('an error has its class, state, parameters and place', { skip }, async () => {
    const query = 'select no from (select 1 as no) where no > nope';
    const unknown = await failureOf(rowsOf(query));
    assert.equal(unknown.errorClass, 'UNRESOLVED_COLUMN.WITH_SUGGESTION');
    assert.equal(unknown.sqlState, '42703');
    assert.equal(unknown.parameters.objectName, '`nope`');
    const [place] = unknown.positions;
    assert.equal(query.slice(place?.start, (place?.stop ?? 0) + 1), 'nope');
    const division = await failureOf(rowsOf('select 7 / (id - id) as q from range(3)'));
    assert.deepEqual([division.errorClass, division.sqlState], ['DIVIDE_BY_ZERO', '22012']);
    assert.equal(division.positions[0]?.fragment, '7 / (id - id)');
    const syntax = await failureOf(rowsOf('selec 1'));
    assert.deepEqual([syntax.errorClass, syntax.sqlState], ['PARSE_SYNTAX_ERROR', '42601']);
    // the status details of a call hold 4 KB: the whole message is fetched
    const long = `${'a'.repeat(9000)}z`;
    const raised = await failureOf(rowsOf(`select raise_error('${long}')`));
    assert.equal(raised.errorClass, 'USER_RAISED_EXCEPTION');
    assert.ok(raised.message.includes(long));
});

test('what is computed once can be read often, and ends with the session', { skip }, async () => {
    const other = await SparkSession.connect(server.address + SETTINGS);
    try {
        await other.createComputedView('drawn', 'select id, rand() as r from range(100)');
        const first = await rowsOf('select sum(r) as s from drawn', other);
        assert.deepEqual(await rowsOf('select sum(r) as s from drawn', other), first);
    } finally {
        await other.close();
    }
    assert.match((await failureOf(rowsOf('select 1 as a', other))).message, /the session is closed/);
});

test('what was computed and is small is sent to those who join it, whatever the server guesses', {
    skip,
}, async () => {
    const other = await SparkSession.connect(server.address + SETTINGS);
    try {
        await other.setConfig({ 'spark.sql.autoBroadcastJoinThreshold': '-1' });
        await other.run('create or replace temp view many as select id from range(1000)');
        for (const [view, most] of [
            ['small', 100],
            ['large', 99],
        ] as const) {
            await other.createComputedView(view, 'select id from range(100)', { broadcastRowsMax: most });
            const join = `select m.id from many as m inner join ${view} as s on s.id = m.id`;
            const [plan] = await rowsOf(`explain ${join}`, other);
            assert.equal(/BroadcastHashJoin/.test(String(plan?.plan)), view === 'small', String(plan?.plan));
            assert.equal((await rowsOf(join, other)).length, 100);
        }
    } finally {
        await other.close();
    }
});

test('what was computed and has no rows is not joined, nor counted by a query of its own', {
    skip,
}, async () => {
    const other = await SparkSession.connect(server.address + SETTINGS);
    try {
        await other.run('create or replace temp view many as select id from range(1000)');
        await other.createComputedView('none', 'select id from range(100) where id < 0', {
            broadcastRowsMax: 10,
        });
        const [plan] = await rowsOf(
            'explain select m.id from many as m inner join none as n on n.id = m.id',
            other,
        );
        assert.match(String(plan?.plan), /LocalTableScan <empty>/);
        assert.deepEqual(await rowsOf('select count(*) as n from none', other), [{ n: 0n }]);
    } finally {
        await other.close();
    }
});

test('a wrong token is refused, and no token too', { skip }, async () => {
    for (const settings of ['/;token=wrong', '']) {
        const refused = await failureOf(SparkSession.connect(server.address + settings));
        assert.equal(refused.status, 'UNAUTHENTICATED');
    }
});

test('where nothing listens, connecting fails soon', { skip }, async () => {
    const startedMs = performance.now();
    const refused = await failureOf(
        SparkSession.connect(`sc://127.0.0.1:${await freePort()}`, {
            patience: { connectMs: 1_000, reconnectMs: 1_000 },
        }),
    );
    assert.equal(refused.status, 'UNAVAILABLE');
    assert.match(refused.message, /ECONNREFUSED/);
    assert.ok(performance.now() - startedMs < 10_000);
});

// the last ones: afterwards the server is another

test('a server that dies in mid-query is told, and one that comes back has lost the session', {
    skip,
}, async () => {
    const patient = await SparkSession.connect(server.address + SETTINGS, {
        patience: { connectMs: 2_000, reconnectMs: 2_000 },
    });
    const waiting = await SparkSession.connect(server.address + SETTINGS);
    const running = failureOf(rowsOf(ENDLESS, patient));
    const waitingRun = failureOf(rowsOf(ENDLESS, waiting));
    await sleep(500);
    await server.kill();
    const dead = await running;
    assert.equal(dead.status, 'UNAVAILABLE');
    assert.equal(dead.isSessionLost, false);
    const { port } = server;
    await server.end();
    server = await startSparkServer({ token: TOKEN, port });
    assert.equal((await waitingRun).isSessionLost, true);
    assert.equal((await failureOf(rowsOf('select 1 as a', waiting))).isSessionLost, true);
    await patient.close();
    await waiting.close();
});
