import path from 'node:path';
import type { CatalogueTable } from '../contracts/lake-tables.ts';
import { LAKE_TABLES } from '../contracts/lake-tables.ts';
import { compileText } from '../engine/compile.ts';
import type { EngineRow, EngineSession } from '../engine/engine.ts';
import type { Transaction } from '../store/database.ts';
import { PUBLISHED_TABLES } from './curation-job.ts';
import { estimateDifferences } from './estimate-check.ts';
import { type Lake, type PartitionKey, partitionText } from './lake.ts';
import { sumByPartition } from './partition-rows.ts';

/** A partition as the catalogue has it, with the rows of its live files. */
export interface CataloguedPartition extends PartitionKey {
    readonly table: CatalogueTable;
    readonly rowCount: number;
    readonly checksum: string;
    /** Of the intervals, where the partition has any. */
    readonly kwh: string | null;
    readonly fileRows: number;
    /** In the lake's folder. */
    readonly paths: readonly string[];
}

export interface PartitionFault {
    readonly table: CatalogueTable;
    readonly partition: PartitionKey;
    readonly what: string;
}

export async function cataloguedPartitions(tx: Transaction): Promise<CataloguedPartition[]> {
    return tx.query<CataloguedPartition>(
        `select p.table_name as table, p.market_day as "marketDay", p.bucket, p.row_count as "rowCount", p.checksum,
                p.stats ->> 'kwh' as kwh, coalesce(sum(l.row_count), 0)::bigint as "fileRows",
                coalesce(array_agg(f.path order by f.path) filter (where f.path is not null), '{}') as paths
           from partitions p
           left join partition_files l on l.table_name = p.table_name and l.market_day = p.market_day and l.bucket = p.bucket
                and l.removed_in is null
           left join lake_files f using (file_id)
          group by p.table_name, p.market_day, p.bucket order by p.market_day, p.bucket, p.table_name`,
    );
}

/** What the catalogue itself says twice. */
export function countFaults(partitions: readonly CataloguedPartition[]): PartitionFault[] {
    return partitions
        .filter(({ rowCount, fileRows }) => rowCount !== fileRows)
        .map((partition) => ({
            table: partition.table,
            partition,
            what: `has ${partition.rowCount} rows by the catalogue, and ${partition.fileRows} in its files`,
        }));
}

const FILES_AT_ONCE = 200;

/**
 * Sums what is published again: of each channel-day the intervals, hours, gaps and the row of the day must say the same, and of each partition the
 * intervals must have the checksum and the energy that were recorded when it was made, and its estimates must be those of its gaps.
 */
export async function contentFaults(
    lake: Lake,
    partitions: readonly CataloguedPartition[],
    onProgress: (partitions: number) => void,
): Promise<PartitionFault[]> {
    const faults: PartitionFault[] = [];
    let done = 0;
    for (const days of batches(partitions)) {
        faults.push(...(await faultsOf(lake, days)));
        done += days.filter(({ table }) => table === 'reads_interval').length;
        onProgress(done);
    }
    return faults;
}

async function faultsOf(lake: Lake, days: readonly CataloguedPartition[]): Promise<PartitionFault[]> {
    const intervals = days.filter(({ table }) => table === 'reads_interval');
    try {
        const { sums, estimates } = await sumsOf(lake, days);
        return intervals.flatMap((partition): PartitionFault[] => {
            const key = partitionText(partition);
            const what = differenceOf(partition, sums.get(key));
            const ofEstimates = estimates.get(key);
            return [
                ...(what === undefined ? [] : [{ table: partition.table, partition, what }]),
                ...(ofEstimates === undefined
                    ? []
                    : [{ table: 'reading_estimates' as const, partition, what: ofEstimates }]),
            ];
        });
    } catch (error) {
        const [only] = intervals;
        if (only === undefined) throw error;
        if (intervals.length === 1) {
            const [said = ''] = (error as Error).message.split('\n');
            return [{ table: only.table, partition: only, what: `cannot be summed: ${said.slice(0, 200)}` }];
        }
        const faults: PartitionFault[] = [];
        for (const partition of Map.groupBy(days, partitionText).values())
            faults.push(...(await faultsOf(lake, partition)));
        return faults;
    }
}

