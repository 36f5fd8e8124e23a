import { DIMENSIONS } from '../contracts/lake-tables.ts';
import type { EngineSession, TableColumn } from '../engine/engine.ts';
import type { CalendarDate } from '../kernel/calendar-date.ts';
import { marketDayOf } from '../kernel/market-day.ts';
import { standingSnapshot } from '../lake/dimension-snapshot.ts';
import type { Lake } from '../lake/lake.ts';
import { copyRelation, type Relation } from '../lake/relation-rows.ts';
import { readCustomers } from '../registry/agreement-reader.ts';
import { believedAt } from '../registry/believed-table.ts';
import { knownAtText } from '../registry/channel-directory.ts';
import {
    DIMENSION_QUERIES,
    QUERIED_DIMENSIONS,
    type QueriedDimension,
} from '../registry/dimension-queries.ts';
import type { Transaction } from '../store/database.ts';

export interface ViewOptions {
    /** UTC epoch milliseconds: everything as it was known then. */
    readonly asOf?: number;
    /** The reader may see names and addresses. */
    readonly showsIdentity: boolean;
    /** Text of the only query that will be run: tables that it does not name need not be there. */
    readonly query?: string;
    /** Rows of a table of Postgres that pass through this process at a time; tests set it low. */
    readonly pageRows?: number;
}

/** Whether a published table is to be there. A query that asks for the tables themselves, such as `show tables`, is given all. */
export function isWanted({ query }: ViewOptions, table: string): boolean {
    const text = query?.toLowerCase();
    return text === undefined || text.includes(table) || ASKS_FOR_TABLES.test(text);
}

const ASKS_FOR_TABLES =
    /\b(show\w*|information_schema|pg_\w+|duckdb_\w+|sqlite_\w+|pragma\w*)\b|\bdescribe\s*(;|\)|$)/;

/**
 * Registers the published tables whose rows are in Postgres: master data and bills as believed now, or at `asOf`; what is current goes
 * by the local day of that instant. The engine holds rows, and spills.
 */
export async function registerRelations(
    tx: Transaction,
    session: EngineSession,
    lake: Lake,
    options: ViewOptions,
): Promise<void> {
    const { asOf, pageRows } = options;
    const knownAt = asOf === undefined ? {} : { knownAt: asOf };
    const today = marketDayOf(lake.zone, asOf ?? lake.clock.now());
    if (isWanted(options, 'customers')) await registerCustomers(tx, session, options, today);
    const parameters = [knownAtText(knownAt)];
    const paged = { parameters, ...(pageRows === undefined ? {} : { pageRows }) };
    for (const dimension of QUERIED_DIMENSIONS) {
        if (!isWanted(options, dimension)) continue;
        const rows = await registerDimension(tx, session, lake, {
            dimension,
            isAsOf: asOf !== undefined,
            ...paged,
        });
        const shown = DIMENSIONS[dimension].map(({ name }) => name);
        // before the long text at the end
        if (dimension === 'tariffs') shown.splice(-1, 0, `${isCurrentOn(today)} as is_current`);
        await session.run(
            `create or replace temp view ${dimension} as select ${shown.join(', ')} from ${rows}`,
        );
    }
    for (const { name, columns, query } of QUERIES) {
        if (!isWanted(options, name)) continue;
        await copyRelation(tx, session, { table: name, columns: columnsOf(columns), query, ...paged });
    }
}

/**
 * The committed snapshot, where it says what the transaction sees; else, and of an earlier instant, the rows themselves. Gives the name of the relation:
 * of either its own, because a transaction that is repeated may find the other.
 */
async function registerDimension(
    tx: Transaction,
    session: EngineSession,
    lake: Lake,
    wanted: { readonly dimension: QueriedDimension; readonly isAsOf: boolean } & Pick<
        Relation,
        'parameters' | 'pageRows'
    >,
): Promise<string> {
    const { dimension, isAsOf, ...paged } = wanted;
    const columns = DIMENSIONS[dimension];
    const standing = isAsOf ? undefined : await standingSnapshot(lake, dimension, tx);
    if (standing !== undefined) {
        await session.registerFiles(`${dimension}_file`, columns, [standing]);
        return `${dimension}_file`;
    }
    const table = `${dimension}_rows`;
    await copyRelation(tx, session, { table, columns, query: DIMENSION_QUERIES[dimension].text, ...paged });
    return table;
}

