import path from 'node:path';
import type { Workspace } from '../src/cli/workspace.ts';
import type { Engine, EngineSession } from '../src/engine/engine.ts';
import { SparkSession } from '../src/engine/spark-connect/session.ts';
import { distinctPaths, liveFiles } from '../src/lake/catalogue.ts';
import { dimensionSnapshot } from '../src/lake/dimension-snapshot.ts';
import { useLake } from '../src/lake/lake-use.ts';
import { refreshAll } from '../src/pipeline/chain.ts';
import { readStatus } from '../src/pipeline/status.ts';
import { freePort, startSparkServer } from '../test/engines/spark-server.ts';
import { ingestFile, secondsOf, withoutVee, withTownHome } from './home.ts';
import { cpuSecondsOf } from './machine.ts';
import type { SparkSide } from './spark.ts';

const MEMORY = '4g';

/** A town whose readings were received, and the files that both sides work on. */
interface ReceivedTown {
    readonly folder: string;
    readonly workspace: Workspace;
    readonly versions: string[];
    readonly channels: string;
}

async function throughGridtally(
    { workspace }: ReceivedTown,
    small: ReceivedTown,
    port: number,
): Promise<SparkSide> {
    const server = await startSparkServer({ port, memory: MEMORY });
    const steps: Record<string, number> = {};
    const chain = withoutVee(workspace);
    const bulkEngine = timedEngine(chain.lake.bulkEngine, steps);
    try {
        await refreshAll(withoutVee(small.workspace));
        const cpuFrom = cpuSecondsOf(server.pid);
        const { seconds } = await secondsOf(() =>
            refreshAll({ ...chain, lake: { ...chain.lake, bulkEngine } }),
        );
        const cpuSeconds = cpuSecondsOf(server.pid) - cpuFrom;
        const status = await readStatus(workspace.lake);
        return {
            seconds,
            cpuSeconds,
            steps,
            check: { intervals: status.winning, kwh: status.kwh, missing: status.intervalsMissing },
        };
    } finally {
        await server.end();
    }
}

/** The engine, which adds to `steps` what its sessions take for each table that they compute or write, and for all else by the deed. */
function timedEngine(engine: Engine, steps: Record<string, number>): Engine {
    const timed = (session: EngineSession) =>
        new Proxy(session, {
            get(target, name) {
                const member = Reflect.get(target, name, target);
                if (typeof member !== 'function') return member;
                return (...args: unknown[]) => {
                    const from = performance.now();
                    const answer: unknown = member.apply(target, args);
                    // what is answered at once asks nothing of the server
                    if (!(answer instanceof Promise)) return answer;
                    const step = stepOf(String(name), args);
                    return answer.finally(() => {
                        steps[step] = (steps[step] ?? 0) + (performance.now() - from) / 1000;
                    });
                };
            },
        });
    return { ...engine, openSession: async (wishes) => timed(await engine.openSession(wishes)) };
}

function stepOf(deed: string, [first, second]: readonly unknown[]): string {
    if (deed === 'materialise') return `compute ${first}`;
    const table = deed.startsWith('write') ? /lake\/(\w+)\//.exec(String(second))?.[1] : undefined;
    return table === undefined ? `(${deed})` : `write ${table}`;
}

// What one would write by hand to the same end over files of versions and one of channels: the newest version of each interval, sorted; hours and
// days with what they should have, what they have, and what became of the rows; gaps; days that changed; a file for each day and bucket. One
// feed and one day, so without precedence, conflicts, withdrawals that return, validities within the day, or merges. Frozen here.
const BUCKET = 8192;
const DAY = { date: "date '2024-05-01'", from: "timestamp '2024-04-30 23:00:00Z'", hours: 24 };
const NEWEST = `
    select /*+ repartition(market_day, bucket) */ market_day, bucket, channel_no, period_from, interval_minutes, kwh, quality, source_code,
        feed_id, sequence, received_at
    from (select *, row_number() over (
                partition by channel_no, period_from order by version_stamp desc nulls last, sequence desc, ordinal desc) as place
            from versions)
    where place = 1 and kwh is not null
    sort by market_day, bucket, channel_no, period_from`;
const HOURLY = `
    with present as (
        select channel_no, date_trunc('hour', period_from) as hour_from, sum(kwh) as kwh,
            sum(case when quality = 'measured' then kwh end) as measured_kwh, sum(case when quality = 'estimated' then kwh end) as estimated_kwh,
            count(case when quality = 'measured' then 1 end) as measured_count, count(case when quality = 'estimated' then 1 end) as estimated_count
        from newest group by 1, 2),
    grid as (
        select channel_no, ${DAY.from} + make_interval(0, 0, 0, 0, n.id, 0, 0) as hour_from, 60 div interval_minutes as expected_count
        from channels cross join range(0, ${DAY.hours}) as n)
    select /*+ repartition(market_day, bucket) */ * from (
        select ${DAY.date} as market_day, cast(floor(channel_no / ${BUCKET}) as int) as bucket, channel_no, hour_from, p.kwh, p.measured_kwh,
            p.estimated_kwh, g.expected_count, coalesce(p.measured_count, 0) as measured_count, coalesce(p.estimated_count, 0) as estimated_count,
            g.expected_count - coalesce(p.measured_count, 0) - coalesce(p.estimated_count, 0) as missing_count
        from grid as g full outer join present as p using (channel_no, hour_from))
    sort by market_day, bucket, channel_no, hour_from`;
