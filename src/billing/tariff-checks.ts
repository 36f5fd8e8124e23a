import type { Charge, SeriesEnergyCharge } from '../contracts/tariff-structure.ts';
import type { PeriodGrid } from './period-grid.ts';
import type { PriceBook } from './price-book.ts';
import type { RatingChannel, RatingTariffVersion } from './rating-dimensions.ts';
import type { RatingFaults } from './rating-faults.ts';
import { groupBy, type RatingPlan, type StaySegment } from './rating-plan.ts';

/**
 * Finds tariff versions by which nothing can be rated exactly: another currency, an unknown calendar or series; and accounts for whose meters
 * a price may change within an interval.
 */
export function checkTariffs(
    plan: RatingPlan,
    grid: PeriodGrid,
    prices: PriceBook,
    currency: string,
    faults: RatingFaults,
): void {
    const used = plan.points.flatMap((point) =>
        point.stays.flatMap((stay) =>
            stay.segments.map((segment) => ({
                version: segment.version,
                accountId: stay.agreement.accountId,
                point,
                segment,
            })),
        ),
    );
    for (const [version, uses] of groupBy(used, (use) => use.version)) {
        const accountsOfLength = new Map<number, Set<string>>();
        if (version.structure.charges.some(isPricedByTime)) {
            for (const { accountId, point, segment } of uses)
                for (const minutes of lengthsOf(point.channels, grid, segment))
                    accountsOfLength.set(
                        minutes,
                        (accountsOfLength.get(minutes) ?? new Set<string>()).add(accountId),
                    );
        }
        const checked: VersionChecks = {
            lengths: [...accountsOfLength.keys()],
            prices,
            add: (message) => faults.ofVersion(version.tariffVersionNo, message),
            addForLength(minutes, message) {
                for (const accountId of accountsOfLength.get(minutes) ?? [])
                    faults.ofAccount(accountId, message);
            },
        };
        if (version.structure.currency !== currency)
            checked.add(
                `tariff ${version.tariffId} is in ${version.structure.currency}, the home in ${currency}`,
            );
        for (const charge of version.structure.charges)
            checkCharge(`charge ${charge.id} of tariff ${version.tariffId}`, charge, checked);
    }
}

/** Whether the price depends on the time of an interval. */
function isPricedByTime(charge: Charge): boolean {
    return charge.kind === 'energy-bands' || charge.kind === 'energy-series';
}

/** Lengths of the intervals of the channels that measure on days of a segment; meters that were removed before, or come after, count for nothing. */
function lengthsOf(
    channels: readonly RatingChannel[],
    grid: PeriodGrid,
    { from, to }: StaySegment,
): ReadonlySet<number> {
    const period = { from: grid.startOf(from), to: grid.startOf(to) };
    return new Set(
        channels
            .filter(
                ({ validFromMs, validToMs }) =>
                    (validFromMs === null || validFromMs < period.to) &&
                    (validToMs === null || validToMs > period.from),
            )
            .map(({ intervalMinutes }) => intervalMinutes),
    );
}

/** What the charges of a version are checked against, and who is told. */
interface VersionChecks {
    /** Of the intervals that it prices, in minutes. */
    readonly lengths: readonly number[];
    readonly prices: PriceBook;
    add(message: string): void;
    /** For those of the accounts that have meters with intervals of so many minutes. */
    addForLength(minutes: number, message: string): void;
}

function checkCharge(name: string, charge: Charge, checked: VersionChecks): void {
    const { lengths, prices } = checked;
    if (isPricedByInterval(charge) && charge.rounding.quantityDigits !== undefined) {
        checked.add(
            `${name} is priced interval by interval, so its quantity cannot be rounded before pricing`,
        );
    }
    if (charge.kind === 'energy-bands') {
        const boundaries = prices.boundariesOf(charge.calendarId);
        if (!boundaries)
            checked.add(`${name} needs calendar ${charge.calendarId}, which has no version in the period`);
        for (const minutes of lengths) {
            if (boundaries?.some((minute) => minute % minutes !== 0)) {
                checked.addForLength(
                    minutes,
                    `${name}: calendar ${charge.calendarId} changes its band within an interval of ${minutes} minutes`,
                );
            }
        }
    }
    if (charge.kind === 'energy-series') checkSeries(name, charge, checked);
}

function checkSeries(name: string, charge: SeriesEnergyCharge, checked: VersionChecks): void {
    const { lengths, prices } = checked;
    const series = prices.seriesOf(charge.seriesId);
    if (!series) {
        checked.add(`${name} needs price series ${charge.seriesId}, which is not loaded`);
        return;
    }
    if ((series.kind === 'band') !== (charge.pricePerKwhByBand !== undefined)) {
        checked.add(
            `${name}: series ${charge.seriesId} gives a ${series.kind}, the charge expects the other kind`,
        );
    }
    for (const minutes of lengths) {
        if (series.intervalMinutes % minutes !== 0) {
            checked.addForLength(
                minutes,
                `${name}: series ${charge.seriesId} changes within an interval of ${minutes} minutes`,
            );
        }
    }
}

/** Whether a charge of any of the versions is priced by interval. */
export function haveIntervalPrices(versions: readonly RatingTariffVersion[]): boolean {
    return versions.some((version) => version.structure.charges.some(isPricedByInterval));
}

/** Whether the amount is a sum over intervals, so that the engine multiplies: a series of prices, or rounding by interval. */
export function isPricedByInterval(charge: Charge): boolean {
    if (charge.kind === 'subscription') return false;
    if (charge.kind === 'energy-series' && charge.pricePerKwhByBand === undefined) return true;
    return charge.rounding.scope === 'interval';
}
