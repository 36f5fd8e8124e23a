import { canonicalJson } from '../kernel/hash.ts';
import { instantText } from '../kernel/period.ts';
import type { EditDocument, EditQuality } from './edit-payload.ts';
import { intervalKey } from './edit-request.ts';

/** A payload of the feed of edits, in the order of receipt. */
export interface ReceivedEdit {
    readonly document: EditDocument;
    readonly receiptId: string;
    /** UTC epoch milliseconds. */
    readonly receivedAt: number;
}

/** An edit as it is listed. */
export interface EditSummary {
    readonly editNo: number;
    readonly state: 'standing' | 'withdrawn';
    readonly by: string;
    /** Those of its intervals, each once. */
    readonly reasons: readonly string[];
    readonly meterIds: readonly string[];
    readonly periodFrom: string;
    /** End of the last interval. */
    readonly periodTo: string;
    readonly intervalCount: number;
    /** Values of its intervals in kWh, or indexes of a register, each once, in their order; null: to be missing. */
    readonly values: readonly (string | null)[];
    readonly qualities: readonly EditQuality[];
    readonly receiptId: string;
    readonly receivedAt: string;
    readonly withdrawnBy: string | null;
    readonly withdrawnAt: string | null;
    readonly withdrawalReason: string | null;
}

/** Every edit in the order of its number, and whether it stands. */
export function listEdits(received: readonly ReceivedEdit[]): EditSummary[] {
    const withdrawals = withdrawalsByNo(received);
    return received
        .filter(({ document }) => document.kind === 'edit')
        .map((edit) => summaryOf(edit, withdrawals.get(edit.document.editNo)))
        .sort((a, b) => a.editNo - b.editNo);
}

function withdrawalsByNo(received: readonly ReceivedEdit[]): Map<number, ReceivedEdit> {
    const found = new Map<number, ReceivedEdit>();
    for (const one of received) {
        const { kind, editNo } = one.document;
        if (kind === 'withdrawal' && !found.has(editNo)) found.set(editNo, one);
    }
    return found;
}

function summaryOf(
    { document, receiptId, receivedAt }: ReceivedEdit,
    withdrawal: ReceivedEdit | undefined,
): EditSummary {
    const { editNo, by, intervals } = document;
    const from = intervals.reduce((least, { periodFrom }) => Math.min(least, periodFrom), Infinity);
    const to = intervals.reduce((most, i) => Math.max(most, i.periodFrom + i.minutes * 60_000), -Infinity);
    return {
        editNo,
        state: withdrawal === undefined ? 'standing' : 'withdrawn',
        by,
        reasons: [...new Set(intervals.map(({ reason }) => reason))],
        meterIds: [...new Set(intervals.map(({ meterId }) => meterId))],
        periodFrom: instantText(from),
        periodTo: instantText(to),
        intervalCount: intervals.length,
        values: [...new Set(intervals.map(({ kwh }) => kwh))],
        qualities: [...new Set(intervals.map(({ quality }) => quality))],
        receiptId,
        receivedAt: instantText(receivedAt),
        withdrawnBy: withdrawal?.document.by ?? null,
        withdrawnAt: withdrawal === undefined ? null : instantText(withdrawal.receivedAt),
        withdrawalReason: withdrawal?.document.intervals[0]?.reason ?? null,
    };
}

/**
 * The number of the edit that says all of this already: it stands, by the same person, and no later one that stands has another value for any of its
 * intervals. So a command that is repeated changes nothing.
 */
export function sameEdit(
    received: readonly ReceivedEdit[],
    asked: Omit<EditDocument, 'kind' | 'editNo'>,
): number | undefined {
    const withdrawals = withdrawalsByNo(received);
    const standing = received.filter(
        ({ document }) => document.kind === 'edit' && !withdrawals.has(document.editNo),
    );
    const newest = new Map<string, number>();
    for (const { document } of standing)
        for (const interval of document.intervals) newest.set(intervalKey(interval), document.editNo);
    const numbers = new Set(asked.intervals.map((interval) => newest.get(intervalKey(interval))));
    const [editNo] = numbers;
    if (numbers.size !== 1 || editNo === undefined) return undefined;
    const known = standing.find(({ document }) => document.editNo === editNo)?.document;
    const isSame =
        known?.by === asked.by && canonicalJson(known.intervals) === canonicalJson(asked.intervals);
    return isSame ? editNo : undefined;
}
