import { crashPoint } from '../kernel/faults.ts';
import { commitVersions } from '../lake/append.ts';
import { insertFiles, type NewFile, openCommit, WHOLE_TABLE } from '../lake/catalogue.ts';
import type { Lake } from '../lake/lake.ts';
import { nextJudgedAt } from '../registry/known-time.ts';
import type { Transaction } from '../store/database.ts';
import type { ParsedBatch } from './parse-outputs.ts';
import type { WholeTable } from './whole-table.ts';

export interface RefusedPayload {
    readonly sequence: number;
    readonly segmentNo: number;
    readonly sourceKey: string;
    readonly contractNo: number;
    readonly ruleId: string;
    readonly message: string;
    readonly lineNo: number | null;
    readonly field: string | null;
}

/** A payload that was refused whole, with the rule and what it says. */
export interface PayloadRefused {
    readonly sourceKey: string;
    readonly ruleId: string;
    readonly message: string;
    /** Line and field of what is wrong, where it is at one. */
    readonly line: number | null;
    readonly field: string | null;
}

/** Those of the payloads, by receipt sequence, whose refusal stands: no replay has judged them anew. */
export async function refusalsOf(
    db: Pick<Transaction, 'query'>,
    sequences: readonly number[],
): Promise<PayloadRefused[]> {
    if (sequences.length === 0) return [];
    return db.query<PayloadRefused>(
        `select source_key as "sourceKey", rule_id as "ruleId", message, line_no as line, field from refused_payloads
          where sequence = any($1) and superseded_by is null order by sequence`,
        [sequences],
    );
}

/** Enters everything that a batch gave, and marks its segments parsed, within the transaction that claims them. */
export async function commitParsed(
    tx: Transaction,
    lake: Lake,
    feed: { readonly feedId: number; readonly contractNo: number },
    segmentNos: readonly number[],
    parsed: ParsedBatch,
    refused: readonly RefusedPayload[],
    flagged: readonly RefusedPayload[],
): Promise<void> {
    const commitNo = await openCommit(tx, lake, 'append', { segments: segmentNos.length });
    await commitVersions(tx, lake, commitNo, parsed.versionFiles, parsed.table);
    await appendWhole(tx, lake, 'waiting_rows', commitNo, parsed.waitingFiles);
    await appendWhole(tx, lake, 'quarantined_rows', commitNo, parsed.quarantinedFiles);
    await enterRefused(tx, lake, feed.feedId, refused);
    await enterFlagged(tx, lake, feed.feedId, flagged);
    const counts = new Map(parsed.counts.map((c) => [c.segmentNo, c]));
    const stats = segmentNos.map((segmentNo) =>
        JSON.stringify({
            ...(counts.get(segmentNo) ?? {
                segmentNo,
                records: 0,
                versions: 0,
                waiting: 0,
                quarantined: 0,
                rounded: 0,
                unused: 0,
                quarantinedByRule: {},
            }),
            refused: refused.filter((r) => r.segmentNo === segmentNo).length,
        }),
    );
    await tx.query(
        `update segments s set parsed_at = to_timestamp($1 / 1000.0), parsed_contract_no = $2, parse_stats = t.stats::jsonb
           from unnest($3::bigint[], $4::text[]) as t(segment_no, stats) where s.segment_no = t.segment_no`,
        [await nextJudgedAt(tx, lake.clock), feed.contractNo, segmentNos, stats],
    );
    crashPoint('append');
}

/** Adds files to a table that is one partition; its version says that there is something new. */
export async function appendWhole(
    tx: Transaction,
    lake: Lake,
    table: WholeTable,
    commitNo: number,
    files: readonly NewFile[],
): Promise<void> {
    if (files.length === 0) return;
    const rowCount = files.reduce((sum, file) => sum + file.rowCount, 0);
    const rows = await tx.query<{ version: number }>(
        `insert into partitions (table_name, market_day, bucket, version, commit_no, row_count, checksum, inputs)
         values ($1, $2, $3, 1, $4, $5, '', '{}')
         on conflict (table_name, market_day, bucket) do update
             set version = partitions.version + 1, commit_no = excluded.commit_no,
                 row_count = partitions.row_count + excluded.row_count
         returning version`,
        [table, WHOLE_TABLE.marketDay, WHOLE_TABLE.bucket, commitNo, rowCount],
    );
    await insertFiles(tx, lake, table, commitNo, files, () => rows[0]?.version ?? 1);
}

/** A payload that is refused under the same contract already stays as it is. */
export async function enterRefused(
    tx: Transaction,
    lake: Lake,
    feedId: number,
    refused: readonly RefusedPayload[],
): Promise<void> {
    if (refused.length === 0) return;
    await tx.query(
        `insert into refused_payloads (sequence, segment_no, feed_id, contract_no, source_key, rule_id, message, line_no, field, refused_at)
         select s, g, $1, c, k, r, m, l, f, to_timestamp($2 / 1000.0)
           from unnest($3::bigint[], $4::bigint[], $5::int[], $6::text[], $7::text[], $8::text[], $9::bigint[], $10::text[])
                as t(s, g, c, k, r, m, l, f)
         on conflict (sequence, contract_no) do nothing`,
        [
            feedId,
            lake.clock.now(),
            refused.map((r) => r.sequence),
            refused.map((r) => r.segmentNo),
            refused.map((r) => r.contractNo),
            refused.map((r) => r.sourceKey),
            refused.map((r) => r.ruleId),
            refused.map((r) => r.message),
            refused.map((r) => r.lineNo),
            refused.map((r) => r.field),
        ],
    );
}

/** Files that came in with something odd about them; the same finding by the same contract stands once. */
export async function enterFlagged(
    tx: Transaction,
    lake: Lake,
    feedId: number,
    flagged: readonly RefusedPayload[],
): Promise<void> {
    for (const f of flagged) {
        await tx.query(
            `insert into flagged_payloads (sequence, segment_no, feed_id, contract_no, source_key, rule_id, message, flagged_at)
             values ($1, $2, $3, $4, $5, $6, $7, to_timestamp($8 / 1000.0))
             on conflict (sequence, contract_no, rule_id) do nothing`,
            [
                f.sequence,
                f.segmentNo,
                feedId,
                f.contractNo,
                f.sourceKey,
                f.ruleId,
                f.message,
                lake.clock.now(),
            ],
        );
    }
}
