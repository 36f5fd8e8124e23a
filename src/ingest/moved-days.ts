import type { FeedContract } from '../contracts/feed-contract.ts';
import { LAKE_TABLES } from '../contracts/lake-tables.ts';
import type { EngineSession } from '../engine/engine.ts';
import { addDays, dateOfEpochDay } from '../kernel/calendar-date.ts';
import { distinctPaths, liveFiles } from '../lake/catalogue.ts';
import type { Lake } from '../lake/lake.ts';
import { MOVED_CHANNELS_MIN, REFERENCE_DAYS, SHIFT_DAYS_MAX } from './shift-statistic.ts';

/**
 * Days before that a payload is compared with: rows of `past_days` as `d`, once for each payload `w` whose first day they come before.
 */
export const PAST_OF_PAYLOADS = `past_days as d inner join wanted_channels as w on w.channel_no = d.channel_no
    and d.market_day_no < w.first_day_no and d.market_day_no >= w.first_day_no - ${REFERENCE_DAYS}`;

/**
 * Leaves `payload_days`, a row for each payload, local day and channel with its energy by interval, `past_days`, the same of those channels before,
 * and `wanted_channels`, which payload looks at which of them; false where there are none.
 */
export async function makeDays(
    engine: EngineSession,
    lake: Lake,
    contract: FeedContract,
    feedId: number,
): Promise<boolean> {
    const { intervalMinutes } = contract.reading;
    const slots = 1440 / intervalMinutes;
    await engine.materialise('payload_days', completeDays(intervalMinutes, slots));
    const span = await engine.rows(
        'select cast(min(first_day_no) as integer) as first_day_no, cast(max(first_day_no) as integer) as last_day_no from payload_days',
    );
    const [first, last] = [span[0]?.first_day_no, span[0]?.last_day_no];
    if (typeof first !== 'number' || typeof last !== 'number') return false;
    const files = await liveFiles(lake, 'reading_versions', {
        from: addDays(dateOfEpochDay(first), -REFERENCE_DAYS),
        to: dateOfEpochDay(last),
    });
    await engine.registerFiles('past_versions', LAKE_TABLES.reading_versions, distinctPaths(files));
    await engine.materialise(
        'wanted_channels',
        'select distinct payload_no, channel_no, first_day_no from payload_days',
    );
    await engine.materialise('past_days', pastDays(feedId, slots));
    return true;
}

/** Each channel's complete days of a payload, by half-hour or whatever the interval is, from the payload's first such day on. */
function completeDays(intervalMinutes: number, slots: number): string {
    return `with days as (
        select payload_no, channel_no, market_day_no, list(cast(kwh as double) order by period_us nulls last) as kwh
        from parsed
        where faults = '' and channel_no is not null and kwh is not null and minutes = ${intervalMinutes}
        group by all having count(*) = ${slots} and count(distinct period_us) = ${slots}),
    counted as (select *, min(market_day_no) over (partition by payload_no) as first_day_no,
            count(*) over (partition by payload_no, market_day_no) as channels from days)
    select * from counted where channels >= ${MOVED_CHANNELS_MIN} and market_day_no < first_day_no + ${SHIFT_DAYS_MAX}`;
}

/** The same channels before, each day once; of several versions of an interval the one that was received first. */
function pastDays(feedId: number, slots: number): string {
    return `with firsts as (
        select channel_no, market_day, period_from, arg_min(kwh, (sequence, ordinal, kwh)) as kwh from past_versions
        where feed_id = ${feedId} and kwh is not null and channel_no in (select channel_no from wanted_channels)
        group by all)
    select channel_no, cast(market_day - date '1970-01-01' as integer) as market_day_no,
        list(cast(kwh as double) order by period_from nulls last) as kwh
    from firsts group by all having count(*) = ${slots}`;
}
