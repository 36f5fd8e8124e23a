import { CHANNEL_SNAPSHOT, LAKE_TABLES } from '../contracts/lake-tables.ts';
import type { EngineSession } from '../engine/engine.ts';
import { addDays, type CalendarDate } from '../kernel/calendar-date.ts';
import { type ChannelEntry, channelDirectory } from '../registry/channel-directory.ts';
import type { Transaction } from '../store/database.ts';
import { distinctPaths, type LiveFile, liveFiles } from './catalogue.ts';
import { channelRow } from './channel-row.ts';
import { type ChannelShapes, readChannelShapes } from './channel-shapes.ts';
import { type PairedChannel, readCheckPairs } from './check-pairs.ts';
import { decideVersions, forEachTable, type JobInputs, PUBLISHED_TABLES, rollUp } from './curation-job.ts';
import { registerMarks } from './day-marks.ts';
import type { RegisterLook } from './estimate-window.ts';
import { estimationRules, estimationWithin, readHolidays } from './estimation-inputs.ts';
import type { Lake } from './lake.ts';
import type { PartitionState, PlannedRebuild } from './refresh-plan.ts';
import { type FeedStandings, readStates } from './refresh-state.ts';
import { readSpanInputs } from './register-advances.ts';
import { readValidationInputs, type ValidationInputs } from './validation-inputs.ts';
import { knownBy, type Watermark, watermarkAt } from './watermark.ts';

/** What the lake as known at an instant is made from. */
export interface KnownLake {
    readonly watermark: Watermark;
    readonly versionFiles: readonly LiveFile[];
    readonly states: readonly PartitionState[];
    readonly channels: readonly ChannelEntry[];
    readonly feeds: FeedStandings;
    readonly registers?: RegisterLook;
    readonly shapes: ChannelShapes;
    readonly validation: ValidationInputs;
    readonly holidays: ReadonlySet<string>;
    readonly pairs: readonly PairedChannel[];
}

const ESTIMATES = `select ${LAKE_TABLES.reads_interval.map(({ name }) => name).join(', ')} from estimated_intervals`;

/** Reads it from the catalogue; for one consistent look give a transaction with isolation `repeatable read`. */
export async function readKnownLake(
    lake: Lake,
    db: Pick<Transaction, 'query'>,
    feeds: FeedStandings,
    at: number,
): Promise<KnownLake> {
    const states = await readStates(lake, feeds, db);
    const watermark = await watermarkAt(db, at);
    return {
        watermark,
        versionFiles: await liveFiles(lake, 'reading_versions', {}, db),
        states,
        validation: await readValidationInputs(lake, db, states, { knownAt: at }),
        shapes: await readChannelShapes(lake, db, states, { knownAt: at }),
        holidays: await readHolidays(lake, db, { knownAt: at }),
        pairs: await readCheckPairs(lake, db, { knownAt: at }),
        channels: await channelDirectory(db, { knownAt: at }),
        feeds,
        ...(await readRegisters(lake, db, feeds, { watermark, at })),
    };
}

async function readRegisters(
    lake: Lake,
    db: Pick<Transaction, 'query'>,
    feeds: FeedStandings,
    { watermark, at }: { readonly watermark: Watermark; readonly at: number },
): Promise<{ readonly registers?: RegisterLook }> {
    if (!lake.estimation.methods.includes('register-scaled')) return {};
    const files = await liveFiles(lake, 'register_versions', {}, db);
    if (files.length === 0) return {};
    const settings = await readSpanInputs(lake, db, { knownAt: at });
    return {
        registers: { ...settings, paths: distinctPaths(files), feeds: feeds.registers, watermark },
    };
}

/**
 * Curates the whole lake again from the versions and registrations that were known, into the session's tables `lake_reads_interval`,
 * `lake_reads_hourly`, `lake_reads_daily`, `lake_reading_gaps` and `channels`, and the view `lake_reading_versions`. Today's rules decide;
 * nothing is published.
 */
export async function registerAsOf(session: EngineSession, lake: Lake, known: KnownLake): Promise<void> {
    const { versionFiles, watermark, feeds } = known;
    await session.registerFiles('all_versions', LAKE_TABLES.reading_versions, distinctPaths(versionFiles));
    const newest = await session.rows(
        `select cast(max(market_day) as ${session.typeName('string')}) as day from all_versions where ${knownBy(watermark)}`,
    );
    const newestDay = (newest[0]?.day as CalendarDate | null | undefined) ?? undefined;
    const horizon = lake.horizon ?? newestDay;
    const end = horizon === undefined ? undefined : addDays(horizon, 1);
    const rebuilds = known.states
        .filter((s) => end !== undefined && s.marketDay < end)
        .map(
            (s): PlannedRebuild => ({
                ...s,
                kind: 'curate',
                heldRows: s.versionRows,
                reasons: [],
                inputs: s.current,
                publishedVersion: 0,
                mergedFromVersion: 0,
            }),
        );
    await session.registerRows('channels_as_known', CHANNEL_SNAPSHOT, known.channels.map(channelRow));
    const inputs: JobInputs = {
        rebuilds,
        versionFiles,
        previous: forEachTable(() => []),
        channels: { table: 'channels_as_known' },
        feeds: feeds.intervals,
        validation: known.validation,
        // every day of the lake is decided in this job, so no window lies in published files
        estimation: estimationWithin(estimationRules(lake, newestDay, known.holidays), known),
        watermark,
    };
    await decideVersions(session, lake, inputs);
    await rollUp(session, lake, inputs);
    // a recomputation publishes nothing, so it has no changes; the published ones have this name
    await session.run('drop table changed_channel_days');
    await session.run('create or replace temp view window_days as select * from next_reads_daily');
    await registerMarks(session, lake, rebuilds, known);
    await session.run('create or replace temp view lake_day_marks as select * from marked_days');
    for (const table of PUBLISHED_TABLES) {
        const estimates = table === 'reads_interval' ? ` union all ${ESTIMATES}` : '';
        await session.run(
            `create or replace temp view lake_${table} as select * from next_${table}${estimates}`,
        );
    }
    await session.run(
        `create or replace temp view lake_reading_versions as select * from all_versions
         where ${knownBy(watermark)} and channel_no in (select channel_no from channels_as_known)`,
    );
}
