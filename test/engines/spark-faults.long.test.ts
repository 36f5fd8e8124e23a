// test limit: 1500 s
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { overrideModel } from '../../src/engine/compile.ts';
import { refuseOldServer, sparkEngine } from '../../src/engine/spark/spark-engine.ts';
import { type ErrorCode, GridtallyError } from '../../src/kernel/errors.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { type ChainWorld, openChainWorld, publishedContent, readingsCsv } from '../chain/chain-world.ts';
import { withModelThat } from './differing-models.ts';
import { SPARK_SKIP } from './spark-cache.ts';
import { canLimitRoom, freePort, type SparkServer, startSparkServer } from './spark-server.ts';

const skip = SPARK_SKIP;
const TOKEN = 'right';
const ASKER = path.join(import.meta.dirname, 'spark-asker.ts');
// keeps both threads busy for hours; its tasks look whether they are to stop: Spark's sorts and aggregates of text over a range do not
const LONG_QUERY = `select count(*) as n from range(0, 900000000000, 1, 2) where sha2(cast(id as string), 512) = 'x'`;

// a sum that no map side can make smaller: 300,000 texts of 128 characters pass from stage to stage
const LARGE_SHUFFLE =
    'from (select s.* from sums as s inner join (select count(distinct sha2(cast(id as string), 512)) as n from range(300000)) on n > 0) as sums';

// what makes the server look for queries that nobody listens to every second instead of every few minutes
const HURRIED = {
    'spark.connect.execute.manager.detachedTimeout': '2s',
    'spark.connect.execute.manager.maintenanceInterval': '1s',
};

let server: SparkServer | undefined;
let isHurried = false;
let port: number;
let world: ChainWorld;

before(async () => {
    if (skip) return;
    port = await freePort();
    world = await openWorld(`sc://127.0.0.1:${port}/;token=${TOKEN}`);
});

after(async () => {
    await world?.end();
    await server?.end();
});

async function openWorld(engine?: string): Promise<ChainWorld> {
    const opened = await openChainWorld({ marketZone: 'Europe/London', ...(engine ? { engine } : {}) });
    const rows = Array.from({ length: 200 }, (_, i) => ({
        meter: `M${i % 4}`,
        at: Date.UTC(2013, 4, 1) + Math.floor(i / 4) * 1_800_000,
        kwh: `${i}.5`,
    }));
    await opened.ingest('generic-csv', { 'readings.csv': readingsCsv(rows) });
    return opened;
}

/** The refresh fails with that code, and what is published is as it was: nothing. */
async function assertRefused(code: ErrorCode, message: RegExp, of = world): Promise<void> {
    await assert.rejects(refreshAll(of.workspace), (error) => {
        assert.ok(error instanceof GridtallyError, String(error));
        assert.equal(error.code, code, error.message);
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, new RegExp(TOKEN));
        return true;
    });
    const published = await of.workspace.lake.db.query(
        `select * from partitions where table_name not in ('reading_versions', 'channels')`,
    );
    assert.deepEqual(published, []);
}

async function serverUp(): Promise<SparkServer> {
    server ??= await startSparkServer({ port, token: TOKEN });
    return server;
}

test('no server at the address', { skip }, () =>
    assertRefused('engine.unreachable', /^sc:\/\/127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED/),
);

// before all that need a server as it is: a start takes ten seconds
test('a full disk of the server or of the lake, and a lake that it does not see, and the next refresh completes', {
    skip: skip || (canLimitRoom() ? false : 'this account may not mount a small file system'),
}, async () => {
    const address = `sc://127.0.0.1:${port}/;token=${TOKEN}`;
    const worlds = [await openWorld(address), await openWorld(address), await openWorld(address)] as const;
    try {
        await assertRefusedForRoom(...worlds);
        await server?.end();
        server = undefined;
        await serverUp();
        for (const mended of worlds) {
            await refreshAll(mended.workspace);
            await assertAsWithout(mended);
        }
    } finally {
        for (const one of worlds) await one.end();
    }
});

