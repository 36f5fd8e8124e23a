import type { Database } from '../store/database.ts';

/** Segments that were judged together: parsed, or judged again by a later contract. */
export interface Judgement {
    readonly feedId: number;
    readonly contractNo: number;
    readonly isReplay: boolean;
    readonly segmentNos: readonly number[];
}

/** A time in which one belief about meters held: from one load of metering points to the next. Instants as Postgres writes them. */
export interface Epoch {
    readonly from: string;
    readonly to: string;
    /** What was judged in it and is not rebuilt yet, in the order of then. */
    readonly judgements: readonly Judgement[];
}

/** What of master data is the same in every epoch, in the order of their references; `key` is what a row is known by. */
export const COPIED: readonly { readonly table: string; readonly key: string; readonly changes?: string }[] =
    [
        { table: 'feeds', key: 'feed_id' },
        { table: 'feed_contracts', key: 'feed_id, contract_no' },
        { table: 'metering_points', key: 'metering_point_no' },
        { table: 'meters', key: 'meter_no' },
        {
            table: 'channels',
            key: 'channel_no',
            changes: `metering_point_no = excluded.metering_point_no, meter_id = excluded.meter_id, flow = excluded.flow,
            registered_by = excluded.registered_by`,
        },
    ];

/** What is believed from one instant until another, with all columns but the last, `known_to`. */
export const BELIEVED: readonly { readonly table: string; readonly columns: readonly string[] }[] = [
    {
        table: 'channel_validities',
        columns: [
            'channel_no',
            'metering_point_no',
            'meter_no',
            'register_id',
            'valid_during',
            'expected_from',
            'register_digits',
            'register_multiplier',
            'known_from',
        ],
    },
    {
        table: 'metering_point_attributes',
        columns: ['metering_point_no', 'attribute', 'value', 'valid_during', 'is_open_ended', 'known_from'],
    },
    // like days and load shapes go by them
    { table: 'holidays', columns: ['holiday_set', 'holiday_date', 'name', 'known_from'] },
];

/** What happened once, with the column that says when. */
export const HAPPENED: readonly { readonly table: string; readonly at: string }[] = [
    { table: 'registration_changes', at: 'changed_at' },
    { table: 'attribute_changes', at: 'changed_at' },
    { table: 'loads', at: 'loaded_at' },
];

/** What parsing, matching and curation write into the schema anew; segments and identities of payloads come with what they are judged by. */
export const MADE_ANEW: readonly string[] = [
    'segments',
    'payload_identities',
    'payload_outlines',
    'segment_replays',
    'refused_payloads',
    'flagged_payloads',
    'matched_readings',
    'commits',
    'lake_files',
    'partitions',
    'partition_files',
];

/** What nothing that makes readings looks at. A table is in one of these lists, or a test fails: what is left out here is missing there. */
export const NOT_NEEDED: Readonly<Record<'billing' | 'the open tables of the home', readonly string[]>> = {
    billing: [
        'account_holders',
        'accounts',
        'agreement_versions',
        'agreements',
        'bill_inputs',
        'bills',
        'calendar_versions',
        'calendars',
        'customer_identities',
        'customers',
        'price_series',
        'price_series_values',
        'tariff_versions',
        'tariffs',
    ],
    'the open tables of the home': ['open_tables', 'open_table_versions'],
};

/**
 * Brings into the schema of `db` what the home's has and it lacks: feeds, contracts, meters, and the segments that were parsed. These come with
 * when and by which contract they were parsed, and without counts (`parse_stats`), which says that they are not rebuilt yet.
 */
export async function copyNews(db: Database, from: string): Promise<void> {
    await db.transaction(
        async (tx) => {
            for (const { table, key, changes } of COPIED) {
                const conflict = changes === undefined ? 'nothing' : `update set ${changes}`;
                await tx.query(
                    `insert into ${table} overriding system value select * from ${from}.${table}
                     on conflict (${key}) do ${conflict}`,
                );
            }
            await tx.query(
                `insert into segments (segment_no, feed_id, path, first_sequence, last_sequence, payload_count, payload_bytes, received_at,
                     parsed_at, parsed_contract_no, acknowledged_at)
                 overriding system value
                 select segment_no, feed_id, path, first_sequence, last_sequence, payload_count, payload_bytes, received_at,
                     parsed_at, parsed_contract_no, acknowledged_at
                   from ${from}.segments where parsed_at is not null on conflict (segment_no) do nothing`,
            );
            await tx.query(
                `insert into payload_identities select p.* from ${from}.payload_identities p
                 join segments s using (segment_no) where s.parse_stats is null on conflict do nothing`,
            );
        },
        { isolation: 'repeatable read' },
    );
}

