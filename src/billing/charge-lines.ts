import type { Charge, Rounding } from '../contracts/tariff-structure.ts';
import { type CalendarDate, daysBetween } from '../kernel/calendar-date.ts';
import {
    add,
    cumulativeShares,
    type Decimal,
    decimal,
    decimalOf,
    multiply,
    roundTo,
    subtract,
    sumDecimals,
    ZERO,
} from '../kernel/decimal.ts';
import { compareText } from '../kernel/text-order.ts';
import type { IntervalPrices } from './interval-prices.ts';
import type { IntervalAmount, QuantitySum } from './quantity-sums.ts';
import type { RatingFaults } from './rating-faults.ts';
import type { PlannedStay, StaySegment } from './rating-plan.ts';
import { hasBandPrices, type SlotClass, UNPRICED } from './slot-classes.ts';
import { isPricedByInterval } from './tariff-checks.ts';

/** One charge at one price in one service period, before amounts are rounded. */
export interface ChargeLine {
    readonly planned: PlannedStay;
    readonly segment: StaySegment;
    readonly charge: Charge;
    readonly band: string | null;
    /** Exact; days or kWh. */
    readonly quantity: Decimal;
    readonly estimated: Decimal;
    /** Null: each interval has its own. */
    readonly price: Decimal | null;
    /** Sum over intervals, where the charge is priced by interval. */
    readonly byInterval: { readonly exact: Decimal; readonly roundedUnits: bigint } | null;
}

/** A line with what it costs. */
export interface PricedLine extends ChargeLine {
    /** As priced: after the tariff's rounding of quantities. */
    readonly pricedQuantity: Decimal;
    readonly amountExact: Decimal;
    readonly amount: Decimal;
}

export interface RatingSums {
    readonly classes: readonly SlotClass[];
    readonly quantities: readonly QuantitySum[];
    readonly amounts: readonly IntervalAmount[];
    readonly prices: IntervalPrices;
}

/** Lines of one stay: by segment, then in the tariff's order of charges, then by name of the band. */
export function chargeLinesOf(planned: PlannedStay, sums: RatingSums, faults: RatingFaults): ChargeLine[] {
    return planned.stay.segments.flatMap((segment) =>
        segment.version.structure.charges.flatMap((charge) =>
            charge.kind === 'subscription'
                ? [subscriptionLine(planned, segment, charge.pricePerDay, charge)]
                : energyLines(planned, segment, charge, sums, faults),
        ),
    );
}

/** Rounds quantities and amounts as each charge says; asks for all lines of the bill, as `bill` scope spans them. */
export function priceLines(lines: readonly ChargeLine[]): PricedLine[] {
    const priced = new Map<ChargeLine, PricedLine>();
    for (const group of Map.groupBy(lines, roundingGroup).values()) {
        const rounding = group[0]?.charge.rounding;
        if (!rounding) continue;
        const isShared = rounding.scope === 'bill';
        const exactQuantities = group.map((line) => line.quantity);
        const quantities = roundAll(exactQuantities, rounding.quantityDigits, rounding, isShared);
        const exact = group.map((line, i) => exactAmount(line, quantities[i] ?? ZERO));
        const amounts = roundAll(exact, rounding.amountDigits, rounding, isShared);
        group.forEach((line, i) => {
            const ofIntervals = rounding.scope === 'interval' ? line.byInterval : null;
            priced.set(line, {
                ...line,
                pricedQuantity: quantities[i] ?? ZERO,
                amountExact: exact[i] ?? ZERO,
                amount: ofIntervals
                    ? decimalOf(ofIntervals.roundedUnits, rounding.amountDigits)
                    : (amounts[i] ?? ZERO),
            });
        });
    }
    return lines.flatMap((line) => priced.get(line) ?? []);
}

/** Energy of the stay: every interval once, however many charges apply to it. */
export function energyOfStay(
    planned: PlannedStay,
    sums: RatingSums,
): { kwh: Decimal; estimated: Decimal; intervalCount: number } {
    const own = sums.quantities.filter((sum) => isOn(sum.day, planned.stay));
    return {
        kwh: sumDecimals(own.map((sum) => sum.kwh)),
        estimated: sumDecimals(own.map((sum) => sum.estimatedKwh)),
        intervalCount: own.reduce((count, sum) => count + sum.intervalCount, 0),
    };
}

function roundingGroup(line: ChargeLine): string {
    const { mode, quantityDigits, amountDigits, scope } = line.charge.rounding;
    return [line.segment.version.tariffId, line.charge.id, mode, quantityDigits, amountDigits, scope].join(
        '\n',
    );
}