/** Leaves a server on which a large step of the first, a file of the second and what the third has received find no room or no place. */
async function assertRefusedForRoom(small: ChainWorld, full: ChainWorld, unseen: ChainWorld): Promise<void> {
    const inLake = (of: ChainWorld, table: string) => path.join(of.homeFolder, 'lake', table);
    mkdirSync(inLake(full, 'reads_interval'));
    server = await startSparkServer({
        port,
        token: TOKEN,
        roomKib: 8 * 1024,
        // a page; and room enough where only the files are missing
        rooms: { [inLake(full, 'reads_interval')]: 4, [inLake(unseen, 'reading_versions')]: 1024 },
    });
    const shuffling = (text: string) => text.replace('from sums', LARGE_SHUFFLE);
    const forget = overrideModel('curation/present_hours', shuffling, ['sha2']);
    try {
        await assertRefused('engine.disk-full', /No space left on device/, small);
    } finally {
        forget();
    }
    const noRoom = /write below .*reads_interval[\s\S]*No space left on device/;
    await assertRefused('engine.disk-full', noRoom, full);
    await assertRefused('engine.lake-unreachable', /reading_versions/, unseen);
}

test('a token that the server does not take', { skip }, async () => {
    await serverUp();
    const wrong = await openWorld(`sc://127.0.0.1:${port}/;token=wrong`);
    try {
        await assertRefused('engine.refused', /refuses to work for us/, wrong);
    } finally {
        await wrong.end();
    }
});

test('a model that this engine alone cannot run is named, with the place in it', { skip }, async () => {
    await serverUp();
    const forget = withModelThat('failsOnSpark');
    try {
        await assertRefused(
            'engine.failed',
            /^model curation\/curated_days: .*failed to compute curated_days: [\s\S]*DIVIDE_BY_ZERO, SQLSTATE 22012\nat: 1 \/ \(1 - 1\)/,
        );
    } finally {
        forget();
    }
});

test('a model that the other engine alone cannot run is run', { skip }, async () => {
    await serverUp();
    const one = await openWorld(`sc://127.0.0.1:${port}/;token=${TOKEN}`);
    const forget = withModelThat('failsOnDuckdb');
    try {
        assert.equal((await refreshAll(one.workspace)).rebuilt, 2);
    } finally {
        forget();
    }
    await refreshAll(one.workspace);
    await assertAsWithout(one);
    await one.end();
});

test('a process that is told to end ends what the server runs for it', {
    skip,
    timeout: 240_000,
}, async () => {
    const asker = await askLong();
    const ended = once(asker, 'exit');
    asker.kill('SIGTERM');
    assert.deepEqual(await ended, [null, 'SIGTERM']);
    // this server lets a query that nobody listens to go on for minutes
    const askedAt = performance.now();
    await assertIdle();
    assert.ok(performance.now() - askedAt < 60_000);
});

test('a server that dies in mid-refresh, and the next refresh completes', { skip }, async () => {
    const first = await serverUp();
    const forget = overrideModel(
        'curation/present_hours',
        (text) =>
            text.replace(
                'from sums',
                "from (select s.* from sums as s inner join (select max(sha2(cast(id as string), 512)) as x from range(4000000000)) on x <> '') as sums",
            ),
        ['sha2'],
    );
    try {
        const writtenBefore = writtenJobs();
        const refused = assertRefused('engine.lost', /was lost while it was asked to compute received_hours/);
        await Promise.race([refused, untilItComputes(writtenBefore)]);
        await first.end();
        server = await startSparkServer({ port, token: TOKEN, settings: HURRIED });
        isHurried = true;
        await refused;
    } finally {
        forget();
    }
    const result = await refreshAll(world.workspace);
    assert.equal(result.rebuilt, 2);
    await assertAsWithout(world);
});

/** What is published is what a home without a server publishes. */
async function assertAsWithout(one: ChainWorld): Promise<void> {
    const other = await openWorld();
    try {
        await refreshAll(other.workspace);
        assert.deepEqual(await publishedContent(one), await publishedContent(other));
    } finally {
        await other.end();
    }
}