const DAILY = `
    with hours as (
        select channel_no, sum(kwh) as kwh, sum(measured_kwh) as measured_kwh, sum(estimated_kwh) as estimated_kwh,
            sum(expected_count) as expected_count, sum(measured_count) as measured_count, sum(estimated_count) as estimated_count,
            sum(missing_count) as missing_count
        from hourly group by 1),
    digests as (select channel_no, bit_xor(xxhash64(period_from, kwh, quality)) as digest, count(*) as winning from newest group by 1),
    received as (select channel_no, count(*) as row_count from versions group by 1)
    select /*+ repartition(market_day, bucket) */ * from (
        select ${DAY.date} as market_day, cast(floor(channel_no / ${BUCKET}) as int) as bucket, h.*, d.digest, r.row_count,
            r.row_count - d.winning as superseded_count
        from hours as h left join digests as d using (channel_no) left join received as r using (channel_no))
    sort by market_day, bucket, channel_no`;
const GAPS = `
    with incomplete as (select market_day, bucket, channel_no from daily where missing_count > 0),
    slots as (
        select d.market_day, d.bucket, d.channel_no, ${DAY.from} + make_interval(0, 0, 0, 0, 0, n.id * c.interval_minutes, 0) as period_from
        from incomplete as d inner join channels as c using (channel_no) cross join range(0, 288) as n
        where n.id * c.interval_minutes < ${DAY.hours * 60}),
    near as (select /*+ broadcast(d) */ w.channel_no, w.period_from from newest as w left semi join incomplete as d using (channel_no))
    select /*+ repartition(market_day, bucket) */ s.* from slots as s
    left anti join near as w on w.channel_no = s.channel_no and w.period_from = s.period_from
    sort by market_day, bucket, channel_no, period_from`;
const CHANGED = 'select market_day, bucket, channel_no, digest from daily where digest is not null';

const READ_LATER = { newest: NEWEST, hourly: HOURLY, daily: DAILY };

function filesView(spark: SparkSession, name: string, paths: readonly string[]): Promise<void> {
    return spark.createFilesView(name, { format: 'parquet', paths: paths.map((file) => `file:${file}`) });
}

/** Seconds of each statement. */
async function runByHand(spark: SparkSession, town: ReceivedTown): Promise<Record<string, number>> {
    const steps: Record<string, number> = {};
    await filesView(spark, 'versions', town.versions);
    await filesView(spark, 'channels', [town.channels]);
    for (const [name, query] of Object.entries({ ...READ_LATER, gaps: GAPS, changed: CHANGED })) {
        const target = path.join(town.folder, 'by-hand', name);
        const step = await secondsOf(() =>
            spark.writeFiles(query, {
                format: 'parquet',
                folder: `file:${target}`,
                partitionBy: ['market_day', 'bucket'],
                options: { compression: 'zstd' },
            }),
        );
        steps[name] = step.seconds;
        // a day without gaps has no file of them, and no later step reads them
        if (name in READ_LATER) await filesView(spark, name, [target]);
    }
    return steps;
}

async function byHand(town: ReceivedTown, small: ReceivedTown): Promise<SparkSide> {
    const server = await startSparkServer({ memory: MEMORY });
    const spark = await SparkSession.connect(server.address);
    try {
        await spark.setConfig({ 'spark.sql.session.timeZone': 'UTC' });
        await runByHand(spark, small);
        const cpuFrom = cpuSecondsOf(server.pid);
        const steps = await runByHand(spark, town);
        const cpuSeconds = cpuSecondsOf(server.pid) - cpuFrom;
        const seconds = Object.values(steps).reduce((sum, taken) => sum + taken, 0);
        const sums =
            spark.rows(`select (select count(*) from newest) as intervals, (select cast(sum(kwh) as string) from newest) as kwh,
            (select sum(missing_count) from hourly) as missing`);
        for await (const row of sums) {
            const check = {
                intervals: Number(row.intervals),
                kwh: String(row.kwh),
                missing: Number(row.missing),
            };
            return { seconds, cpuSeconds, steps, check };
        }
        throw new Error('a sum without a row');
    } finally {
        await spark.close();
        await server.end();
    }
}

async function receiveTown(folder: string, workspace: Workspace): Promise<ReceivedTown> {
    for (const name of ['readings.csv', 'corrections.csv']) await ingestFile(workspace, folder, name);
    const versions = distinctPaths(await liveFiles(workspace.lake, 'reading_versions'));
    const { path: channels } = await useLake(workspace.lake, (inUse) => dimensionSnapshot(inUse, 'channels'));
    return { folder, workspace, versions, channels };
}

async function main(folder: string, smallFolder: string): Promise<void> {
    const port = await freePort();
    const home = { engine: `sc://127.0.0.1:${port}` };
    await withTownHome(
        smallFolder,
        async (smallWorkspace) => {
            const small = await receiveTown(smallFolder, smallWorkspace);
            await withTownHome(
                folder,
                async (workspace) => {
                    const town = await receiveTown(folder, workspace);
                    const sides = {
                        byHand: await byHand(town, small),
                        gridtally: await throughGridtally(town, small, port),
                    };
                    process.stdout.write(`${JSON.stringify(sides)}\n`);
                },
                home,
            );
        },
        home,
    );
}

const [folder = '', smallFolder = ''] = process.argv.slice(2);
await main(folder, smallFolder);
