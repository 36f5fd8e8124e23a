import { OPEN_TABLES, type OpenTable, type OpenTableName } from '../../src/contracts/open-tables.ts';
import type { EngineSession } from '../../src/engine/engine.ts';
import { calendarDate, type DatePeriod } from '../../src/kernel/calendar-date.ts';
import { compact } from '../../src/lake/compaction.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { draftPeriod } from '../../src/pipeline/draft-period.ts';
import { sweepHome } from '../../src/pipeline/sweep-home.ts';
import {
    type ChainWorld,
    handClock,
    openChainWorld,
    type ReadingRow,
    readingsCsv,
    variedContract,
} from './chain-world.ts';

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
export const FROM = Date.parse('2013-05-01T00:00:00Z');
export const MAY: DatePeriod = { from: calendarDate('2013-05-01'), to: calendarDate('2013-06-01') };

/** What `gridtally sql` showed when a version was the newest. */
export interface SeenVersion {
    readonly table: OpenTableName;
    readonly version: number;
    /** Sorted. */
    readonly rows: readonly string[];
}

export interface OpenTablesWorld extends ChainWorld {
    readonly clock: { at: number };
    readonly seen: SeenVersion[];
    folderOf(table: OpenTableName): string;
    /** Hourly readings of one meter from an hour since FROM on. */
    readings(meter: string, hours: readonly [from: number, to: number], version: number): ReadingRow[];
    /** Ingests, an hour later, refreshes, and notes what is then to be seen. */
    deliver(rows: readonly ReadingRow[]): Promise<void>;
    look(): Promise<void>;
}

const MASTER_DATA = {
    customers: 'customer_id,name\nC1,Ada Ash\nC2,Ben Birch\n',
    accounts: 'account_id,customer_id\nA1,C1\nA2,C2\n',
    'metering-points':
        'metering_point_id,meter_id,interval_minutes,valid_from\nP1,M1,60,2013-05-01\nP2,M2,60,2013-05-01\n',
} as const;
const TARIFFS = `tariffs:
  - tariff_id: flat
    name: Flat
    versions:
      - valid_from: 2013-01-01
        rounding: { mode: half-even, amount_digits: 2, scope: line }
        charges:
          - { id: standing, kind: subscription, price_per_day: 0.20 }
          - { id: energy, kind: energy-flat, price_per_kwh: 0.142280 }
        taxes: [{ id: vat, label: VAT, percent: 5 }]
`;
const ATTRIBUTES =
    'metering_point_id,attribute,value,valid_from\nP1,region,north,2013-05-01\nP2,region,south,\n';
const AGREEMENTS =
    'agreement_id,account_id,metering_point_id,tariff_id,move_in\nG1,A1,P1,flat,2013-05-01\nG2,A2,P2,flat,2013-05-01\n';

/** A home with two meters at two metering points and their agreements. */
export async function openOpenTablesWorld(): Promise<OpenTablesWorld> {
    const clock = handClock('2013-06-01T00:00:00Z');
    const world = await openChainWorld({ marketZone: 'Europe/London', bucketSize: 16, clock });
    world.contract('waits', variedContract('generic-csv', 'waits', { unknownMeter: 'wait' }));
    for (const [kind, text] of Object.entries(MASTER_DATA))
        await world.load(kind as keyof typeof MASTER_DATA, `${kind}.csv`, text);
    await world.load('attributes', 'attributes.csv', ATTRIBUTES);
    await world.load('tariffs', 'tariffs.yaml', TARIFFS);
    await world.load('agreements', 'agreements.csv', AGREEMENTS);
    const seen: SeenVersion[] = [];
    let deliveries = 0;
    const open: OpenTablesWorld = {
        ...world,
        clock,
        seen,
        folderOf: (table) => `${world.workspace.lake.folder}/${table}`,
        readings: (meter, [from, to], version) =>
            Array.from({ length: to - from }, (_, i) => ({
                meter,
                at: FROM + (from + i) * HOUR,
                minutes: 60,
                kwh: `${version}.${String((from + i) * 37).padStart(6, '0')}`,
                version,
            })),
        deliver: async (rows) => {
            clock.at += HOUR;
            deliveries += 1;
            await world.ingest('waits', { [`${deliveries}.csv`]: readingsCsv(rows) });
            await refreshAll(world.workspace);
            await open.look();
        },
        look: () => noteNewest(world, seen),
    };
    return open;
}

