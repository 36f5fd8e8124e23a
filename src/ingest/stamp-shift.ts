import type { FeedContract } from '../contracts/feed-contract.ts';
import { LAKE_TABLES } from '../contracts/lake-tables.ts';
import type { EngineRow, EngineSession } from '../engine/engine.ts';
import { addDays, dateOfEpochDay } from '../kernel/calendar-date.ts';
import { distinctPaths, liveFiles } from '../lake/catalogue.ts';
import type { Lake } from '../lake/lake.ts';
import type { RefusedBatchPayload } from './form-limit.ts';
import {
    profileShift,
    REFERENCE_DAYS,
    SHIFT_CHANNELS_MIN,
    SHIFT_DAYS_MAX,
    SHIFT_THRESHOLD,
    type ShiftFinding,
} from './shift-statistic.ts';

/** What the stamps of a batch look like: payloads that the contract refuses for it, and those that it only marks. */
export interface ShiftedPayloads {
    readonly refused: readonly RefusedBatchPayload[];
    readonly flagged: readonly RefusedBatchPayload[];
}

const NONE: ShiftedPayloads = { refused: [], flagged: [] };

/**
 * Compares the profile of each payload of the session's table `parsed` with that of the same channels on the days before, and takes payloads
 * out that the contract refuses. By the local day, so that a change of the clock moves nothing; days that are not complete, or
 * not of the usual length, say nothing. Reads the lake, so a contract asks for it (`stampShift`).
 */
export async function judgeStamps(
    engine: EngineSession,
    lake: Lake,
    contract: FeedContract,
    feedId: number,
): Promise<ShiftedPayloads> {
    const { stampShift } = contract.delivery;
    if (stampShift === 'off') return NONE;
    const { intervalMinutes } = contract.reading;
    const slots = 1440 / intervalMinutes;
    await engine.materialise('shift_days', completeDays(intervalMinutes, slots));
    const span = await engine.rows(
        'select cast(min(first_day_no) as integer) as first_day_no, cast(max(first_day_no) as integer) as last_day_no from shift_days',
    );
    const [first, last] = [span[0]?.first_day_no, span[0]?.last_day_no];
    if (typeof first !== 'number' || typeof last !== 'number') return NONE;
    const files = await liveFiles(lake, 'reading_versions', {
        from: addDays(dateOfEpochDay(first), -REFERENCE_DAYS),
        to: dateOfEpochDay(last),
    });
    await engine.registerFiles('shift_past', LAKE_TABLES.reading_versions, distinctPaths(files));
    const past = profiles(await engine.rows(pastProfiles(feedId, slots)), slots);
    const present = profiles(await engine.rows(presentProfiles(slots)), slots);
    const found: RefusedBatchPayload[] = [];
    for (const [payloadNo, days] of present) {
        const shift = profileShift(days, past.get(payloadNo) ?? [], intervalMinutes);
        if (shift && shift.statistic > SHIFT_THRESHOLD) {
            found.push({
                payloadNo,
                refused: { ruleId: 'file.stamps-moved', message: sentence(shift, contract) },
            });
        }
    }
    if (stampShift === 'flag' || found.length === 0) return { refused: [], flagged: found };
    await engine.run(`delete from parsed where payload_no in (${found.map((f) => f.payloadNo).join(', ')})`);
    return { refused: found, flagged: [] };
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
    select * from counted where channels >= ${SHIFT_CHANNELS_MIN} and market_day_no < first_day_no + ${SHIFT_DAYS_MAX}`;
}

const slotSums = (slots: number) =>
    Array.from({ length: slots }, (_, i) => `sum(kwh[${i + 1}]) as s${i}`).join(', ');

function presentProfiles(slots: number): string {
    return `select payload_no, market_day_no, ${slotSums(slots)} from shift_days group by 1, 2 order by 1, 2`;
}

/** The same channels before; of several versions of an interval the one that was received first. */
function pastProfiles(feedId: number, slots: number): string {
    return `with wanted as (select distinct payload_no, channel_no, first_day_no from shift_days),
    firsts as (
        select channel_no, market_day, period_from, arg_min(kwh, (sequence, ordinal, kwh)) as kwh from shift_past
        where feed_id = ${feedId} and kwh is not null and channel_no in (select channel_no from wanted)
        group by all),
    days as (
        select channel_no, cast(market_day - date '1970-01-01' as integer) as day_no,
            list(cast(kwh as double) order by period_from nulls last) as kwh
        from firsts group by all having count(*) = ${slots}),
    matched as (
        select w.payload_no, d.day_no, d.channel_no, d.kwh from days as d inner join wanted as w on w.channel_no = d.channel_no
            and d.day_no < w.first_day_no and d.day_no >= w.first_day_no - ${REFERENCE_DAYS})
    select payload_no, day_no as market_day_no, ${slotSums(slots)} from matched
    group by 1, 2 having count(*) >= ${SHIFT_CHANNELS_MIN} order by 1, 2`;
}

function profiles(rows: readonly EngineRow[], slots: number): Map<number, number[][]> {
    const byPayload = new Map<number, number[][]>();
    for (const row of rows) {
        const payloadNo = Number(row.payload_no);
        const days = byPayload.get(payloadNo) ?? [];
        days.push(Array.from({ length: slots }, (_, i) => Number(row[`s${i}`])));
        byPayload.set(payloadNo, days);
    }
    return byPayload;
}

function sentence({ lag, statistic, days }: ShiftFinding, contract: FeedContract): string {
    const { intervalMinutes, stamp } = contract.reading;
    const by = `${Math.abs(lag) * intervalMinutes} minutes ${lag > 0 ? 'later' : 'earlier'}`;
    const clock =
        stamp.clock.kind === 'local'
            ? stamp.clock.zone
            : stamp.clock.kind === 'utc'
              ? 'UTC'
              : 'a fixed offset';
    return (
        `The profile of ${days === 1 ? 'the day' : `${days} days`} lies ${by} than that of the days before (statistic ${statistic.toFixed(1)}, limit ${SHIFT_THRESHOLD}). ` +
        `The contract ${contract.feed} ${contract.version} says that stamps mark the ${stamp.marks} of the interval, on the clock ${clock}: probably one of them has changed.`
    );
}
