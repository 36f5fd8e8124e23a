import { closeSync, copyFileSync, fsyncSync, mkdirSync, openSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { StageClock } from './chain-worker.ts';
import { bytesBelow } from './folder-bytes.ts';

/**
 * What one would write by hand for the same day: durable copy of the bytes, all versions typed, the newest
 * version of each interval sorted, hourly and daily sums. No contracts, no quarantine, no catalogue. Its
 * settings are frozen here: all cores, 4 GB, DuckDB's defaults otherwise.
 */
export async function peerDuckdb(folder: string, clock: StageClock): Promise<object> {
    const out = path.join(folder, 'peer');
    mkdirSync(out);
    const instance = await DuckDBInstance.create(':memory:', {
        threads: String(os.availableParallelism()),
        memory_limit: '4GB',
    });
    const connection = await instance.connect();
    const run = async (sql: string) => connection.runAndReadAll(sql);
    await run("set TimeZone = 'UTC'");
    try {
        const town = path.join(folder, 'town');
        await clock.time('copy of the bytes', async () => {
            for (const name of ['readings.csv', 'corrections.csv']) {
                copyFileSync(path.join(town, name), path.join(out, name));
                sync(path.join(out, name));
            }
        });
        await clock.time('all versions', () => write(run, `${out}/versions.parquet`, versionsSql(out)));
        await clock.time('newest, sorted', () =>
            write(run, `${out}/newest.parquet`, NEWEST.replaceAll('$out', out)),
        );
        await clock.time('hourly', () => write(run, `${out}/hourly.parquet`, HOURLY.replaceAll('$out', out)));
        await clock.time('daily', () => write(run, `${out}/daily.parquet`, DAILY.replaceAll('$out', out)));
        const rows = (
            await run(`select count(*) as n, cast(sum(kwh) as varchar) as kwh from '${out}/newest.parquet'`)
        ).getRowsJson();
        return {
            check: { intervals: Number(rows[0]?.[0]), kwh: String(rows[0]?.[1]) },
            writtenBytes: bytesBelow(out),
        };
    } finally {
        connection.closeSync();
        instance.closeSync();
        rmSync(out, { recursive: true, force: true });
    }
}

async function write(run: (sql: string) => Promise<unknown>, file: string, query: string): Promise<void> {
    await run(`copy (${query}) to '${file}' (format parquet, compression zstd)`);
    sync(file);
}

function sync(file: string): void {
    const descriptor = openSync(file, 'r');
    fsyncSync(descriptor);
    closeSync(descriptor);
}

function versionsSql(out: string): string {
    const columns =
        "'meter_id': 'VARCHAR', 'read_at': 'TIMESTAMP', 'value': 'DECIMAL(18,6)', 'quality': 'VARCHAR'";
    return `select meter_id, read_at, value as kwh, quality, 0 as version from read_csv('${out}/readings.csv', header = true, columns = {${columns}})
        union all
        select meter_id, read_at, value, quality, version
        from read_csv('${out}/corrections.csv', header = true, columns = {${columns}, 'version': 'INTEGER'})`;
}

const NEWEST = `
    select meter_id, read_at, kwh, quality from (
        select *, lag(meter_id) over () as previous_meter, lag(read_at) over () as previous_read
        from (select * from '$out/versions.parquet' order by meter_id, read_at, version desc))
    where previous_meter is distinct from meter_id or previous_read is distinct from read_at`;
const HOURLY = `
    select meter_id, date_trunc('hour', read_at) as hour, sum(kwh) as kwh, count(*) as readings
    from '$out/newest.parquet' group by all order by all`;
const DAILY = `
    select meter_id, cast(timezone('Europe/London', timezone('UTC', hour)) as date) as day, sum(kwh) as kwh, sum(readings) as readings
    from '$out/hourly.parquet' group by all order by all`;
