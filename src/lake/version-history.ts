import { CHANNEL_SNAPSHOT, LAKE_TABLES } from '../contracts/lake-tables.ts';
import { compileModel } from '../engine/compile.ts';
import type { EngineRow, EngineSession } from '../engine/engine.ts';
import type { CalendarDate } from '../kernel/calendar-date.ts';
import { addDays } from '../kernel/calendar-date.ts';
import { marketDayOf } from '../kernel/market-day.ts';
import { instantText, type Period } from '../kernel/period.ts';
import type { ChannelEntry } from '../registry/channel-directory.ts';
import { distinctPaths, type LiveFile, liveFiles } from './catalogue.ts';
import { channelRow } from './channel-row.ts';
import type { Lake } from './lake.ts';
import type { FeedPrecedence } from './refresh-state.ts';

/** `outside`: begins when its channel is not installed, so that it counts with another channel, or waits. */
export type VersionOutcome =
    | 'winning'
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
}

export interface AskedChannels {
    readonly channels: readonly ChannelEntry[];
    readonly feeds: readonly FeedPrecedence[];
    /** Half-open. */
    readonly period: Period;
}

const MODELS = ['job_versions', 'contested_keys', 'contested_versions', 'version_outcomes'];

/**
 * Every version of the channels' intervals that begin in the period, with what the models of curation say about it; in the order of channel,
 * interval and place. Reads only files that hold a partition asked for.
 */
export async function decideAgain(
    session: EngineSession,
    lake: Lake,
    asked: AskedChannels,
): Promise<DecidedVersion[]> {
    if (asked.channels.length === 0 || asked.period.from >= asked.period.to) return [];
    const files = await filesOf(lake, asked);
    await registerAsked(session, asked, files);
    for (const model of MODELS)
        await session.materialise(model, compileModel(`curation/${model}`, session.dialect).sql);
    const rows = await session.rows(DECIDED);
    return rows.map(decidedVersion);
}

/** The live files of `reading_versions` of the partitions that the channels have in the period. */
async function filesOf(lake: Lake, { channels, period }: AskedChannels): Promise<LiveFile[]> {
    const range = {
        from: marketDayOf(lake.zone, period.from),
        to: addDays(marketDayOf(lake.zone, period.to - 1), 1),
    };
    const buckets = new Set(channels.map(({ channelNo }) => Math.floor(channelNo / lake.bucketSize)));
    const files = await liveFiles(lake, 'reading_versions', range);
    return files.filter(({ bucket }) => buckets.has(bucket));
}

async function registerAsked(
    session: EngineSession,
    { channels, feeds, period }: AskedChannels,
    files: readonly LiveFile[],
): Promise<void> {
    const numbers = [...new Set(channels.map(({ channelNo }) => channelNo))];
    await session.registerFiles('version_files', LAKE_TABLES.reading_versions, distinctPaths(files));
    await session.materialise(
        'reading_versions',
        `select * from version_files where channel_no in (${numbers.join(', ')})
            and period_from >= timestamptz '${instantText(period.from)}' and period_from < timestamptz '${instantText(period.to)}'`,
    );
    await session.registerRows('channels', CHANNEL_SNAPSHOT, channels.map(channelRow));
    // every partition of the period: which rows are asked for is decided already
    await session.materialise('job_partitions', 'select distinct market_day, bucket from reading_versions');
    await session.registerRows(
        'feed_precedence',
        [
            { name: 'feed_id', type: 'smallint' },
            { name: 'rank', type: 'integer' },
            { name: 'newest_always', type: 'integer' },
        ],
        feeds.map((f) => [f.feedId, f.rank, f.newestAlways ? 1 : 0]),
    );
}

const SAME_ROW = ['channel_no', 'period_from', 'feed_id', 'sequence', 'ordinal'];
const sameRow = (other: string) => SAME_ROW.map((name) => `${other}.${name} = v.${name}`).join(' and ');

const DECIDED = `
select v.channel_no, cast(v.market_day as varchar) as market_day, epoch_ms(v.period_from) as period_ms, v.interval_minutes,
       cast(v.kwh as varchar) as kwh, v.quality, v.source_code, v.feed_id, v.version_stamp, v.sequence, v.ordinal,
       epoch_ms(v.received_at) as received_ms,
       case when j.channel_no is not null then coalesce(o.place_no, 1) end as place_no,
       case when j.channel_no is null then 'outside'
            else coalesce(o.outcome, case when v.kwh is null then 'withdrawn' else 'winning' end) end as outcome,
       o.flags
  from reading_versions as v
  left join (select distinct ${SAME_ROW.join(', ')} from job_versions) as j on ${sameRow('j')}
  left join version_outcomes as o on ${sameRow('o')}
 order by v.channel_no nulls last, v.period_from nulls last, place_no nulls last, v.sequence nulls last, v.ordinal nulls last`;

function decidedVersion(row: EngineRow): DecidedVersion {
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
        isConflict: row.flags === 'conflict',
    };
}
