import path from 'node:path';
import { OPEN_TABLE_NAMES, OPEN_TABLES, type OpenTableName } from '../contracts/open-tables.ts';
import type { EngineRow, EngineSession, EngineValue } from '../engine/engine.ts';
import { assert } from '../kernel/errors.ts';
import type { Lake } from './lake.ts';

/** Of one file, for the columns by which readers choose files; a column of nulls has no smallest and largest value. */
export interface ColumnStatistics {
    readonly min: Readonly<Record<string, string | number>>;
    readonly max: Readonly<Record<string, string | number>>;
    readonly nulls: Readonly<Record<string, number>>;
}

/**
 * Looks at the files of open tables that were not looked at yet, and keeps what it sees. Smallest and largest values stand in the files' footers:
 * a file of 786,432 readings took 10 to 20 ms.
 */
export async function completeStatistics(lake: Lake): Promise<void> {
    const files = await lake.db.query<{ fileId: number; table: OpenTableName; path: string }>(
        `select f.file_id as "fileId", f.table_name as table, f.path from lake_files f
          where f.column_statistics is null and f.table_name = any ($1) and exists (
                select from partition_files p join open_tables o on o.table_name = p.table_name
                 where p.file_id = f.file_id and (p.removed_in is null or p.removed_in > o.opened_in))
          order by 1`,
        [OPEN_TABLE_NAMES],
    );
    if (files.length === 0) return;
    const session = await lake.engine.openSession();
    try {
        const found: ColumnStatistics[] = [];
        for (const file of files)
            found.push(await fileStatistics(session, file.table, path.join(lake.folder, file.path)));
        await lake.db.query(
            `update lake_files f set column_statistics = u.s from unnest($1::bigint[], $2::jsonb[]) as u(i, s) where f.file_id = u.i`,
            [files.map((file) => file.fileId), found.map((one) => JSON.stringify(one))],
        );
    } finally {
        await session.close();
    }
}

async function fileStatistics(
    session: EngineSession,
    table: OpenTableName,
    file: string,
): Promise<ColumnStatistics> {
    const { columns, chosenBy } = OPEN_TABLES[table];
    await session.registerFiles('one_file', columns, [file]);
    const aggregates = chosenBy.map(
        (name) =>
            `min(${name}) as min_${name}, max(${name}) as max_${name}, count(*) - count(${name}) as nulls_${name}`,
    );
    const [row] = await session.rows(`select ${aggregates.join(', ')} from one_file`);
    assert(row, 'an aggregate has a row');
    return {
        min: bounds(row, 'min', chosenBy),
        max: bounds(row, 'max', chosenBy),
        nulls: Object.fromEntries(chosenBy.map((name) => [name, Number(row[`nulls_${name}`])])),
    };
}

function bounds(
    row: EngineRow,
    side: 'min' | 'max',
    names: readonly string[],
): Record<string, string | number> {
    return Object.fromEntries(
        names.flatMap((name) => {
            const value = row[`${side}_${name}`] ?? null;
            return value === null ? [] : [[name, boundText(value, side)]];
        }),
    );
}

/** Instants have milliseconds in a Delta log: the smallest is rounded down and the largest up, so that nothing lies outside. */
function boundText(value: EngineValue, side: 'min' | 'max'): string | number {
    if (typeof value !== 'string') return Number(value);
    const [, seconds, decimals = ''] = /^(.*T\d\d:\d\d:\d\d)(?:\.(\d+))?Z$/.exec(value) ?? [];
    if (seconds === undefined) return value;
    const cut = Date.parse(`${seconds}.${decimals.padEnd(3, '0').slice(0, 3)}Z`);
    const isCut = /[1-9]/.test(decimals.slice(3));
    return new Date(cut + (isCut && side === 'max' ? 1 : 0)).toISOString();
}
