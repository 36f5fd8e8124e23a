import type { LoadWork } from './master-data-kind.ts';
import { shown } from './row-reader.ts';

/** A column of `incoming` whose values must be identifiers that the home knows. */
export interface Reference {
    readonly column: string;
    readonly table: string;
    readonly what: string;
    /** Kind to load first. */
    readonly kind: string;
}

/** Each row that names something nobody loaded is a fault: of `incoming`, and of those that were left out for another fault. */
export async function refuseUnknown(work: LoadWork, references: readonly Reference[]): Promise<void> {
    for (const { column, table, what, kind } of references) {
        const leftOut = work.leftOut.filter((named) => named.column === column);
        const rows = await work.tx.query<{ line: number; value: string }>(
            `select line, value from (
                 select line, ${column} as value from incoming
                 union all select line, value from unnest($1::integer[], $2::text[]) as left_out (line, value)) as i
             where not exists (select from ${table} t where t.${column} = i.value)
             order by line`,
            [leftOut.map(({ line }) => line), leftOut.map(({ value }) => value)],
        );
        for (const { line, value } of rows) {
            const message = `there is no ${what} ${shown(value)}; load it with \`gridtally load ${kind}\` first`;
            work.faults.push({ file: work.file, line, field: column, message });
        }
    }
}

// above this many new rows, what the database believes about the size of a table is wrong until it has looked again: joins of
// a first load of 200,000 rows took 14 s instead of 0.4 s (PostgreSQL 18.4)
const ANALYZE_FROM_ROWS = 10_000;

/** Enters identifiers of `incoming` that are new, in their order, so that numbers repeat from run to run. */
export async function enterIdentifiers(work: LoadWork, table: string, column: string): Promise<void> {
    const entered = await work.tx.query<{ count: number }>(
        `with entered as (
             insert into ${table} (${column})
             select distinct ${column} collate "C" from incoming i
             where not exists (select from ${table} t where t.${column} = i.${column})
             order by 1 returning 1)
         select count(*) from entered`,
    );
    if ((entered[0]?.count ?? 0) >= ANALYZE_FROM_ROWS) await work.tx.query(`analyze ${table}`);
}
