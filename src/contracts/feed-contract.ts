/**
 * A feed's data contract as the chain uses it: made by `src/parsers` from an Open Data Contract
 * Standard v3.1 document, read by `src/ingest`. Nothing here is optional by omission: every default
 * of the document has been filled in.
 */
export interface FeedContract {
    readonly feed: string;
    readonly kind: FeedKind;
    readonly version: string;
    /** SHA-256 of the document's text: what a parse records as its input. */
    readonly sha256: string;
    readonly layout: RecordLayout;
    readonly columns: readonly FeedColumn[];
    readonly delivery: DeliveryRules;
    readonly reading: ReadingRules;
    readonly precedence: PrecedenceRules;
}

/** What a row of the feed is: energy of an interval, or the index of a cumulative register at an instant. */
export type FeedKind = 'interval' | 'register';

/** How bytes become records of text fields. One line is one record; blank lines are skipped and counted. */
export interface RecordLayout {
    readonly format: 'delimited' | 'ndjson';
    /** One ASCII character; meaningless for ndjson. */
    readonly delimiter: string;
    /** `none`: a quote is a character like any other, and refused where a pattern does not allow it. */
    readonly quoting: 'none' | 'double';
    /** Longest line in bytes; a longer one refuses the file (`file.line-too-long`). */
    readonly maxLineBytes: number;
}

export type ColumnRole =
    | 'meter'
    | 'register'
    | 'stamp'
    | 'minutes'
    | 'value'
    | 'unit'
    | 'quality'
    | 'version'
    | 'withdrawn'
    | 'ignored'
    | 'cell';

/** Which interval of its row's day a column of a wide file holds: the nth of the local day, or the one at a time of day. */
export type WideCell =
    | { readonly kind: 'period'; readonly no: number }
    | { readonly kind: 'time'; readonly minuteOfDay: number };

/** Columns stand in the order of the contract; an optional one may be absent as a whole. */
export interface FeedColumn {
    readonly name: string;
    readonly role: ColumnRole;
    readonly required: boolean;
    /** Of a column of role `cell`, and of no other. */
    readonly cell?: WideCell;
}

export interface DeliveryRules {
    /** What identifies a delivery, beside its bytes: the file's name, or a key that the sender gives. */
    readonly sourceKey: 'fileName' | 'idempotencyKey';
    /** The same (feed, source key, SHA-256) within so many days changes nothing; null: never compared. */
    readonly repeatWindowDays: number | null;
    /** More than this share of rows that break one rule of form refuses the file; null: they are always quarantined one by one. */
    readonly formFaultsPercent: number | null;
    /** What becomes of a file whose profile has moved against the days before (`file.stamps-moved`); off: it is not looked for. */
    readonly stampShift: 'off' | 'flag' | 'refuse';
    /** The same of one whose energy has changed by what lies between two units (`file.unit-moved`). */
    readonly unitShift: 'off' | 'flag' | 'refuse';
    /** Brings readings long after they were taken, so that its receipt times say nothing about their age or about a device's clock. */
    readonly isBackfill: boolean;
}

export type EnergyUnit = 'kWh' | 'Wh' | 'MWh' | 'kW';

export interface ReadingRules {
    /** What the meter column holds: the meter installation's identifier or the metering point's. */
    readonly identifies: 'meter' | 'meteringPoint';
    readonly unknownMeter: 'wait' | 'register';
    /** Register when the feed has no register column, or leaves it blank. */
    readonly defaultRegister: string;
    readonly flow: 'to_customer' | 'from_customer';
    readonly unit: EnergyUnit;
    /** Length when the feed has no minutes column; 0 where the rows are register reads, which have none. */
    readonly intervalMinutes: number;
    readonly stamp: StampRules;
    readonly value: ValueRules;
    /** Source code (as sent, compared exactly) to quality; the code '' is a blank or absent one. */
    readonly qualityCodes: Readonly<Record<string, 'measured' | 'estimated' | 'missing' | 'withdrawn'>>;
    /** Texts in the withdrawn column that mean that the source takes the reading back. */
    readonly withdrawnCodes: readonly string[];
    /** The same interval twice in one payload: the last one counts, or all of them are quarantined. */
    readonly repeatedInPayload: 'last' | 'refuse';
}

export interface StampRules {
    /** `iso`: ISO 8601, by `clock` where it has neither Z nor an offset; else a strptime pattern of %Y %m %d %H %M %S and literals. */
    readonly format: 'iso' | string;
    readonly marks: 'start' | 'end';
    /** Clock of stamps without an offset: UTC, a fixed offset in minutes, or a zone's local time. */
    readonly clock:
        | { readonly kind: 'utc' }
        | { readonly kind: 'fixed'; readonly offsetMinutes: number }
        | { readonly kind: 'local'; readonly zone: string };
    readonly repeatedHour: 'first' | 'second' | 'by-order' | 'refuse';
    /** 24:00 of a day means 00:00 of the next. */
    readonly allows2400: boolean;
    /** A stamp later than receipt by more than so many minutes is quarantined. */
    readonly maxFutureMinutes: number;
}

export interface ValueRules {
    /** What stands before the decimals; the other one, which may mark thousands, stands in no number. */
    readonly decimalMark: 'point' | 'comma';
    /** More decimals than this quarantine the row; up to six are kept, finer ones rounded half-even and counted. */
    readonly maxDecimals: number;
    /** Largest kWh of one interval, or largest index of a register; exact text, inclusive. */
    readonly maxKwh: string;
    readonly allowsNegative: boolean;
    /** Texts that say that there is no value (quality becomes missing). */
    readonly nullTexts: readonly string[];
}

export interface PrecedenceRules {
    /** Higher wins over lower, whatever the stamps say. */
    readonly rank: number;
    /** false: a measured or withdrawn version wins over an estimate, however new (the default). */
    readonly newestAlways: boolean;
    /** Kind of the version column: `none` where the feed has none and receipt decides. */
    readonly stampKind: 'none' | 'integer' | 'instant';
}
