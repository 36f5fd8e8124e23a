import type { EngineSession, EngineValue, TableColumn } from '../engine/engine.ts';
import { instantText } from '../kernel/period.ts';
import type { SqlValue, Transaction } from '../store/database.ts';

export const PAGE_ROWS = 20_000;

/** A query of Postgres whose rows go into a table of an engine session. */
export interface Relation {
    readonly table: string;
    readonly columns: readonly TableColumn[];
    readonly query: string;
    readonly parameters: readonly SqlValue[];
    /** Rows that pass through this process at a time. */
    readonly pageRows?: number;
}

/** Leaves the session's table with the rows of the query, as of the transaction's moment. The engine holds them, and spills. */
export async function copyRelation(
    tx: Transaction,
    session: EngineSession,
    { table, columns, query, parameters, pageRows = PAGE_ROWS }: Relation,
): Promise<void> {
    await session.registerRows(table, columns, []);
    await tx.query(`declare relation_rows no scroll cursor for ${query}`, parameters);
    for (;;) {
        const rows = await tx.query<Record<string, unknown>>(`fetch ${pageRows} from relation_rows`);
        if (rows.length === 0) break;
        const page = rows.map((row) => columns.map((c) => engineValue(row[c.name], c.type)));
        await appendPage(session, table, columns, page);
    }
    await tx.query('close relation_rows');
}

/** Adds rows to a table of the session. */
export async function appendPage(
    session: EngineSession,
    table: string,
    columns: readonly TableColumn[],
    rows: readonly (readonly EngineValue[])[],
): Promise<void> {
    await session.registerRows('relation_page', columns, rows);
    await session.run(`insert into ${table} select * from relation_page`);
    await session.run('drop table relation_page');
}

function engineValue(value: unknown, type: string): EngineValue {
    if (value === null || value === undefined) return null;
    if (type === 'timestamp' && typeof value === 'number') return instantText(value);
    if (typeof value === 'object') return JSON.stringify(value);
    return value as EngineValue;
}
