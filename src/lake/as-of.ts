import { CHANNEL_SNAPSHOT, LAKE_TABLES } from '../contracts/lake-tables.ts';
import type { EngineSession } from '../engine/engine.ts';
import { addDays } from '../kernel/calendar-date.ts';
import { channelDirectory } from '../registry/channel-directory.ts';
import { distinctPaths, liveFiles } from './catalogue.ts';
import { channelRow } from './channel-row.ts';
import { decideVersions, type JobInputs, PUBLISHED_TABLES, rollUp } from './curation-job.ts';
import type { Lake } from './lake.ts';
import type { PlannedRebuild } from './refresh-plan.ts';
import { type FeedPrecedence, readStates } from './refresh-state.ts';

/** The highest receipt sequence at or before an instant: what was known then. 0: nothing. */
export async function watermarkAt(lake: Lake, at: number): Promise<number> {
    const rows = await lake.db.query<{ sequence: number | null }>(
        `select max(last_sequence) as sequence from segments where received_at <= to_timestamp($1 / 1000.0)`,
        [at],
    );
    return rows[0]?.sequence ?? 0;
}

/**
 * Curates the whole lake again from the versions and registrations known at an instant, into the session's
 * tables `lake_reads_interval`, `lake_reads_hourly`, `lake_reads_daily`, `lake_reading_gaps` and `channels`.
 * Today's rules decide; nothing is published.
 */
export async function registerAsOf(
    session: EngineSession,
    lake: Lake,
    feeds: readonly FeedPrecedence[],
    at: number,
): Promise<void> {
    const watermark = await watermarkAt(lake, at);
    const versionFiles = await liveFiles(lake, 'reading_versions');
    await session.registerFiles('all_versions', LAKE_TABLES.reading_versions, distinctPaths(versionFiles));
    const newest = await session.rows(
        `select cast(max(market_day) as varchar) as day from all_versions where sequence <= ${watermark}`,
    );
    const horizon = lake.horizon ?? (newest[0]?.day as string | null);
    const states = await readStates(lake, feeds);
    const end = horizon === null ? undefined : addDays(horizon as never, 1);
    const rebuilds = states
        .filter((s) => end !== undefined && s.marketDay < end)
        .map(
            (s): PlannedRebuild => ({
                ...s,
                kind: 'curate',
                reasons: [],
                inputs: s.current,
                publishedVersion: 0,
                mergedFromVersion: 0,
            }),
        );
    const channels = await channelDirectory(lake.db, { knownAt: at });
    await session.registerRows('channels_as_known', CHANNEL_SNAPSHOT, channels.map(channelRow));
    const inputs: JobInputs = {
        rebuilds,
        versionFiles,
        previous: { reads_interval: [], reads_hourly: [], reads_daily: [], reading_gaps: [] },
        channels: { table: 'channels_as_known' },
        feeds,
        watermark,
    };
    await decideVersions(session, lake, inputs);
    await rollUp(session, inputs);
    // a recomputation publishes nothing, so it has no changes; the published ones have this name
    await session.run('drop table changed_channel_days');
    for (const table of PUBLISHED_TABLES)
        await session.run(`create or replace temp view lake_${table} as select * from next_${table}`);
}
