import { type LakeTable, RECEIVED_TABLES } from '../contracts/lake-tables.ts';
import { sqlText } from '../engine/sql-text.ts';
import { insertCommit } from '../lake/catalogue.ts';
import { PUBLISHED_TABLES } from '../lake/curation-job.ts';
import type { Lake } from '../lake/lake.ts';
import { NAMING_LOCK } from '../lake/lake-use.ts';
import { lockWithin, type Transaction } from '../store/database.ts';

export interface SwapCounts {
    readonly partitions: number;
    /** Partitions whose published content is the same as before; the others are stale after the swap. */
    readonly samePartitions: number;
    /** Over all partitions that are published, before and after. */
    readonly contentBefore: string;
    readonly contentRebuilt: string;
}

const listed = (tables: readonly LakeTable[]) => `(${tables.map(sqlText).join(', ')})`;
const RECEIVED = listed(RECEIVED_TABLES);
const PUBLISHED = listed(PUBLISHED_TABLES);

/**
 * Makes the rebuilt lake, which the catalogue of another schema names, the home's, by one commit. Undefined where readings or registrations came
 * that the rebuilt one lacks: then nothing has happened. What is published differently is left as it is and stale, so that a refresh tells the change
 * feed about it. Versions of partitions go on from the highest, so that no step that was planned before finds the version it expects.
 */
export async function swapLake(lake: Lake, rebuilt: string): Promise<SwapCounts | undefined> {
    return lake.db.transaction(async (tx) => {
        // in the order in which parsing takes them; who only reads is not held up
        await tx.query('lock table segments in exclusive mode');
        await lockWithin(tx, NAMING_LOCK, 'shared');
        await tx.query('lock table registration_changes, loads in exclusive mode');
        await tx.query('lock table partitions, partition_files in exclusive mode');
        if (await hasNews(tx, rebuilt)) return undefined;
        // numbered under the locks, so that commits of a partition become visible in the order of their numbers
        const commitNo = await insertCommit(tx, lake, 'rebuild', {});
        const [highest] = await tx.query<{ version: number }>(
            'select coalesce(max(version), 0) as version from partitions',
        );
        const offset = (highest?.version ?? 0) + 1;
        await tx.query(
            `create temp table same_partitions on commit drop as
             select market_day, bucket from partitions p join ${rebuilt}.partitions r using (table_name, market_day, bucket)
              where table_name = 'reads_interval' and p.checksum = r.checksum and p.row_count = r.row_count`,
        );
        const counts = await countContent(tx, rebuilt);
        await enterFiles(tx, rebuilt, commitNo, offset);
        await swapReceived(tx, rebuilt, commitNo, offset);
        await swapPublished(tx, rebuilt, commitNo, offset);
        return counts;
    });
}

async function hasNews(tx: Transaction, rebuilt: string): Promise<boolean> {
    const state = (schema: string) => `select
        (select coalesce(md5(string_agg(concat_ws(' ', segment_no, parsed_contract_no), ',' order by segment_no)), '')
           from ${schema}segments where parsed_at is not null) as segments,
        (select coalesce(md5(string_agg(concat_ws(' ', segment_no, contract_no), ',' order by segment_no, contract_no)), '')
           from ${schema}segment_replays) as replays,
        (select concat_ws(' ', count(*), max(change_no)) from ${schema}registration_changes) as changes,
        (select concat_ws(' ', count(*), max(load_no)) from ${schema}loads) as loads`;
    const [own] = await tx.query<object>(state(''));
    const [other] = await tx.query<object>(state(`${rebuilt}.`));
    return JSON.stringify(own) !== JSON.stringify(other);
}

async function countContent(tx: Transaction, rebuilt: string): Promise<SwapCounts> {
    const content = (
        schema: string,
    ) => `(select coalesce(md5(string_agg(concat_ws(' ', market_day, bucket, row_count, checksum), ','
        order by market_day, bucket)), '') from ${schema}partitions where table_name = 'reads_interval' and row_count > 0)`;
    const [counts] = await tx.query<SwapCounts>(
        `select (select count(*) from ${rebuilt}.partitions where table_name = 'reads_interval') as partitions,
                (select count(*) from same_partitions) as "samePartitions",
                ${content('')} as "contentBefore", ${content(`${rebuilt}.`)} as "contentRebuilt"`,
    );
    return counts ?? { partitions: 0, samePartitions: 0, contentBefore: '', contentRebuilt: '' };
}

