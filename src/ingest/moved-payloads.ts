import type { FeedContract } from '../contracts/feed-contract.ts';
import { LAKE_TABLES } from '../contracts/lake-tables.ts';
import type { EngineSession } from '../engine/engine.ts';
import { addDays, dateOfEpochDay } from '../kernel/calendar-date.ts';
import { distinctPaths, liveFiles } from '../lake/catalogue.ts';
import type { Lake } from '../lake/lake.ts';
import type { RefusedBatchPayload } from './form-limit.ts';
import { MOVED_CHANNELS_MIN, REFERENCE_DAYS, SHIFT_DAYS_MAX } from './shift-statistic.ts';
import { movedStamps } from './stamp-shift.ts';
import { movedUnits } from './unit-shift.ts';

/** Payloads whose stamps or unit seem to have changed: those that the contract refuses for it, and those that it only marks. */
export interface MovedPayloads {
    readonly refused: readonly RefusedBatchPayload[];
    readonly flagged: readonly RefusedBatchPayload[];
}

/** Whether a feed's payloads are compared with what was there before, and so come out as they did only in the order of then. */
export function looksForMoves({ delivery }: FeedContract): boolean {
    return delivery.stampShift !== 'off' || delivery.unitShift !== 'off';
}

/**
 * Compares each payload of the session's table `parsed` with the same channels on the days before, and takes payloads out that the
 * contract refuses. By the local day, so that a change of the clock moves nothing; days that are not complete, or not of the usual
 * length, say nothing. Reads the lake, so a contract asks for it (`stampShift`, `unitShift`).
 */
export async function judgeMoves(
    engine: EngineSession,
    lake: Lake,
    contract: FeedContract,
    feedId: number,
): Promise<MovedPayloads> {
    const { stampShift, unitShift } = contract.delivery;
    if (!looksForMoves(contract) || !(await makeDays(engine, lake, contract, feedId)))
        return { refused: [], flagged: [] };
    const stamps = stampShift === 'off' ? [] : await movedStamps(engine, contract);
    const units = unitShift === 'off' ? [] : await movedUnits(engine, contract);
    const found = [...named(stamps, stampShift), ...named(units, unitShift)];
    // what is wrong with its stamps is told of a payload for which both are odd
    const refused = new Map(
        found
            .filter((f) => f.isRefused)
            .map((f) => [f.payload.payloadNo, f.payload] as const)
            .reverse(),
    );
    if (refused.size > 0)
        await engine.run(`delete from parsed where payload_no in (${[...refused.keys()].join(', ')})`);
    const flagged = found.filter((f) => !f.isRefused && !refused.has(f.payload.payloadNo));
    return { refused: [...refused.values()], flagged: flagged.map((f) => f.payload) };
}

function named(payloads: readonly RefusedBatchPayload[], what: 'off' | 'flag' | 'refuse') {
    return payloads.map((payload) => ({ payload, isRefused: what === 'refuse' }));
}

/** Leaves `payload_days` and `past_days`, a row for each payload, local day and channel with its energy by interval; false where there are none. */
async function makeDays(
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

/** The same channels before; of several versions of an interval the one that was received first. */
function pastDays(feedId: number, slots: number): string {
    return `with wanted as (select distinct payload_no, channel_no, first_day_no from payload_days),
    firsts as (
        select channel_no, market_day, period_from, arg_min(kwh, (sequence, ordinal, kwh)) as kwh from past_versions
        where feed_id = ${feedId} and kwh is not null and channel_no in (select channel_no from wanted)
        group by all),
    days as (
        select channel_no, cast(market_day - date '1970-01-01' as integer) as day_no,
            list(cast(kwh as double) order by period_from nulls last) as kwh
        from firsts group by all having count(*) = ${slots}),
    matched as (
        select w.payload_no, d.day_no as market_day_no, d.channel_no, d.kwh from days as d inner join wanted as w on w.channel_no = d.channel_no
            and d.day_no < w.first_day_no and d.day_no >= w.first_day_no - ${REFERENCE_DAYS})
    select * from matched qualify count(*) over (partition by payload_no, market_day_no) >= ${MOVED_CHANNELS_MIN}`;
}
