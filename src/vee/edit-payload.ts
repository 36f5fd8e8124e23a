import { assert } from '../kernel/errors.ts';
import { instantText, parseInstant } from '../kernel/period.ts';

export const EDIT_QUALITIES = ['measured', 'estimated', 'missing'] as const;
export type EditQuality = (typeof EDIT_QUALITIES)[number];

/** A person's value of one interval, or read of a register, which is an interval without a length. */
export interface EditedInterval {
    readonly meterId: string;
    readonly registerId: string;
    /** UTC epoch milliseconds. */
    readonly periodFrom: number;
    readonly minutes: number;
    /** Exact text, of a register its index; null where the interval is to be missing. */
    readonly kwh: string | null;
    readonly quality: EditQuality;
    readonly reason: string;
}

/** What one payload of the feed of edits says: values, or that the values of an earlier edit are taken back. */
export interface EditDocument {
    readonly kind: 'edit' | 'withdrawal';
    /** Of a withdrawal, the number of the edit that it takes back. */
    readonly editNo: number;
    readonly by: string;
    readonly intervals: readonly EditedInterval[];
}

/** Quality codes of the contracts of edits. */
const CODES: Readonly<Record<EditQuality, string>> = {
    measured: 'edited',
    estimated: 'edited-estimated',
    missing: 'edited-missing',
};
const WITHDRAWN = 'edit-withdrawn';

interface EditLine {
    readonly edit_no: string;
    readonly meter_id: string;
    readonly register: string;
    readonly read_at: string;
    /** Absent of a register read. */
    readonly minutes?: string;
    readonly kwh: string;
    readonly quality: string;
    readonly edited_by: string;
    readonly reason: string;
}

/** One line of JSON for each interval or read, as the contracts of edits say; numbers are texts, so that they stay exact. */
export function editPayload({ kind, editNo, by, intervals }: EditDocument): Buffer {
    const lines = intervals.map(({ meterId, registerId, periodFrom, minutes, kwh, quality, reason }) => {
        const line: EditLine = {
            edit_no: String(editNo),
            meter_id: meterId,
            register: registerId,
            read_at: instantText(periodFrom),
            ...(minutes === 0 ? {} : { minutes: String(minutes) }),
            kwh: kind === 'withdrawal' ? '' : (kwh ?? ''),
            quality: kind === 'withdrawal' ? WITHDRAWN : CODES[quality],
            edited_by: by,
            reason,
        };
        return JSON.stringify(line);
    });
    return Buffer.from(`${lines.join('\n')}\n`);
}

/** Reads what `editPayload` has written. */
export function readEditPayload(payload: Buffer): EditDocument {
    const lines = payload
        .toString()
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as EditLine);
    const [first] = lines;
    assert(first, 'a payload of edits has a line');
    return {
        kind: first.quality === WITHDRAWN ? 'withdrawal' : 'edit',
        editNo: Number(first.edit_no),
        by: first.edited_by,
        intervals: lines.map((line) => ({
            meterId: line.meter_id,
            registerId: line.register,
            periodFrom: parseInstant(line.read_at),
            minutes: Number(line.minutes ?? 0),
            kwh: line.kwh === '' ? null : line.kwh,
            quality: EDIT_QUALITIES.find((quality) => CODES[quality] === line.quality) ?? 'missing',
            reason: line.reason,
        })),
    };
}
