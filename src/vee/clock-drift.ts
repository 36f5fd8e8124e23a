import { CHANNEL_SNAPSHOT, LAKE_TABLES } from '../contracts/lake-tables.ts';
import type { EngineRow, EngineSession } from '../engine/engine.ts';
import type { CalendarDate } from '../kernel/calendar-date.ts';
import { distinctPaths, liveFiles } from '../lake/catalogue.ts';
import { dimensionSnapshot } from '../lake/dimension-snapshot.ts';
import type { Lake } from '../lake/lake.ts';
import { useLake } from '../lake/lake-use.ts';
import { materialiseModel, viewModel } from '../lake/session-models.ts';

/** Common practice (California's time check), and no rule of a market: a setting of whoever asks. */
export const DRIFT_LIMIT_MINUTES = 3;
/** Deliveries whose newest interval is older say nothing about a clock: they were held up, or came in bulk. */
export const AGE_DAYS_MAX = 7;
/** Fewer deliveries show how old a device's intervals are by chance; only one that ends after its receipt needs no second. */
export const DELIVERIES_MIN = 5;
/** Fewer devices have no usual age that one of them could differ from. */
export const DEVICES_MIN = 5;
/**
 * The least of n ages lies above the least possible one by more than t with a probability of (1 - t / w)^n where ages are spread evenly over a
 * width w, and their median lies w / 2 above their least. A probability of one in a million is t = 2 ln(10^6) spread / n; for ages
 * with an exponential tail it is less.
 */
const SAMPLING_FACTOR = 28;

const MINUTE_US = 60_000_000;

export interface DriftFeed {
    readonly feedId: number;
    readonly name: string;
    readonly identifies: 'meter' | 'meteringPoint';
    readonly isBackfill: boolean;
}

export interface DriftQuestion {
    readonly feeds: readonly DriftFeed[];
    /** Market days of the intervals, half-open. */
    readonly from: CalendarDate;
    readonly to: CalendarDate;
    readonly limitMinutes: number;
}

/**
 * `certain`: intervals end after their receipt. `likely`: every delivery is older, or one younger, than is usual in the feed. `unclear`: older, and
 * of ages so scattered that a slow way of delivery explains them as well.
 */
export type DriftCertainty = 'certain' | 'likely' | 'unclear';

/** A device whose clock is off by more than the limit; minutes are rounded to hundredths. */
export interface DeviceDrift {
    readonly feed: string;
    /** As the feed names it: identifier of the meter, or of its metering point. */
    readonly meter: string;
    readonly meterId: string;
    readonly intervalMinutes: number;
    /** Ahead is positive. Null where too few devices of the feed show what is usual. */
    readonly driftMinutes: number | null;
    /** By so much its clock is ahead whatever is usual; null but for `certain`. */
    readonly driftMinutesMin: number | null;
    readonly certainty: DriftCertainty;
    readonly deliveries: number;
    readonly leastAgeMinutes: number;
    /** Median of its ages less their least. */
    readonly spreadMinutes: number;
}

/** What is usual among the devices of a feed and interval length, where these are enough to tell. */
export interface UsualAge {
    readonly feed: string;
    readonly intervalMinutes: number;
    readonly devices: number;
    readonly leastAgeMinutes: number;
    readonly spreadMinutes: number;
}

/** seen = within + over + notJudged, where over is the number of `devices`. */
export interface ClockDrift {
    readonly from: CalendarDate;
    readonly to: CalendarDate;
    readonly limitMinutes: number;
    readonly seen: number;
    readonly within: number;
    readonly notJudged: {
        readonly backfill: number;
        readonly tooOld: number;
        readonly fewDeliveries: number;
        readonly fewDevices: number;
    };
    readonly usual: readonly UsualAge[];
    /** Furthest off first. */
    readonly devices: readonly DeviceDrift[];
}

/**
 * How far the clocks of devices are off, by when their newest intervals were received. Nothing is changed by it. Reads the versions of the market
 * days asked for, once; what the engine holds grows with devices and deliveries, not with intervals, and may spill.
 */
