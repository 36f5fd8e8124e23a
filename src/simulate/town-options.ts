import { type CalendarDate, calendarDate } from '../kernel/calendar-date.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { intervalsOfDay, marketDayPeriod } from '../kernel/market-day.ts';
import { changesWithin, type Zone, zoneOf } from '../kernel/zone.ts';
import { FLAWS, type Flaw, type FlawRates, INTERVAL_FLAWS } from './flaws.ts';

export const FEEDS = ['generic-csv', 'generic-ndjson', 'lcl'] as const;
export type TownFeed = (typeof FEEDS)[number];
export const DELIVERIES = ['per-device-hour', 'per-hour', 'per-day', 'bulk'] as const;
export type Delivery = (typeof DELIVERIES)[number];
export const COMPRESSIONS = ['none', 'gzip', 'zstd'] as const;
export type TownCompression = (typeof COMPRESSIONS)[number];
export type Minutes = 5 | 15 | 30 | 60;

export interface TownOptions {
    /** A folder that does not exist or is empty. */
    readonly outFolder: string;
    readonly seed: string;
    readonly homes: number;
    /** Local days from `from` up to but not including `to`. */
    readonly from: string;
    readonly to: string;
    readonly marketZone: string;
    /** `mixed`: each home has one of the four lengths. Default 30; `lcl` takes only 30. */
    readonly minutes?: Minutes | 'mixed';
    readonly feed: TownFeed;
    /** Name of the feed in `deliveries.ndjson`, for a home that has this format under another name. */
    readonly feedName?: string;
    /** Default `per-day`. A file takes one device's hour, all homes' hour, their day, or their 28 days (`bulk`). */
    readonly delivery?: Delivery;
    readonly compress?: TownCompression;
    /** Absent ones are 0. */
    readonly flaws?: FlawRates;
    /** Every row carries a version, so that the order of delivery decides nothing. Not for `lcl`. Default true for the others. */
    readonly stamped?: boolean;
    /** false: the feed registers all meters, `master/` has none. Default false for `lcl`, true for the others. */
    readonly registeredByLoad?: boolean;
    /**
     * What the feed's contract does with unknown meters. With `register` the flaws that make rows wait do not occur. Default
     * `register` for `lcl` or when nothing is registered by a load, else `wait`.
     */
    readonly unknownMeters?: 'wait' | 'register';
    readonly currency?: string;
    /** Whether `truth/intervals.csv.gz` is written; default true. */
    readonly writesIntervals?: boolean;
}

/** Checked options without gaps. */
export interface TownPlan {
    readonly outFolder: string;
    readonly seed: string;
    readonly homes: number;
    readonly from: CalendarDate;
    readonly to: CalendarDate;
    readonly zone: Zone;
    readonly minutes: Minutes | 'mixed';
    readonly feed: TownFeed;
    readonly feedName: string;
    readonly delivery: Delivery;
    readonly compress: TownCompression;
    readonly rates: Readonly<Record<Flaw, number>>;
    readonly isStamped: boolean;
    readonly isRegisteredByLoad: boolean;
    readonly unknownMeters: 'wait' | 'register';
    readonly currency: string;
    readonly writesIntervals: boolean;
}

/**
 * Checks the options and fills in what they leave out.
 * @throws GridtallyError `usage.invalid`, `time.date-invalid`, `time.zone-unknown`
 */
