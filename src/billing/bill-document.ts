/**
 * A bill as a document: plain JSON, exact numbers as text, no number of this home and no time of drafting, so that the
 * same inputs give the same document anywhere. Dates are local days; ends are exclusive.
 */
export interface BillDocument {
    readonly billId: string;
    readonly accountId: string;
    readonly customerId: string;
    readonly currency: string;
    readonly zone: string;
    readonly periodFrom: string;
    readonly periodTo: string;
    /** False where an interval of an agreement has no value: what is missing is not charged yet. */
    readonly isComplete: boolean;
    /** True where a reading of an agreement fails a rule of validation by which bills are held: it may not be sealed. Drafts of before there were rules lack it. */
    readonly isHeld?: boolean;
    readonly energyKwh: string;
    /** Sum of the rounded lines of all sections. */
    readonly amountDue: string;
    readonly sections: readonly BillSection[];
}

/** What one agreement costs in the period. */
export interface BillSection {
    readonly agreementId: string;
    readonly meteringPointId: string;
    readonly serviceFrom: string;
    readonly serviceTo: string;
    readonly energyKwh: string;
    readonly estimatedKwh: string;
    readonly expectedCount: number;
    readonly missingCount: number;
    readonly gaps: readonly BillGap[];
    readonly holds?: readonly BillHold[];
    readonly lines: readonly BillLine[];
    readonly amount: string;
}

/** Why the bill is held. */
export interface BillHold {
    /** Local days, in order. */
    readonly days: readonly string[];
    /** Outside identifier of the meter whose readings fail. */
    readonly meterId: string;
    /** Rule of docs/validation.md. */
    readonly ruleId: string;
}

/** Why energy of a time is not in the bill. */
export interface BillGap {
    readonly kind: 'missing' | 'not-yet-read' | 'no-meter';
    /** Outside identifier of the meter; null where none is installed. */
    readonly meterId: string | null;
    /** UTC, half-open. */
    readonly periodFrom: string;
    readonly periodTo: string;
    readonly missingCount: number;
}

export interface BillLine {
    readonly kind: 'subscription' | 'energy' | 'tax';
    readonly charge: string;
    readonly label: string;
    readonly group: string;
    readonly band: string | null;
    readonly tariffId: string;
    readonly serviceFrom: string;
    readonly serviceTo: string;
    /** Days, kWh, or the taxed amount; as priced, so after the tariff's rounding of quantities. */
    readonly quantity: string;
    readonly unit: string;
    readonly measuredKwh: string | null;
    readonly estimatedKwh: string | null;
    /** Per unit, or per cent; null where each interval has its own price. */
    readonly price: string | null;
    readonly amountExact: string;
    readonly amount: string;
}

/** Numbers of this home that a line refers to; kept beside the document. */
export interface LineReference {
    readonly agreementNo: number;
    readonly meteringPointNo: number;
    /** Null for a tax, which may span versions. */
    readonly tariffVersionNo: number | null;
}

export interface RatedBill {
    readonly document: BillDocument;
    readonly accountNo: number;
    /** One for each line, in order of sections and lines. */
    readonly references: readonly LineReference[];
    /** Numbers of this home; ascending. */
    readonly tariffVersionNos: readonly number[];
}