async function sumsOf(
    lake: Lake,
    days: readonly CataloguedPartition[],
): Promise<{ sums: Map<string, EngineRow>; estimates: Map<string, string> }> {
    const session = await lake.engine.openSession();
    try {
        for (const table of PUBLISHED_TABLES) {
            const files = days.filter((p) => p.table === table).flatMap((p) => p.paths);
            const paths = files.map((file) => path.join(lake.folder, file));
            await session.registerFiles(`checked_${table}`, LAKE_TABLES[table], paths);
        }
        return {
            sums: await sumsByPartition(session, lake.bucketSize),
            estimates: await estimateDifferences(session, lake.bucketSize),
        };
    } finally {
        await session.close();
    }
}

/** Whole market days, as many as keep the number of open files low. */
function* batches(partitions: readonly CataloguedPartition[]): Generator<CataloguedPartition[]> {
    let batch: CataloguedPartition[] = [];
    let files = 0;
    for (const day of Map.groupBy(partitions, ({ marketDay }) => marketDay).values()) {
        batch.push(...day);
        files += day.reduce((sum, { paths }) => sum + paths.length, 0);
        if (files < FILES_AT_ONCE) continue;
        yield batch;
        batch = [];
        files = 0;
    }
    if (batch.length > 0) yield batch;
}

function differenceOf(partition: CataloguedPartition, sums: EngineRow | undefined): string | undefined {
    const unequal = Number(sums?.unequal_count ?? 0);
    if (unequal > 0)
        return `has ${unequal} channel-days whose intervals, hours, gaps and day do not say the same, such as channel ${sums?.unequal_channel}`;
    const checksum = sums === undefined ? 'empty' : `${sums.digest_1}-${sums.digest_2}`;
    if (checksum !== partition.checksum)
        return `has the checksum ${checksum} where ${partition.checksum} was recorded`;
    const kwh = sums?.kwh ?? '0';
    if (partition.kwh !== null && Number(kwh) !== Number(partition.kwh))
        return `holds ${kwh} kWh where ${partition.kwh} were recorded`;
    return undefined;
}

async function sumsByPartition(session: EngineSession, bucketSize: number): Promise<Map<string, EngineRow>> {
    await session.materialise('checked_sums', compileText(SUMS, session.dialect, 'a check of sums'));
    await session.materialise('checked_days', DAYS);
    const text = session.typeName('string');
    return sumByPartition(
        session,
        { bucketSize },
        'checked_days',
        `sum(is_unequal) as unequal_count, min(case when is_unequal = 1 then channel_no end) as unequal_channel,
         cast(sum(kwh) as ${text}) as kwh, cast(sum(digest_1) as ${text}) as digest_1, cast(sum(digest_2) as ${text}) as digest_2`,
    );
}

// one row per channel-day and table; what a table does not say is null
const SUMS = `
select 'interval' as told_by, market_day, channel_no, sum(kwh) as kwh,
       count(case when quality = 'estimated' then null else 1 end) as measured, count(case when quality = 'estimated' then 1 end) as estimated,
       null as missing,
       sum(reading_digest_1(instant_us(period_from), kwh, quality, interval_minutes)) as digest_1,
       sum(reading_digest_2(instant_us(period_from), kwh, quality, interval_minutes)) as digest_2
  from checked_reads_interval group by market_day, channel_no
union all
select 'hour', market_day, channel_no, sum(kwh), sum(measured_count), sum(estimated_count), sum(missing_count), null, null
  from checked_reads_hourly group by market_day, channel_no
union all
select 'gap', market_day, channel_no, null, null, null, sum(missing_count), null, null
  from checked_reading_gaps group by market_day, channel_no
union all
select 'day', market_day, channel_no, kwh, measured_count, estimated_count, missing_count, digest_1, digest_2
  from checked_reads_daily`;

/** A sum over the tables that tell it: the day's, taken away from each of the others'. */
const unequal = (name: string, others: readonly string[]) =>
    others
        .map(
            (other) =>
                `sum(case told_by when '${other}' then coalesce(${name}, 0) when 'day' then -coalesce(${name}, 0) else 0 end) <> 0`,
        )
        .join(' or ');

const DAYS = `
select market_day, channel_no,
       case when ${unequal('kwh', ['interval', 'hour'])} or ${unequal('measured', ['interval', 'hour'])}
              or ${unequal('estimated', ['interval', 'hour'])} or ${unequal('missing', ['hour', 'gap'])}
              or ${unequal('digest_1', ['interval'])} or ${unequal('digest_2', ['interval'])}
            then 1 else 0 end as is_unequal,
       sum(case when told_by = 'day' then kwh end) as kwh,
       sum(case when told_by = 'day' then digest_1 end) as digest_1,
       sum(case when told_by = 'day' then digest_2 end) as digest_2
  from checked_sums group by market_day, channel_no`;
