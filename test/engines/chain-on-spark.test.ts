// test limit: 900 s
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { LAKE_TABLES } from '../../src/contracts/lake-tables.ts';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import { PUBLISHED_TABLES } from '../../src/lake/curation-job.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { draftPeriod } from '../../src/pipeline/draft-period.ts';
import { EVERY_FLAW } from '../../src/simulate/flaws.ts';
import { openChainWorld, readingsCsv } from '../chain/chain-world.ts';
import { openTown, type TownWorld } from '../chain/town-run.ts';
import { runCommandWith } from '../cli/run-command.ts';
import { runFleet } from '../crash/worker-fleet.ts';
import { CERTIFICATE_SKIP, makeCertificate } from '../spark-connect/own-certificate.ts';
import { makeScratchFolder, removeScratchFolder } from '../store/scratch-home.ts';
import { startCuttingProxy } from './cutting-proxy.ts';
import { SPARK_SKIP } from './spark-cache.ts';
import { type SparkServer, sharedSparkServer } from './spark-server.ts';

const skip = SPARK_SKIP;

let server: Pick<SparkServer, 'address' | 'end'>;

before(async () => {
    if (!skip) server = await sharedSparkServer();
});

after(async () => {
    await server?.end();
});

const TOWN = {
    marketZone: 'Europe/London',
    flaws: { ...EVERY_FLAW, exchanged: 0.4, moved: 0.4 },
    seed: 'spark',
    homes: 24,
    from: '2013-03-25',
    to: '2013-04-04',
    minutes: 'mixed',
    feed: 'generic-csv',
    compress: 'gzip',
    bucketSize: 16,
} as const;

test('a town with every flaw is published and billed as by the engine in the process, which other tests hold to the truth, when the home names a server', {
    skip,
}, async () => {
    const onDuckdb = await openTown({ ...TOWN, estimates: true, engine: 'in process' });
    const onSpark = await openTown({ ...TOWN, estimates: true, engine: server.address });
    try {
        await assertEqualHomes(onSpark, onDuckdb);
        // a correction of one reading, which merges; then what no engine has to do
        for (const town of [onDuckdb, onSpark]) await correct(town);
        await assertEqualHomes(onSpark, onDuckdb);
        for (const town of [onDuckdb, onSpark]) assert.equal((await refreshAll(town.workspace)).rebuilt, 0);
    } finally {
        await onSpark.end();
        await onDuckdb.end();
    }
});

/** Everything that curation publishes, estimates, marks and the change feed among it, and every document of a bill. */
const COMPARED = [...PUBLISHED_TABLES, 'day_marks', 'changed_channel_days'] as const;

/** Of these the town has many rows. */
const FILLED = [
    'reads_interval',
    'reads_hourly',
    'reads_daily',
    'reading_estimates',
    'reading_marks',
    'changed_channel_days',
] as const;

async function assertEqualHomes(one: TownWorld, other: TownWorld): Promise<void> {
    const [a, b] = [await contentOf(one), await contentOf(other)];
    for (const table of COMPARED) assert.deepEqual(a.get(table), b.get(table), table);
    for (const table of FILLED) assert.ok((a.get(table)?.length ?? 0) > 10, table);
    assert.ok([...a.values()].flat().length > 1000);
    const bills = await documents(one);
    assert.ok(bills.reduce((sum, { lines }) => sum + lines, 0) > 50);
    assert.deepEqual(bills, await documents(other));
}

async function contentOf(town: TownWorld): Promise<Map<string, string[]>> {
    return town.withViews(async (session) => {
        const content = new Map<string, string[]>();
        for (const table of COMPARED) {
            // two homes receive at two instants
            const columns = LAKE_TABLES[table]
                .map(({ name }) => name)
                .filter((name) => name !== 'received_at');
            const texts = columns.map((name) => `coalesce(cast(${name} as varchar), 'null')`);
            const rows = await session.rows(
                `select concat_ws('|', ${texts.join(', ')}) as line from lake_${table} order by 1`,
            );
            content.set(
                table,
                rows.map(({ line }) => String(line)),
            );
        }
        return content;
    });
}

