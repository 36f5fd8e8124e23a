import type { InputFault } from '../kernel/errors.ts';
import type { Zone } from '../kernel/zone.ts';
import type { Transaction } from '../store/database.ts';
import type { BelievedTable } from './believed-table.ts';

export const MASTER_DATA_KINDS = [
    'customers',
    'accounts',
    'metering-points',
    'agreements',
    'attributes',
    'holidays',
    'calendars',
    'tariffs',
    'price-series',
] as const;
export type MasterDataKind = (typeof MASTER_DATA_KINDS)[number];

/** What a load takes from the home and from the command line. */
export interface LoadSettings {
    readonly zone: Zone;
    readonly currency: string;
    readonly bucketSize: number;
    /** The series of a price file without a column `series_id`. */
    readonly seriesId?: string;
    /** Interval length of a price file without a column `interval_minutes`. */
    readonly intervalMinutes?: number;
    /** The set of a holiday file without a column `holiday_set`. */
    readonly holidaySet?: string;
}

export interface LoadSource {
    /** Name in messages. */
    readonly file: string;
    readonly text: string;
    readonly isYaml: boolean;
    /** Takes the identifiers of rows that are left out for another fault: whether they are known is told with it. */
    readonly leftOut: NamedIdentifier[];
}

/** An identifier where it stands. */
export interface NamedIdentifier {
    readonly line: number;
    readonly column: string;
    readonly value: string;
}

export type StagedValue = string | number | boolean | null;

/** The rows of a file that are right in themselves, as the temporary table `incoming`: `row_no` (from 0), `line`, and these columns. */
export interface StagedRows {
    /** Such as `customer_id text`; without `line`, which is the first value of each row. */
    readonly columns: readonly string[];
    readonly rows: readonly (readonly StagedValue[])[];
}

/** A load inside its transaction. */
export interface LoadWork {
    readonly tx: Transaction;
    readonly file: string;
    readonly settings: LoadSettings;
    /** An instant as text; when the home begins to believe what the load says. */
    readonly knownAt: string;
    readonly faults: InputFault[];
    /** See `LoadSource`. */
    readonly leftOut: readonly NamedIdentifier[];
}

/** One kind of master data: how a file of it is read, checked against what is believed, and entered. */
export interface KindLoader {
    /** Pure: rows that are right in themselves; what is wrong with the others goes to `faults`. */
    read(source: LoadSource, settings: LoadSettings, faults: InputFault[]): StagedRows;
    /**
     * From `incoming`: refuses references to nothing, enters new identifiers, and makes the temporary table `desired` with the rows
     * that shall be believed (`line` and the columns of `believed`; `line` is null where the file does not name the row).
     */
    resolve(work: LoadWork): Promise<void>;
    readonly believed: BelievedTable;
    /** Overlaps between `desired` and what stays believed, one sentence each, in the order of lines. */
    findOverlaps?(work: LoadWork): Promise<InputFault[]>;
    /** After the belief has changed. */
    finish?(work: LoadWork): Promise<ChannelsOfLoad>;
}

export interface ChannelsOfLoad {
    readonly registeredChannels: readonly number[];
    readonly takenOverChannels: readonly number[];
}
