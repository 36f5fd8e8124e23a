/**
 * The structure of a tariff version and of a calendar, as kept in Postgres (jsonb) after validation
 * by `src/registry` and read by `src/billing`. Prices and rates are exact decimal texts.
 */
export interface TariffStructure {
    /** ISO 4217; must be the home's currency. */
    readonly currency: string;
    readonly charges: readonly Charge[];
    /** Percentage taxes on the charges of a group; computed on the sum of the group's rounded lines. */
    readonly taxes: readonly Tax[];
}

export type Charge = SubscriptionCharge | FlatEnergyCharge | BandEnergyCharge | SeriesEnergyCharge;

interface ChargeBase {
    readonly id: string;
    readonly label: string;
    /** Tax group, such as `energy`. */
    readonly group: string;
    readonly rounding: Rounding;
}

/** A fixed price per local day of service (standing charge). */
export interface SubscriptionCharge extends ChargeBase {
    readonly kind: 'subscription';
    readonly pricePerDay: string;
}

export interface FlatEnergyCharge extends ChargeBase {
    readonly kind: 'energy-flat';
    readonly pricePerKwh: string;
}

/** Time of use: the calendar names a band for each local half-hour or other step; every band has a price. */
export interface BandEnergyCharge extends ChargeBase {
    readonly kind: 'energy-bands';
    readonly calendarId: string;
    readonly pricePerKwhByBand: Readonly<Record<string, string>>;
}

/** Dynamic: a series gives a band (priced here) or a price for each interval. */
export interface SeriesEnergyCharge extends ChargeBase {
    readonly kind: 'energy-series';
    readonly seriesId: string;
    /** For a series of bands; absent for a series of prices. */
    readonly pricePerKwhByBand?: Readonly<Record<string, string>>;
    /** Factor on a series of prices (such as 1.05), exact text; default 1. */
    readonly priceFactor?: string;
}

export type RoundingMode = 'half-even' | 'half-up';

/** Rounding as data: never per interval unless `scope` is `interval`. */
export interface Rounding {
    readonly mode: RoundingMode;
    /** Digits of the quantity (kWh or days) before pricing; absent: exact. */
    readonly quantityDigits?: number;
    /** Digits of the amount in currency units. */
    readonly amountDigits: number;
    /** `bill`: lines of the charge are rounded cumulatively, so that they add to the rounded sum. */
    readonly scope: 'line' | 'bill' | 'interval';
}

export interface Tax {
    readonly id: string;
    readonly label: string;
    readonly group: string;
    /** Per cent, exact text, such as `5`. */
    readonly percent: string;
    readonly rounding: { readonly mode: RoundingMode; readonly amountDigits: number };
}

/** Rules are tried in order; the first whose conditions all hold names the band. The last has none. */
export interface CalendarDefinition {
    readonly holidaySet?: string;
    readonly rules: readonly CalendarRule[];
}

export interface CalendarRule {
    readonly band: string;
    /** 1 Monday … 7 Sunday. */
    readonly weekdays?: readonly number[];
    /** true: only on holidays of the set; false: only on other days; absent: any. */
    readonly holiday?: boolean;
    readonly months?: readonly number[];
    /** Half-open local wall times `HH:MM`; `24:00` allowed as end; to ≤ from wraps over midnight. */
    readonly localTimes?: readonly { readonly from: string; readonly to: string }[];
}
