import { CHANNEL_SNAPSHOT, LAKE_TABLES, type LakeTable } from '../contracts/lake-tables.ts';
import type { EngineSession, TableColumn } from '../engine/engine.ts';
import { instantText } from '../kernel/period.ts';
import { registerAsOf } from '../lake/as-of.ts';
import { distinctPaths, liveFiles } from '../lake/catalogue.ts';
import { channelSnapshot } from '../lake/channel-snapshot.ts';
import { readCustomers } from '../registry/agreement-reader.ts';
import { type Chain, feedsOf, precedenceOf } from './chain.ts';

export interface ViewOptions {
    /** UTC epoch milliseconds: readings and registrations as they were known then. */
    readonly asOf?: number;
    /** The reader may see names and addresses. */
    readonly showsIdentity: boolean;
}

const LAKE_VIEWS: readonly LakeTable[] = [
    'reading_versions',
    'quarantined_rows',
    'waiting_rows',
    'reading_gaps',
    'changed_channel_days',
];

/**
 * One view per published table, named and shaped as docs/tables.md says. `meter_id` is the outside
 * identifier of the meter installation.
 */
export async function registerViews(
    session: EngineSession,
    chain: Chain,
    options: ViewOptions,
): Promise<void> {
    const { lake } = chain;
    if (options.asOf === undefined) {
        for (const table of ['reads_interval', 'reads_hourly', 'reads_daily'] as const)
            await registerLake(session, chain, table, `lake_${table}`);
        await registerLake(session, chain, 'reading_gaps', 'lake_reading_gaps');
        await session.registerFiles('channels', CHANNEL_SNAPSHOT, [(await channelSnapshot(lake)).path]);
    } else {
        await registerAsOf(session, lake, precedenceOf(await feedsOf(chain)), options.asOf);
    }
    for (const table of LAKE_VIEWS) {
        if (table !== 'reading_gaps') await registerLake(session, chain, table, table);
    }
    for (const [name, text] of Object.entries(READ_VIEWS))
        await session.run(`create or replace temp view ${name} as ${text}`);
    await registerMasterData(session, chain, options);
    await registerBills(session, chain);
}

async function registerLake(
    session: EngineSession,
    chain: Chain,
    table: LakeTable,
    view: string,
): Promise<void> {
    await session.registerFiles(view, LAKE_TABLES[table], distinctPaths(await liveFiles(chain.lake, table)));
}

// one identity a channel: validities of the same channel share meter, metering point and register
const NAMED = `(select distinct channel_no, meter_id, metering_point_id, register_id, flow, interval_minutes from channels)`;

const READ_VIEWS: Readonly<Record<string, string>> = {
    reads_interval: `select c.meter_id, c.metering_point_id, c.register_id, c.flow, r.* from lake_reads_interval as r
        inner join ${NAMED} as c on c.channel_no = r.channel_no`,
    reads_15min: `select c.meter_id, c.register_id, r.period_from as read_at, r.kwh,
            case r.quality when 'measured' then 'good' else r.quality end as quality_flag,
            r.received_at as ingested_at, r.interval_minutes as minutes, r.market_day
        from lake_reads_interval as r inner join ${NAMED} as c on c.channel_no = r.channel_no
        union all
        select c.meter_id, c.register_id, make_timestamptz(epoch_us(g.gap_from) + i.n * c.interval_minutes * 60000000) as read_at,
            cast(null as decimal(18, 6)) as kwh, 'missing' as quality_flag, cast(null as timestamptz) as ingested_at,
            c.interval_minutes as minutes, g.market_day
        from lake_reading_gaps as g inner join ${NAMED} as c on c.channel_no = g.channel_no
        inner join (select unnest(range(0, 400)) as n) as i on i.n < g.missing_count`,
    reads_hourly: `select c.meter_id, c.register_id, r.hour_from as hour, r.kwh, r.* exclude (hour_from, kwh) from lake_reads_hourly as r
        inner join ${NAMED} as c on c.channel_no = r.channel_no`,
    reads_daily: `select c.meter_id, c.register_id, r.market_day as day, r.kwh, r.* exclude (market_day, kwh) from lake_reads_daily as r
        inner join ${NAMED} as c on c.channel_no = r.channel_no`,
    reading_gaps: `select c.meter_id, c.register_id, g.* from lake_reading_gaps as g
        inner join ${NAMED} as c on c.channel_no = g.channel_no`,
};