test('a process that is killed leaves nothing that runs on the server, beyond the time that the server allows', {
    skip,
    timeout: 240_000,
}, async () => {
    if (!isHurried) {
        await server?.end();
        server = await startSparkServer({ port, token: TOKEN, settings: HURRIED });
    }
    const asker = await askLong();
    asker.kill('SIGKILL');
    await assertIdle();
});

/** A process whose query is under way on the server. */
async function askLong(): Promise<ChildProcess> {
    const { address } = await serverUp();
    const args = [...process.execArgv, ASKER, `${address}/;token=${TOKEN}`, LONG_QUERY];
    const asker = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const isRunning = once(asker.stdout, 'data').then(() => true);
    assert.ok(
        await Promise.race([isRunning, once(asker, 'exit').then(() => false)]),
        'it asks until it is told to end',
    );
    return asker;
}

/** A query that needs the server's two threads is answered; it waits for ever where the tasks of another go on. */
async function assertIdle(): Promise<void> {
    const { address } = await serverUp();
    const engine = sparkEngine({ address: `${address}/;token=${TOKEN}` });
    try {
        const session = await engine.openSession();
        const next = await session.rows('select count(*) as n from range(0, 1000, 1, 2)');
        assert.deepEqual(next, [{ n: 1000n }]);
    } finally {
        await engine.close();
    }
}

function writtenJobs(): number {
    const folder = path.join(world.homeFolder, 'lake/reads_interval');
    const names = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [];
    return names.filter((name) => name.endsWith('_SUCCESS')).length;
}

/** The job has written its intervals, and goes on to the slow model, which is the next: no other step can be under way. */
async function untilItComputes(writtenBefore: number): Promise<void> {
    while (writtenJobs() === writtenBefore) await new Promise((resolve) => setTimeout(resolve, 100));
    await new Promise((resolve) => setTimeout(resolve, 10_000));
}

test('files that the server does not see', { skip }, async () => {
    const up = await serverUp();
    const engine = sparkEngine({ address: `${up.address}/;token=${TOKEN}`, listingMs: 500 });
    const session = await engine.openSession();
    try {
        const columns = [{ name: 'a', type: 'integer' }];
        await assert.rejects(
            session.registerFiles('v', columns, ['/no/such/lake/file.parquet']),
            (error) => error instanceof GridtallyError && error.code === 'engine.lake-unreachable',
        );
        await assert.rejects(
            session.writeFile('select 1 as a', '/proc/no/such/lake/file.parquet'),
            (error) => error instanceof GridtallyError && error.code === 'engine.lake-unreachable',
        );
    } finally {
        await engine.close();
    }
});

test('what is running is cancelled', { skip }, async () => {
    const up = await serverUp();
    const engine = sparkEngine({ address: `${up.address}/;token=${TOKEN}` });
    const session = await engine.openSession();
    try {
        const running = session.rows(LONG_QUERY);
        setTimeout(() => void session.cancel(), 1_000);
        await assert.rejects(
            running,
            (error) => error instanceof GridtallyError && error.code === 'engine.interrupted',
        );
        // in the same session, of which only what ran was to stop
        const next = await session.rows('select count(*) as n from range(0, 1000, 1, 2)');
        assert.deepEqual(next, [{ n: 1000n }]);
    } finally {
        await engine.close();
    }
});

test('an old server and a wrong address are told as what they are', () => {
    assert.throws(() => refuseOldServer('3.5.4'), /Spark 3\.5\.4, and 4\.0 is needed/);
    refuseOldServer('4.0.0');
    refuseOldServer('10.1.0-SNAPSHOT');
    assert.throws(
        () => sparkEngine({ address: 'sc://host:15002;token=secret' }),
        (error) => {
            assert.ok(error instanceof GridtallyError && error.code === 'engine.address-invalid');
            return !/secret/.test(error.message);
        },
    );
});
