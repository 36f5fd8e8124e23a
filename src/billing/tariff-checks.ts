import type { Charge, SeriesEnergyCharge } from '../contracts/tariff-structure.ts';
import type { PriceBook } from './price-book.ts';
import type { RatingTariffVersion } from './rating-dimensions.ts';
import type { RatingFaults } from './rating-faults.ts';
import { groupBy, type RatingPlan } from './rating-plan.ts';

/**
 * Finds tariff versions that cannot be priced exactly for the meters on them: another currency, an unknown
 * calendar or series, a price that may change within an interval of a meter.
 */
export function checkTariffs(
    plan: RatingPlan,
    prices: PriceBook,
    currency: string,
    faults: RatingFaults,
): void {
    const used = plan.points.flatMap((point) =>
        point.stays.flatMap((stay) =>
            stay.segments.map(({ version }) => ({
                version,
                lengths: point.channels.map((c) => c.intervalMinutes),
            })),
        ),
    );
    for (const [version, uses] of groupBy(used, (use) => use.version)) {
        const lengths = new Set(uses.flatMap((use) => use.lengths));
        if (version.structure.currency !== currency) {
            faults.add(
                `tariff ${version.tariffId} is in ${version.structure.currency}, the home in ${currency}`,
            );
        }
        for (const charge of version.structure.charges) checkCharge(version, charge, lengths, prices, faults);
    }
}

function checkCharge(
    version: RatingTariffVersion,
    charge: Charge,
    lengths: ReadonlySet<number>,
    prices: PriceBook,
    faults: RatingFaults,
): void {
    const name = `charge ${charge.id} of tariff ${version.tariffId}`;
    if (isPricedByInterval(charge) && charge.rounding.quantityDigits !== undefined) {
        faults.add(
            `${name} is priced interval by interval, so its quantity cannot be rounded before pricing`,
        );
    }
    if (charge.kind === 'energy-bands') {
        const boundaries = prices.boundariesOf(charge.calendarId);
        if (!boundaries)
            faults.add(`${name} needs calendar ${charge.calendarId}, which has no version in the period`);
        for (const minutes of lengths) {
            if (boundaries?.some((minute) => minute % minutes !== 0)) {
                faults.add(
                    `${name}: calendar ${charge.calendarId} changes its band within an interval of ${minutes} minutes`,
                );
            }
        }
    }
    if (charge.kind === 'energy-series') checkSeries(name, charge, lengths, prices, faults);
}

function checkSeries(
    name: string,
    charge: SeriesEnergyCharge,
    lengths: ReadonlySet<number>,
    prices: PriceBook,
    faults: RatingFaults,
): void {
    const series = prices.seriesOf(charge.seriesId);
    if (!series) {
        faults.add(`${name} needs price series ${charge.seriesId}, which is not loaded`);
        return;
    }
    if ((series.kind === 'band') !== (charge.pricePerKwhByBand !== undefined)) {
        faults.add(
            `${name}: series ${charge.seriesId} gives a ${series.kind}, the charge expects the other kind`,
        );
    }
    for (const minutes of lengths) {
        if (series.intervalMinutes % minutes !== 0) {
            faults.add(`${name}: series ${charge.seriesId} changes within an interval of ${minutes} minutes`);
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
