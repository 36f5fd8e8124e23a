import type { Engine } from '../engine/engine.ts';
import { monthPeriod, monthText } from '../kernel/calendar-date.ts';
import { fingerprint } from '../kernel/hash.ts';
import type { RatedBill } from './bill-document.ts';
import { listIntervalPrices } from './interval-prices.ts';
import { periodGrid } from './period-grid.ts';
import { openPriceBook } from './price-book.ts';
import { billingModelFingerprints, sumQuantities } from './quantity-sums.ts';
import { type RatingContext, rateAccount } from './rate-bills.ts';
import type { BillingInputs } from './rating-dimensions.ts';
import { RatingFaults, type UnratedAccount } from './rating-faults.ts';
import { planRating, type RatingPlan } from './rating-plan.ts';
import { classifySlots, type SlotClass, UNPRICED } from './slot-classes.ts';
import { checkTariffs } from './tariff-checks.ts';

/** The bills of a period, in order of account ids, made one at a time as they are asked for. */
export interface RatedPeriod {
    readonly accountIds: readonly string[];
    /** Accounts that are active in the period and get no bill, with the faults of master data by which they cannot be rated. */
    readonly unrated: readonly UnratedAccount[];
    /** What all of them were made from, apart from each one's tariff versions; with numbers of this home. */
    readonly madeFrom: Readonly<Record<string, unknown>>;
    bills(): Generator<RatedBill>;
}

/**
 * Rates every agreement that is active in the period. Sums are made in the engine, money in exact decimals here. Accounts that cannot
 * be rated are left out, and the bills of all others are as if those were not there.
 */
export async function ratePeriod(engine: Engine, inputs: BillingInputs): Promise<RatedPeriod> {
    const faults = new RatingFaults();
    const grid = periodGrid(inputs.zone, inputs.period);
    const prices = openPriceBook(inputs.dimensions);
    const plan = planRating(inputs, grid, faults);
    checkTariffs(plan, grid, prices, inputs.currency, faults);
    const slots = classifySlots(plan, grid, inputs.zone, prices, faults);
    const intervalPrices = listIntervalPrices(plan, grid, slots, prices, faults);
    faults.settle(plan.staysByAccount);
    const sums = await sumQuantities(engine, inputs, plan, slots, intervalPrices);
    const context: RatingContext = {
        inputs,
        grid,
        slots,
        prices: intervalPrices,
        sums,
        faults,
        periodName: periodName(inputs.period),
    };
    findUnpriced(plan, context);
    const rated = [...plan.staysByAccount].filter(([accountId]) => !faults.has(accountId));
    return {
        accountIds: rated.map(([accountId]) => accountId),
        unrated: faults.unrated,
        madeFrom: runInputsOf(engine, inputs),
        *bills() {
            for (const [, stays] of rated) yield rateAccount(stays, context);
        },
    };
}

/** Energy without a price is found before the first bill is written. */
function findUnpriced(plan: RatingPlan, context: RatingContext): void {
    const isUnpriced = ({ byTariff }: SlotClass) =>
        [...byTariff.values()].some(({ bands }) => [...bands.values()].includes(UNPRICED));
    if (!context.slots.classes.some(isUnpriced)) return;
    for (const [accountId, stays] of plan.staysByAccount)
        if (!context.faults.has(accountId)) rateAccount(stays, context);
}

/** `2013-05` for a calendar month, else `2013-05-10_2013-06-01` (half-open). */
export function periodName(period: BillingInputs['period']): string {
    const month = monthText(period.from);
    const ofMonth = monthPeriod(month);
    const isMonth = ofMonth.from === period.from && ofMonth.to === period.to;
    return isMonth ? month : `${period.from}_${period.to}`;
}

/** Recorded for every bill: short, so partitions and dimensions are named by fingerprint. */
function runInputsOf(engine: Engine, inputs: BillingInputs): Record<string, unknown> {
    const { calendarVersions, holidays, priceSeries } = inputs.dimensions;
    return {
        lakeCommitNo: inputs.lakeCommitNo,
        partitions: fingerprint(inputs.partitionVersions),
        calendars: fingerprint({ calendarVersions, holidays }),
        priceSeries: fingerprint(priceSeries),
        models: billingModelFingerprints(engine),
        horizonTo: inputs.horizonTo,
        zone: inputs.zone.name,
    };
}
