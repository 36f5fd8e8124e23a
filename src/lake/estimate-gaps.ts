import { LAKE_TABLES } from '../contracts/lake-tables.ts';
import { compileText } from '../engine/compile.ts';
import type { EngineSession } from '../engine/engine.ts';
import type { CalendarDate } from '../kernel/calendar-date.ts';
import { type ChannelShapes, registerChannelShapes, registerShapeWeights } from './channel-shapes.ts';
import { decidedIn, registerDecided } from './decided-days.ts';
import {
    registerLikeDays,
    registerNearDays,
    registerSettings,
    registerSlots,
    registerWindowFiles,
    runLengths,
} from './estimate-session.ts';
import {
    digestSpans,
    findSpanRuns,
    findSpans,
    type GapJob,
    shareTotals,
    sumSpans,
} from './estimate-spans.ts';
import type { EstimateWindow } from './estimate-window.ts';
import { noteSpans } from './estimation-inputs.ts';
import { findLineEnds } from './line-ends.ts';
import { materialiseModel, viewNothing } from './session-models.ts';

const METHOD_TABLES = [
    'unread_runs',
    'unread_slots',
    'window_values',
    'linear_estimates',
    'like_day_estimates',
    'shape_totals',
    'load_shape_estimates',
    'estimate_offers',
    'method_values',
] as const;

/** A pass of the methods: tables of runs and their intervals, of values that may be looked at, and the names of what comes of it. */
type MethodPass = Readonly<Record<(typeof METHOD_TABLES)[number], string>>;

/** Each under its own name; shapes by what is taken in a year. */
const OF_JOB: MethodPass = {
    ...(Object.fromEntries(METHOD_TABLES.map((table) => [table, table])) as MethodPass),
    shape_totals: 'annual_totals',
};

/** What no register tells the energy of. */
const OF_REST: MethodPass = { ...OF_JOB, unread_runs: 'rest_runs', unread_slots: 'rest_slots' };

/** All gaps between two reads, on days of other jobs too: their values are the shape of what the register counted. */
const OF_SPANS: MethodPass = {
    unread_runs: 'shape_runs',
    unread_slots: 'shape_slots',
    window_values: 'span_values',
    linear_estimates: 'shape_lines',
    like_day_estimates: 'shape_like_days',
    shape_totals: 'advance_totals',
    load_shape_estimates: 'shape_load_shapes',
    estimate_offers: 'shape_offers',
    method_values: 'shape_values',
};

/**
 * Estimates the intervals in the session's `unread_slots` that the rules cover. Leaves `estimated_intervals`, which belong into reads_interval, and
 * `run_estimates`, which say how and from what. An estimate looks at measured values alone: those of its own day, of like days before and, where a
 * register was read before and after, of the days between; and, for a line over midnight, one of the day beside it. They are in `curated_intervals` for days of the job and in published files for others.
 * False: there is nothing to estimate.
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
    const window = await job.estimation.window();
    await registerSettings(session, rules);
    await session.materialise('gap_channel_days', 'select distinct market_day, channel_no from unread_runs');
    const { decidedDays } = job;
    await registerDecided(session, { isLook: false, ...(decidedDays ? { days: decidedDays } : {}) });
    const spans = await findSpans(session, job, window.registers, 'unread_runs');
    noteSpans(job.estimation, spans.ranges);
    const days = [...covered, ...spans.days];
    const sources = await registerWindow(session, job, window, { days, spanDays: spans.days });
    const lengths = await runLengths(session);
    await registerShapes(session, job, window, { days, lengths });
    await registerSlots(session, job.zone, [...days, ...sources], lengths);
    await session.materialise('source_digests', `${DIGESTS_OF_OTHERS} union all ${DIGESTS_OF_JOB}`);
    await findSpanRuns(session, spans, 'unread_runs');
    await findLineEnds(session, 'unread_runs', { isLook: false });
    const isShared = await sumSpans(session, spans);
    if (isShared) {
        await registerValues(session, OF_SPANS);
        await runMethods(session, OF_SPANS, window.shapes);
    }
    await shareTotals(session, isShared);
    const rest = isShared ? OF_REST : OF_JOB;
    await registerValues(session, rest);
    await runMethods(session, rest, window.shapes);
    await digestSpans(session, spans);
    for (const model of ['estimated_intervals', 'window_digests', 'run_estimates'])
        await runModel(session, model, rest);
    return true;
}

/** Leaves `like_days` and `near_days` of the days and what is published of those, and of the days between reads; gives the like days. */
async function registerWindow(
    session: EngineSession,
    { zone, estimation: { rules } }: GapJob,
    window: EstimateWindow,
    { days, spanDays }: Readonly<Record<'days' | 'spanDays', readonly CalendarDate[]>>,
): Promise<CalendarDate[]> {
    const sources = await registerLikeDays(session, rules, days);
    const near = await registerNearDays(session, rules, zone, days);
    await registerWindowFiles(session, window, [...spanDays, ...sources, ...near]);
    return sources;
}

/** Leaves what load shapes go by, and `annual_totals`. */
async function registerShapes(
    session: EngineSession,
    { zone, estimation: { rules } }: GapJob,
    { shapes }: EstimateWindow,
    asked: { readonly days: readonly CalendarDate[]; readonly lengths: readonly number[] },
): Promise<void> {
    await registerChannelShapes(session, shapes);
    await registerShapeWeights(session, shapes, rules.shapes, { zone, ...asked });
    await computeShaped(shapes)(session, 'annual_totals', 'vee/annual_totals');
}

/**
 * Channels of published partitions whose estimates, or the lack of them, were made from other values than there are now: left in
 * `stale_estimates`, by channel and market day. Looks at published files only, and needs `all_channels`.
 */
