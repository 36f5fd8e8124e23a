import { sqlText } from '../engine/sql-text.ts';

/** Faults that only the channel tells, so that a row without one waits until it has one; in the order in which they are named. */
export const LATE_RULES = ['row.value-negative', 'row.interval-length'] as const;

/**
 * What is wrong with a row for the channel that it has found: the rules and their fields, blank where it is right. `row` has `minutes`,
 * `minutes_field`, and `export_field`, which names the field of a value that needs a channel of export and else is null; the
 * fields of `channel`, a row of the session's `channel_map`, may be null, and then nothing is wrong.
 */
export function lateFaults(row: string, channel: string, minutes: string): { rules: string; fields: string } {
    const [negative, length] = LATE_RULES.map(sqlText);
    const isNegative = `${row}.export_field is not null and not ${channel}.has_export`;
    const isOfAnotherLength = `${channel}.interval_minutes <> ${row}.${minutes}`;
    return {
        rules: `concat_ws(' ', case when ${isNegative} then ${negative} end, case when ${isOfAnotherLength} then ${length} end)`,
        // of a cell of a wide file its one column is both fields
        fields: `concat_ws(' ', case when ${isNegative} then ${row}.export_field end,
            case when ${isOfAnotherLength} and not (${isNegative} and ${row}.export_field = ${row}.minutes_field) then ${row}.minutes_field end)`,
    };
}

/** True, as SQL, where nothing is wrong with a row but what its channel tells. */
export function isRightButLate(faults: string): string {
    const texts = ['', ...LATE_RULES, LATE_RULES.join(' ')];
    return `${faults} in (${texts.map(sqlText).join(', ')})`;
}
