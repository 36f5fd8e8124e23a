import { assert } from '../kernel/errors.ts';
import type { Transaction } from './database.ts';

/** A table of a home, with the columns that its rows are written with. */
export interface ContentTable {
    readonly name: string;
    readonly columns: readonly string[];
}

/** Where a sequence stands, as texts: its numbers are bigints. */
export interface SequenceState {
    readonly name: string;
    readonly lastValue: string;
    readonly isCalled: boolean;
}

interface FoundTable extends ContentTable {
    readonly references: readonly string[];
}

const IN_SCHEMA = 'current_schema()::regnamespace';

/** All tables of the home's schema, each after those that it references. Columns that the database computes are left out. */
export async function contentTables(tx: Transaction): Promise<ContentTable[]> {
    const found = await tx.query<FoundTable>(
        `select o.relname as name,
                array(select a.attname::text from pg_attribute a
                       where a.attrelid = o.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' order by a.attnum) as columns,
                array(select distinct r.relname::text from pg_constraint c join pg_class r on r.oid = c.confrelid
                       where c.conrelid = o.oid and c.contype = 'f' and c.confrelid <> o.oid order by 1) as references
           from pg_class o where o.relkind in ('r', 'p') and o.relnamespace = ${IN_SCHEMA} order by o.relname`,
    );
    const ordered: ContentTable[] = [];
    const placed = new Set<string>();
    while (ordered.length < found.length) {
        const next = found.filter(
            ({ name, references }) => !placed.has(name) && references.every((other) => placed.has(other)),
        );
        assert(next.length > 0, 'no tables reference each other in a circle');
        for (const { name, columns } of next) {
            ordered.push({ name, columns });
            placed.add(name);
        }
    }
    return ordered;
}

/**
 * Sequences, those of identity columns too. They are of no transaction: read after its first statement they are at least as far as what
 * the transaction sees.
 */
export async function sequenceStates(tx: Transaction): Promise<SequenceState[]> {
    const names = await tx.query<{ name: string }>(
        `select relname as name from pg_class where relkind = 'S' and relnamespace = ${IN_SCHEMA} order by 1`,
    );
    const states: SequenceState[] = [];
    for (const { name } of names) {
        const rows = await tx.query<Omit<SequenceState, 'name'>>(
            `select last_value::text as "lastValue", is_called as "isCalled" from ${name}`,
        );
        states.push(...rows.map((row) => ({ name, ...row })));
    }
    return states;
}

export async function setSequences(tx: Transaction, states: readonly SequenceState[]): Promise<void> {
    for (const { name, lastValue, isCalled } of states)
        await tx.query('select setval($1::regclass, $2::bigint, $3)', [name, lastValue, isCalled]);
}

/** Whether the schema holds nothing: no table, sequence or view. */
export async function isSchemaEmpty(db: Pick<Transaction, 'query'>): Promise<boolean> {
    const rows = await db.query(`select 1 from pg_class where relnamespace = ${IN_SCHEMA} limit 1`);
    return rows.length === 0;
}

/** What a migration writes by itself is not the home's content, which comes instead. */
export async function emptyTables(tx: Transaction, tables: readonly ContentTable[]): Promise<void> {
    await tx.query(`truncate ${tables.map(({ name }) => name).join(', ')}`);
}

/** Settings by which the text of rows is always the same: no scan begins in the middle of a table. */
export async function steadyText(tx: Transaction): Promise<void> {
    await tx.query(`set local synchronize_seqscans = off`);
    await tx.query(`set local bytea_output = 'hex'`);
    await tx.query(`set local intervalstyle = 'postgres'`);
    await tx.query(`set local extra_float_digits = 3`);
}