async function registerMasterData(session: EngineSession, chain: Chain, options: ViewOptions): Promise<void> {
    const customers = await readCustomers(
        chain.lake.db,
        options.asOf === undefined ? {} : { knownAt: options.asOf },
    );
    const identity = options.showsIdentity ? ['name', 'email', 'address'] : [];
    await session.registerRows(
        'customers',
        texts('customer_id', ...identity, 'joined_on date'),
        customers.map((c) => [
            c.customerId,
            ...(options.showsIdentity ? [c.name, c.email, c.address] : []),
            c.joinedOn,
        ]),
    );
    await registerQuery(
        session,
        chain,
        'tariffs',
        texts('plan_id', 'name', 'valid_from date', 'valid_to date', 'is_current boolean', 'structure'),
        TARIFFS,
    );
    await registerQuery(
        session,
        chain,
        'agreements',
        texts(
            'agreement_id',
            'account_id',
            'customer_id',
            'metering_point_id',
            'tariff_id',
            'move_in date',
            'move_out date',
        ),
        AGREEMENTS,
    );
    await registerQuery(
        session,
        chain,
        'metering_point_attributes',
        texts('metering_point_id', 'attribute', 'value', 'valid_from date', 'valid_to date'),
        ATTRIBUTES,
    );
}

async function registerBills(session: EngineSession, chain: Chain): Promise<void> {
    await registerQuery(
        session,
        chain,
        'bills',
        texts(
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
            'issued_at timestamp',
        ),
        BILLS,
    );
    await registerQuery(
        session,
        chain,
        'bill_lines',
        texts(
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
        ),
        BILL_LINES,
    );
}

function texts(...names: string[]): TableColumn[] {
    return names.map((text) => {
        const [name, type] = text.split(' ');
        return { name: name ?? '', type: type ?? 'string' };
    });
}

async function registerQuery(
    session: EngineSession,
    chain: Chain,
    table: string,
    columns: readonly TableColumn[],
    query: string,
): Promise<void> {
    const rows = await chain.lake.db.query<Record<string, unknown>>(query);
    await session.registerRows(
        table,
        columns,
        rows.map((row) => columns.map((c) => cell(row[c.name], c.type))),
    );
}

function cell(value: unknown, type: string): string | number | boolean | null {
    if (value === null || value === undefined) return null;
    if (type === 'timestamp' && typeof value === 'number') return instantText(value);
    if (typeof value === 'object') return JSON.stringify(value);
    return value as string | number | boolean;
}

const TARIFFS = `select t.tariff_id as plan_id, v.name, lower(v.valid_during) as valid_from, upper(v.valid_during) as valid_to,
       v.valid_during @> current_date as is_current, v.structure
  from tariff_versions v join tariffs t using (tariff_no) where v.known_to is null order by 1, 3`;
const AGREEMENTS = `select a.agreement_id, c.account_id, u.customer_id, m.metering_point_id, t.tariff_id,
       lower(v.valid_during) as move_in, upper(v.valid_during) as move_out
  from agreement_versions v join agreements a using (agreement_no) join accounts c using (account_no) join account_holders h on h.account_no = c.account_no and h.known_to is null join customers u on u.customer_no = h.customer_no
  join metering_points m using (metering_point_no) join tariffs t using (tariff_no) where v.known_to is null order by 1, 6`;
const ATTRIBUTES = `select m.metering_point_id, a.attribute, a.value, lower(a.valid_during) as valid_from, upper(a.valid_during) as valid_to
  from metering_point_attributes a join metering_points m using (metering_point_no) where a.known_to is null order by 1, 2, 4`;
const BILLS = `select b.bill_id, u.customer_id, c.account_id, b.period_from as period_start, b.period_to as period_end,
       b.energy_kwh as kwh_total, b.amount_due as total_due, b.currency, b.state, b.is_complete, b.drafted_at as issued_at
  from bills b join accounts c using (account_no) join account_holders h on h.account_no = c.account_no and h.known_to is null join customers u on u.customer_no = h.customer_no order by 1`;
const BILL_LINES = `select b.bill_id, l.line_no, a.agreement_id, l.charge, l.band, l.service_from, l.service_to, l.quantity, l.quantity_unit,
       l.measured_kwh, l.estimated_kwh, l.price, l.amount_exact, l.amount
  from bill_lines l join bills b using (bill_no) join agreements a using (agreement_no) order by 1, 2`;
