import type { EstimationMethod } from '../contracts/estimation-policy.ts';
import { LAKE_TABLES } from '../contracts/lake-tables.ts';
import { compileModel } from '../engine/compile.ts';
import type { EngineSession } from '../engine/engine.ts';
import type { CalendarDate } from '../kernel/calendar-date.ts';
import { marketDayPeriod } from '../kernel/market-day.ts';
import { localTimeAt, type Zone } from '../kernel/zone.ts';
import { distinctPaths } from './catalogue.ts';
import {
    type EstimateWindow,
    type EstimationInputs,
    type EstimationRules,
    WINDOW_TABLES,
} from './estimation-inputs.ts';

/** What estimation is told of a job. */
export interface GapJob {
    readonly zone: Zone;
    /** Market days of the job. */
    readonly days: readonly CalendarDate[];
    readonly estimation: EstimationInputs;
}

/**
 * Estimates the intervals in the session's `unread_slots` that the rules cover. Leaves `estimated_intervals`, which belong into reads_interval, and
 * `run_estimates`, which say how and from what. An estimate looks at measured values alone: those of its own day and of like days before,
 * which are in `curated_intervals` for days of the job and in published files for others. False: there is nothing to estimate.
 */
export async function estimateGaps(session: EngineSession, job: GapJob): Promise<boolean> {
    const { rules } = job.estimation;
    const covered = job.days.filter((day) => rules.covers(day));
    await session.registerRows(
        'estimation_days',
        [{ name: 'market_day', type: 'date' }],
        covered.map((day) => [day]),
    );
    await runModel(session, 'unread_runs');
    const runs = await session.rows('select count(*) as n from unread_runs');
    if (Number(runs[0]?.n) === 0) {
        await session.registerRows('estimated_intervals', LAKE_TABLES.reads_interval, []);
        await session.registerRows('run_estimates', LAKE_TABLES.reading_estimates, []);
        return false;
    }
    await registerRules(session, job, covered);
    await registerWindow(session, job);
    for (const model of [
        'linear_estimates',
        'like_day_estimates',
        'estimate_offers',
        'estimated_intervals',
        'window_digests',
        'run_estimates',
    ])
        await runModel(session, model);
    return true;
}

/**
 * Channels of published partitions whose estimates, or the lack of them, were made from other values than there are now: left in
 * `stale_estimates`, by channel and market day. Looks at published files only.
 */
export async function findStaleEstimates(
    session: EngineSession,
    job: GapJob & { readonly estimates: readonly string[] },
): Promise<void> {
    if (job.estimates.length === 0) {
        await session.registerRows(
            'stale_estimates',
            LAKE_TABLES.reading_estimates.filter(({ name }) => ['market_day', 'channel_no'].includes(name)),
            [],
        );
        return;
    }
    await session.registerFiles('published_estimates', LAKE_TABLES.reading_estimates, job.estimates);
    await session.materialise(
        'gap_channel_days',
        `select market_day, channel_no, max(window_digest_1) as window_digest_1, max(window_digest_2) as window_digest_2
           from published_estimates group by market_day, channel_no`,
    );
    await registerLikeDays(session, job.estimation.rules, job.days);
    await registerWindowFiles(session, await job.estimation.window());
    await session.materialise('source_digests', PUBLISHED_DIGESTS);
    await runModel(session, 'window_digests');
    await session.materialise(
        'stale_estimates',
        `select g.market_day, g.channel_no from gap_channel_days as g
           left join window_digests as w on w.market_day = g.market_day and w.channel_no = g.channel_no
          where coalesce(w.window_digest_1, 0) <> g.window_digest_1 or coalesce(w.window_digest_2, 0) <> g.window_digest_2`,
    );
}

async function runModel(session: EngineSession, model: string): Promise<void> {
    await session.materialise(model, compileModel(`vee/${model}`, session.dialect).sql);
}

async function registerRules(
    session: EngineSession,
    { zone, estimation }: GapJob,
    covered: readonly CalendarDate[],
): Promise<void> {
    const { policy } = estimation.rules;
    await session.registerRows(
        'estimation_settings',
        [
            { name: 'linear_minutes', type: 'integer' },
            { name: 'like_days', type: 'integer' },
        ],
        [[policy.linearMinutes, policy.likeDays]],
    );
    await session.registerRows(
        'estimation_methods',
        [
            { name: 'method', type: 'string' },
            { name: 'place_no', type: 'integer' },
        ],
        policy.methods.map((method: EstimationMethod, i) => [method, i]),
    );
    const sources = await registerLikeDays(session, estimation.rules, covered);
    const used = await session.rows('select distinct interval_minutes from unread_runs');
    const lengths = used.map((row) => Number(row.interval_minutes));
    const days = [...new Set([...covered, ...sources])].sort();
    await session.registerRows(
        'slot_minutes',
        [
            { name: 'market_day', type: 'date' },
            { name: 'interval_minutes', type: 'smallint' },
            { name: 'slot_from_us', type: 'bigint' },
            { name: 'local_minute', type: 'integer' },
            { name: 'is_repeated', type: 'integer' },
        ],
        days.flatMap((day) => lengths.flatMap((minutes) => slotMinutes(zone, day, minutes))),
    );
}

