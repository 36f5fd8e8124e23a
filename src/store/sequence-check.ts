import type { Transaction } from './database.ts';

export interface SequenceFault {
    readonly sequence: string;
    readonly table: string;
    readonly what: string;
}

/** Identity columns whose next number is taken already, as after a restore that forgot a sequence. */
export async function sequenceFaults(db: Pick<Transaction, 'query'>): Promise<SequenceFault[]> {
    const columns = await db.query<{ table: string; column: string; sequence: string }>(
        `select c.relname as table, a.attname as column, pg_get_serial_sequence(quote_ident(c.relname), a.attname) as sequence
           from pg_attribute a join pg_class c on c.oid = a.attrelid
          where a.attidentity <> '' and c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace
          order by 1`,
    );
    const faults: SequenceFault[] = [];
    for (const { table, column, sequence } of columns) {
        const [row] = await db.query<{ highest: number | null; reached: number }>(
            `select (select max(${column}) from ${table}) as highest,
                    (select case when is_called then last_value else last_value - 1 end from ${sequence}) as reached`,
        );
        if (row === undefined || row.highest === null || row.highest <= row.reached) continue;
        const what = `stands at ${row.reached}, and ${table} has the number ${row.highest}`;
        faults.push({ sequence, table, what });
    }
    return faults;
}