async function noteNewest(world: ChainWorld, seen: SeenVersion[]): Promise<void> {
    const versions = await world.workspace.lake.db.query<{ table: OpenTableName; version: number }>(
        'select table_name as table, max(version) as version from open_table_versions group by 1',
    );
    await world.withViews(async (session) => {
        for (const { table, version } of versions)
            seen.push({ table, version, rows: await publishedRows(session, table) });
    });
}

/** Deliveries, corrections, an exchange, drafts, compaction and a sweep, before which `beforeSweep` is asked: at least 13 versions of the readings. */
export async function liveThroughMay(
    world: OpenTablesWorld,
    beforeSweep: () => Promise<void> = async () => {},
): Promise<void> {
    const { workspace, clock } = world;
    await world.deliver([...world.readings('M1', [0, 72], 1), ...world.readings('M2', [0, 72], 1)]);
    await draftPeriod(workspace, MAY);
    await world.look();
    for (let n = 2; n < 9; n += 1) await world.deliver(world.readings('M1', [n, n + 3], n));
    await world.deliver([
        { meter: 'M2', at: FROM + 5 * HOUR, minutes: 60, kwh: '', quality: 'W', version: 20 },
    ]);
    await draftPeriod(workspace, MAY);
    await world.look();
    await world.load(
        'metering-points',
        'exchange.csv',
        'metering_point_id,meter_id,interval_minutes,valid_from,valid_to\n' +
            'P1,M1,60,2013-05-01,2013-05-04T00:00:00Z\nP1,M3,60,2013-05-04T00:00:00Z,\nP2,M2,60,2013-05-01,\n',
    );
    await world.deliver(world.readings('M3', [72, 96], 1));
    await compact(workspace.lake);
    clock.at += 5 * DAY;
    await world.deliver([...world.readings('M2', [72, 120], 1), ...world.readings('M3', [90, 96], 2)]);
    await draftPeriod(workspace, MAY);
    await world.look();
    clock.at += 5 * DAY;
    await beforeSweep();
    await sweepHome(workspace, { keepDays: 7 });
    await world.deliver(world.readings('M1', [10, 12], 30));
    await world.deliver(world.readings('M2', [100, 101], 30));
}

// how the views name what the files hold
const RENAMED: Readonly<Partial<Record<OpenTableName, Readonly<Record<string, string>>>>> = {
    reads_hourly: { hour_from: 'hour' },
    reads_daily: { market_day: 'day' },
};

export function columnsOf(table: OpenTableName): OpenTable['columns'] {
    return OPEN_TABLES[table].columns;
}

/** Rows of a published view as texts, in the columns of the open table. */
export async function publishedRows(session: EngineSession, table: OpenTableName): Promise<string[]> {
    const renamed = RENAMED[table] ?? {};
    if (table !== 'bill_lines') return rowTexts(session, table, columnsOf(table), renamed);
    // what the view of lines leaves out stands in the views of bills and agreements
    const source = `(select l.*, b.account_id, b.period_start, b.period_end, b.state, b.currency, a.metering_point_id
        from bill_lines as l inner join bills as b using (bill_id)
        inner join (select distinct agreement_id, metering_point_id from agreements) as a using (agreement_id))`;
    return rowTexts(session, source, columnsOf(table), renamed);
}

/** Rows of any relation of a DuckDB session as sorted texts. */
export async function rowTexts(
    session: EngineSession,
    source: string,
    columns: OpenTable['columns'],
    renamed: Readonly<Record<string, string>> = {},
): Promise<string[]> {
    const parts = columns.map(({ name, type }) => {
        const column = `x.${renamed[name] ?? name}`;
        return `coalesce(cast(${type === 'timestamp' ? `epoch_us(${column})` : column} as varchar), '-')`;
    });
    const rows = await session.rows(`select ${parts.join(` || '|' || `)} as line from ${source} as x`);
    return rows.map((row) => String(row.line)).sort();
}
