import { CHANNEL_SNAPSHOT, LAKE_TABLES } from '../contracts/lake-tables.ts';
import type { EngineRow, EngineSession } from '../engine/engine.ts';
import type { CalendarDate } from '../kernel/calendar-date.ts';
import { addDays } from '../kernel/calendar-date.ts';
import { assert } from '../kernel/errors.ts';
import { marketDayOf } from '../kernel/market-day.ts';
import { instantText, type Period } from '../kernel/period.ts';
import type { ChannelEntry } from '../registry/channel-directory.ts';
import { distinctPaths, liveFiles } from './catalogue.ts';
import { channelRow } from './channel-row.ts';
import { registerFeeds, registerMarketDays, VERSION_MODELS } from './curation-job.ts';
import type { Lake } from './lake.ts';
import type { FeedPrecedence } from './refresh-state.ts';
import { materialiseModel } from './session-models.ts';
import { readValidationInputs, registerValidation } from './validation-inputs.ts';

/**
 * `outside`: begins when its channel is not installed, so that it counts with another channel, or waits. `rejected`: wins, and fails a rule
 * of validation by which it does not count as measured, so that the interval is missing.
 */
export type VersionOutcome =
    | 'winning'
    | 'rejected'
    | 'withdrawn'
    | 'superseded'
    | 'duplicate'
    | 'duplicate_of_superseded'
    | 'outside';

/** A received version of an interval and what became of it. Instants in UTC epoch milliseconds. */
export interface DecidedVersion {
    readonly channelNo: number;
    readonly marketDay: CalendarDate;
    readonly periodFrom: number;
    readonly minutes: number;
    /** Exact text; null: missing or withdrawn. */
    readonly kwh: string | null;
    readonly quality: string;
    readonly sourceCode: string | null;
    readonly feedId: number;
    readonly versionStamp: number | null;
    readonly sequence: number;
    readonly ordinal: number;
    readonly receivedAt: number;
    /** Place among the versions of the interval, from 1; null for `outside`. */
    readonly placeNo: number | null;
    readonly outcome: VersionOutcome;
    readonly isConflict: boolean;
    /** Rules of validation that it fails; only of the one that wins. */
    readonly failedRules: readonly string[];
}

export interface AskedChannels {
    readonly channels: readonly ChannelEntry[];
    readonly feeds: readonly FeedPrecedence[];
    /** Half-open; or whole market days, in order. */
    readonly period?: Period;
    readonly days?: readonly CalendarDate[];
}

/**
 * Every version of the channels' intervals that begin in the period, with what the models of curation say about it; in the order of channel,
 * interval and place. Reads only files that hold a partition asked for.
 */
export async function decideAgain(
    session: EngineSession,
    lake: Lake,
    asked: AskedChannels,
): Promise<DecidedVersion[]> {
    const days = asked.days ?? daysOf(lake, asked.period);
    if (asked.channels.length === 0 || days.length === 0) return [];
    await registerAsked(session, lake, asked, days);
    for (const model of VERSION_MODELS) {
        const table = model.slice(model.indexOf('/') + 1);
        await materialiseModel(session, table, model);
    }
    const rows = await session.rows(decidedQuery(asked.period));
    return rows.map(decidedVersion);
}

/** The market days that have a part of the period: what rules say about a reading depends on its whole day. */
function daysOf(lake: Lake, period: Period | undefined): CalendarDate[] {
    if (period === undefined || period.from >= period.to) return [];
    const last = marketDayOf(lake.zone, period.to - 1);
    const days: CalendarDate[] = [];
    for (let day = marketDayOf(lake.zone, period.from); day <= last; day = addDays(day, 1)) days.push(day);
    return days;
}