export async function findStaleEstimates(
    session: EngineSession,
    job: GapJob & { readonly estimates: readonly string[] },
): Promise<void> {
    const channelDay = LAKE_TABLES.reading_estimates.filter(({ name }) => CHANNEL_DAY.includes(name));
    if (job.estimates.length === 0) return session.registerRows('stale_estimates', channelDay, []);
    await session.registerFiles('published_estimates', LAKE_TABLES.reading_estimates, job.estimates);
    await session.materialise(
        'gap_channel_days',
        `select market_day, channel_no, max(window_digest_1) as window_digest_1, max(window_digest_2) as window_digest_2
           from published_estimates group by market_day, channel_no`,
    );
    await session.materialise(
        'published_runs',
        compileText(PUBLISHED_RUNS, session.dialect, 'published runs'),
    );
    await registerSettings(session, job.estimation.rules);
    await registerDecided(session, { isLook: true });
    const window = await job.estimation.window();
    const spans = await findSpans(session, job, window.registers, 'published_runs');
    noteSpans(job.estimation, spans.ranges);
    const days = [...job.days, ...spans.days];
    await registerWindow(session, job, window, { days, spanDays: spans.days });
    await registerChannelShapes(session, window.shapes);
    await session.materialise('source_digests', DIGESTS_OF_OTHERS);
    await findSpanRuns(session, spans, 'no_runs');
    await findLineEnds(session, 'published_runs', { isLook: true });
    await digestSpans(session, spans);
    await runModel(session, 'window_digests');
    await session.materialise(
        'stale_estimates',
        `select g.market_day, g.channel_no from gap_channel_days as g
           left join window_digests as w on w.market_day = g.market_day and w.channel_no = g.channel_no
          where coalesce(w.window_digest_1, 0) <> g.window_digest_1 or coalesce(w.window_digest_2, 0) <> g.window_digest_2`,
    );
}

// a gap of which a part is scaled to a register lies in parts
const PUBLISHED_RUNS = `
with parts as (
    select market_day, channel_no, instant_us(gap_from) as run_from_us, instant_us(gap_to) as run_to_us, interval_count from published_estimates
), begun as (
    select *, case when lag(run_to_us) over (partition by market_day, channel_no order by run_from_us nulls last) = run_from_us then 0 else 1 end as is_first
      from parts
), numbered as (
    select *, sum(is_first) over (partition by market_day, channel_no order by run_from_us nulls last
                                  rows between unbounded preceding and current row) as run_no
      from begun
)
select market_day, channel_no, min(run_from_us) as run_from_us, max(run_to_us) as run_to_us, sum(interval_count) as slot_count
  from numbered group by market_day, channel_no, run_no`;

const CHANNEL_DAY = ['market_day', 'channel_no'];

async function runModel(
    session: EngineSession,
    model: string,
    names: Readonly<Record<string, string>> = {},
    table = model,
): Promise<void> {
    await materialiseModel(session, table, `vee/${model}`, names);
}

/** Where no channel is of a class with a load shape, nothing is looked up for shapes. */
function computeShaped({ classes }: ChannelShapes): typeof materialiseModel {
    return classes.length > 0 ? materialiseModel : viewNothing;
}

async function runMethods(session: EngineSession, pass: MethodPass, shapes: ChannelShapes): Promise<void> {
    for (const model of ['linear_estimates', 'like_day_estimates'] as const)
        await runModel(session, model, pass, pass[model]);
    const shaped = 'load_shape_estimates';
    await computeShaped(shapes)(session, pass[shaped], `vee/${shaped}`, pass);
    for (const model of ['estimate_offers', 'method_values'] as const)
        await runModel(session, model, pass, pass[model]);
}

// what was received on a day: all that is published, less what was estimated here
const DIGESTS_OF_OTHERS = `
select p.market_day, p.channel_no, p.digest_1 - coalesce(e.digest_1, 0) as digest_1, p.digest_2 - coalesce(e.digest_2, 0) as digest_2
  from window_reads_daily as p
 inner join (select distinct channel_no from gap_channel_days) as g on g.channel_no = p.channel_no
  left join (select market_day, channel_no, sum(digest_1) as digest_1, sum(digest_2) as digest_2
               from window_reading_estimates group by market_day, channel_no) as e
    on e.market_day = p.market_day and e.channel_no = p.channel_no
  left join decided_days as d on ${decidedIn('p')} where d.market_day is null`;

const DIGESTS_OF_JOB = `
select v.market_day, v.channel_no, cast(sum(v.digest_1) as bigint) as digest_1, cast(sum(v.digest_2) as bigint) as digest_2
  from received_hours as v
 inner join (select distinct channel_no from gap_channel_days) as g on g.channel_no = v.channel_no
 group by v.market_day, v.channel_no`;

/** Leaves the measured values of like days of the runs: of partitions of the job as they were just decided, of others as published. */
async function registerValues(
    session: EngineSession,
    { unread_runs: runs, window_values: values }: MethodPass,
): Promise<void> {
    await session.materialise(
        'looked_days',
        `select distinct r.channel_no, l.source_day as market_day from ${runs} as r
          inner join like_days as l on l.market_day = r.market_day`,
    );
    const columns = 'v.market_day, v.channel_no, v.period_from, v.interval_minutes, v.kwh, v.quality';
    const looked =
        'inner join looked_days as w on w.channel_no = v.channel_no and w.market_day = v.market_day';
    await session.materialise(
        values,
        `select ${columns} from window_reads_interval as v ${looked}
           left join decided_days as d on ${decidedIn('v')}
          where v.quality = 'measured' and d.market_day is null
         union all
         select ${columns} from curated_intervals as v ${looked} where v.quality = 'measured'`,
    );
}
