import type { FeedContract } from '../contracts/feed-contract.ts';
import { LAKE_TABLES } from '../contracts/lake-tables.ts';
import { messageOf } from '../contracts/row-messages.ts';
import type { EngineRow } from '../engine/engine.ts';
import { liveFiles } from '../lake/catalogue.ts';
import type { Lake } from '../lake/lake.ts';
import { useLake } from '../lake/lake-use.ts';
import { currentContract } from '../parsers/feed-registration.ts';
import { findPayloads } from '../raw/find-payload.ts';
import type { Chain } from './chain.ts';

/** A row that broke a rule, with where it stands. */
export interface QuarantinedRow {
    readonly sourceKey: string;
    readonly line: number;
    /** The first of `ruleIds`, under which it is counted. */
    readonly ruleId: string;
    /** Separated by blanks; `fields` has the columns that broke them, in the same order. */
    readonly ruleIds: string;
    readonly fields: string;
    /** What the rules say. */
    readonly message: string;
    readonly originalText: string;
}

/** Rows told of each rule: `gridtally sql` shows the others. */
const ROWS_OF_A_RULE = 3;

/** Tells what is quarantined by now from what will be. */
export async function quarantineVersion({ db }: Pick<Lake, 'db'>): Promise<number> {
    const rows = await db.query<{ version: number }>(
        `select max(version) as version from partitions where table_name = 'quarantined_rows'`,
    );
    return rows[0]?.version ?? 0;
}

/** The first rows of each rule that came into quarantine after `version`, by rule, receipt and line. Only the files that came since are read. */
export async function newlyQuarantined(chain: Chain, version: number): Promise<QuarantinedRow[]> {
    const rows = await useLake(chain.lake, (lake) => firstOfEachRule(lake, version));
    const sequences = [...new Set(rows.map((row) => Number(row.sequence)))];
    const found = await findPayloads(chain.lake.db, chain.raw.folder, sequences);
    const headers = new Map(found.map(({ payload: { header } }) => [header.sequence, header]));
    const contracts = new Map<string | undefined, FeedContract | undefined>();
    for (const { feed } of headers.values())
        if (!contracts.has(feed)) contracts.set(feed, (await currentContract(chain.lake.db, feed))?.contract);
    return rows.map((row) => {
        const header = headers.get(Number(row.sequence));
        const ruleIds = String(row.rule_ids);
        return {
            sourceKey: header?.sourceKey ?? `payload ${row.sequence}`,
            line: Number(row.line_no),
            ruleId: String(row.rule_id),
            ruleIds,
            fields: String(row.fields),
            message: messageOf(ruleIds, contracts.get(header?.feed)),
            originalText: String(row.original_text),
        };
    });
}

async function firstOfEachRule(lake: Lake, version: number): Promise<EngineRow[]> {
    const files = (await liveFiles(lake, 'quarantined_rows')).filter((file) => file.addedVersion > version);
    const session = await lake.engine.openSession();
    try {
        const paths = files.map(({ path }) => path);
        await session.registerFiles('new_rows', LAKE_TABLES.quarantined_rows, paths);
        return await session.rows(
            `with ruled as (
                select sequence, line_no, rule_ids, fields, original_text, split_part(rule_ids, ' ', 1) as rule_id from new_rows
            ),
            placed as (
                select *, row_number() over (
                    partition by rule_id
                    order by sequence nulls last, line_no nulls last, fields nulls last
                ) as place
                from ruled
            )
            select sequence, line_no, rule_ids, fields, original_text, rule_id from placed
            where place <= ${ROWS_OF_A_RULE} order by rule_id nulls last, place nulls last`,
        );
    } finally {
        await session.close();
    }
}