/** Retires what the rebuilt files replace, and names these. A published file is of one partition, so no part of it is left behind, on which `pathsOfOtherDays` rests. */
async function enterFiles(tx: Transaction, rebuilt: string, commitNo: number, offset: number): Promise<void> {
    const isSwapped = (p: string) => `(${p}.table_name in ${RECEIVED} or ${p}.table_name in ${PUBLISHED}
        and exists (select from same_partitions s where s.market_day = ${p}.market_day and s.bucket = ${p}.bucket))`;
    await tx.query(
        `update partition_files p set removed_in = $1 where removed_in is null and ${isSwapped('p')}`,
        [commitNo],
    );
    await tx.query(
        `insert into lake_files (table_name, path, row_count, byte_count, has_each_interval_once)
         select table_name, path, row_count, byte_count, has_each_interval_once from ${rebuilt}.lake_files f
          where exists (select from ${rebuilt}.partition_files p where p.file_id = f.file_id and p.removed_in is null and ${isSwapped('p')})`,
    );
    await tx.query(
        `insert into partition_files (table_name, market_day, bucket, file_id, row_count, added_version, added_in)
         select p.table_name, p.market_day, p.bucket, n.file_id, p.row_count, p.added_version + $2, $1
           from ${rebuilt}.partition_files p join ${rebuilt}.lake_files f using (file_id) join lake_files n on n.path = f.path
          where p.removed_in is null and ${isSwapped('p')}`,
        [commitNo, offset],
    );
}

async function swapReceived(
    tx: Transaction,
    rebuilt: string,
    commitNo: number,
    offset: number,
): Promise<void> {
    await tx.query(`delete from partitions where table_name in ${RECEIVED}`);
    await tx.query(
        `insert into partitions (table_name, market_day, bucket, version, commit_no, row_count, checksum, inputs, stats)
         select table_name, market_day, bucket, version + $2, $1, row_count, checksum,
                case when inputs ? 'version' and inputs ->> 'version' is not null
                     then jsonb_set(inputs, '{version}', to_jsonb((inputs ->> 'version')::bigint + $2)) else inputs end, stats
           from ${rebuilt}.partitions where table_name in ${RECEIVED}`,
        [commitNo, offset],
    );
    for (const [table, told, key] of [
        ['refused_payloads', 'refused_at', 'sequence, contract_no'],
        ['flagged_payloads', 'flagged_at', 'sequence, contract_no, rule_id'],
    ] as const) {
        // what was told before was told then
        const columns = key.split(', ').map((column) => `r.${column} = t.${column}`);
        await tx.query(
            `update ${rebuilt}.${table} r set ${told} = t.${told} from ${table} t where ${columns.join(' and ')}`,
        );
        await tx.query(`delete from ${table}`);
        await tx.query(`insert into ${table} select * from ${rebuilt}.${table}`);
    }
    await tx.query(
        `update segments s set parse_stats = r.parse_stats from ${rebuilt}.segments r where r.segment_no = s.segment_no`,
    );
    await tx.query('delete from matched_readings');
    await tx.query(`insert into matched_readings select * from ${rebuilt}.matched_readings`);
}

async function swapPublished(
    tx: Transaction,
    rebuilt: string,
    commitNo: number,
    offset: number,
): Promise<void> {
    await tx.query(
        `update partitions p
            set version = r.version + $2, commit_no = $1, row_count = r.row_count, checksum = r.checksum, stats = r.stats,
                inputs = case when (r.inputs ->> 'versions')::bigint > 0
                    then jsonb_set(r.inputs, '{versions}', to_jsonb((r.inputs ->> 'versions')::bigint + $2)) else r.inputs end
           from ${rebuilt}.partitions r join same_partitions s using (market_day, bucket)
          where r.table_name = p.table_name and r.market_day = p.market_day and r.bucket = p.bucket and p.table_name in ${PUBLISHED}`,
        [commitNo, offset],
    );
    // versions that never were: the refresh afterwards curates these anew
    await tx.query(
        `update partitions p set inputs = jsonb_set(inputs, '{versions}', '-1')
          where table_name = 'reads_interval'
            and not exists (select from same_partitions s where s.market_day = p.market_day and s.bucket = p.bucket)`,
    );
}
