import { LAKE_TABLES } from '../contracts/lake-tables.ts';
import type { EngineSession, TableColumn } from '../engine/engine.ts';
import { addDays, type CalendarDate, calendarDate, listDays } from '../kernel/calendar-date.ts';
import { marketDayPeriod } from '../kernel/market-day.ts';
import type { DayRange, RegisterLook } from './estimate-window.ts';
import type { EstimationInputs } from './estimation-inputs.ts';
import type { Lake } from './lake.ts';
import { sumByPartition } from './partition-rows.ts';
import { spanRegisters } from './register-advances.ts';
import { decideRegisterReads } from './register-reads.ts';
import { materialiseModel } from './session-models.ts';
import { knownBy } from './watermark.ts';

/** What estimation is told of a job. */
export interface GapJob extends Pick<Lake, 'zone' | 'bucketSize'> {
    /** Market days of the job. */
    readonly days: readonly CalendarDate[];
    readonly estimation: EstimationInputs;
    /** Query of the channel-days that are decided in the job, where these are not all of its partitions'. */
    readonly decidedDays?: string;
}

/** Times between measured reads of a register in which gaps lie. */
export interface FoundSpans {
    /** Every day that one of them has part of, and the last day that begins with its last read. */
    readonly days: readonly CalendarDate[];
    /** By the partition of a gap, the days of those that have part of it. */
    readonly ranges: ReadonlyMap<string, DayRange>;
}

const NO_SPANS: FoundSpans = { days: [], ranges: new Map() };

/**
 * Leaves `gap_spans` and, of their days, `gap_span_days` and `span_calendar`; nothing where no register was read near a gap of the table `runs`. Register
 * reads are decided in this session, from `all_channels`.
 */
export async function findSpans(
    session: EngineSession,
    { zone, bucketSize, estimation }: GapJob,
    registers: RegisterLook | undefined,
    runs: string,
): Promise<FoundSpans> {
    if (registers === undefined) return NO_SPANS;
    await decideReads(session, registers, runs);
    await spanRegisters(session, registers);
    await materialiseModel(session, 'measured_spans', 'registers/measured_spans');
    await materialiseModel(session, 'gap_spans', 'vee/gap_spans', { gap_runs: runs });
    const days = await daysOfSpans(session);
    if (days.length === 0) return NO_SPANS;
    const { rules } = estimation;
    await session.registerRows(
        'span_calendar',
        [
            { name: 'market_day', type: 'date' },
            { name: 'day_from_us', type: 'bigint' },
            { name: 'day_to_us', type: 'bigint' },
            { name: 'is_covered', type: 'integer' },
        ],
        days.map((day) => {
            const { from, to } = marketDayPeriod(zone, day);
            return [day, from * 1000, to * 1000, rules.covers(day) ? 1 : 0];
        }),
    );
    await materialiseModel(session, 'gap_span_days', 'registers/span_days', {
        register_spans: 'gap_spans',
        market_days: 'span_calendar',
        channels: 'span_channels',
    });
    return { days, ranges: await rangesOf(session, bucketSize, runs) };
}

/** Whose reads are goes by the names of channels, so those of the same meter or metering point are looked at with those that have gaps. */
async function decideReads(session: EngineSession, registers: RegisterLook, runs: string): Promise<void> {
    const gaps = `select a.meter_id, a.metering_point_id from all_channels as a
        inner join (select distinct channel_no from ${runs}) as g on g.channel_no = a.channel_no`;
    await session.materialise(
        'span_channels',
        `select c.* from all_channels as c
          where c.meter_id in (select meter_id from (${gaps}) as m)
             or c.metering_point_id in (select metering_point_id from (${gaps}) as p)`,
    );
    await session.registerFiles('register_files', LAKE_TABLES.register_versions, registers.paths);
    const known = registers.watermark === undefined ? '' : ` where ${knownBy(registers.watermark)}`;
    await session.run(
        `create or replace temp view span_register_versions as select * from register_files${known}`,
    );
    const { feeds } = registers;
    await decideRegisterReads(session, {
        versions: 'span_register_versions',
        channels: 'span_channels',
        feeds,
    });
}

async function daysOfSpans(session: EngineSession): Promise<CalendarDate[]> {
    const text = session.typeName('string');
    const rows = await session.rows(
        `select distinct cast(from_day as ${text}) as first, cast(to_day as ${text}) as last from gap_spans`,
    );
    const days = rows.flatMap(({ first, last }) =>
        listDays({
            from: calendarDate(String(first)),
            to: addDays(calendarDate(String(last)), 1),
        }),
    );
    return [...new Set(days)].sort();
}

async function rangesOf(
    session: EngineSession,
    bucketSize: number,
    runs: string,
): Promise<Map<string, DayRange>> {
    await session.materialise(
        'gap_ranges',
        `select r.market_day, r.channel_no, min(s.from_day) as from_day, max(s.to_day) as to_day
           from ${runs} as r inner join gap_spans as s
             on s.channel_no = r.channel_no and r.run_from_us < s.span_to_us and r.run_to_us > s.span_from_us
          group by r.market_day, r.channel_no`,
    );
    const text = session.typeName('string');
    const rows = await sumByPartition(
        session,
        { bucketSize },
        'gap_ranges',
        `cast(min(from_day) as ${text}) as first, cast(max(to_day) as ${text}) as last`,
    );
    const range = (first: unknown, last: unknown): DayRange => ({
        first: calendarDate(String(first)),
        last: calendarDate(String(last)),
    });
    return new Map([...rows].map(([key, { first, last }]) => [key, range(first, last)]));
}

