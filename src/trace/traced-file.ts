import { GridtallyError } from '../kernel/errors.ts';

/** A channel's day that rows of a payload belong to. */
export interface TouchedDay {
    readonly meterId: string;
    readonly registerId: string;
    readonly marketDay: string;
    /** Versions of the payload, and those of them that are published. */
    readonly versions: number;
    readonly winning: number;
    /** The day's total as it is published; null: no value, or not refreshed yet. */
    readonly dayKwh: string | null;
}

export interface TouchedPartition {
    readonly marketDay: string;
    readonly bucket: number;
    readonly versions: number;
}

/** A read of a register that a payload brought. */
export interface TouchedRead {
    readonly meterId: string;
    readonly registerId: string;
    /** UTC, as `2013-05-01T00:00:00Z`. */
    readonly readAt: string;
    /** What the register showed; null: missing or withdrawn. */
    readonly indexKwh: string | null;
    readonly outcome: string;
}

/** A channel's day with estimates that rest on what a payload brought, or on what it withdrew. */
export interface RestingDay {
    readonly meterId: string;
    readonly registerId: string;
    readonly marketDay: string;
    readonly methods: readonly string[];
    /** Of those estimates. */
    readonly kwh: string;
}

/**
 * What of a file leads to a bill: values that are published now; other versions, superseded or withdrawing ones and those that stand with another
 * meter by now, of which an older bill may have been made; estimates that rest on the file; advances of registers that its reads bound.
 */
export type BillPath = 'published' | 'other-versions' | 'estimates' | 'advances';

export interface TouchedBill {
    readonly billId: string;
    readonly accountId: string;
    readonly state: 'draft' | 'sealed';
    readonly meteringPointIds: readonly string[];
    readonly through: readonly BillPath[];
}

/** A payload and everything that it touched. `records` = versions + register reads + quarantined + waiting. */
export interface TracedFile {
    readonly receiptId: string;
    readonly feed: string;
    readonly sourceKey: string;
    readonly sha256: string;
    readonly bytes: number;
    readonly receivedAt: string;
    readonly acknowledgedAt: string;
    readonly state: 'parsed' | 'refused' | 'not-parsed';
    /** Contract of the feed by which it first came in, or was last refused; null: not parsed. */
    readonly contractNo: number | null;
    /** The file rule that it broke. */
    readonly refusal: { readonly ruleId: string; readonly message: string } | null;
    readonly records: number;
    readonly versions: number;
    readonly winning: number;
    /** Versions of reads of registers. */
    readonly registerReads: number;
    readonly quarantined: number;
    readonly waiting: number;
    /** Copies of versions where an earlier belief had put them; they count once, above. */
    readonly displaced: number;
    readonly partitions: readonly TouchedPartition[];
    /** The first channel-days by day and channel; `dayCount` counts all. */
    readonly days: readonly TouchedDay[];
    readonly dayCount: number;
    /** The first reads of registers by channel and instant, which belong to a meter now; `registerReads` counts all. */
    readonly reads: readonly TouchedRead[];
    /** The first days by day and channel; `restingDayCount` counts all. */
    readonly restingDays: readonly RestingDay[];
    readonly restingDayCount: number;
    readonly bills: readonly TouchedBill[];
}

/** Throws `trace.does-not-add-up` where rows of a file are unaccounted for. */
export function requireAccounted(
    file: Pick<
        TracedFile,
        'receiptId' | 'sourceKey' | 'records' | 'versions' | 'registerReads' | 'quarantined' | 'waiting'
    >,
): void {
    const { receiptId, sourceKey, records, registerReads, quarantined, waiting } = file;
    const versions = file.versions + registerReads;
    const found = versions + quarantined + waiting;
    if (found === records) return;
    const message = `receipt ${receiptId} (${sourceKey}) has ${records} rows, of which ${versions} are versions, ${quarantined} quarantined and ${waiting} waiting`;
    throw new GridtallyError('trace.does-not-add-up', 'rows of a file are unaccounted for', {
        faults: [{ message }],
    });
}