export function planTown(options: TownOptions): TownPlan {
    const isLcl = options.feed === 'lcl';
    const isRegisteredByLoad = options.registeredByLoad ?? !isLcl;
    const plan = {
        outFolder: options.outFolder,
        seed: options.seed,
        homes: options.homes,
        from: calendarDate(options.from),
        to: calendarDate(options.to),
        zone: zoneOf(options.marketZone),
        minutes: options.minutes ?? 30,
        feed: options.feed,
        feedName: options.feedName ?? options.feed,
        delivery: options.delivery ?? 'per-day',
        compress: options.compress ?? 'none',
        isStamped: options.stamped ?? !isLcl,
        isRegisteredByLoad,
        unknownMeters: options.unknownMeters ?? (isLcl || !isRegisteredByLoad ? 'register' : 'wait'),
        currency: options.currency ?? 'GBP',
        writesIntervals: options.writesIntervals ?? true,
    };
    checkPlan(plan);
    return { ...plan, rates: completeRates(options.flaws ?? {}, plan) };
}

/** Flaws that say something about quality, version or unit, for which the lcl feed has no columns. */
const NEEDS_ALL_COLUMNS: readonly Flaw[] = [
    'estimated',
    'estimated-only',
    'stale-estimate',
    'withdrawn',
    'wrong-unit',
    'other-unit',
];
const NEEDS_WAITING: readonly Flaw[] = ['not-registered', 'unknown-meter'];

/** Every flaw with its rate: 0 for those that the feed or its contract cannot have. */
function completeRates(given: FlawRates, plan: Omit<TownPlan, 'rates'>): Record<Flaw, number> {
    const isPossible = (flaw: Flaw) =>
        !(plan.feed === 'lcl' && NEEDS_ALL_COLUMNS.includes(flaw)) &&
        !(plan.unknownMeters === 'register' && NEEDS_WAITING.includes(flaw)) &&
        // A meter that the feed registers has no end: its successor's time would be expected twice.
        !(flaw === 'exchanged' && !plan.isRegisteredByLoad);
    const rates = {} as Record<Flaw, number>;
    for (const flaw of Object.keys(FLAWS) as Flaw[]) {
        const rate = given[flaw] ?? 0;
        refuseUnless(Number.isFinite(rate) && rate >= 0 && rate <= 1000, `the rate of ${flaw} is ${rate}`);
        rates[flaw] = isPossible(flaw) ? rate : 0;
    }
    const ofIntervals = INTERVAL_FLAWS.reduce((sum, flaw) => sum + rates[flaw], 0);
    refuseUnless(ofIntervals <= 1, `the rates of the flaws of an interval add up to ${ofIntervals}`);
    return rates;
}

function checkPlan(plan: Omit<TownPlan, 'rates'>): void {
    const { homes, from, to, zone, minutes, isStamped, feed } = plan;
    refuseUnless(
        Number.isInteger(homes) && homes >= 1 && homes <= 999_999,
        `${homes} homes: take 1 to 999,999`,
    );
    refuseUnless(from < to, `the town ends on ${to}, not after it begins on ${from}`);
    refuseUnless(feed !== 'lcl' || minutes === 30, 'the lcl feed has half-hours only');
    refuseUnless(feed !== 'lcl' || !isStamped, 'the lcl feed has no version stamps');
    refuseUnless(
        feed !== 'lcl' || plan.unknownMeters === 'register',
        'the lcl feed registers unknown meters',
    );
    refuseUnless(
        plan.isRegisteredByLoad || plan.unknownMeters === 'register',
        'meters that no load registers must be registered by the feed',
    );
    const longest = minutes === 'mixed' ? 60 : minutes;
    const [start, end] = [marketDayPeriod(zone, from).from, marketDayPeriod(zone, to).from] as const;
    for (const change of changesWithin(zone, start, end)) {
        const shiftS = change.offsetAfterS - change.offsetBeforeS;
        refuseUnless(
            shiftS % (longest * 60) === 0,
            `the clock of ${zone.name} moves by ${shiftS / 60} minutes, which intervals of ${longest} minutes do not divide`,
        );
    }
    refuseUnless(intervalsOfDay(zone, from, longest) > 0, `${from} is no day in ${zone.name}`);
}

function refuseUnless(condition: boolean, message: string): void {
    if (!condition) throw new GridtallyError('usage.invalid', `simulate: ${message}`);
}