const bigint = (name: string): TableColumn => ({ name, type: 'bigint' });
const CHANNEL_DAY: readonly TableColumn[] = [
    { name: 'market_day', type: 'date' },
    { name: 'channel_no', type: 'integer' },
];

/** Leaves `span_runs`: gaps of days of the job as the table `runs` has them, of others as published; where the session only looks, `no_runs`, all of them. */
export async function findSpanRuns(
    session: EngineSession,
    { days }: FoundSpans,
    runs: 'unread_runs' | 'no_runs',
): Promise<void> {
    const columns = [...CHANNEL_DAY, ...['run_no', 'run_from_us', 'run_to_us', 'slot_count'].map(bigint)];
    if (days.length === 0)
        return session.registerRows('span_runs', [...columns, { name: 'is_own', type: 'integer' }], []);
    if (runs === 'no_runs') await session.registerRows(runs, columns, []);
    await materialiseModel(session, 'span_runs', 'vee/span_runs', { unread_runs: runs });
}

/**
 * Leaves `span_totals`, what is left of the advance for the gaps of a span, and these gaps as `shape_runs` and `shape_slots`. False: there is none, and
 * there are no such tables.
 */
export async function sumSpans(session: EngineSession, spans: FoundSpans): Promise<boolean> {
    if (spans.days.length === 0) return false;
    await materialiseModel(session, 'span_slots', 'vee/span_slots', { channels: 'span_channels' });
    await materialiseModel(session, 'span_totals', 'vee/span_totals');
    const [known] = await session.rows('select count(*) as n from span_totals');
    if (Number(known?.n) === 0) return false;
    await materialiseModel(session, 'advance_totals', 'vee/advance_totals', { channels: 'span_channels' });
    await session.materialise(
        'shape_slots',
        `select s.market_day, s.channel_no, s.run_no, s.interval_minutes, s.slot_no, s.slot_from_us from span_slots as s
          inner join (select distinct s.market_day, s.channel_no, s.run_no from span_slots as s
                       inner join span_totals as t on t.channel_no = s.channel_no and t.read_from = s.read_from) as r
             on r.market_day = s.market_day and r.channel_no = s.channel_no and r.run_no = s.run_no`,
    );
    await session.materialise(
        'shape_runs',
        `select market_day, channel_no, interval_minutes, run_no, min(slot_no) as first_slot_no, max(slot_no) as last_slot_no,
                count(*) as slot_count, min(slot_from_us) as run_from_us,
                max(slot_from_us + interval_minutes * cast(60000000 as bigint)) as run_to_us
           from shape_slots group by market_day, channel_no, interval_minutes, run_no`,
    );
    return true;
}

const SCALED: readonly TableColumn[] = [
    ...CHANNEL_DAY,
    { name: 'run_no', type: 'bigint' },
    { name: 'slot_no', type: 'integer' },
    { name: 'slot_from_us', type: 'bigint' },
    { name: 'interval_minutes', type: 'smallint' },
    { name: 'micro_kwh', type: 'bigint' },
    { name: 'read_from', type: 'timestamp' },
    { name: 'read_to', type: 'timestamp' },
    { name: 'advance_kwh', type: 'decimal(28,6)' },
    { name: 'measured_kwh', type: 'decimal(28,6)' },
    { name: 'method', type: 'string' },
];

const SHAPE_OFFERS: readonly TableColumn[] = [
    ...CHANNEL_DAY,
    { name: 'run_no', type: 'bigint' },
    { name: 'method', type: 'string' },
    { name: 'confidence', type: 'string' },
    { name: 'kwh_before', type: 'decimal(18,6)' },
    { name: 'kwh_after', type: 'decimal(18,6)' },
    { name: 'first_source_day', type: 'date' },
    { name: 'last_source_day', type: 'date' },
    { name: 'value_count', type: 'integer' },
    { name: 'before_from', type: 'timestamp' },
    { name: 'after_from', type: 'timestamp' },
    { name: 'shape_class', type: 'string' },
    { name: 'annual_kwh', type: 'decimal(18,6)' },
];

/** Leaves `scaled_estimates` and, where there are any, `rest_slots` and `rest_runs`, which nothing is scaled for. */
export async function shareTotals(session: EngineSession, isShared: boolean): Promise<void> {
    if (!isShared) {
        await session.registerRows('scaled_estimates', SCALED, []);
        await session.registerRows('shape_offers', SHAPE_OFFERS, []);
        return;
    }
    await materialiseModel(session, 'scaled_estimates', 'vee/scaled_estimates');
    await materialiseModel(session, 'rest_slots', 'vee/rest_slots');
    await materialiseModel(session, 'rest_runs', 'vee/unread_runs', { unread_slots: 'rest_slots' });
}

/** Leaves `span_digests`. */
export async function digestSpans(session: EngineSession, { days }: FoundSpans): Promise<void> {
    if (days.length === 0)
        return session.registerRows(
            'span_digests',
            [...CHANNEL_DAY, bigint('digest_1'), bigint('digest_2')],
            [],
        );
    await materialiseModel(session, 'span_digests', 'vee/span_digests');
}
