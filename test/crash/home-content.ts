import type { Workspace } from '../../src/cli/workspace.ts';
import type { EngineSession } from '../../src/engine/engine.ts';
import { withPublishedViews } from '../../src/pipeline/published-views.ts';

/** Rows by external ids as sorted text, without columns that tell when or how they arrived. */
export type HomeContent = ReadonlyMap<string, readonly string[]>;

const METER = ['meter_id', 'metering_point_id', 'register_id'];
const COUNTS = ['expected_count', 'measured_count', 'estimated_count', 'missing_count'];
const KWH = ['kwh', 'measured_kwh', 'estimated_kwh'];

const TABLES: Readonly<Record<string, { readonly from: string; readonly columns: readonly string[] }>> = {
    reads_interval: {
        from: 'reads_interval inner join feed_names using (feed_id)',
        columns: [
            ...METER,
            'flow',
            'market_day',
            'period_from',
            'interval_minutes',
            'kwh',
            'quality',
            'source_code',
            'flags',
            'feed',
        ],
    },
    reads_hourly: {
        from: 'reads_hourly',
        columns: ['meter_id', 'register_id', 'market_day', 'hour', ...KWH, ...COUNTS],
    },
    // versions, superseded and withdrawn ones do not depend on how often they came; rows and duplicates do
    reads_daily: {
        from: 'reads_daily',
        columns: [
            ...[
                'meter_id',
                'register_id',
                'day',
                ...KWH,
                ...COUNTS,
                'digest_1',
                'digest_2',
                'superseded_count',
                'withdrawn_count',
                'conflict_count',
            ],
            'row_count - duplicate_count - stale_duplicate_count',
        ],
    },
    reading_gaps: {
        from: 'reading_gaps',
        columns: ['meter_id', 'register_id', 'market_day', 'gap_from', 'gap_to', 'missing_count'],
    },
    // a row comes as often as it was delivered
    quarantined_rows: {
        from: '(select distinct feed_id, rule_ids, fields, original_text from quarantined_rows) inner join feed_names using (feed_id)',
        columns: ['feed', 'rule_ids', 'fields', 'original_text'],
    },
    waiting_rows: {
        from: 'waiting_rows',
        columns: ['meter_key', 'period_from', 'kwh', 'quality', 'version_stamp'],
    },
};

const BILLS = `select concat_ws('|', b.bill_id, b.content_sha256, b.state, b.is_complete, b.energy_kwh, b.amount_due,
        count(l.*), sum(l.amount)) as line
   from bills b left join bill_lines l using (bill_no) group by b.bill_no order by b.bill_id`;

/** What a home has published: curated partitions, rollups, gaps, quarantined and waiting rows, and drafts. */
export async function contentOf(workspace: Workspace): Promise<HomeContent> {
    const content = new Map<string, string[]>();
    await withViews(workspace, async (session) => {
        for (const [table, { from, columns }] of Object.entries(TABLES)) {
            const texts = columns.map((column) => `coalesce(cast(${column} as varchar), 'null')`);
            const rows = await session.rows(
                `select concat_ws('|', ${texts.join(', ')}) as line from ${from} order by 1`,
            );
            content.set(
                table,
                rows.map((row) => String(row.line)),
            );
        }
    });
    const bills = await workspace.lake.db.query<{ line: string }>(BILLS);
    content.set(
        'bills',
        bills.map((row) => row.line),
    );
    return content;
}

/** Runs `work` with a session that has the published views and `feed_names`. */
export async function withViews<T>(
    workspace: Workspace,
    work: (session: EngineSession) => Promise<T>,
): Promise<T> {
    return withPublishedViews(workspace, { showsIdentity: false }, async (session) => {
        const feeds = await workspace.lake.db.query<{ id: number; name: string }>(
            'select feed_id as id, name from feeds',
        );
        await session.registerRows(
            'feed_names',
            [
                { name: 'feed_id', type: 'smallint' },
                { name: 'feed', type: 'string' },
            ],
            feeds.map((feed) => [feed.id, feed.name]),
        );
        return work(session);
    });
}

/** One finding for each table that differs, with a few of the rows that only one of the homes has. */
export function differences(expected: HomeContent, found: HomeContent, when: string): string[] {
    return [...expected].flatMap(([table, rows]) => {
        const others = found.get(table) ?? [];
        const lacking = except(rows, others);
        const extra = except(others, rows);
        if (lacking.length + extra.length === 0) return [];
        const shown = [
            ...lacking.slice(0, 3).map((row) => `- ${row}`),
            ...extra.slice(0, 3).map((row) => `+ ${row}`),
        ];
        return [
            `${when}: ${table} lacks ${lacking.length} rows and has ${extra.length} others\n  ${shown.join('\n  ')}`,
        ];
    });
}

/** Rows of the first list that the second does not have, each as often as it is there too often. */
function except(rows: readonly string[], others: readonly string[]): string[] {
    const left = new Map<string, number>();
    for (const row of others) left.set(row, (left.get(row) ?? 0) + 1);
    return rows.filter((row) => {
        const count = left.get(row) ?? 0;
        left.set(row, count - 1);
        return count <= 0;
    });
}
