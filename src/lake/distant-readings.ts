import { LAKE_TABLES } from '../contracts/lake-tables.ts';
import { addDays, type CalendarDate, epochDayOf } from '../kernel/calendar-date.ts';
import { channelDirectory } from '../registry/channel-directory.ts';
import { distinctPaths, liveFiles } from './catalogue.ts';
import type { Lake } from './lake.ts';
import { useLake } from './lake-use.ts';

/**
 * Market days with readings that no others are near: most often a stamp that is wrong. The newest market day is how far readings are
 * expected, and a feed's meter is expected from its first one, so that a single one makes every interval in between a missing one.
 */
export interface DistantReadings {
    readonly from: CalendarDate;
    /** The last of the days. */
    readonly to: CalendarDate;
    readonly rows: number;
    /** Days without any reading between these and the next ones on the side of the most. */
    readonly emptyDays: number;
    /** Of the first of them. */
    readonly meterId: string;
    readonly registerId: string;
    readonly periodFrom: string;
}

/** More than a month in which no meter at all has a reading. */
const EMPTY_DAYS_MIN = 32;
/** What is told at a time. */
const RUNS_MAX = 5;

interface DayRun {
    from: CalendarDate;
    to: CalendarDate;
    rows: number;
}

/** Looks at the catalogue, and opens files only where there are such readings. None is told beyond a horizon that is set. */
export async function distantReadings(lake: Lake): Promise<DistantReadings[]> {
    const runs = await lake.db.query<DayRun>(RUNS, [EMPTY_DAYS_MIN, lake.horizon ?? null]);
    const most = runs.reduce((at, run, i) => (run.rows > (runs[at]?.rows ?? 0) ? i : at), 0);
    const distant = runs
        .map((run, i) => ({ ...run, emptyDays: emptyDays(run, runs[i < most ? i + 1 : i - 1]) }))
        .filter((_, i) => i !== most)
        .slice(0, RUNS_MAX);
    if (distant.length === 0) return [];
    return useLake(lake, async (inUse) => {
        const told: DistantReadings[] = [];
        for (const run of distant) told.push({ ...run, ...(await firstReading(inUse, run)) });
        return told;
    });
}

function emptyDays(run: DayRun, next: DayRun | undefined): number {
    if (next === undefined) return 0;
    const [first, second] = run.from < next.from ? [run, next] : [next, run];
    return epochDayOf(second.from) - epochDayOf(first.to) - 1;
}

async function firstReading(
    lake: Lake,
    run: DayRun,
): Promise<Pick<DistantReadings, 'meterId' | 'registerId' | 'periodFrom'>> {
    const files = await liveFiles(lake, 'reading_versions', { from: run.from, to: addDays(run.from, 1) });
    const session = await lake.engine.openSession();
    try {
        await session.registerFiles('versions', LAKE_TABLES.reading_versions, distinctPaths(files));
        const [row] = await session.rows(
            `select channel_no, period_from from versions where market_day = date '${run.from}'
             order by period_from nulls last, channel_no nulls last limit 1`,
        );
        const channelNo = Number(row?.channel_no);
        const [channel] = await channelDirectory(lake.db, {
            numbers: { from: channelNo, to: channelNo + 1 },
        });
        const { meterId = '', registerId = '' } = channel ?? {};
        return { meterId, registerId, periodFrom: String(row?.period_from ?? '') };
    } finally {
        await session.close();
    }
}

const RUNS = `
with days as (
    select market_day, sum(row_count - coalesce((stats ->> 'displaced')::bigint, 0)) as row_count
      from partitions where table_name = 'reading_versions' and ($2::date is null or market_day <= $2)
     group by market_day
),
begun as (
    select *, (market_day - lag(market_day) over (order by market_day) > $1)::integer as begins
      from days where row_count > 0
),
runs as (select *, sum(coalesce(begins, 0)) over (order by market_day) as run_no from begun)
select min(market_day) as "from", max(market_day) as "to", sum(row_count)::bigint as rows
  from runs group by run_no order by 1`;
