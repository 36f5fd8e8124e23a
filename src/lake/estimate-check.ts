import { compileText } from '../engine/compile.ts';
import type { EngineSession } from '../engine/engine.ts';
import { sumByPartition } from './partition-rows.ts';

/**
 * What the session's `checked_reading_estimates` and the intervals of `checked_reads_interval` that were estimated here do not say alike, by `partitionText`: each
 * such interval belongs to one row, with its method; each row has all of its intervals or, without a method, none, and their energy and digests.
 */
export async function estimateDifferences(
    session: EngineSession,
    bucketSize: number,
): Promise<Map<string, string>> {
    await session.materialise(
        'checked_estimates',
        compileText(DIFFERENCES, session.dialect, 'a check of estimates'),
    );
    const rows = await sumByPartition(
        session,
        { bucketSize },
        'checked_estimates',
        'sum(run_count) as runs, sum(interval_count) as intervals, min(channel_no) as channel',
    );
    return new Map(
        [...rows].map(([key, { runs, intervals, channel }]) => [
            key,
            `has ${runs} gaps whose estimates are not the intervals, and ${intervals} estimated intervals that are not of one gap, such as of channel ${channel}`,
        ]),
    );
}

const DIFFERENCES = `
with made as (
    select market_day, channel_no, period_from, kwh, source_code,
           reading_digest_1(instant_us(period_from), kwh, quality, interval_minutes) as digest_1,
           reading_digest_2(instant_us(period_from), kwh, quality, interval_minutes) as digest_2
      from checked_reads_interval where feed_id is null
), told as (
    select r.market_day, r.channel_no, r.gap_from, r.interval_count, r.method, r.estimated_count, coalesce(r.kwh, 0) as kwh, r.digest_1, r.digest_2,
           count(v.channel_no) as made_count, count(case when v.source_code = r.method then 1 end) as same_count,
           coalesce(sum(v.kwh), 0) as made_kwh, coalesce(sum(v.digest_1), 0) as made_1, coalesce(sum(v.digest_2), 0) as made_2
      from checked_reading_estimates as r
      left join made as v on v.market_day = r.market_day and v.channel_no = r.channel_no and v.period_from >= r.gap_from and v.period_from < r.gap_to
     group by r.market_day, r.channel_no, r.gap_from, r.interval_count, r.method, r.estimated_count, r.kwh, r.digest_1, r.digest_2
)
select market_day, channel_no, 1 as run_count, 0 as interval_count from told
 where made_count <> case when method is null then 0 else interval_count end or made_count <> estimated_count or made_count <> same_count
    or made_kwh <> kwh or made_1 <> digest_1 or made_2 <> digest_2
union all
select v.market_day, v.channel_no, 0, 1 from made as v
  left join checked_reading_estimates as r
    on r.market_day = v.market_day and r.channel_no = v.channel_no and v.period_from >= r.gap_from and v.period_from < r.gap_to
 group by v.market_day, v.channel_no, v.period_from having count(r.channel_no) <> 1`;
