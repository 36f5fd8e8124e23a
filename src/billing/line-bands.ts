import type { CalendarDate } from '../kernel/calendar-date.ts';
import { localTimeAt, type Zone } from '../kernel/zone.ts';
import { openPriceBook } from './price-book.ts';
import type { RatingDimensions } from './rating-dimensions.ts';
import { bandOf } from './slot-classes.ts';

/** A line of a bill, as far as it says which intervals are in it. */
export interface LineCharge {
    readonly tariffVersionNo: number;
    readonly chargeId: string;
}

/** An interval by its local day and its first instant, UTC epoch milliseconds. */
export interface PricedInterval {
    readonly day: CalendarDate;
    readonly at: number;
}

/**
 * Says in which band of a charge an interval is, as rating does: null where the charge has one price, undefined where the tariff version is not
 * among the dimensions, or has no such charge.
 */
export function openLineBands(
    dimensions: RatingDimensions,
    zone: Zone,
): (line: LineCharge, interval: PricedInterval) => string | null | undefined {
    const prices = openPriceBook(dimensions);
    const versions = new Map(dimensions.tariffVersions.map((version) => [version.tariffVersionNo, version]));
    return ({ tariffVersionNo, chargeId }, { day, at }) => {
        const { charges } = versions.get(tariffVersionNo)?.structure ?? { charges: [] };
        const charge = charges.find(({ id }) => id === chargeId);
        if (charge === undefined) return undefined;
        const minuteOfDay = Math.floor(localTimeAt(zone, at).secondOfDay / 60);
        return bandOf(charge, prices, day, { at, minuteOfDay });
    };
}
