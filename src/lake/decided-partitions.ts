import type { EngineSession } from '../engine/engine.ts';

// a day of the job is decided in it for its own buckets only
const DECIDED = 'select market_day, first_channel_no, end_channel_no from job_partitions';
const NONE_DECIDED = `select cast(null as date) as market_day, cast(0 as integer) as first_channel_no, cast(0 as integer) as end_channel_no
    where 1 = 0`;

/** Leaves `decided_partitions`: those of the session's job, of which `curated_intervals` has the readings; none where it only looks at what is published. */
export async function registerDecided(
    session: EngineSession,
    { isLook }: { readonly isLook: boolean },
): Promise<void> {
    await session.materialise('decided_partitions', isLook ? NONE_DECIDED : DECIDED);
}

/** Condition of a join with `decided_partitions as d`: a row of this alias is of one of them. */
export function decidedIn(row: string): string {
    return `d.market_day = ${row}.market_day and ${row}.channel_no >= d.first_channel_no and ${row}.channel_no < d.end_channel_no`;
}
