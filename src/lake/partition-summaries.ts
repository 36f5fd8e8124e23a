import type { EngineRow, EngineSession } from '../engine/engine.ts';
import type { Lake } from './lake.ts';
import { partitionColumns, partitionOfRow, sumByPartition } from './partition-rows.ts';
import type { CountedMarks, PartitionResult } from './refresh-commit.ts';

const DAILY_SUMS = [
    'row_count',
    'duplicate_count',
    'stale_duplicate_count',
    'superseded_count',
    'withdrawn_count',
    'conflict_count',
    'expected_count',
    'measured_count',
    'estimated_count',
    'missing_count',
    'digest_1',
    'digest_2',
    'kwh',
];

/** Counts and checksum of each partition, from what a job leaves in `next_<table>`: all of them are sums over channels. */
export async function partitionSummaries(
    session: EngineSession,
    lake: Lake,
): Promise<Map<string, PartitionResult>> {
    const of = (table: string, aggregates: string) => sumByPartition(session, lake, table, aggregates);
    const text = session.typeName('string');
    const sums = DAILY_SUMS.map((name) => `cast(sum(${name}) as ${text}) as ${name}`).join(', ');
    const days = await of('next_reads_daily', `count(*) as channel_count, ${sums}`);
    const gaps = await of('next_reading_gaps', 'count(*) as n');
    const rejected = await of('next_rejected_readings', 'count(*) as n');
    const estimates = await of('next_reading_estimates', 'count(*) as n, sum(estimated_count) as intervals');
    const marks = await countMarks(
        session,
        lake,
        'next_reading_marks',
        'feed_id, count(*) as days, sum(interval_count) as intervals',
    );
    const number = (row: EngineRow | undefined, name = 'n') => Number(row?.[name] ?? 0);
    const result = (key: string, row: EngineRow): PartitionResult => ({
        checksum: `${row.digest_1}-${row.digest_2}`,
        kwh: row.kwh === null ? '0' : String(row.kwh),
        channels: number(row, 'channel_count'),
        rows: number(row, 'row_count'),
        duplicates: number(row, 'duplicate_count'),
        staleDuplicates: number(row, 'stale_duplicate_count'),
        superseded: number(row, 'superseded_count'),
        withdrawn: number(row, 'withdrawn_count'),
        conflicts: number(row, 'conflict_count'),
        expected: number(row, 'expected_count'),
        measured: number(row, 'measured_count'),
        estimated: number(row, 'estimated_count'),
        computed: number(estimates.get(key), 'intervals'),
        runs: number(estimates.get(key)),
        missing: number(row, 'missing_count'),
        gaps: number(gaps.get(key)),
        rejected: number(rejected.get(key)),
        marks: marks.get(key) ?? [],
    });
    return new Map([...days].map(([key, row]) => [key, result(key, row)]));
}

/**
 * What validation found in each partition, counted by rule, severity and feed.
 * @param counted SQL of `feed_id`, `days` and `intervals`, in this order; null or 0 where the table has none
 */
export async function countMarks(
    session: EngineSession,
    lake: Lake,
    table: string,
    counted: string,
): Promise<Map<string, CountedMarks[]>> {
    const rows = await session.rows(
        `select ${partitionColumns(session, lake)}, rule_id, severity, ${counted}
           from ${table} group by 1, 2, 3, 4, 5
          order by 1 nulls last, 2 nulls last, 3 nulls last, 4 nulls last, 5 nulls last`,
    );
    const marks = (row: EngineRow): CountedMarks => ({
        rule: String(row.rule_id),
        severity: String(row.severity),
        feedId: row.feed_id === null ? null : Number(row.feed_id),
        channelDays: Number(row.days),
        intervals: Number(row.intervals),
    });
    const grouped = Map.groupBy(rows, partitionOfRow);
    return new Map([...grouped].map(([key, of]) => [key, of.map(marks)]));
}
