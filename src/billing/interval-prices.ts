import type { Charge } from '../contracts/tariff-structure.ts';
import { type Decimal, decimal, decimalOf, formatDecimal, multiply } from '../kernel/decimal.ts';
import { pow10 } from '../kernel/rounding.ts';
import type { PeriodGrid } from './period-grid.ts';
import type { PriceBook } from './price-book.ts';
import type { RatingTariffVersion } from './rating-dimensions.ts';
import type { RatingFaults } from './rating-faults.ts';
import type { RatingPlan } from './rating-plan.ts';
import type { Slot, SlotClasses } from './slot-classes.ts';
import { isPricedByInterval } from './tariff-checks.ts';

/** Decimals and whole digits that a price per interval has in the engine (decimal(19,12)): products with kWh stay exact. */
const PRICE_SCALE = 12;
const PRICE_LIMIT = pow10(19);

/** Prices of each slot for the charges whose amount is a sum over intervals. */
export interface IntervalPrices {
    /** slot_key, charge_key, price, rounding_price, rounding_mode */
    readonly rows: readonly (readonly [number, number, string, string, string])[];
    keyOf(tariffVersionNo: number, chargeId: string): number | undefined;
}

/**
 * `rounding_price` is the price times 10^digits: kWh times it, rounded to a whole number, is the amount of one
 * interval in the smallest unit that the charge is rounded to. It is 0 where amounts are not rounded by interval.
 */
export function listIntervalPrices(
    plan: RatingPlan,
    grid: PeriodGrid,
    slotClasses: SlotClasses,
    prices: PriceBook,
    faults: RatingFaults,
): IntervalPrices {
    const rows: [number, number, string, string, string][] = [];
    const keys = new Map<string, number>();
    for (const [tariffNo, versions] of plan.versionsByTariff) {
        const offsets = slotClasses.keyOffsetsByTariff.get(tariffNo) ?? [];
        for (const version of versions) {
            const inVersion = slotClasses.slots.filter((slot) =>
                isValidOn(version, grid.days[slot.dayNo] ?? ''),
            );
            for (const charge of version.structure.charges.filter(isPricedByInterval)) {
                const chargeKey = keys.size;
                keys.set(`${version.tariffVersionNo} ${charge.id}`, chargeKey);
                for (const slot of inVersion) {
                    const price = priceAt(charge, prices, grid, slot);
                    if (price === undefined) continue;
                    const [exact, rounding] = pricePair(price, charge, version, faults);
                    for (const offset of offsets) {
                        rows.push([offset + slot.slotNo, chargeKey, exact, rounding, charge.rounding.mode]);
                    }
                }
            }
        }
    }
    return { rows, keyOf: (versionNo, chargeId) => keys.get(`${versionNo} ${chargeId}`) };
}

function isValidOn(version: RatingTariffVersion, day: string): boolean {
    return (
        (version.validFrom === null || version.validFrom <= day) &&
        (version.validTo === null || day < version.validTo)
    );
}

function priceAt(charge: Charge, prices: PriceBook, grid: PeriodGrid, slot: Slot): Decimal | undefined {
    switch (charge.kind) {
        case 'subscription':
            return undefined;
        case 'energy-flat':
            return decimal(charge.pricePerKwh);
        case 'energy-bands': {
            const day = grid.days[slot.dayNo];
            const band =
                day === undefined ? undefined : prices.bandAt(charge.calendarId, day, slot.minuteOfDay);
            const price = band === undefined ? undefined : charge.pricePerKwhByBand[band];
            return price === undefined ? undefined : decimal(price);
        }
        case 'energy-series': {
            const value = prices.seriesValueAt(charge.seriesId, slot.at);
            if (value === undefined) return undefined;
            if (value.price !== null)
                return multiply(decimal(value.price), decimal(charge.priceFactor ?? '1'));
            const price = charge.pricePerKwhByBand?.[value.band ?? ''];
            return price === undefined ? undefined : decimal(price);
        }
    }
}

function pricePair(
    price: Decimal,
    charge: Charge,
    version: RatingTariffVersion,
    faults: RatingFaults,
): [string, string] {
    const digits = charge.rounding.scope === 'interval' ? charge.rounding.amountDigits : undefined;
    const exact = fitted(price);
    const rounding = digits === undefined ? '0' : fitted(multiply(price, decimalOf(pow10(digits), 0)));
    if (exact === undefined || rounding === undefined) {
        faults.ofVersion(
            version.tariffVersionNo,
            `charge ${charge.id} of tariff ${version.tariffId}: price ${formatDecimal(price)} has too many digits to be priced by interval`,
        );
    }
    return [exact ?? '0', rounding ?? '0'];
}

function fitted(price: Decimal): string | undefined {
    const short = formatDecimal(price, { minScale: 0 });
    const trimmed = decimal(short);
    if (trimmed.scale > PRICE_SCALE) return undefined;
    const units = trimmed.units * pow10(PRICE_SCALE - trimmed.scale);
    return units < PRICE_LIMIT && units > -PRICE_LIMIT ? short : undefined;
}