function roundAll(
    values: readonly Decimal[],
    digits: number | undefined,
    rounding: Rounding,
    isShared: boolean,
): Decimal[] {
    if (digits === undefined) return [...values];
    if (isShared) return cumulativeShares(values, digits, rounding.mode);
    return values.map((value) => roundTo(value, digits, rounding.mode));
}

function exactAmount(line: ChargeLine, quantity: Decimal): Decimal {
    if (line.price === null) return line.byInterval?.exact ?? ZERO;
    return multiply(quantity, line.price);
}

function subscriptionLine(
    planned: PlannedStay,
    segment: StaySegment,
    pricePerDay: string,
    charge: Charge,
): ChargeLine {
    const days = decimalOf(BigInt(daysBetween(segment.from, segment.to)), 0);
    const price = decimal(pricePerDay);
    return { planned, segment, charge, band: null, quantity: days, estimated: ZERO, price, byInterval: null };
}

function energyLines(
    planned: PlannedStay,
    segment: StaySegment,
    charge: Exclude<Charge, { kind: 'subscription' }>,
    sums: RatingSums,
    faults: RatingFaults,
): ChargeLine[] {
    const byBand = new Map<string | null, { quantity: Decimal; estimated: Decimal }>();
    for (const sum of sums.quantities) {
        const band = bandFor(sum, planned, segment, charge, sums.classes);
        if (band === undefined) continue;
        if (band === UNPRICED) {
            faults.ofAccount(planned.stay.agreement.accountId, withoutPrice(segment, charge));
            continue;
        }
        const known = byBand.get(band) ?? { quantity: ZERO, estimated: ZERO };
        byBand.set(band, {
            quantity: add(known.quantity, sum.kwh),
            estimated: add(known.estimated, sum.estimatedKwh),
        });
    }
    const bands = [...byBand].sort(([a], [b]) => compareText(a ?? '', b ?? ''));
    return bands.map(([band, energy]) => ({
        planned,
        segment,
        charge,
        band,
        ...energy,
        price: priceOf(charge, band),
        byInterval: isPricedByInterval(charge)
            ? amountByInterval(planned, segment, charge, band, sums)
            : null,
    }));
}

/** The band of a sum for a charge in a segment; undefined where the sum is of another stay or tariff version. */
function bandFor(
    sum: { readonly day: string | null; readonly classNo: number },
    planned: PlannedStay,
    segment: StaySegment,
    charge: Charge,
    classes: readonly SlotClass[],
): string | null | undefined {
    if (!isOn(sum.day, planned.stay)) return undefined;
    const slot = classes[sum.classNo]?.byTariff.get(planned.stay.agreement.tariffNo);
    if (slot?.version.tariffVersionNo !== segment.version.tariffVersionNo) return undefined;
    return slot.bands.get(charge.id);
}

function isOn(day: string | null, stay: { readonly from: CalendarDate; readonly to: CalendarDate }): boolean {
    return day === null || (stay.from <= day && day < stay.to);
}

function amountByInterval(
    planned: PlannedStay,
    segment: StaySegment,
    charge: Charge,
    band: string | null,
    sums: RatingSums,
) {
    const chargeKey = sums.prices.keyOf(segment.version.tariffVersionNo, charge.id);
    let exact = ZERO;
    let roundedUnits = 0n;
    for (const amount of sums.amounts) {
        if (
            amount.chargeKey !== chargeKey ||
            bandFor(amount, planned, segment, charge, sums.classes) !== band
        )
            continue;
        exact = add(exact, amount.exact);
        roundedUnits += amount.roundedUnits;
    }
    return { exact, roundedUnits };
}

function priceOf(charge: Exclude<Charge, { kind: 'subscription' }>, band: string | null): Decimal | null {
    if (charge.kind === 'energy-flat') return decimal(charge.pricePerKwh);
    if (!hasBandPrices(charge)) return null;
    const price = charge.pricePerKwhByBand?.[band ?? ''];
    return price === undefined ? null : decimal(price);
}

/** The same for all accounts on the tariff version in the same days, so that the accounts with it can be told together. */
function withoutPrice(segment: StaySegment, charge: Charge): string {
    const source =
        charge.kind === 'energy-bands'
            ? `calendar ${charge.calendarId}`
            : charge.kind === 'energy-series'
              ? `price series ${charge.seriesId}`
              : '';
    return `charge ${charge.id} of tariff ${segment.version.tariffId}: ${source} gives nothing for some intervals with energy from ${segment.from} until ${segment.to}`;
}

/** Measured energy of a line. */
export function measuredOf(line: ChargeLine): Decimal {
    return subtract(line.quantity, line.estimated);
}
