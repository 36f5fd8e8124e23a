import type { PayloadRefused } from '../ingest/parse-commit.ts';
import { count } from '../kernel/counted.ts';
import type { QuarantinedRow } from '../pipeline/quarantined-rows.ts';
import { placeText, wrapped } from './output.ts';

const SHOWN_REFUSALS = 20;
const SHOWN_CHARACTERS = 100;

/** Newest rows in quarantine with their place in the file that they came in. */
export const QUARANTINE_QUERY =
    'select p.source_key, q.line_no, q.fields, q.rule_ids, q.original_text from quarantined_rows as q join payloads as p using (sequence) order by q.sequence desc, q.line_no limit 20';

/** What waits for which registration, most rows first. */
export const WAITING_QUERY =
    'select reason, meter_key, register_key, count(*) as waiting from waiting_rows group by all order by waiting desc, meter_key limit 20';

/** Files that were refused, each with the place of what is wrong; nothing where there are none. */
export function refusalText(heading: string, refusals: readonly PayloadRefused[], total: number): string[] {
    if (total === 0) return [];
    const shown = refusals.slice(0, SHOWN_REFUSALS);
    return [
        heading,
        ...shown.flatMap((r) => wrapped(`  ${refusalLine(r)}`)),
        ...(total > shown.length ? [`  and ${count(total - shown.length)} more`] : []),
    ];
}

/** `file:line field: rule: message`. */
export function refusalLine(r: PayloadRefused): string {
    return `${placeText({ ...r, file: r.sourceKey })}: ${r.ruleId}: ${r.message}`;
}

/** The same of a row, with the row itself; one that breaks several rules names their fields in the order of `ruleIds`. */
export function sampleLine(row: QuarantinedRow): string {
    const place = placeText({ file: row.sourceKey, line: row.line, field: row.fields });
    const text = row.originalText;
    const shown = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
    // as in JSON: it may hold anything
    return `${place}: ${row.ruleIds}: ${row.message} The row: ${JSON.stringify(shown)}`;
}
