import type { Workspace } from '../../src/cli/workspace.ts';
import { readStatus } from '../../src/pipeline/status.ts';
import { withViews } from './home-content.ts';

/** What a home must have counted, whoever was killed. */
export interface ExpectedCounts {
    /** Rows of all distinct deliveries. */
    readonly rows: number;
    /** Receipts that workers got before they ended. */
    readonly acknowledged: ReadonlyMap<number, string>;
}

const LAKE_COUNTS = `select (select count(*) from reading_versions) as versions, (select count(*) from quarantined_rows) as quarantined,
    (select count(*) from waiting_rows) as waiting, (select sum(row_count) from reads_daily) as curated,
    (select sum(measured_count + estimated_count + superseded_count + withdrawn_count + duplicate_count + stale_duplicate_count)
       from reads_daily)
    - (select count(*) from reads_interval where feed_id is null) + (select count(*) from rejected_readings) as outcomes`;

/** Findings where rows were lost, counted twice, or an acknowledged payload is not there. */
export async function countFindings(workspace: Workspace, expected: ExpectedCounts): Promise<string[]> {
    const status = await readStatus(workspace.lake);
    const lake = await withViews(workspace, async (session) => (await session.rows(LAKE_COUNTS))[0] ?? {});
    const of = (name: string) => Number(lake[name] ?? 0);
    const versions = of('versions');
    const pairs: [string, number, number][] = [
        ['rows delivered = rows counted by parse', expected.rows, status.rowsReceived],
        [
            'rows counted by parse = rows in the lake',
            status.rowsReceived,
            versions + of('quarantined') + of('waiting'),
        ],
        ['versions in the catalogue = in the files', status.versions, versions],
        ['versions = rows that curation saw', versions, of('curated')],
        ['versions = winning + superseded + withdrawn + duplicates', versions, of('outcomes')],
        ['no row waits once its meter is loaded', 0, of('waiting')],
        ['every payload is parsed', 0, status.payloadsUnparsed],
        ['no payload is refused', 0, status.payloadsRefused],
        ['every acknowledged payload is catalogued', 0, await countUnknown(workspace, expected)],
    ];
    return pairs
        .filter(([, left, right]) => left !== right)
        .map(([what, left, right]) => `${what}: ${left} and ${right}`);
}

async function countUnknown({ lake }: Workspace, { acknowledged }: ExpectedCounts): Promise<number> {
    const rows = await lake.db.query<{ n: number }>(
        'select count(*) as n from unnest($1::bigint[]) as t(s) where not exists (select from payload_identities p where p.sequence = t.s)',
        [[...acknowledged.keys()]],
    );
    return rows[0]?.n ?? -1;
}
