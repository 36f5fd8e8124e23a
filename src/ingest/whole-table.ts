import { LAKE_TABLES } from '../contracts/lake-tables.ts';
import type { EngineSession } from '../engine/engine.ts';
import { makeFolderDurably, syncWrittenFiles } from '../kernel/durable.ts';
import { type NewFile, WHOLE_TABLE } from '../lake/catalogue.ts';
import { freshFolder, type Lake } from '../lake/lake.ts';

/** Tables of the lake that are one partition each: what did not become a version, and what a replay made of it. */
export type WholeTable = 'waiting_rows' | 'quarantined_rows' | 'replayed_rows';

/**
 * Writes the rows of a query, which has the table's columns and may have others to order by, to one file; none where there is no row.
 * Nothing is committed here.
 */
export async function writeWhole(
    lake: Lake,
    engine: EngineSession,
    table: WholeTable,
    content: { readonly rows: string; readonly order: string },
): Promise<NewFile[]> {
    const found = await engine.rows(`select count(*) as n from (${content.rows}) as r`);
    if (Number(found[0]?.n) === 0) return [];
    const folder = freshFolder(lake, table);
    await makeFolderDurably(folder);
    const names = LAKE_TABLES[table].map((c) => c.name).join(', ');
    const file = await engine.writeFile(
        `select ${names} from (${content.rows}) as r order by ${content.order}`,
        `${folder}/rows.parquet`,
    );
    await syncWrittenFiles([file.path], lake.folder);
    return [{ ...file, parts: [{ ...WHOLE_TABLE, rowCount: file.rowCount }] }];
}
