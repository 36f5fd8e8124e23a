import { countHeld } from '../lake/displaced-rows.ts';
import type { Lake } from '../lake/lake.ts';
import type { Transaction } from '../store/database.ts';

/**
 * Counts of a home. Rows add up: received = versions + register reads + quarantined + waiting, and once everything is refreshed versions = curated rows.
 * A row that an earlier belief put elsewhere counts once, where it is now.
 */
export interface HomeStatus {
    readonly payloadsReceived: number;
    readonly payloadsRefused: number;
    readonly payloadsUnparsed: number;
    readonly rowsReceived: number;
    readonly rowsQuarantined: number;
    readonly quarantinedByRule: Readonly<Record<string, number>>;
    readonly rowsWaiting: number;
    readonly valuesRounded: number;
    readonly versions: number;
    /** Reads of registers, every version of them. */
    readonly registerReads: number;
    readonly duplicates: number;
    readonly duplicatesOfSuperseded: number;
    readonly superseded: number;
    readonly withdrawn: number;
    /** Versions that go before all others and fail a rule of validation by which they do not count as measured. */
    readonly rejected: number;
    readonly winning: number;
    /** Versions of partitions that are published without them, or by other registrations: a refresh decides what becomes of them; 0 afterwards. */
    readonly awaitingRefresh: number;
    /** Of the others, versions that lie outside the validity of their channel: the end of a refresh brings them elsewhere; 0 afterwards. */
    readonly outsideValidity: number;
    readonly conflicts: number;
    /**
     * What fails each rule of validation: readings, intervals without a value or, of a rule that looks at other days, days of a channel. Not of rules about
     * registers, whose advances are worked out when they are asked for: `registerChecks` counts these.
     */
    readonly failedByRule: Readonly<Record<string, number>>;
    readonly intervalsExpected: number;
    readonly intervalsMeasured: number;
    readonly intervalsEstimated: number;
    /** Of these, what no feed sent: estimated here. */
    readonly intervalsEstimatedHere: number;
    readonly intervalsMissing: number;
    readonly kwh: string;
    readonly channels: number;
    readonly firstMarketDay: string | null;
    readonly lastMarketDay: string | null;
    readonly partitions: number;
    readonly lakeFiles: number;
    readonly lakeBytes: number;
}

/** A refused payload, with the version of the contract that it differs from. */
export interface ListedRefusal {
    readonly feed: string;
    readonly contractVersion: string;
    readonly sequence: number;
    readonly sourceKey: string;
    readonly ruleId: string;
    readonly message: string;
    readonly line: number | null;
    readonly field: string | null;
}

const REFUSALS_SHOWN = 10;

/** The newest refusals that stand, of one feed or of all. */
export async function listRefusals(
    db: Pick<Transaction, 'query'>,
    feed: string | null = null,
): Promise<ListedRefusal[]> {
    return db.query<ListedRefusal>(
        `select f.name as feed, c.contract_version as "contractVersion", r.sequence, r.source_key as "sourceKey",
                r.rule_id as "ruleId", r.message, r.line_no as line, r.field
           from refused_payloads r join feeds f using (feed_id) join feed_contracts c using (feed_id, contract_no)
          where r.superseded_by is null and ($1::text is null or f.name = $1)
          order by r.sequence desc limit ${REFUSALS_SHOWN}`,
        [feed],
    );
}

/** How many payloads of each feed are refused. */
export async function refusedByFeed(db: Pick<Transaction, 'query'>): Promise<Map<string, number>> {
    const rows = await db.query<{ feed: string; n: number }>(
        `select f.name as feed, count(*) as n from refused_payloads r join feeds f using (feed_id)
          where r.superseded_by is null group by f.name`,
    );
    return new Map(rows.map((row) => [row.feed, row.n]));
}

/** Reads the counts of one moment from the catalogue alone, no file is opened. */
export async function readStatus(lake: Lake): Promise<HomeStatus> {
    return (await readAccount(lake)).status;
}

/** Counts of a home with what makes its versions add up also while some await a refresh. */
export interface HomeAccount {
    readonly status: HomeStatus;
    /**
     * What the last refresh decided about partitions whose versions await one now. It is among the outcomes too, so at any time versions = outcomes +
     * outsideValidity + awaitingRefresh - awaitingDecided.
     */
    readonly awaitingDecided: number;
}

export async function readAccount(lake: Lake): Promise<HomeAccount> {
    return lake.db.transaction(countWithin, { isolation: 'repeatable read', readOnly: true });
}

