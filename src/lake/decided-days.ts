import type { EngineSession } from '../engine/engine.ts';

// of days of the job, those of its own buckets: of channels with gaps, which alone are looked at
const DECIDED = `select p.market_day, g.channel_no from job_partitions as p
 inner join (select distinct channel_no from gap_channel_days) as g
    on g.channel_no >= p.first_channel_no and g.channel_no < p.end_channel_no`;
const NONE_DECIDED = `select cast(null as date) as market_day, cast(0 as integer) as channel_no where 1 = 0`;

/**
 * Leaves `decided_days`: the channel-days of the session's job, of which `curated_intervals` has the readings; by a query, where these are not all of its
 * partitions'. None where it only looks at what is published. Needs `gap_channel_days`.
 */
export async function registerDecided(
    session: EngineSession,
    decided: { readonly isLook: true } | { readonly isLook: false; readonly days?: string },
): Promise<void> {
    await session.materialise('decided_days', decided.isLook ? NONE_DECIDED : (decided.days ?? DECIDED));
}

/** Condition of a join with `decided_days as d`: a row of this alias is of one of them. */
export function decidedIn(row: string): string {
    return `d.market_day = ${row}.market_day and d.channel_no = ${row}.channel_no`;
}