/** The epochs that hold judgements which are not rebuilt, and those that begin after the belief of the schema of `db`; in order. */
export async function nextEpochs(db: Database, from: string): Promise<Epoch[]> {
    return db.query<Epoch>(
        `with bounds as (
             select '-infinity'::timestamptz as at union select loaded_at from ${from}.loads where kind = 'metering-points'
         ),
         epochs as (select at as "from", lead(at, 1, 'infinity') over (order by at) as "to" from bounds),
         judgements as (
             select s.parsed_at as at, false as is_replay, s.feed_id, s.parsed_contract_no as contract_no, s.segment_no, 0 as commit_no
               from segments s where s.parse_stats is null
             union all
             select j.replayed_at, true, s.feed_id, j.contract_no, s.segment_no, j.commit_no
               from ${from}.segment_replays j join segments s using (segment_no) join feed_contracts using (feed_id, contract_no)
              where not exists (select from segment_replays d where d.segment_no = j.segment_no and d.contract_no = j.contract_no)
         ),
         grouped as (
             select at, is_replay, feed_id, contract_no, commit_no, array_agg(segment_no order by segment_no) as segment_nos
               from judgements group by 1, 2, 3, 4, 5
         )
         select e."from"::text as "from", e."to"::text as "to",
                coalesce(jsonb_agg(jsonb_build_object('feedId', g.feed_id, 'contractNo', g.contract_no, 'isReplay', g.is_replay,
                        'segmentNos', g.segment_nos) order by g.at, g.is_replay, g.commit_no, g.segment_nos)
                    filter (where g.feed_id is not null), '[]') as judgements
           from epochs e left join grouped g on g.at >= e."from" and g.at < e."to"
          group by e."from", e."to"
         having count(g.feed_id) > 0 or e."to" = 'infinity' or e."to" > (select coalesce(max(loaded_at), '-infinity') from loads)
          order by e."from"`,
    );
}

/**
 * Joins what may be parsed together: of a feed whose contracts look at the days before (`isInOrder`), what a payload came to depends on what was
 * there already, so those are judged one after the other as they were.
 */
export function joinJudgements(
    judgements: readonly Judgement[],
    isInOrder: (feedId: number) => boolean,
): Judgement[] {
    const joined = new Map<string, Judgement>();
    judgements.forEach((judgement, i) => {
        const { feedId, contractNo, isReplay, segmentNos } = judgement;
        const key = isReplay || isInOrder(feedId) ? `alone ${i}` : `${feedId} ${contractNo}`;
        const known = joined.get(key);
        joined.set(key, { ...judgement, segmentNos: [...(known?.segmentNos ?? []), ...segmentNos] });
    });
    return [...joined.values()];
}

/** Says that segments were judged again, also those in which there was nothing to judge this time. */
export async function enterReplay(db: Database, { contractNo, segmentNos }: Judgement): Promise<void> {
    await db.query(
        `insert into segment_replays (segment_no, contract_no, commit_no, replayed_at, stats_before)
         select segment_no, $1, 0, parsed_at, parse_stats from segments where segment_no = any($2) on conflict do nothing`,
        [contractNo, segmentNos],
    );
}

/**
 * Makes what the schema of `db` believes, of registrations, attributes and holidays, that which the home believed just before an instant. A channel
 * that a feed registered within the epoch is there from its beginning: no row of it can be older.
 */
export async function believeUntil(db: Database, from: string, to: string): Promise<void> {
    await db.transaction(
        async (tx) => {
            for (const { table } of [...BELIEVED, ...HAPPENED]) await tx.query(`delete from ${table}`);
            for (const { table, columns } of BELIEVED) {
                const known = columns.join(', ');
                await tx.query(
                    `insert into ${table} (${known}, known_to)
                     select ${known}, case when known_to < $1::timestamptz then known_to end
                       from ${from}.${table} where known_from < $1::timestamptz`,
                    [to],
                );
            }
            for (const { table, at } of HAPPENED)
                await tx.query(
                    `insert into ${table} overriding system value
                     select * from ${from}.${table} where ${at} < $1::timestamptz`,
                    [to],
                );
        },
        { isolation: 'repeatable read' },
    );
}
