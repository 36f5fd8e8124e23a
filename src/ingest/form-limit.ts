import type { FeedContract } from '../contracts/feed-contract.ts';
import type { FileRule, RowRule } from '../contracts/ingest-rules.ts';
import type { EngineRow, EngineSession } from '../engine/engine.ts';
import type { PayloadRefusal } from '../parsers/payload-verdict.ts';
import { unitsOf } from './value-sql.ts';

/** A payload, by its number in the batch, that is refused for what its rows are. */
export interface RefusedBatchPayload {
    readonly payloadNo: number;
    readonly refused: PayloadRefusal;
}

/** Rules that say that a row is written otherwise than agreed; that a number is too large or a day impossible is no change of format. */
const FILE_RULE_OF: Partial<Record<RowRule, FileRule>> = {
    'row.unit': 'file.unit-unknown',
    'row.quality': 'file.quality-unknown',
    'row.fields': 'file.form-changed',
    'row.quote': 'file.form-changed',
    'row.json': 'file.form-changed',
    'row.column-unknown': 'file.form-changed',
    'row.stamp-format': 'file.form-changed',
    'row.value-format': 'file.form-changed',
    'row.minutes': 'file.form-changed',
    'row.version': 'file.form-changed',
};

/** Fewer broken rows than this are quarantined one by one, whatever their share: they are quickly looked through. */
const BROKEN_ROWS_MIN = 10;
const SHOWN_CODES = 5;

/**
 * Takes payloads out of the session's table `parsed` of which more rows than the contract lets pass break one rule of form, and tells
 * why each is refused: a million quarantined rows would say no more than one sentence.
 */
export async function refuseByForm(
    engine: EngineSession,
    contract: FeedContract,
): Promise<RefusedBatchPayload[]> {
    const { formFaultsPercent } = contract.delivery;
    if (formFaultsPercent === null) return [];
    const rules = Object.keys(FILE_RULE_OF)
        .map((rule) => `'${rule}'`)
        .join(', ');
    const found = await engine.rows(
        `select b.payload_no, b.rule, b.broken, t.records, b.first_line, b.first_field, b.first_text
         from (select payload_no, rule, count(*) as broken, min(line_no) as first_line,
                   arg_min(fault_fields, line_no) as first_field, arg_min(text, line_no) as first_text
               from (select payload_no, line_no, fault_fields, text, unnest(string_split(faults, ' ')) as rule
                     from parsed where faults <> '')
               where rule in (${rules}) group by payload_no, rule having count(*) >= ${BROKEN_ROWS_MIN}) as b
         inner join (select payload_no, count(*) as records from parsed group by payload_no) as t on t.payload_no = b.payload_no
         where b.broken * 100 > t.records * ${formFaultsPercent}
         order by b.payload_no, b.broken desc, b.rule`,
    );
    const refused: RefusedBatchPayload[] = [];
    for (const [payloadNo, rows] of Map.groupBy(found, (row) => Number(row.payload_no))) {
        const worst = rows[0];
        if (worst) refused.push({ payloadNo, refused: await refusal(engine, contract, worst) });
    }
    if (refused.length > 0) {
        const list = refused.map((r) => r.payloadNo).join(', ');
        await engine.run(`delete from parsed where payload_no in (${list})`);
    }
    return refused;
}

async function refusal(
    engine: EngineSession,
    contract: FeedContract,
    row: EngineRow,
): Promise<PayloadRefusal> {
    const rule = String(row.rule) as RowRule;
    const ruleId = FILE_RULE_OF[rule] ?? 'file.form-changed';
    const line = Number(row.first_line);
    const field = String(row.first_field).split(' ')[0] ?? '';
    const share = `${row.broken} of ${row.records} rows`;
    const name = `the contract ${contract.feed} ${contract.version}`;
    const limit = `It lets pass a file of which at most ${contract.delivery.formFaultsPercent} % of the rows are so.`;
    const what = await differenceOf(engine, contract, ruleId, row);
    const message = `${share} differ from ${name}: ${what} ${limit}`;
    return { ruleId, message, line, ...(field === '' ? {} : { field }) };
}

async function differenceOf(
    engine: EngineSession,
    contract: FeedContract,
    ruleId: FileRule,
    row: EngineRow,
): Promise<string> {
    const texts = (list: readonly string[]) => list.map((text) => JSON.stringify(text)).join(', ');
    const codes = async (column: string) => {
        const rows = await engine.rows(
            `select ${column} as code, count(*) as n from parsed where payload_no = ${row.payload_no} and ${column} is not null
             group by 1 order by n desc, code limit ${SHOWN_CODES}`,
        );
        return texts(rows.map((r) => String(r.code)));
    };
    if (ruleId === 'file.unit-unknown')
        return `unit added: ${await codes('odd_unit')}; known are ${texts(unitsOf(contract.kind))}.`;
    if (ruleId === 'file.quality-unknown') {
        const known = Object.keys(contract.reading.qualityCodes);
        return `quality code added: ${await codes('odd_quality')}; known are ${texts(known)}.`;
    }
    return `they break ${row.rule}, the first in line ${row.first_line}: ${String(row.first_text).slice(0, 200)}.`;
}
