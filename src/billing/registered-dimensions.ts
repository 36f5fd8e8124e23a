import type { DatePeriod } from '../kernel/calendar-date.ts';
import { marketDayPeriod } from '../kernel/market-day.ts';
import type { Zone } from '../kernel/zone.ts';
import { readAgreements } from '../registry/agreement-reader.ts';
import type { AsKnown } from '../registry/channel-directory.ts';
import {
    readCalendarVersions,
    readHolidays,
    readNumberedTariffVersions,
    readPriceSeries,
    readTariffVersions,
} from '../registry/tariff-reader.ts';
import type { Transaction } from '../store/database.ts';
import type { RatingDimensions, RatingPriceSeries } from './rating-dimensions.ts';

const HOUR_MS = 3_600_000;

/**
 * Master data of a period (local days, half-open) as the registry believes it now, or did at `knownAt`. For one consistent look
 * give a transaction with isolation `repeatable read`. With `tariffVersionNos` the prices of these alone, without agreements: versions by
 * which a bill was made are looked up also where others have taken their place.
 */
export async function readRatingDimensions(
    db: Pick<Transaction, 'query'>,
    options: AsKnown & {
        readonly period: DatePeriod;
        readonly zone: Zone;
        readonly tariffVersionNos?: readonly number[];
    },
): Promise<RatingDimensions> {
    const { period, zone, tariffVersionNos, ...known } = options;
    const days = { from: period.from, to: period.to, ...known };
    const agreements = tariffVersionNos === undefined ? await readAgreements(db, days) : [];
    const tariffNos = new Set(agreements.map((agreement) => agreement.tariffNo));
    const tariffVersions =
        tariffVersionNos === undefined
            ? (await readTariffVersions(db, days)).filter(({ tariffNo }) => tariffNos.has(tariffNo))
            : await readNumberedTariffVersions(db, tariffVersionNos);
    const charges = tariffVersions.flatMap((version) => version.structure.charges);
    const seriesIds = [
        ...new Set(charges.flatMap((charge) => (charge.kind === 'energy-series' ? charge.seriesId : []))),
    ];
    const calendarIds = new Set(
        charges.map((charge) => (charge.kind === 'energy-bands' ? charge.calendarId : undefined)),
    );
    const calendarVersions = await readCalendarVersions(db, days);
    const holidays = await readHolidays(db, days);
    // an interval of a series is an hour at most, and the one that contains the first instant may begin before it
    const fromMs = marketDayPeriod(zone, period.from).from - HOUR_MS;
    const toMs = marketDayPeriod(zone, period.to).from;
    const values =
        seriesIds.length === 0 ? [] : await readPriceSeries(db, { fromMs, toMs, seriesIds, ...known });
    return {
        agreements: agreements.map(({ moveIn, moveOut, ...agreement }) => ({
            ...agreement,
            validFrom: moveIn,
            validTo: moveOut,
        })),
        tariffVersions,
        calendarVersions: calendarVersions.filter((version) => calendarIds.has(version.calendarId)),
        holidays: holidays.map(({ holidaySet, date }) => ({ holidaySet, date })),
        priceSeries: [...Map.groupBy(values, (value) => value.seriesId)].map(([seriesId, ofSeries]) =>
            seriesOf(seriesId, ofSeries),
        ),
    };
}

function seriesOf(seriesId: string, values: Awaited<ReturnType<typeof readPriceSeries>>): RatingPriceSeries {
    return {
        seriesId,
        kind: values[0]?.band == null ? 'price' : 'band',
        intervalMinutes: values[0]?.intervalMinutes ?? 60,
        values: values.map(({ periodFromMs, band, price }) => ({ periodFrom: periodFromMs, band, price })),
    };
}
