import type { FeedContract } from '../contracts/feed-contract.ts';
import { sqlText } from '../engine/sql-text.ts';
import type { ParseSession } from './parse-session.ts';
import { type TypedRowsOptions, typedRows } from './typed-rows.ts';

/** A payload of the batch, as the rows refer to it. */
export interface BatchPayload {
    readonly payloadNo: number;
    readonly sequence: number;
    readonly segmentNo: number;
    readonly receivedAt: number;
}

/** Where the records of a batch stand: normalised text with line numbers, from the record parsers. */
export interface RecordSource {
    readonly kind: 'spool';
    readonly path: string;
}

export interface UnknownMeter {
    readonly externalId: string;
    readonly registerId: string;
    readonly intervalMinutes: number;
    readonly firstDayNo: number;
}

const SPOOL_SEPARATOR = '\u001F';
// a text that no field can be: a scan refuses control characters
const ABSENT = '\u0001';

export async function registerPayloads(
    session: ParseSession,
    payloads: readonly BatchPayload[],
): Promise<void> {
    await session.engine.registerRows(
        'payloads',
        [
            { name: 'payload_no', type: 'integer' },
            { name: 'sequence', type: 'bigint' },
            { name: 'segment_no', type: 'bigint' },
            { name: 'received_us', type: 'bigint' },
        ],
        payloads.map((p) => [p.payloadNo, p.sequence, p.segmentNo, p.receivedAt * 1000]),
    );
}

/**
 * The query of typed rows with everything that decides their fate: `faults` and `fault_fields` (blank
 * where the row is right) and the final kWh and quality. Columns that a lake table has carry its name.
 */
export function judgedRows(
    contract: FeedContract,
    source: RecordSource,
    options: Pick<TypedRowsOptions, 'fixedOffsetUs'> & {
        readonly feedId: number;
        readonly bucketSize: number;
        /** Of every row, also where a right one needs none. */
        readonly keepsText?: boolean;
    },
): string {
    const typed = typedRows(contract, {
        ...options,
        records: spoolRecords(contract, source.path),
    });
    const checks = typed.checks.map((check, i) => ({ ...check, is: `breaks_${i}` }));
    const rules = checks.map(({ is, rule }) => `case when ${is} then '${rule}' end`);
    const isWide = contract.columns.some(({ role }) => role === 'cell');
    const columnOf = new Map(contract.columns.map((c) => [c.role, c.name]));
    // of a cell its own column is named first, and once
    const fields = checks
        .filter(({ role }) => !isWide || (role !== 'value' && role !== 'cell' && role !== 'minutes'))
        .map(({ is, role }) => `case when ${is} then ${sqlText(columnOf.get(role) ?? role)} end`);
    const named = isWide ? ['t.cell_name', ...fields] : fields;
    // the texts are made for broken rows only: nearly all rows are right
    const judged = `case when fault <> '' then split_part(fault, ':', 1) when is_broken then concat_ws(' ', ${rules.join(', ')}) else '' end as faults,
    case when fault <> '' then split_part(fault, ':', 2) when is_broken then concat_ws(' ', ${named.join(', ')}) else '' end as fault_fields`;
    // a line stands behind each of its cells: it is kept for those that may have to show it
    const fieldOf = (role: 'value' | 'minutes') =>
        isWide ? 't.cell_name' : sqlText(columnOf.get(role) ?? role);
    const needsExport = contract.kind === 'interval' ? typed.needsExport : 'false';
    const isUnused =
        "(t.stated_quality in ('missing', 'withdrawn') and t.value_is_number and not t.value_is_null)";
    const text =
        isWide && options.keepsText !== true
            ? `case when fault <> '' or t.channel_no is null or is_broken then t.text end`
            : 't.text';
    return `with
checked as (select t.*, p.sequence, p.segment_no, p.received_us,
    ${checks.map(({ is, when }) => `${when} as ${is}`).join(',\n    ')}
from (${typed.query}) as t inner join payloads as p on p.payload_no = t.payload_no)
select t.payload_no, t.sequence, t.segment_no, t.line_no, ${text} as text, t.cell_name, t.meter_key, t.register_key, t.channel_no,
    t.period_us, t.minutes, t.market_day_no, t.source_code, t.version_stamp, t.received_us,
    case when ${needsExport} then ${fieldOf('value')} end as export_field, ${fieldOf('minutes')} as minutes_field,
    coalesce(${isUnused}, false) as is_unused, t.is_rounded and not coalesce(${isUnused}, false) as is_rounded,
    case when not t.unit_is_known then t.unit_text end as odd_unit,
    case when t.stated_quality is null and t.fault = '' then coalesce(t.source_code, '') end as odd_quality,
    case when t.stated_quality in ('missing', 'withdrawn') or t.value_is_null then null else t.kwh end as kwh,
    case when t.stated_quality in ('measured', 'estimated') and t.value_is_null then 'missing' else t.stated_quality end as quality,
    ${judged}
from (select *, ${checks.map(({ is }) => is).join(' or ')} as is_broken from checked) as t`;
}

function spoolRecords(contract: FeedContract, path: string): string {
    const names = ['payload_no', 'line_no', 'fault', 'text', ...contract.columns.map((_, i) => `c${i}`)];
    const types = names.map(
        (n) => `'${n}': '${n === 'payload_no' ? 'INTEGER' : n === 'line_no' ? 'BIGINT' : 'VARCHAR'}'`,
    );
    const size = contract.layout.maxLineBytes * 3 + 4096;
    return `read_csv(${sqlText(path)}, header = false, auto_detect = false, delim = '${SPOOL_SEPARATOR}', quote = '', escape = '',
        nullstr = '${ABSENT}', max_line_size = ${size}, new_line = '\\n', columns = {${types.join(', ')}})`;
}
