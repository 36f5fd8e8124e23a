import { LAKE_TABLES } from '../contracts/lake-tables.ts';
import type { EngineSession } from '../engine/engine.ts';
import { addDays, type CalendarDate, calendarDate, type DatePeriod } from '../kernel/calendar-date.ts';
import { marketDayPeriod } from '../kernel/market-day.ts';
import { distinctPaths, liveFiles } from '../lake/catalogue.ts';
import { registerLikeDays, registerSlots } from '../lake/estimate-session.ts';
import { estimationRules, readHolidays } from '../lake/estimation-inputs.ts';
import type { Lake } from '../lake/lake.ts';
import { decideRegisterReads, type RegisterFeed } from '../lake/register-reads.ts';

/**
 * Leaves `touched_reads`: the reads of registers that a payload brought, whose they are now and what became of them, each with the days, first and last, of the
 * advances that it bounds. Reads of other payloads are looked at too, as those decide. Expects `all_register_versions` and `channels`.
 */
export async function registerTouchedReads(
    session: EngineSession,
    { zone }: Lake,
    sequence: number,
    feeds: readonly RegisterFeed[],
): Promise<void> {
    await decideRegisterReads(session, { versions: 'all_register_versions', channels: 'channels', feeds });
    const days = await session.rows(
        'select distinct cast(market_day as varchar) as day from read_outcomes order by 1',
    );
    await session.registerRows(
        'read_days',
        [
            { name: 'market_day', type: 'date' },
            { name: 'from_us', type: 'bigint' },
        ],
        days.map(({ day }) => [String(day), marketDayPeriod(zone, calendarDate(String(day))).from * 1000]),
    );
    await session.materialise('touched_reads', touchedReads(sequence));
}

/** A read at the first instant of a day ends an advance that has no part of that day. */
const touchedReads = (sequence: number): string => `
with instants as (
    select channel_no, market_day, read_at as period_from from curated_reads
    union
    select channel_no, market_day, period_from from read_outcomes where sequence = ${sequence}),
ends as (
    select i.*, case when epoch_us(i.period_from) = d.from_us then i.market_day - 1 else i.market_day end as end_day
      from instants as i inner join read_days as d on d.market_day = i.market_day),
beside as (
    select channel_no, period_from,
        coalesce(lag(market_day) over (partition by channel_no order by period_from nulls last), market_day) as first_day,
        coalesce(lead(end_day) over (partition by channel_no order by period_from nulls last), end_day) as last_day
      from ends)
select o.channel_no, o.market_day, o.period_from as read_at, o.kwh, o.quality, o.outcome, b.first_day, b.last_day
  from read_outcomes as o
 inner join beside as b on b.channel_no = o.channel_no and b.period_from = o.period_from
 where o.sequence = ${sequence}`;

/**
 * Leaves `resting`: the gaps whose estimates rest on versions or reads of the payload, there or not, by what estimation says that it looks at. Expects
 * `touched` and `touched_reads`.
 */
export async function registerResting(session: EngineSession, lake: Lake): Promise<void> {
    const { reach, days } = await touchedRange(session, lake);
    const files = reach === undefined ? [] : await liveFiles(lake, 'reading_estimates', reach);
    const buckets = await touchedBuckets(session, lake);
    await session.registerFiles(
        'near_reading_estimates',
        LAKE_TABLES.reading_estimates,
        distinctPaths(files.filter(({ bucket }) => buckets.has(bucket))),
    );
    await session.materialise('near_gaps', NEAR_GAPS);
    await registerSourceSlots(session, lake, days);
    await session.materialise('resting', resting(lake.estimation.likeDays));
}

/** Days on which an estimate may look at what the payload brought, and the days of that. */
async function touchedRange(
    session: EngineSession,
    { estimation }: Lake,
): Promise<{ reach?: DatePeriod; days: readonly CalendarDate[] }> {
    const rows = await session.rows(
        `select distinct cast(market_day as varchar) as day
           from (select market_day from touched where is_inside union select market_day from touched_reads) order by 1`,
    );
    const days = rows.map(({ day }) => calendarDate(String(day)));
    const [first, last] = [days[0], days.at(-1)];
    if (first === undefined || last === undefined) return { days };
    // a read stands between two others that are no further apart
    const back = estimation.registerDays + 1;
    return {
        days,
        reach: {
            from: addDays(first, -back),
            to: addDays(last, Math.max(back, estimation.lookBackDays) + 1),
        },
    };
}

