import { type BelievedTable, historyKey } from './believed-table.ts';
import type { LoadWork } from './master-data-kind.ts';

/** A history of versions by valid time: a version without an end holds until the next one begins. */
export interface History {
    readonly table: string;
    /** Columns that name what has the history. */
    readonly subject: readonly string[];
    /** Columns that a version says. */
    readonly says: readonly string[];
}

export function historyTable({ table, subject, says }: History): BelievedTable {
    return {
        table,
        columns: [...subject, ...says, 'valid_during', 'is_open_ended'],
        keyOf: historyKey(...subject),
        hasExclusion: true,
    };
}

/**
 * Makes `desired` from the temporary table `versions` (`line`, subject, what is said, `valid_from`, `valid_to`): its versions and
 * those believed ones of the same subjects that it does not replace by the same `valid_from`. Ends that nobody gave are the
 * beginning of the next version, so that the order in which versions are loaded does not matter.
 */
export async function makeDesiredHistory({ tx }: LoadWork, history: History): Promise<void> {
    const { table, subject, says } = history;
    const columns = [...subject, ...says].join(', ');
    const list = (alias: string, names: readonly string[]) =>
        names.map((name) => `${alias}.${name}`).join(', ');
    await tx.query('analyze versions');
    await tx.query(
        `create temp table desired on commit drop as
         with subjects as (select distinct ${subject.join(', ')} from versions),
         kept as (
             select null::integer as line, ${list('b', [...subject, ...says])},
                 lower(b.valid_during) as valid_from,
                 case when not b.is_open_ended then upper(b.valid_during) end as valid_to
             from ${table} b join subjects using (${subject.join(', ')})
             where b.known_to is null and not exists (
                 select from versions v
                 where (${list('v', subject)}) = (${list('b', subject)})
                     and coalesce(v.valid_from, '-infinity') = coalesce(lower(b.valid_during), '-infinity'))
         ),
         united as (
             select line, ${columns}, valid_from, valid_to from versions union all select * from kept
         ),
         followed as (
             select *, lead(valid_from) over (
                 partition by ${subject.join(', ')} order by valid_from nulls first) as next_from
             from united
         )
         select line, ${columns}, daterange(valid_from, coalesce(valid_to, next_from)) as valid_during,
             valid_to is null as is_open_ended
         from followed`,
    );
}
