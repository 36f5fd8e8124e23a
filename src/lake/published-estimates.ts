import { LAKE_TABLES } from '../contracts/lake-tables.ts';
import type { EngineRow, EngineSession } from '../engine/engine.ts';
import type { DatePeriod } from '../kernel/calendar-date.ts';
import { instantText } from '../kernel/period.ts';
import { distinctPaths, liveFiles } from './catalogue.ts';
import type { Lake } from './lake.ts';

/** How the intervals of a gap were estimated. Instants in UTC as text, energy as exact text. */
export interface GapEstimate {
    readonly method: string;
    /** high | medium | low */
    readonly confidence: string;
    readonly gapFrom: string;
    readonly gapTo: string;
    /** `linear`: the measured values on either side, and when their intervals begin; null in what was estimated before that was kept. */
    readonly kwhBefore: string | null;
    readonly kwhAfter: string | null;
    readonly beforeFrom: string | null;
    readonly afterFrom: string | null;
    /** `like-day`: the days that values came from, and how many values each mean is of at least. */
    readonly firstSourceDay: string | null;
    readonly lastSourceDay: string | null;
    readonly valueCount: number | null;
    /** `load-shape`, also as a shape: the class whose shape it is, and the annual consumption that has a share here; null where it is an advance. */
    readonly shapeClass: string | null;
    readonly annualKwh: string | null;
    /** `register-scaled` and `flat`: what the register counted between which reads, how much of it was measured, and the method whose values were scaled; null: none. */
    readonly advance: {
        readonly readFrom: string;
        readonly readTo: string;
        readonly advanceKwh: string;
        readonly measuredKwh: string;
        readonly shape: string | null;
    } | null;
}

/** An interval of reads_interval that was estimated here. */
export interface PublishedEstimate {
    readonly channelNo: number;
    readonly marketDay: string;
    readonly periodFrom: string;
    readonly minutes: number;
    readonly kwh: string;
    readonly estimate: GapEstimate;
}

/** What is published as estimated here for these channels on these market days, by channel and interval. Reads only files of their partitions. */
export async function readPublishedEstimates(
    session: EngineSession,
    lake: Lake,
    channelNos: readonly number[],
    days: DatePeriod,
): Promise<PublishedEstimate[]> {
    const buckets = new Set(channelNos.map((no) => Math.floor(no / lake.bucketSize)));
    const within = async (table: 'reads_interval' | 'reading_estimates') =>
        (await liveFiles(lake, table, days)).filter(({ bucket }) => buckets.has(bucket));
    const runs = await within('reading_estimates');
    if (runs.length === 0) return [];
    await session.registerFiles('gap_runs', LAKE_TABLES.reading_estimates, distinctPaths(runs));
    await session.registerFiles(
        'gap_intervals',
        LAKE_TABLES.reads_interval,
        distinctPaths(await within('reads_interval')),
    );
    const rows = await session.rows(
        `select v.channel_no, cast(v.market_day as varchar) as market_day, epoch_ms(v.period_from) as period_ms, v.interval_minutes,
                v.kwh, g.method, g.confidence, epoch_ms(g.gap_from) as gap_from_ms, epoch_ms(g.gap_to) as gap_to_ms, g.kwh_before,
                g.kwh_after, epoch_ms(g.before_from) as before_ms, epoch_ms(g.after_from) as after_ms, cast(g.first_source_day as varchar) as first_day, cast(g.last_source_day as varchar) as last_day, g.value_count,
                g.shape, g.shape_class, g.annual_kwh, epoch_ms(g.read_from) as read_from_ms, epoch_ms(g.read_to) as read_to_ms, g.advance_kwh, g.measured_kwh
           from gap_intervals as v
          inner join gap_runs as g on g.channel_no = v.channel_no and v.period_from >= g.gap_from and v.period_from < g.gap_to
          where v.feed_id is null and v.channel_no in (${channelNos.join(', ')})
            and v.market_day >= date '${days.from}' and v.market_day < date '${days.to}'
          order by v.channel_no nulls last, v.period_from nulls last`,
    );
    const instantOrNull = (value: unknown) => (value === null ? null : instantText(Number(value)));
    const textOrNull = (value: unknown) => (value === null || value === undefined ? null : String(value));
    return rows.map((row) => ({
        channelNo: Number(row.channel_no),
        marketDay: String(row.market_day),
        periodFrom: instantText(Number(row.period_ms)),
        minutes: Number(row.interval_minutes),
        kwh: String(row.kwh),
        estimate: {
            method: String(row.method),
            confidence: String(row.confidence),
            gapFrom: instantText(Number(row.gap_from_ms)),
            gapTo: instantText(Number(row.gap_to_ms)),
            kwhBefore: textOrNull(row.kwh_before),
            kwhAfter: textOrNull(row.kwh_after),
            beforeFrom: instantOrNull(row.before_ms),
            afterFrom: instantOrNull(row.after_ms),
            firstSourceDay: textOrNull(row.first_day),
            lastSourceDay: textOrNull(row.last_day),
            valueCount: row.value_count === null ? null : Number(row.value_count),
            shapeClass: textOrNull(row.shape_class),
            annualKwh: textOrNull(row.annual_kwh),
            advance: advanceOf(row),
        },
    }));
}

function advanceOf(row: EngineRow): GapEstimate['advance'] {
    if (row.read_from_ms === null) return null;
    return {
        readFrom: instantText(Number(row.read_from_ms)),
        readTo: instantText(Number(row.read_to_ms)),
        advanceKwh: String(row.advance_kwh),
        measuredKwh: String(row.measured_kwh),
        shape: row.shape === null ? null : String(row.shape),
    };
}