export async function clockDrift(lake: Lake, question: DriftQuestion): Promise<ClockDrift> {
    return useLake(lake, async (inUse) => {
        const session = await inUse.engine.openSession();
        try {
            const { path } = await dimensionSnapshot(inUse, 'channels');
            await session.registerFiles('channels', CHANNEL_SNAPSHOT, [path]);
            const files = await liveFiles(inUse, 'reading_versions', question);
            await session.registerFiles('version_files', LAKE_TABLES.reading_versions, distinctPaths(files));
            // a file may hold other days beside those asked for
            await session.run(
                `create or replace temp view reading_versions as select * from version_files
                 where market_day >= date '${question.from}' and market_day < date '${question.to}'`,
            );
            await judgeDevices(session, question);
            return await answer(session, question);
        } finally {
            await session.close();
        }
    });
}

/** Over the session's tables `reading_versions` and `channels`; leaves `device_ages`, `usual_ages` and `device_drifts`. */
export async function judgeDevices(session: EngineSession, question: DriftQuestion): Promise<void> {
    await session.registerRows(
        'drift_feeds',
        [
            { name: 'feed_id', type: 'smallint' },
            { name: 'names_meters', type: 'integer' },
            { name: 'is_backfill', type: 'integer' },
        ],
        question.feeds.map((f) => [f.feedId, f.identifies === 'meter' ? 1 : 0, f.isBackfill ? 1 : 0]),
    );
    const limits = {
        limit_us: question.limitMinutes * MINUTE_US,
        age_max_us: AGE_DAYS_MAX * 1440 * MINUTE_US,
        deliveries_min: DELIVERIES_MIN,
        devices_min: DEVICES_MIN,
        sampling_factor: SAMPLING_FACTOR,
    };
    await session.registerRows(
        'drift_limits',
        Object.keys(limits).map((name) => ({ name, type: 'bigint' })),
        [Object.values(limits)],
    );
    // read once, so that what there is for each delivery need not be held
    await viewModel(session, 'device_deliveries', 'vee/device_deliveries');
    for (const model of ['device_ages', 'usual_ages', 'device_drifts'])
        await materialiseModel(session, model, `vee/${model}`);
}

async function answer(
    session: EngineSession,
    { feeds, from, to, limitMinutes }: DriftQuestion,
): Promise<ClockDrift> {
    const nameOf = new Map(feeds.map(({ feedId, name }) => [feedId, name]));
    const counts = await session.rows('select verdict, count(*) as n from device_drifts group by verdict');
    const count = (verdict: string) => Number(counts.find((row) => row.verdict === verdict)?.n ?? 0);
    const usual = await session.rows(
        `select * from usual_ages where device_count >= ${DEVICES_MIN}
         order by feed_id nulls last, interval_minutes nulls last`,
    );
    const off = await session.rows(OVER_THE_LIMIT);
    return {
        from,
        to,
        limitMinutes,
        seen: counts.reduce((sum, { n }) => sum + Number(n), 0),
        within: count('within'),
        notJudged: {
            backfill: count('back-fill'),
            tooOld: count('too-old'),
            fewDeliveries: count('few-deliveries'),
            fewDevices: count('few-devices'),
        },
        usual: usual.map((row) => ({
            feed: nameOf.get(Number(row.feed_id)) ?? '',
            intervalMinutes: Number(row.interval_minutes),
            devices: Number(row.device_count),
            leastAgeMinutes: inMinutes(row.least_age_us),
            spreadMinutes: inMinutes(row.spread_us),
        })),
        devices: off.map((row) => deviceDrift(row, nameOf)),
    };
}

const OVER_THE_LIMIT = `
select * from device_drifts
 where verdict in ('certain', 'likely', 'unclear')
 order by abs(coalesce(ahead_us, certain_ahead_us)) desc nulls last, feed_id nulls last, device nulls last,
          meter_id nulls last, interval_minutes nulls last`;

function deviceDrift(row: EngineRow, nameOf: ReadonlyMap<number, string>): DeviceDrift {
    const certainty = String(row.verdict) as DriftCertainty;
    return {
        feed: nameOf.get(Number(row.feed_id)) ?? '',
        meter: String(row.device),
        meterId: String(row.meter_id),
        intervalMinutes: Number(row.interval_minutes),
        driftMinutes: row.ahead_us === null ? null : inMinutes(row.ahead_us),
        driftMinutesMin: certainty === 'certain' ? inMinutes(row.certain_ahead_us) : null,
        certainty,
        deliveries: Number(row.judged_count),
        leastAgeMinutes: inMinutes(row.least_age_us),
        spreadMinutes: inMinutes(row.spread_us),
    };
}

function inMinutes(micros: unknown): number {
    return Math.round((Number(micros) / MINUTE_US) * 100) / 100;
}
