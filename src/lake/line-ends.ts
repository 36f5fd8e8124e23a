import { compileText } from '../engine/compile.ts';
import type { EngineSession } from '../engine/engine.ts';
import { decidedIn } from './decided-days.ts';
import { materialiseModel } from './session-models.ts';

/**
 * Leaves `line_ends` of the gaps of the table `runs` and of `span_runs`. A session that only looks has not registered what is published of the gap's own
 * day: then only the ends beyond midnight are right, and nothing else is asked for.
 */
export async function findLineEnds(
    session: EngineSession,
    runs: string,
    { isLook }: { readonly isLook: boolean },
): Promise<void> {
    const run = 'market_day, channel_no, run_from_us, run_to_us, cast(slot_count as bigint) as slot_count';
    await session.materialise('line_runs', `select ${run} from ${runs} union select ${run} from span_runs`);
    await session.materialise('near_runs', NEAR_RUNS);
    const values = isLook ? PUBLISHED : `${PUBLISHED} union all ${DECIDED}`;
    await session.materialise('near_values', compileText(values, session.dialect, 'values near gaps'));
    await materialiseModel(session, 'line_ends', 'vee/line_ends');
}

// of each channel and day that a line may end on the time within which it may: no more is read
const NEAR_RUNS = `
select r.channel_no, n.near_day as market_day, min(r.run_from_us - s.linear_minutes * cast(60000000 as bigint)) as from_us,
       max(r.run_to_us + s.linear_minutes * cast(60000000 as bigint)) as to_us
  from line_runs as r
 inner join near_days as n on n.market_day = r.market_day
 cross join estimation_settings as s
 where r.run_to_us - r.run_from_us <= s.linear_minutes * cast(60000000 as bigint)
 group by r.channel_no, n.near_day`;

const VALUE =
    'v.market_day, v.channel_no, instant_us(v.period_from) as slot_from_us, v.interval_minutes, v.kwh, v.quality';
const NEAR = `inner join near_runs as n on n.channel_no = v.channel_no and n.market_day = v.market_day
    and instant_us(v.period_from) >= n.from_us and instant_us(v.period_from) < n.to_us`;

const PUBLISHED = `
select ${VALUE} from window_reads_interval as v ${NEAR}
  left join decided_days as d on ${decidedIn('v')} where v.feed_id is not null and d.market_day is null`;
const DECIDED = `select ${VALUE} from curated_intervals as v ${NEAR}`;
