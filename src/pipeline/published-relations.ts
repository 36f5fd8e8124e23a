import type { EngineSession, EngineValue, TableColumn } from '../engine/engine.ts';
import type { CalendarDate } from '../kernel/calendar-date.ts';
import { marketDayOf } from '../kernel/market-day.ts';
import { instantText } from '../kernel/period.ts';
import type { Lake } from '../lake/lake.ts';
import { readCustomers } from '../registry/agreement-reader.ts';
import { believedAt } from '../registry/believed-table.ts';
import { knownAtText } from '../registry/channel-directory.ts';
import type { SqlValue, Transaction } from '../store/database.ts';

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

export const PAGE_ROWS = 20_000;

/** Whether a published table is to be there. A query that asks for the tables themselves, such as `show tables`, is given all. */
export function isWanted({ query }: ViewOptions, table: string): boolean {
    const text = query?.toLowerCase();
    return text === undefined || text.includes(table) || ASKS_FOR_TABLES.test(text);
}

const ASKS_FOR_TABLES =
    /\b(show\w*|information_schema|pg_\w+|duckdb_\w+|sqlite_\w+|pragma\w*)\b|\bdescribe\s*(;|\)|$)/;

/**
 * Registers the published tables whose rows are in Postgres: master data and bills as believed now, or at `asOf`; what is current goes
 * by the local day of that instant. The engine holds them, and spills.
 */
export async function registerRelations(
    tx: Transaction,
    session: EngineSession,
    lake: Lake,
    options: ViewOptions,
): Promise<void> {
    const { asOf, pageRows = PAGE_ROWS } = options;
    const knownAt = asOf === undefined ? {} : { knownAt: asOf };
    const today = marketDayOf(lake.zone, asOf ?? lake.clock.now());
    if (isWanted(options, 'customers')) await registerCustomers(tx, session, options, today);
    for (const { name, columns, query, usesToday } of QUERIES) {
        if (!isWanted(options, name)) continue;
        const typed = columnsOf(columns);
        const parameters = [knownAtText(knownAt), ...(usesToday ? [today] : [])];
        await session.registerRows(name, typed, []);
        await copyRelation(tx, session, { name, columns: typed, query, parameters, pageRows });
    }
}

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

async function copyRelation(
    tx: Transaction,
    session: EngineSession,
    relation: {
        readonly name: string;
        readonly columns: readonly TableColumn[];
        readonly query: string;
        readonly parameters: readonly SqlValue[];
        readonly pageRows: number;
    },
): Promise<void> {
    const { name, columns, query, parameters, pageRows } = relation;
    await tx.query(`declare relation_rows no scroll cursor for ${query}`, parameters);
    for (;;) {
        const rows = await tx.query<Record<string, unknown>>(`fetch ${pageRows} from relation_rows`);
        if (rows.length === 0) break;
        const page = rows.map((row) => columns.map((c) => engineValue(row[c.name], c.type)));
        await appendPage(session, name, columns, page);
    }
    await tx.query('close relation_rows');
}

/** Adds rows to a table of the session. */
export async function appendPage(
    session: EngineSession,
    table: string,
    columns: readonly TableColumn[],
    rows: readonly (readonly EngineValue[])[],
): Promise<void> {
    await session.registerRows('relation_page', columns, rows);
    await session.run(`insert into ${table} select * from relation_page`);
    await session.run('drop table relation_page');
}

/** `name type`; a name alone is text. */
export function columnsOf(texts: readonly string[]): TableColumn[] {
    return texts.map((text) => {
        const [name, type] = text.split(' ');
        return { name: name ?? '', type: type ?? 'string' };
    });
}

function engineValue(value: unknown, type: string): EngineValue {
    if (value === null || value === undefined) return null;
    if (type === 'timestamp' && typeof value === 'number') return instantText(value);
    if (typeof value === 'object') return JSON.stringify(value);
    return value as EngineValue;
}

// $1: the instant, or null for now; a draft is of the instant at which it was written, and one that was replaced since is gone
const BILLS_KNOWN = '($1::timestamptz is null or b.drafted_at <= $1)';

const QUERIES: readonly {
    readonly name: string;
    readonly columns: readonly string[];
    readonly query: string;
    /** $2 is the local day. */
    readonly usesToday?: true;
}[] = [
    {
        name: 'tariffs',
        columns: [
            'plan_id',
            'name',
            'kwh_price decimal(18,8)',
            'fixed_charge decimal(18,8)',
            'valid_from date',
            'valid_to date',
            'is_current boolean',
            'structure',
        ],
        usesToday: true,
        query: `
            select t.tariff_id as plan_id, v.name, p.kwh_price, p.fixed_charge, lower(v.valid_during) as valid_from,
                   upper(v.valid_during) as valid_to, v.valid_during @> $2::date as is_current, v.structure
              from tariff_versions v join tariffs t using (tariff_no)
              cross join lateral (
                  select case when bool_and(c ->> 'kind' in ('subscription', 'energy-flat'))
                              then sum((c ->> 'pricePerKwh')::numeric) end as kwh_price,
                         coalesce(sum((c ->> 'pricePerDay')::numeric), 0) as fixed_charge
                    from jsonb_array_elements(v.structure -> 'charges') as c) p
             where ${believedAt('v', '$1')} order by t.tariff_id collate "C", lower(v.valid_during)`,
    },
    {
        name: 'agreements',
        columns: [
            'agreement_id',
            'account_id',
            'customer_id',
            'metering_point_id',
            'tariff_id',
            'move_in date',
            'move_out date',
        ],
        query: `
            select a.agreement_id, c.account_id, u.customer_id, m.metering_point_id, t.tariff_id,
                   lower(v.valid_during) as move_in, upper(v.valid_during) as move_out
              from agreement_versions v join agreements a using (agreement_no) join accounts c using (account_no)
              left join account_holders h on h.account_no = c.account_no and ${believedAt('h', '$1')}
              left join customers u on u.customer_no = h.customer_no
              join metering_points m using (metering_point_no) join tariffs t using (tariff_no)
             where ${believedAt('v', '$1')} order by a.agreement_id collate "C", lower(v.valid_during)`,
    },
    {
        name: 'metering_point_attributes',
        columns: ['metering_point_id', 'attribute', 'value', 'valid_from date', 'valid_to date'],
        query: `
            select m.metering_point_id, a.attribute, a.value, lower(a.valid_during) as valid_from, upper(a.valid_during) as valid_to
              from metering_point_attributes a join metering_points m using (metering_point_no)
             where ${believedAt('a', '$1')}
             order by m.metering_point_id collate "C", a.attribute collate "C", lower(a.valid_during) nulls first`,
    },
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
export const RELATIONS: readonly string[] = ['customers', ...QUERIES.map(({ name }) => name)];
