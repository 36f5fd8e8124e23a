import type { EngineRow, EngineSession } from '../engine/engine.ts';
import type { Lake } from './lake.ts';

type Buckets = Pick<Lake, 'bucketSize'>;

/** SQL that gives the partition of a row with `market_day` and `channel_no`, as columns `market_day` (text) and `bucket`. */
export function partitionColumns(session: EngineSession, { bucketSize }: Buckets): string {
    return `cast(market_day as ${session.typeName('string')}) as market_day, cast(floor(channel_no / ${bucketSize}) as integer) as bucket`;
}

/** The text of a row's partition, as `partitionText` gives it. */
export function partitionOfRow(row: EngineRow): string {
    return `${row.market_day}/${row.bucket}`;
}

/** Aggregates over a table's rows, a row for each partition that has any, by its text. */
export async function sumByPartition(
    session: EngineSession,
    lake: Buckets,
    table: string,
    aggregates: string,
): Promise<Map<string, EngineRow>> {
    const rows = await session.rows(
        `select ${partitionColumns(session, lake)}, ${aggregates} from ${table} group by 1, 2`,
    );
    return new Map(rows.map((row) => [partitionOfRow(row), row]));
}
