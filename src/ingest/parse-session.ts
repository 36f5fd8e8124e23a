import type { FeedContract } from '../contracts/feed-contract.ts';
import { CHANNEL_SNAPSHOT } from '../contracts/lake-tables.ts';
import type { EngineSession } from '../engine/engine.ts';
import { addDays, type CalendarDate, calendarDate, epochDayOf, utcDateOf } from '../kernel/calendar-date.ts';
import { marketDayOf, marketDayPeriod } from '../kernel/market-day.ts';
import { changesWithin, offsetAt, type Zone, zoneOf } from '../kernel/zone.ts';
import { localDays, type QuietSpan, quietSpans } from '../kernel/zone-table.ts';
import { dimensionSnapshot } from '../lake/dimension-snapshot.ts';
import type { Lake } from '../lake/lake.ts';

// the day of `FIRST_STAMP_US`
const FIRST_DAY = calendarDate('2000-01-01');
const DAYS_AHEAD = 400;
const DAY_US = 86_400_000_000;

/**
 * An engine session with the tables that typing needs: offset table, market days and the channel
 * directory. Made once per process and kept; the directory is renewed when a registration commits.
 */
export interface ParseSession {
    readonly engine: EngineSession;
    readonly fixedOffsetUs: number | undefined;
    /** Brings the channel directory up to date and shapes it for the contract. */
    prepare(contract: FeedContract): Promise<void>;
    close(): Promise<void>;
}

export async function openParseSession(lake: Lake): Promise<ParseSession> {
    const engine = await lake.engine.openSession({ needs: ['payload-files'], joinsAsWritten: true });
    const days = { from: FIRST_DAY, to: addDays(utcDateOf(lake.clock.now()), DAYS_AHEAD) };
    const fixedOffsetUs = fixedOffset(lake.zone, days);
    if (fixedOffsetUs === undefined) await registerMarketDays(engine, lake.zone, days);
    let shapedFor = '';
    return {
        engine,
        fixedOffsetUs,
        async prepare(contract) {
            const snapshot = await dimensionSnapshot(lake, 'channels');
            const { clock } = contract.reading.stamp;
            const { identifies } = contract.reading;
            const key = `${snapshot.path} ${contract.kind} ${identifies} ${JSON.stringify(clock)}`;
            if (key === shapedFor) return;
            const register = contract.kind === 'register' ? registerRegisterMap : registerChannelMap;
            await register(engine, snapshot.path, identifies);
            if (clock.kind === 'local') await registerStampDays(engine, zoneOf(clock.zone), days);
            shapedFor = key;
        },
        close: () => engine.close(),
    };
}

/** Microseconds that the zone's clock is ahead of UTC on all of the days; undefined: it changes on them, and typing needs `registerMarketDays`. */
export function fixedOffset(zone: Zone, days: { from: CalendarDate; to: CalendarDate }): number | undefined {
    const from = epochDayOf(days.from) * 86_400_000;
    const to = epochDayOf(days.to) * 86_400_000;
    return changesWithin(zone, from, to).length === 0 ? offsetAt(zone, from) * 1_000_000 : undefined;
}

// a local day and the days around it reach no further from a UTC date
const REACH = 6;

/**
 * One row per UTC date: the market day at its first instant, where that day begins, and where the next three
 * do. A UTC date touches at most three market days (two begin on it where a day of 23 hours ends).
 */
export async function registerMarketDays(
    engine: EngineSession,
    zone: Zone,
    days: { from: CalendarDate; to: CalendarDate },
): Promise<void> {
    const { spans, others } = quietSpans(zone, days, REACH);
    const columns = bigints(
        'utc_day_no integer',
        'first_day_no integer',
        'from_0_us',
        'from_1_us',
        'from_2_us',
        'from_3_us',
    );
    await engine.registerRows(
        'utc_dates',
        columns,
        others.map((date) => marketDaysFrom(zone, date)),
    );
    await registerSpans(engine, spans);
    const starts = [0, 1, 2, 3].map((i) => `(first_day_no + ${i}) * ${DAY_US} - offset_us`);
    await engine.run(`insert into utc_dates select day_no, first_day_no, ${starts.join(', ')}
        from (select day_no, (day_no * ${DAY_US} + offset_us) // ${DAY_US} as first_day_no, offset_us from quiet_days)`);
}

