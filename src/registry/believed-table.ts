import type { Transaction } from '../store/database.ts';

/** A table with known time: rows with `known_to` null are believed now. */
export interface BelievedTable {
    readonly table: string;
    /** All columns but `known_from` and `known_to`. */
    readonly columns: readonly string[];
    /** What names one believed row, as SQL on a row with this alias; at most one believed row has it. */
    readonly keyOf: (alias: string) => string;
    /** An exclusion constraint keeps its validities apart. */
    readonly hasExclusion?: boolean;
}

/** How many rows of a file were new, said something else than what was believed, or said the same. */
export interface BeliefCounts {
    readonly added: number;
    readonly changed: number;
    readonly unchanged: number;
}

/** Key of a history: its subject and the first day of validity (null: since always). */
export function historyKey(...subject: readonly string[]): (alias: string) => string {
    return (alias) =>
        `${subject.map((column) => `${alias}.${column}`).join(', ')}, coalesce(lower(${alias}.valid_during), '-infinity')`;
}

/**
 * Compares the temporary table `desired` with what is believed, into the temporary table `belief_plan`.
 * Changes nothing else.
 */
export async function planBelief(tx: Transaction, believed: BelievedTable): Promise<BeliefCounts> {
    const { table, columns, keyOf } = believed;
    const list = (alias: string) => columns.map((column) => `${alias}.${column}`).join(', ');
    await tx.query('analyze desired');
    await tx.query(
        `create temp table belief_plan on commit drop as
         select d.line, ${list('d')}, b.known_from is not null as is_known,
             b.known_from is not null and (${list('d')}) is not distinct from (${list('b')}) as is_same
         from desired d left join ${table} b on b.known_to is null and (${keyOf('d')}) = (${keyOf('b')})`,
    );
    await tx.query('analyze belief_plan');
    const counts = await tx.query<BeliefCounts>(
        `select (count(*) filter (where not is_known))::int as added,
             (count(*) filter (where is_known and not is_same))::int as changed,
             (count(*) filter (where is_same))::int as unchanged
         from belief_plan where line is not null`,
    );
    return counts[0] ?? { added: 0, changed: 0, unchanged: 0 };
}

/**
 * Does what `belief_plan` says: closes the believed rows that change and opens their successors, at `knownAt`.
 * Fails where the database's constraints refuse the result.
 */
export async function applyBelief(tx: Transaction, believed: BelievedTable, knownAt: string): Promise<void> {
    const { table, columns, keyOf } = believed;
    const order = believed.hasExclusion ? SCATTERED : 'line nulls first';
    await tx.query(
        `update ${table} b set known_to = $1 from belief_plan p
         where b.known_to is null and p.is_known and not p.is_same and (${keyOf('p')}) = (${keyOf('b')})`,
        [knownAt],
    );
    await tx.query(
        `insert into ${table} (${columns.join(', ')}, known_from)
         select ${columns.join(', ')}, $1 from belief_plan where not is_same order by ${order}`,
        [knownAt],
    );
}

/**
 * Ascending keys split the index of an exclusion constraint badly: 200,000 rows in scattered order took 0.6 of the time
 * (PostgreSQL 18.4).
 */
const SCATTERED = `hashtext(line::text) nulls first`;

/** Rows of the table that stay believed beside `desired`, and `desired` itself, as a query for a CTE. */
export function resultingState({ table, columns, keyOf }: BelievedTable): string {
    return `select line, ${columns.join(', ')} from desired
        union all
        select null, ${columns.map((column) => `b.${column}`).join(', ')} from ${table} b
        where b.known_to is null
            and not exists (select from desired d where (${keyOf('d')}) = (${keyOf('b')}))`;
}

/** The condition that a row was believed at the instant in parameter `$n`; at null: is believed now. */
export function believedAt(alias: string, parameter: string): string {
    return `(case when ${parameter}::timestamptz is null then ${alias}.known_to is null
        else ${alias}.known_from <= ${parameter}
            and (${alias}.known_to is null or ${alias}.known_to > ${parameter}) end)`;
}