async function countWithin(tx: Transaction): Promise<HomeAccount> {
    const [received] = await tx.query<Record<string, number>>(
        `select coalesce(sum(payload_count), 0)::bigint as payloads,
                coalesce(sum(payload_count) filter (where parsed_at is null), 0)::bigint as unparsed,
                coalesce(sum((parse_stats ->> 'records')::bigint), 0)::bigint as records,
                coalesce(sum((parse_stats ->> 'quarantined')::bigint), 0)::bigint as quarantined,
                coalesce(sum((parse_stats ->> 'rounded')::bigint), 0)::bigint as rounded,
                (select count(*) from refused_payloads where superseded_by is null) as refused,
                (select count(*) from channels) as channels
           from segments`,
    );
    const rules = await tx.query<{ rule: string; n: number }>(
        `select key as rule, sum(value::bigint)::bigint as n from segments, jsonb_each_text(parse_stats -> 'quarantinedByRule')
          group by key order by key`,
    );
    const [curated] = await tx.query<
        Record<string, number> & { kwh: string; first: string | null; last: string | null }
    >(CURATED);
    const marks = await tx.query<{ rule: string; n: number }>(
        `select m ->> 'rule' as rule, sum(case when p.table_name = 'day_marks' then m ->> 'channelDays' else m ->> 'intervals' end::bigint)::bigint as n
           from partitions p, jsonb_array_elements(p.stats -> 'marks') as m where p.stats ? 'marks' group by 1 order by 1`,
    );
    const [kept] = await tx.query<{ waiting: number; registers: number }>(
        `select coalesce(sum(row_count) filter (where table_name = 'waiting_rows'), 0)::bigint as waiting,
                coalesce(sum(row_count) filter (where table_name = 'register_versions'), 0)::bigint as registers
           from partitions`,
    );
    const [files] = await tx.query<{ files: number; bytes: number }>(
        `select count(*) as files, coalesce(sum(byte_count), 0)::bigint as bytes from lake_files f
          where exists (select 1 from partition_files p where p.file_id = f.file_id and p.removed_in is null)`,
    );
    const { held, awaitingRefresh, awaitingDecided, outsideValidity } = await countHeld(tx);
    const n = (row: object | undefined, name: string) =>
        Number((row as Record<string, unknown> | undefined)?.[name] ?? 0);
    const status: HomeStatus = {
        payloadsReceived: n(received, 'payloads'),
        payloadsRefused: n(received, 'refused'),
        payloadsUnparsed: n(received, 'unparsed'),
        rowsReceived: n(received, 'records'),
        rowsQuarantined: n(received, 'quarantined'),
        quarantinedByRule: Object.fromEntries(rules.map((r) => [r.rule, r.n])),
        rowsWaiting: n(kept, 'waiting'),
        valuesRounded: n(received, 'rounded'),
        versions: held,
        registerReads: n(kept, 'registers'),
        duplicates: n(curated, 'duplicates'),
        duplicatesOfSuperseded: n(curated, 'stale_duplicates'),
        superseded: n(curated, 'superseded'),
        withdrawn: n(curated, 'withdrawn'),
        rejected: n(curated, 'rejected'),
        winning: n(curated, 'measured') + n(curated, 'estimated') - n(curated, 'computed'),
        awaitingRefresh,
        outsideValidity,
        conflicts: n(curated, 'conflicts'),
        failedByRule: Object.fromEntries(marks.map((m) => [m.rule, m.n])),
        intervalsExpected: n(curated, 'expected'),
        intervalsMeasured: n(curated, 'measured'),
        intervalsEstimated: n(curated, 'estimated'),
        intervalsEstimatedHere: n(curated, 'computed'),
        intervalsMissing: n(curated, 'missing'),
        kwh: curated?.kwh ?? '0',
        channels: n(received, 'channels'),
        firstMarketDay: curated?.first ?? null,
        lastMarketDay: curated?.last ?? null,
        partitions: n(curated, 'partitions'),
        lakeFiles: n(files, 'files'),
        lakeBytes: n(files, 'bytes'),
    };
    return { status, awaitingDecided };
}

const CURATED = `
select ${[
    'duplicates',
    'superseded',
    'withdrawn',
    'rejected',
    'conflicts',
    'expected',
    'measured',
    'estimated',
    'computed',
    'missing',
]
    .map((name) => `coalesce(sum((stats ->> '${name}')::bigint), 0)::bigint as ${name}`)
    .join(', ')},
       coalesce(sum((stats ->> 'staleDuplicates')::bigint), 0)::bigint as stale_duplicates,
       coalesce(sum((stats ->> 'kwh')::numeric), 0)::text as kwh, count(*) as partitions,
       min(market_day)::text as first, max(market_day)::text as last
  from partitions where table_name = 'reads_interval' and stats <> '{}'`;