/** The intervals of a day by the local time of their start: what like days are compared by. */
function slotMinutes(
    zone: Zone,
    day: CalendarDate,
    minutes: number,
): [CalendarDate, number, number, number, number][] {
    const { from, to } = marketDayPeriod(zone, day);
    const seen = new Set<number>();
    const rows: [CalendarDate, number, number, number, number][] = [];
    for (let at = from; at + minutes * 60_000 <= to; at += minutes * 60_000) {
        const minute = Math.floor(localTimeAt(zone, at).secondOfDay / 60);
        rows.push([day, minutes, at * 1000, minute, seen.has(minute) ? 1 : 0]);
        seen.add(minute);
    }
    return rows;
}

/** Leaves `like_days`; gives every day that one of them names. */
async function registerLikeDays(
    session: EngineSession,
    rules: EstimationRules,
    days: readonly CalendarDate[],
): Promise<CalendarDate[]> {
    const rows = days.flatMap((day) =>
        rules.windowOf(day).map((source, i) => [day, source, i + 1] as [CalendarDate, CalendarDate, number]),
    );
    await session.registerRows(
        'like_days',
        [
            { name: 'market_day', type: 'date' },
            { name: 'source_day', type: 'date' },
            { name: 'place_no', type: 'integer' },
        ],
        rows,
    );
    return rows.map(([, source]) => source);
}

async function registerWindowFiles(session: EngineSession, { files }: EstimateWindow): Promise<void> {
    for (const table of WINDOW_TABLES)
        await session.registerFiles(`window_${table}`, LAKE_TABLES[table], distinctPaths(files[table]));
}

// what was received on a day: all that is published, less what was estimated here
const PUBLISHED_DIGESTS = `
select d.market_day, d.channel_no, d.digest_1 - coalesce(e.digest_1, 0) as digest_1, d.digest_2 - coalesce(e.digest_2, 0) as digest_2
  from window_reads_daily as d
 inner join (select distinct channel_no from gap_channel_days) as g on g.channel_no = d.channel_no
  left join (select market_day, channel_no, sum(digest_1) as digest_1, sum(digest_2) as digest_2
               from window_reading_estimates group by market_day, channel_no) as e
    on e.market_day = d.market_day and e.channel_no = d.channel_no`;

// a day of the job is decided in it for its own buckets only
const decidedIn = (row: string) =>
    `d.market_day = ${row}.market_day and ${row}.channel_no >= d.first_channel_no and ${row}.channel_no < d.end_channel_no`;

/** Leaves `window_values` and `source_digests` of the channels with a gap: of partitions of the job as they were just decided, of others as published. */
async function registerWindow(session: EngineSession, job: GapJob): Promise<void> {
    await session.materialise('gap_channel_days', 'select distinct market_day, channel_no from unread_runs');
    await session.materialise('gap_channels', 'select distinct channel_no from gap_channel_days');
    await registerWindowFiles(session, await job.estimation.window());
    const ofChannels = 'inner join gap_channels as g on g.channel_no = v.channel_no';
    const columns = 'v.market_day, v.channel_no, v.period_from, v.interval_minutes, v.kwh';
    await session.materialise(
        'window_values',
        `select ${columns} from window_reads_interval as v ${ofChannels}
           left join job_partitions as d on ${decidedIn('v')}
          where v.quality = 'measured' and d.market_day is null
         union all
         select ${columns} from curated_intervals as v ${ofChannels}
          inner join (select distinct source_day from like_days) as l on l.source_day = v.market_day
          where v.quality = 'measured'`,
    );
    await session.materialise(
        'source_digests',
        `select p.* from (${PUBLISHED_DIGESTS}) as p
           left join job_partitions as d on ${decidedIn('p')} where d.market_day is null
         union all
         select v.market_day, v.channel_no, cast(sum(v.digest_1) as bigint) as digest_1, cast(sum(v.digest_2) as bigint) as digest_2
           from received_hours as v ${ofChannels} group by v.market_day, v.channel_no`,
    );
}
