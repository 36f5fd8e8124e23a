import path from 'node:path';
import { openWorkspace, type Workspace } from '../src/cli/workspace.ts';
import { SparkSession } from '../src/engine/spark-connect/session.ts';
import { liveFiles } from '../src/lake/catalogue.ts';
import { ingest, load, refreshAll } from '../src/pipeline/chain.ts';
import { readStatus } from '../src/pipeline/status.ts';
import { removeDatabase } from '../src/store/embedded-postgres.ts';
import { initHome } from '../src/store/home.ts';
import { freePort, startSparkServer } from '../test/engines/spark-server.ts';
import type { SparkSide } from './spark.ts';

const MEMORY = '4g';

async function timed(work: () => Promise<unknown>): Promise<number> {
    const from = performance.now();
    await work();
    return (performance.now() - from) / 1000;
}

async function throughGridtally(workspace: Workspace, port: number): Promise<SparkSide> {
    const server = await startSparkServer({ port, memory: MEMORY });
    try {
        const seconds = await timed(() => refreshAll(workspace));
        const status = await readStatus(workspace.lake);
        return { seconds, steps: {}, check: { intervals: status.winning, kwh: status.kwh } };
    } finally {
        await server.end();
    }
}

// What one would write by hand over files of versions: the newest of each interval, sorted, and sums by hour and day, a file for each day
// and bucket. No validity, no gaps, no outcomes, no checksums. Frozen here.
const NEWEST = `
    select /*+ repartition(market_day, bucket) */ market_day, bucket, channel_no, period_from, interval_minutes, kwh, quality, source_code,
        feed_id, sequence, received_at
    from (select *, row_number() over (
                partition by channel_no, period_from order by version_stamp desc nulls last, sequence desc, ordinal desc) as place
            from versions)
    where place = 1
    sort by market_day, bucket, channel_no, period_from`;
const HOURLY = `
    select /*+ repartition(market_day, bucket) */ * from (
        select market_day, bucket, channel_no, date_trunc('hour', period_from) as hour_from, sum(kwh) as kwh, count(*) as readings
        from newest group by 1, 2, 3, 4)
    sort by market_day, bucket, channel_no, hour_from`;
const DAILY = `
    select /*+ repartition(market_day, bucket) */ * from (
        select market_day, bucket, channel_no, sum(kwh) as kwh, sum(readings) as readings from hourly group by 1, 2, 3)
    sort by market_day, bucket, channel_no`;

async function byHand(folder: string, versionFiles: readonly string[]): Promise<SparkSide> {
    const server = await startSparkServer({ memory: MEMORY });
    const spark = await SparkSession.connect(server.address);
    try {
        const steps: Record<string, number> = {};
        await spark.setConfig({ 'spark.sql.session.timeZone': 'UTC' });
        await spark.createFilesView('versions', {
            format: 'parquet',
            paths: versionFiles.map((file) => `file:${file}`),
        });
        for (const [name, query] of Object.entries({ newest: NEWEST, hourly: HOURLY, daily: DAILY })) {
            const target = `file:${path.join(folder, 'by-hand', name)}`;
            steps[name] = await timed(() =>
                spark.writeFiles(query, {
                    format: 'parquet',
                    folder: target,
                    partitionBy: ['market_day', 'bucket'],
                    options: { compression: 'zstd' },
                }),
            );
            await spark.createFilesView(name, { format: 'parquet', paths: [target] });
        }
        const seconds = Object.values(steps).reduce((sum, taken) => sum + taken, 0);
        const sums = spark.rows('select count(*) as intervals, cast(sum(kwh) as string) as kwh from newest');
        for await (const row of sums)
            return { seconds, steps, check: { intervals: Number(row.intervals), kwh: String(row.kwh) } };
        throw new Error('a sum without a row');
    } finally {
        await spark.close();
        await server.end();
    }
}

async function main(folder: string): Promise<void> {
    const home = path.join(folder, 'home');
    const town = path.join(folder, 'town');
    const port = await freePort();
    await initHome(home, { marketZone: 'Europe/London', engine: `sc://127.0.0.1:${port}` });
    const workspace = await openWorkspace(home);
    try {
        const points = path.join(town, 'master', 'metering-points.csv');
        await load(workspace, { kind: 'metering-points', file: points });
        for (const name of ['readings.csv', 'corrections.csv'])
            await ingest(workspace, 'generic-csv', [{ sourceKey: name, path: path.join(town, name) }]);
        const files = await liveFiles(workspace.lake, 'reading_versions', {});
        const paths = [...new Set(files.map((file) => file.path))];
        const sides = {
            byHand: await byHand(folder, paths),
            gridtally: await throughGridtally(workspace, port),
        };
        process.stdout.write(`${JSON.stringify(sides)}\n`);
    } finally {
        await workspace.close();
        await removeDatabase(home);
    }
}

await main(process.argv[2] ?? '');