const isCurrentOn = (day: CalendarDate) =>
    `coalesce(valid_from <= date '${day}', true) and coalesce(valid_to > date '${day}', true)`;

async function registerCustomers(
    tx: Transaction,
    session: EngineSession,
    { asOf, showsIdentity }: ViewOptions,
    today: CalendarDate,
): Promise<void> {
    const identity = showsIdentity ? ['name', 'email', 'address'] : [];
    const knownAt = asOf === undefined ? {} : { knownAt: asOf };
    const customers = await readCustomers(tx, { ...knownAt, planDay: today });
    await session.registerRows(
        'customers',
        columnsOf(['customer_id', ...identity, 'plan_id', 'joined_on date']),
        customers.map((c) => [
            c.customerId,
            ...(showsIdentity ? [c.name, c.email, c.address] : []),
            c.planId,
            c.joinedOn,
        ]),
    );
}

/** `name type`; a name alone is text. */
export function columnsOf(texts: readonly string[]): TableColumn[] {
    return texts.map((text) => {
        const [name, type] = text.split(' ');
        return { name: name ?? '', type: type ?? 'string' };
    });
}

// $1: the instant, or null for now; a draft is of the instant at which it was written, and one that was replaced since is gone
const BILLS_KNOWN = '($1::timestamptz is null or b.drafted_at <= $1)';

const QUERIES: readonly {
    readonly name: string;
    readonly columns: readonly string[];
    readonly query: string;
}[] = [
    {
        name: 'refused_payloads',
        columns: [
            'sequence bigint',
            'feed_id smallint',
            'feed',
            'source_key',
            'rule_id',
            'line_no bigint',
            'field',
            'message',
            'contract_no integer',
            'superseded_by integer',
            'refused_at timestamp',
        ],
        query: `
            select r.sequence, r.feed_id, f.name as feed, r.source_key, r.rule_id, r.line_no, r.field, r.message, r.contract_no,
                   r.superseded_by, r.refused_at
              from refused_payloads r join feeds f using (feed_id) join segments s using (segment_no)
             where $1::timestamptz is null or s.acknowledged_at <= $1 order by r.sequence, r.contract_no`,
    },
    {
        name: 'bills',
        columns: [
            'bill_id',
            'customer_id',
            'account_id',
            'period_start date',
            'period_end date',
            'kwh_total decimal(38,6)',
            'total_due decimal(38,8)',
            'currency',
            'state',
            'is_complete boolean',
            'is_held boolean',
            'issued_at timestamp',
        ],
        query: `
            select b.bill_id, u.customer_id, c.account_id, b.period_from as period_start, b.period_to as period_end,
                   b.energy_kwh as kwh_total, b.amount_due as total_due, b.currency, b.state, b.is_complete,
                   coalesce((b.document ->> 'isHeld')::boolean, false) as is_held, b.drafted_at as issued_at
              from bills b join accounts c using (account_no)
              left join account_holders h on h.account_no = c.account_no and ${believedAt('h', '$1')}
              left join customers u on u.customer_no = h.customer_no
             where ${BILLS_KNOWN} order by b.bill_id collate "C"`,
    },
    {
        name: 'bill_lines',
        columns: [
            'bill_id',
            'line_no integer',
            'agreement_id',
            'charge',
            'band',
            'service_from date',
            'service_to date',
            'quantity decimal(38,12)',
            'quantity_unit',
            'measured_kwh decimal(38,6)',
            'estimated_kwh decimal(38,6)',
            'price decimal(38,12)',
            'amount_exact',
            'amount decimal(38,8)',
        ],
        query: `
            select b.bill_id, l.line_no, a.agreement_id, l.charge, l.band, l.service_from, l.service_to, l.quantity,
                   l.quantity_unit, l.measured_kwh, l.estimated_kwh, l.price, l.amount_exact, l.amount
              from bill_lines l join bills b using (bill_no) join agreements a using (agreement_no)
             where ${BILLS_KNOWN} order by b.bill_id collate "C", l.line_no`,
    },
];

/** Names of the tables that `registerRelations` registers. */
export const RELATIONS: readonly string[] = [
    'customers',
    ...QUERIED_DIMENSIONS,
    ...QUERIES.map(({ name }) => name),
];