async function registerAsked(
    session: EngineSession,
    lake: Lake,
    { channels, feeds }: AskedChannels,
    days: readonly CalendarDate[],
): Promise<void> {
    const numbers = [...new Set(channels.map(({ channelNo }) => channelNo))];
    const buckets = [...new Set(numbers.map((no) => Math.floor(no / lake.bucketSize)))];
    const partitions = days.flatMap((marketDay) => buckets.map((bucket) => ({ marketDay, bucket })));
    const [first, last] = [days[0], days.at(-1)];
    assert(first !== undefined && last !== undefined, 'a period has a market day');
    const live = await liveFiles(lake, 'reading_versions', { from: first, to: addDays(last, 1) });
    const wanted = new Set(days);
    const files = live.filter(({ bucket, marketDay }) => buckets.includes(bucket) && wanted.has(marketDay));
    await session.registerFiles('version_files', LAKE_TABLES.reading_versions, distinctPaths(files));
    await session.materialise(
        'partition_versions',
        `select * from version_files where channel_no in (${numbers.join(', ')})
            and market_day in (${days.map((day) => `date '${day}'`).join(', ')})`,
    );
    await session.registerRows('channels', CHANNEL_SNAPSHOT, channels.map(channelRow));
    await registerFeeds(session, feeds);
    await registerMarketDays(session, lake, days);
    await registerValidation(session, await readValidationInputs(lake, lake.db, partitions));
}

const SAME_ROW = ['channel_no', 'period_from', 'feed_id', 'sequence', 'ordinal'];
const sameRow = (other: string) => SAME_ROW.map((name) => `${other}.${name} = v.${name}`).join(' and ');

const decidedQuery = (period: Period | undefined): string => `
select v.channel_no, cast(v.market_day as varchar) as market_day, epoch_ms(v.period_from) as period_ms, v.interval_minutes,
       cast(v.kwh as varchar) as kwh, v.quality, v.source_code, v.feed_id, v.version_stamp, v.sequence, v.ordinal,
       epoch_ms(v.received_at) as received_ms,
       case when j.channel_no is not null then coalesce(o.place_no, 1) end as place_no,
       case when j.channel_no is null then 'outside'
            when w.is_rejected = 1 then 'rejected'
            else coalesce(o.outcome, case when v.kwh is null then 'withdrawn' else 'winning' end) end as outcome,
       coalesce(w.flags, o.flags) as flags
  from partition_versions as v
  left join (select distinct ${SAME_ROW.join(', ')} from job_versions) as j on ${sameRow('j')}
  left join version_outcomes as o on ${sameRow('o')}
  left join judged_versions as w
    on w.channel_no = j.channel_no and w.period_from = j.period_from and coalesce(o.outcome, 'winning') = 'winning'
 where ${period === undefined ? 'true' : `v.period_from >= timestamptz '${instantText(period.from)}' and v.period_from < timestamptz '${instantText(period.to)}'`}
 order by v.channel_no nulls last, v.period_from nulls last, place_no nulls last, v.sequence nulls last, v.ordinal nulls last`;

/** A row of what was decided, with instants in milliseconds and numbers as texts. */
export function decidedVersion(row: EngineRow): DecidedVersion {
    const numberOrNull = (name: string) => (row[name] === null ? null : Number(row[name]));
    return {
        channelNo: Number(row.channel_no),
        marketDay: String(row.market_day) as CalendarDate,
        periodFrom: Number(row.period_ms),
        minutes: Number(row.interval_minutes),
        kwh: row.kwh === null ? null : String(row.kwh),
        quality: String(row.quality),
        sourceCode: row.source_code === null ? null : String(row.source_code),
        feedId: Number(row.feed_id),
        versionStamp: numberOrNull('version_stamp'),
        sequence: Number(row.sequence),
        ordinal: Number(row.ordinal),
        receivedAt: Number(row.received_ms),
        placeNo: numberOrNull('place_no'),
        outcome: String(row.outcome) as VersionOutcome,
        isConflict: flagsOf(row).includes('conflict'),
        failedRules: flagsOf(row).filter((flag) => flag !== 'conflict'),
    };
}

function flagsOf(row: EngineRow): string[] {
    return row.flags === null ? [] : String(row.flags).split(',');
}
