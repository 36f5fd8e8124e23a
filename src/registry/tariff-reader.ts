import type { CalendarDefinition, TariffStructure } from '../contracts/tariff-structure.ts';
import type { CalendarDate } from '../kernel/calendar-date.ts';
import { instantText } from '../kernel/period.ts';
import type { Transaction } from '../store/database.ts';
import type { DaysAsKnown } from './agreement-reader.ts';
import { believedAt } from './believed-table.ts';
import { type AsKnown, knownAtText } from './channel-directory.ts';

type Reader = Pick<Transaction, 'query'>;

export interface TariffVersion {
    readonly tariffVersionNo: number;
    readonly tariffNo: number;
    readonly tariffId: string;
    readonly name: string;
    /** First local day. */
    readonly validFrom: CalendarDate;
    /** First local day after; null: open. */
    readonly validTo: CalendarDate | null;
    readonly structure: TariffStructure;
}

const TARIFF_VERSIONS = `select v.tariff_version_no as "tariffVersionNo", v.tariff_no as "tariffNo",
             t.tariff_id as "tariffId", v.name,
             lower(v.valid_during) as "validFrom", upper(v.valid_during) as "validTo", v.structure
         from tariff_versions v join tariffs t using (tariff_no)`;

/** Tariff versions that hold on some of the days, in the order of tariff and beginning. */
export async function readTariffVersions(
    db: Reader,
    { from, to, ...known }: DaysAsKnown,
): Promise<TariffVersion[]> {
    return db.query<TariffVersion>(
        `${TARIFF_VERSIONS}
         where ${believedAt('v', '$1')} and v.valid_during && daterange($2, $3)
         order by t.tariff_id collate "C", lower(v.valid_during)`,
        [knownAtText(known), from, to],
    );
}

/** Tariff versions by their numbers, whether they are still believed or not. */
export async function readNumberedTariffVersions(
    db: Reader,
    tariffVersionNos: readonly number[],
): Promise<TariffVersion[]> {
    return db.query<TariffVersion>(
        `${TARIFF_VERSIONS} where v.tariff_version_no = any($1) order by v.tariff_version_no`,
        [[...tariffVersionNos]],
    );
}

export interface CalendarVersion {
    readonly calendarId: string;
    /** First local day; null: since always. */
    readonly validFrom: CalendarDate | null;
    /** First local day after; null: open. */
    readonly validTo: CalendarDate | null;
    readonly definition: CalendarDefinition;
}

/** Calendar versions that hold on some of the days, in the order of calendar and beginning. */
export async function readCalendarVersions(
    db: Reader,
    { from, to, ...known }: DaysAsKnown,
): Promise<CalendarVersion[]> {
    return db.query<CalendarVersion>(
        `select c.calendar_id as "calendarId", lower(v.valid_during) as "validFrom",
             upper(v.valid_during) as "validTo", v.definition
         from calendar_versions v join calendars c using (calendar_no)
         where ${believedAt('v', '$1')} and v.valid_during && daterange($2, $3)
         order by c.calendar_id collate "C", lower(v.valid_during) nulls first`,
        [knownAtText(known), from, to],
    );
}

export interface Holiday {
    readonly holidaySet: string;
    readonly date: CalendarDate;
    readonly name: string;
}

/** Holidays of the days, in the order of set and date. */
export async function readHolidays(db: Reader, { from, to, ...known }: DaysAsKnown): Promise<Holiday[]> {
    return db.query<Holiday>(
        `select h.holiday_set as "holidaySet", h.holiday_date as date, h.name from holidays h
         where ${believedAt('h', '$1')} and h.holiday_date >= $2 and h.holiday_date < $3
         order by h.holiday_set collate "C", h.holiday_date`,
        [knownAtText(known), from, to],
    );
}

export interface PriceSeriesValue {
    readonly seriesId: string;
    readonly intervalMinutes: number;
    /** Beginning of the interval, UTC epoch milliseconds. */
    readonly periodFromMs: number;
    /** Of a series of bands, else null. */
    readonly band: string | null;
    /** Currency per kWh, exact text with 8 decimals; of a series of prices, else null. */
    readonly price: string | null;
}

/** Values of intervals that begin at or after `fromMs` and before `toMs`, in the order of series and time. */
export async function readPriceSeries(
    db: Reader,
    {
        fromMs,
        toMs,
        seriesIds,
        ...known
    }: AsKnown & { readonly fromMs: number; readonly toMs: number; readonly seriesIds?: readonly string[] },
): Promise<PriceSeriesValue[]> {
    return db.query<PriceSeriesValue>(
        `select s.series_id as "seriesId", s.interval_minutes as "intervalMinutes",
             v.period_from as "periodFromMs", v.band, v.price
         from price_series_values v join price_series s using (series_no)
         where ${believedAt('v', '$1')} and v.period_from >= $2 and v.period_from < $3
             and ($4::text[] is null or s.series_id = any ($4))
         order by s.series_id collate "C", v.period_from`,
        [knownAtText(known), instantText(fromMs), instantText(toMs), seriesIds ?? null],
    );
}