function marketDaysFrom(zone: Zone, date: CalendarDate): number[] {
    const dateFrom = epochDayOf(date) * 86_400_000;
    const first = marketDayOf(zone, dateFrom);
    const starts = [0, 1, 2, 3].map((i) => marketDayPeriod(zone, addDays(first, i)).from * 1000);
    return [epochDayOf(date), epochDayOf(first), ...starts];
}

/** The view `quiet_days`: each day of the spans with its offset. */
async function registerSpans(engine: EngineSession, spans: readonly QuietSpan[]): Promise<void> {
    await engine.registerRows(
        'quiet_spans',
        bigints('from_no', 'to_no', 'offset_us'),
        spans.map((span) => [span.fromNo, span.toNo, span.offsetS * 1_000_000]),
    );
    await engine.run(
        'create or replace temp view quiet_days as select unnest(range(from_no, to_no)) as day_no, offset_us from quiet_spans',
    );
}

/** One row per local date, as `localDays` has them. */
export async function registerStampDays(
    engine: EngineSession,
    zone: Zone,
    days: { from: CalendarDate; to: CalendarDate },
): Promise<void> {
    const { spans, others } = quietSpans(zone, days, REACH);
    await engine.registerRows(
        'stamp_days',
        [
            ...bigints(
                'day_no integer',
                'offset_before_us',
                'offset_after_us',
                'change_from_us',
                'change_to_us',
            ),
            { name: 'change_kind', type: 'string' },
        ],
        others
            .flatMap((date) => localDays(zone, date, addDays(date, 1)))
            .map((row) => [
                epochDayOf(row.localDate),
                row.offsetBeforeS * 1_000_000,
                row.offsetAfterS * 1_000_000,
                row.changeFromLocalS * 1_000_000,
                row.changeToLocalS * 1_000_000,
                row.changeKind,
            ]),
    );
    await registerSpans(engine, spans);
    await engine.run(
        "insert into stamp_days select day_no, offset_us, offset_us, 0, 0, 'none' from quiet_days",
    );
}

function bigints(...names: string[]): { name: string; type: string }[] {
    return names.map((text) => {
        const [name, type] = text.split(' ');
        return { name: name ?? '', type: type ?? 'bigint' };
    });
}

/** At most one row matches an external key, register and instant: constraints of `channel_validities` see to it for both ways of naming. */
async function registerChannelMap(
    engine: EngineSession,
    path: string,
    identifies: 'meter' | 'meteringPoint',
): Promise<void> {
    await engine.registerFiles('channels', CHANNEL_SNAPSHOT, [path]);
    const key = identifies === 'meter' ? 'meter_id' : 'metering_point_id';
    await engine.materialise(
        'channel_map',
        `select c.${key} as external_key, c.register_id as register_key, c.channel_no, c.interval_minutes,
            coalesce(epoch_us(c.valid_from), -9000000000000000) as valid_from_us,
            coalesce(epoch_us(c.valid_to), 9000000000000000) as valid_to_us,
            cast(c.expected_from - date '1970-01-01' as integer) as expected_day_no,
            e.metering_point_id is not null as has_export
        from channels as c
        left join (select distinct metering_point_id from channels where flow = 'from_customer') as e
            on e.metering_point_id = c.metering_point_id`,
    );
}

/**
 * The same for reads of registers, which have no interval: the read with which a meter is taken out stands at the end of its validity, and is its
 * own unless another validity of the same name begins there. Nothing is expected, and an index is never negative.
 */
async function registerRegisterMap(
    engine: EngineSession,
    path: string,
    identifies: 'meter' | 'meteringPoint',
): Promise<void> {
    await registerChannelMap(engine, path, identifies);
    await engine.materialise(
        'channel_map',
        `select c.external_key, c.register_key, c.channel_no, cast(0 as smallint) as interval_minutes, c.valid_from_us,
            case when n.external_key is null then c.valid_to_us + 1 else c.valid_to_us end as valid_to_us,
            cast(null as integer) as expected_day_no, false as has_export
        from channel_map as c
        left join (select distinct external_key, register_key, valid_from_us from channel_map) as n
            on n.external_key = c.external_key and n.register_key = c.register_key and n.valid_from_us = c.valid_to_us`,
    );
}