async function touchedBuckets(session: EngineSession, { bucketSize }: Lake): Promise<Set<number>> {
    const rows = await session.rows(
        `select distinct cast(floor(channel_no / ${bucketSize}) as integer) as bucket
           from (select channel_no from touched where is_inside union select channel_no from touched_reads)`,
    );
    return new Set(rows.map(({ bucket }) => Number(bucket)));
}

const NEAR_GAPS = `
select e.market_day, e.channel_no, e.gap_from, e.gap_to, e.method, e.kwh, e.before_from, e.after_from, e.read_from, e.read_to,
    case when e.method = 'like-day' or e.shape = 'like-day' then e.value_count end as value_count, e.first_source_day,
    cast((epoch_ms(e.gap_to) - epoch_ms(e.gap_from)) / 60000 / e.interval_count as integer) as interval_minutes
  from near_reading_estimates as e
 where e.method is not null
   and e.channel_no in (select channel_no from touched where is_inside union select channel_no from touched_reads)`;

/** Leaves `like_days` and `slot_minutes` of the days with gaps that are estimated as like days were, and of the payload's own. */
async function registerSourceSlots(
    session: EngineSession,
    lake: Lake,
    days: readonly CalendarDate[],
): Promise<void> {
    const rows = await session.rows(
        `select distinct cast(market_day as varchar) as day, interval_minutes from near_gaps where value_count is not null`,
    );
    const gapDays = [...new Set(rows.map(({ day }) => calendarDate(String(day))))];
    const rules = estimationRules(lake, undefined, await readHolidays(lake, lake.db));
    const sources = new Set(await registerLikeDays(session, rules, gapDays));
    const lengths = [...new Set(rows.map(({ interval_minutes }) => Number(interval_minutes)))];
    const looked = days.filter((day) => sources.has(day));
    await registerSlots(session, lake.zone, [...gapDays, ...looked], lengths);
}

/**
 * A line looks at its ends; a mean of like days at the same local time of each like day, up to the last one that it needed; what is scaled to a
 * register at all between the two reads, and at these; and each at its own intervals, which have no value.
 */
const resting = (likeDays: number): string => `
with looked as (
    select g.channel_no, g.gap_from, s.slot_from_us
      from near_gaps as g
     inner join slot_minutes as o on o.market_day = g.market_day and o.interval_minutes = g.interval_minutes
       and o.slot_from_us >= epoch_us(g.gap_from) and o.slot_from_us < epoch_us(g.gap_to)
     inner join like_days as l on l.market_day = g.market_day
     inner join slot_minutes as s on s.market_day = l.source_day and s.interval_minutes = g.interval_minutes
       and s.local_minute = o.local_minute and s.is_repeated = 0
     where g.value_count < ${likeDays} or l.source_day >= g.first_source_day),
found as (
    select g.channel_no, g.gap_from from near_gaps as g inner join touched as t on t.channel_no = g.channel_no
     where t.is_inside and (t.period_from = g.before_from or t.period_from = g.after_from
            or (t.period_from >= g.gap_from and t.period_from < g.gap_to)
            or (t.period_from >= g.read_from and t.period_from < g.read_to))
    union
    select l.channel_no, l.gap_from from looked as l
     inner join touched as t on t.channel_no = l.channel_no and epoch_us(t.period_from) = l.slot_from_us and t.is_inside
    union
    select g.channel_no, g.gap_from from near_gaps as g inner join touched_reads as r on r.channel_no = g.channel_no
     where r.read_at >= g.read_from and r.read_at <= g.read_to)
select g.market_day, g.channel_no, g.gap_from, g.method, g.kwh
  from near_gaps as g inner join found as f on f.channel_no = g.channel_no and f.gap_from = g.gap_from`;
