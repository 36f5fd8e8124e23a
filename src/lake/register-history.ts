import { CHANNEL_SNAPSHOT, LAKE_TABLES } from '../contracts/lake-tables.ts';
import type { EngineSession } from '../engine/engine.ts';
import { addDays } from '../kernel/calendar-date.ts';
import { marketDayOf } from '../kernel/market-day.ts';
import { instantText, type Period } from '../kernel/period.ts';
import type { ChannelEntry } from '../registry/channel-directory.ts';
import { distinctPaths, liveFiles } from './catalogue.ts';
import { dimensionSnapshot } from './dimension-snapshot.ts';
import type { Lake } from './lake.ts';
import { decideRegisterReads, type RegisterFeed } from './register-reads.ts';
import { type DecidedVersion, decidedVersion } from './version-history.ts';

export interface AskedRegisters {
    readonly channels: readonly ChannelEntry[];
    readonly feeds: readonly RegisterFeed[];
    /** Half-open. */
    readonly period: Period;
}

/**
 * Every version of the reads of the channels' registers in the period, in the order of channel, instant and place: versions of intervals without a
 * length. A read that came in by one of the channels and is nobody's now is `outside`.
 */
export async function decideReadsAgain(
    session: EngineSession,
    lake: Lake,
    { channels, feeds, period }: AskedRegisters,
): Promise<DecidedVersion[]> {
    if (channels.length === 0 || period.from >= period.to) return [];
    const days = {
        from: marketDayOf(lake.zone, period.from),
        to: addDays(marketDayOf(lake.zone, period.to - 1), 1),
    };
    const files = await liveFiles(lake, 'register_versions', days);
    if (files.length === 0) return [];
    await session.registerFiles('register_files', LAKE_TABLES.register_versions, distinctPaths(files));
    await session.materialise(
        'register_versions',
        `select * from register_files
          where read_at >= timestamptz '${instantText(period.from)}' and read_at < timestamptz '${instantText(period.to)}'`,
    );
    const { path } = await dimensionSnapshot(lake, 'channels');
    await session.registerFiles('register_channels', CHANNEL_SNAPSHOT, [path]);
    const names = { versions: 'register_versions', channels: 'register_channels' };
    await decideRegisterReads(session, { ...names, feeds });
    const rows = await session.rows(decidedReads(channels.map(({ channelNo }) => channelNo)));
    return rows.map(decidedVersion);
}

const decidedReads = (channelNos: readonly number[]): string => `
with told as (
    select o.channel_no, o.market_day, o.period_from, o.kwh, o.quality, o.source_code, o.feed_id, c.version_stamp, o.sequence, o.ordinal,
           o.received_at, o.place_no, o.outcome, o.flags
      from read_outcomes as o
     inner join contested_reads as c on c.channel_no = o.channel_no and c.period_from = o.period_from and c.feed_id = o.feed_id
       and c.sequence = o.sequence and c.ordinal = o.ordinal
    union all
    select v.channel_no, v.market_day, v.read_at, v.index_kwh, v.quality, v.source_code, v.feed_id, v.version_stamp, v.sequence, v.ordinal,
           v.received_at, null, 'outside', null
      from register_versions as v
      left join placed_reads as p on p.received_channel_no = v.channel_no and p.period_from = v.read_at and p.feed_id = v.feed_id
       and p.sequence = v.sequence and p.ordinal = v.ordinal
     where p.channel_no is null
)
select channel_no, cast(market_day as varchar) as market_day, epoch_ms(period_from) as period_ms, 0 as interval_minutes,
       cast(kwh as varchar) as kwh, quality, source_code, feed_id, version_stamp, sequence, ordinal, epoch_ms(received_at) as received_ms,
       place_no, outcome, flags
  from told where channel_no in (${channelNos.join(', ')})
 order by channel_no, period_from, place_no nulls last, sequence, ordinal`;