async function documents(town: TownWorld): Promise<{ readonly lines: number }[]> {
    await draftPeriod(town.workspace, { from: calendarDate('2013-03-25'), to: calendarDate('2013-04-04') });
    return town.workspace.lake.db.query(
        `select bill_id, state, is_complete, energy_kwh::text, amount_due::text, document,
                (select count(*)::int from bill_lines l where l.bill_no = b.bill_no) as lines
           from bills b order by bill_id`,
    );
}

async function correct(town: TownWorld): Promise<void> {
    const [reading] = await town.query(
        `select meter_id, register_id, epoch_ms(read_at) as at_ms, minutes, kwh from reads_15min
          where quality_flag = 'good' order by meter_id, register_id, read_at limit 1`,
    );
    assert.ok(reading);
    const row = {
        meter: String(reading.meter_id),
        at: Number(reading.at_ms),
        minutes: Number(reading.minutes),
        kwh: '77.125',
        version: 99,
    };
    const text = readingsCsv([row]).replace(`${row.meter},1,`, `${row.meter},${reading.register_id},`);
    const { parsed } = await town.ingest('town', { 'correction.csv': text });
    assert.deepEqual([parsed.quarantined, parsed.waiting], [0, 0]);
    const result = await refreshAll(town.workspace);
    // two partitions beside it have estimates of the channel's window, which come to the same
    assert.deepEqual([result.rebuilt, result.merged, result.changedChannelDays], [0, 3, 1]);
}

test('a day of many buckets is one job of the server, and what is published is of each bucket', {
    skip,
}, async () => {
    const world = await openChainWorld({
        marketZone: 'Europe/London',
        bucketSize: 16,
        engine: server.address,
    });
    try {
        const at = Date.UTC(2013, 4, 1);
        // channels are counted from 1, so the first of the buckets is not full
        const meters = Array.from({ length: 1600 }, (_, i) => `M${i}`);
        const rows = meters.flatMap((meter) =>
            [0, 1].map((n) => ({ meter, at: at + n * 1_800_000, kwh: '0.5' })),
        );
        await world.ingest('generic-csv', { 'day.csv': readingsCsv(rows) });
        assert.equal((await refreshAll(world.workspace)).rebuilt, 101);
        const folder = path.join(world.homeFolder, 'lake', 'reads_interval');
        const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
        assert.equal(names.filter((name) => name.endsWith('_SUCCESS')).length, 1);
        const [found] = await world.query(
            'select count(distinct meter_id) as meters, sum(kwh) as kwh from reads_daily',
        );
        assert.deepEqual(found, { meters: 1600n, kwh: '1600.000000' });
    } finally {
        await world.end();
    }
});

test('a server behind a gateway with TLS is trusted by a certificate that the environment names, and by nothing else', {
    skip: skip || CERTIFICATE_SKIP,
}, async () => {
    const folder = makeScratchFolder();
    const certificate = makeCertificate(folder);
    const gateway = await startCuttingProxy(Number(new URL(server.address).port), certificate);
    const engine = `sc://localhost:${gateway.port}/;use_ssl=true`;
    const world = await openChainWorld({ marketZone: 'Europe/London', engine });
    try {
        const rows = [{ meter: 'M1', at: Date.UTC(2013, 4, 1), kwh: '0.5' }];
        await world.ingest('generic-csv', { 'day.csv': readingsCsv(rows) });
        const refresh = ['refresh', '--json', '--home', world.homeFolder];
        const refused = await runCommandWith({}, ...refresh);
        assert.equal(refused.code, 1);
        assert.match(refused.out, /self-signed certificate/);
        const done = await runCommandWith({ NODE_EXTRA_CA_CERTS: certificate.certificateFile }, ...refresh);
        assert.equal(done.code, 0, done.said);
        assert.deepEqual(await world.query('select kwh from reads_daily'), [{ kwh: '0.500000' }]);
    } finally {
        await world.end();
        await gateway.end();
        await removeScratchFolder(folder);
    }
});

test('several processes that share a home and a server, some of them killed, give the content of one without', {
    skip,
}, async (t) => {
    const fleet = { seed: 'spark fleet', homes: 2, days: 2, workers: 2, receivers: 1, kills: 3 };
    const run = await runFleet({ ...fleet, engine: server.address });
    t.diagnostic(JSON.stringify(run));
    assert.deepEqual(run.findings, []);
    assert.ok(run.kills >= fleet.kills);
});
