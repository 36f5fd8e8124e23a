import type { CalendarDefinition, TariffStructure } from '../contracts/tariff-structure.ts';
import type { CalendarDate, DatePeriod } from '../kernel/calendar-date.ts';
import type { Zone } from '../kernel/zone.ts';

/** Master data that rating reads, as believed by the home when the run began. Date ranges are half-open; a null end is open. */
export interface RatingDimensions {
    /** Every version of an agreement that touches the period. */
    readonly agreements: readonly RatingAgreement[];
    /** Every version of the tariffs of those agreements that touches the period. */
    readonly tariffVersions: readonly RatingTariffVersion[];
    readonly calendarVersions: readonly RatingCalendarVersion[];
    readonly holidays: readonly { readonly holidaySet: string; readonly date: CalendarDate }[];
    readonly priceSeries: readonly RatingPriceSeries[];
}

export interface RatingAgreement {
    readonly agreementNo: number;
    readonly agreementId: string;
    readonly accountNo: number;
    readonly accountId: string;
    readonly customerId: string;
    readonly meteringPointNo: number;
    readonly meteringPointId: string;
    readonly tariffNo: number;
    readonly tariffId: string;
    readonly validFrom: CalendarDate | null;
    readonly validTo: CalendarDate | null;
}

export interface RatingTariffVersion {
    readonly tariffVersionNo: number;
    readonly tariffNo: number;
    readonly tariffId: string;
    readonly validFrom: CalendarDate | null;
    readonly validTo: CalendarDate | null;
    readonly structure: TariffStructure;
}

export interface RatingCalendarVersion {
    readonly calendarId: string;
    readonly validFrom: CalendarDate | null;
    readonly validTo: CalendarDate | null;
    readonly definition: CalendarDefinition;
}

export interface RatingPriceSeries {
    readonly seriesId: string;
    readonly kind: 'band' | 'price';
    readonly intervalMinutes: number;
    /** periodFrom in UTC epoch milliseconds; a price is exact text per kWh. Only values of the period are needed. */
    readonly values: readonly {
        readonly periodFrom: number;
        readonly band: string | null;
        readonly price: string | null;
    }[];
}

/** A channel with its validity: at any time one unbroken one is believed (index `channel_validities_current`). */
export interface RatingChannel {
    readonly channelNo: number;
    readonly meteringPointId: string;
    readonly meterId: string;
    readonly flow: 'to_customer' | 'from_customer';
    readonly intervalMinutes: number;
    /** UTC epoch milliseconds, half-open; null: open. */
    readonly validFromMs: number | null;
    readonly validToMs: number | null;
    /** First market day on which the lake misses readings that do not come; null: from the start of validity. */
    readonly expectedFrom: CalendarDate | null;
}

/** Where marks of validation are. */
export const MARK_TABLES = ['reading_marks', 'day_marks'] as const;
export type MarkTable = (typeof MARK_TABLES)[number];

/** A market day that is part of an advance which fails a rule. */
export interface RegisterHold {
    readonly channelNo: number;
    readonly day: CalendarDate;
    readonly ruleId: string;
}

/** Everything that one run is made from. The same inputs give the same documents. */
export interface BillingInputs {
    /** Local days, half-open. */
    readonly period: DatePeriod;
    readonly zone: Zone;
    /** ISO 4217, of the home; a tariff in another currency is refused. */
    readonly currency: string;
    readonly dimensions: RatingDimensions;
    readonly channels: readonly RatingChannel[];
    /** Absolute paths of the committed `reads_interval` files of the period's market days. */
    readonly readsIntervalFiles: readonly string[];
    /** Those of them that hold other market days too, so that each row is asked for its day; absent: all may. */
    readonly filesOfOtherDays?: ReadonlySet<string>;
    /** Absolute paths of the committed `reading_gaps` files of the period's market days. */
    readonly gapFiles: readonly string[];
    /** The same of marks of validation; of the period's partitions that have one whose severity is `hold`. */
    readonly markFiles: Readonly<Record<MarkTable, readonly string[]>>;
    /** Days of advances of registers that fail a rule by which bills are held. */
    readonly registerHolds: readonly RegisterHold[];
    /** First market day for which no reading is expected yet; null: no reading has come at all. */
    readonly horizonTo: CalendarDate | null;
    /** Newest commit of the lake that the files are of: with it the partitions read can be named again. */
    readonly lakeCommitNo: number;
    /** Versions of the partitions read, as the catalogue gave them; their fingerprint is recorded in every bill. */
    readonly partitionVersions: Readonly<Record<string, string | number>>;
}
