import { instantText } from '../kernel/period.ts';
import type { BucketDays } from '../registry/registration-changes.ts';
import type { ValidityChanges } from '../registry/validity-changes.ts';
import type { Database, Transaction } from '../store/database.ts';
import type { PartitionKey } from './lake.ts';
import { registrationOf } from './refresh-state.ts';

// A row of reading_versions is displaced where it begins outside the present validity of its channel: it stays there for those who
// ask what was known earlier, and now counts with another channel or in waiting_rows. Each partition keeps how many of its rows are.
const DISPLACED = `coalesce((v.stats ->> 'displaced')::bigint, 0)`;

/** The belief with which readings were last matched (UTC epoch milliseconds); undefined: never. */
export async function matchedBeliefAt(db: Pick<Transaction, 'query'>): Promise<number | undefined> {
    const rows = await db.query<{ at: number }>('select known_at as at from matched_readings');
    return rows[0]?.at;
}

/** Partitions of `reading_versions` with days on which channels lost rows, or may take back rows that were displaced. */
export async function partitionsOfChanges(
    db: Pick<Transaction, 'query'>,
    { lost, gained }: ValidityChanges,
): Promise<PartitionKey[]> {
    if (lost.length + gained.length === 0) return [];
    const touches = (first: number) =>
        `exists (select from unnest($${first}::int[], $${first + 1}::date[], $${first + 2}::date[]) as c (bucket, first_day, end_day)
                  where c.bucket = v.bucket and v.market_day >= coalesce(c.first_day, '-infinity')
                    and v.market_day < coalesce(c.end_day, 'infinity'))`;
    return db.query<PartitionKey>(
        `select v.market_day as "marketDay", v.bucket from partitions v
          where v.table_name = 'reading_versions' and (${touches(1)} or ${DISPLACED} > 0 and ${touches(4)})
          order by 1, 2`,
        [...spans(lost), ...spans(gained)],
    );
}

/**
 * Partitions whose published rows and displaced rows together are not all of their rows: some came from a process that
 * matched them by an earlier belief. Only what is published from the present versions tells.
 */
export async function partitionsOutOfStep(db: Pick<Transaction, 'query'>): Promise<PartitionKey[]> {
    return db.query<PartitionKey>(
        `select v.market_day as "marketDay", v.bucket
           from partitions v join partitions p on p.table_name = 'reads_interval' and p.market_day = v.market_day and p.bucket = v.bucket
          where v.table_name = 'reading_versions' and (p.inputs ->> 'versions')::bigint = v.version
            and v.row_count - coalesce((p.stats ->> 'rows')::bigint, 0) <> ${DISPLACED}
          order by 1, 2`,
    );
}

/** Enters how many rows of each partition looked at are displaced, and by which belief that was decided. */
export async function recordMatched(
    tx: Transaction,
    looked: readonly (PartitionKey & { readonly displaced: number })[],
    knownAt: number | undefined,
): Promise<void> {
    await tx.query(
        `update partitions v set stats = jsonb_set(v.stats, '{displaced}', to_jsonb(l.displaced))
           from unnest($1::date[], $2::int[], $3::bigint[]) as l (market_day, bucket, displaced)
          where v.table_name = 'reading_versions' and v.market_day = l.market_day and v.bucket = l.bucket
            and ${DISPLACED} <> l.displaced`,
        [looked.map((l) => l.marketDay), looked.map((l) => l.bucket), looked.map((l) => l.displaced)],
    );
    if (knownAt === undefined) return;
    await tx.query(
        `insert into matched_readings (known_at) values ($1)
         on conflict (is_only) do update set known_at = excluded.known_at`,
        [instantText(knownAt)],
    );
}

/** Rows of `reading_versions` that are not displaced. */
export interface HeldRows {
    readonly held: number;
    /** Of these, rows of partitions whose published tables are of other versions or registrations: what becomes of them is not decided. */
    readonly awaitingRefresh: number;
    /** Rows of the same partitions that the last refresh decided about: they are among the published outcomes too. */
    readonly awaitingDecided: number;
    /** Of the others, rows that take no part in what is published: they lie outside the validity of their channel. */
    readonly outsideValidity: number;
}

/** Counts the rows of the whole lake. */
export async function countHeld(db: Pick<Database, 'query'>): Promise<HeldRows> {
    const [row] = await db.query<HeldRows>(
        `with
         partition_rows as (
             select v.row_count - ${DISPLACED} as held, coalesce((p.stats ->> 'rows')::bigint, 0) as published,
                    p.version is not null and (p.inputs ->> 'versions')::bigint = v.version
                        and p.inputs ->> 'registration' = ${registrationOf('v')} as is_curated
               from partitions v
               left join partitions p
                 on p.table_name = 'reads_interval' and p.market_day = v.market_day and p.bucket = v.bucket
              where v.table_name = 'reading_versions'
         )
         select coalesce(sum(held), 0)::bigint as held,
                coalesce(sum(held) filter (where not is_curated), 0)::bigint as "awaitingRefresh",
                coalesce(sum(published) filter (where not is_curated), 0)::bigint as "awaitingDecided",
                coalesce(sum(held - published) filter (where is_curated), 0)::bigint as "outsideValidity"
           from partition_rows`,
    );
    return row ?? { held: 0, awaitingRefresh: 0, awaitingDecided: 0, outsideValidity: 0 };
}

function spans(days: readonly BucketDays[]): (number | string | null)[][] {
    return [days.map((d) => d.bucket), days.map((d) => d.from), days.map((d) => d.to)];
}
