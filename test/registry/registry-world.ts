import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { GridtallyError, type InputFault } from '../../src/kernel/errors.ts';
import { parseInstant } from '../../src/kernel/period.ts';
import { zoneOf } from '../../src/kernel/zone.ts';
import { type LoadOptions, type LoadResult, loadMasterData } from '../../src/registry/load-master-data.ts';
import type { MasterDataKind } from '../../src/registry/master-data-kind.ts';
import type { Database } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrations.ts';
import { openScratchDatabase } from '../store/scratch-home.ts';

export const BUCKET_SIZE = 4;

/** An empty home's database in Europe/London with a clock that the test sets. */
export interface RegistryWorld {
    readonly db: Database;
    readonly clock: { at: number; now(): number };
    /** Loads a text as a file of that name. */
    load(kind: MasterDataKind, name: string, text: string, extra?: Partial<LoadOptions>): Promise<LoadResult>;
    /** The faults of a load that must be refused, with file names without folder. */
    faultsOf(
        kind: MasterDataKind,
        name: string,
        text: string,
        extra?: Partial<LoadOptions>,
    ): Promise<InputFault[]>;
    /** Makes the home empty again. */
    reset(): Promise<void>;
    end(): Promise<void>;
}

export async function openRegistryWorld(): Promise<RegistryWorld> {
    const { db, remove } = await openScratchDatabase();
    const folder = mkdtempSync(path.join(tmpdir(), 'gridtally-registry-'));
    await migrate(db);
    const clock = { at: parseInstant('2024-01-01T00:00:00Z'), now: () => clock.at };
    const load: RegistryWorld['load'] = (kind, name, text, extra) => {
        const file = path.join(folder, name);
        writeFileSync(file, text);
        const settings = { zone: zoneOf('Europe/London'), currency: 'GBP', bucketSize: BUCKET_SIZE, clock };
        return loadMasterData(db, { ...settings, kind, file, ...extra });
    };
    return {
        db,
        clock,
        load,
        faultsOf: async (kind, name, text, extra) => {
            const error = await load(kind, name, text, extra).then(
                () => assert.fail(`${name} is refused`),
                (refusal: unknown) => refusal,
            );
            assert.ok(error instanceof GridtallyError, String(error));
            return error.faults.map((fault) => ({
                ...fault,
                ...(fault.file && { file: path.basename(fault.file) }),
            }));
        },
        reset: async () => {
            const tables = await db.query<{ name: string }>(
                `select c.relname as name from pg_class c
                 where c.relkind = 'r' and c.relnamespace = current_schema::regnamespace
                     and c.relname <> 'schema_migrations'`,
            );
            await db.query(`truncate ${tables.map(({ name }) => name).join(', ')} restart identity`);
            clock.at = parseInstant('2024-01-01T00:00:00Z');
        },
        end: async () => {
            await remove();
            rmSync(folder, { recursive: true, force: true });
        },
    };
}

/** Rows of every table of master data, counted. */
export async function countRows(db: Database): Promise<number> {
    const tables = [
        'loads',
        'customers',
        'customer_identities',
        'accounts',
        'account_holders',
        'metering_points',
    ];
    tables.push(
        'channels',
        'channel_validities',
        'metering_point_attributes',
        'calendars',
        'calendar_versions',
    );
    tables.push(
        'holidays',
        'price_series',
        'price_series_values',
        'tariffs',
        'tariff_versions',
        'agreements',
    );
    tables.push('agreement_versions', 'registration_changes');
    const counts = tables.map((table) => `select count(*) as n from ${table}`).join(' union all ');
    const rows = await db.query<{ n: number }>(`select sum(n)::bigint as n from (${counts}) t`);
    return rows[0]?.n ?? 0;
}

export const CUSTOMERS = `customer_id,name,email,address,joined_on
C1,Ada Ash,ada@example.org,"1 Mill Lane, Town",2012-12-01
C2,Ben Birch,,,
`;
export const ACCOUNTS = 'account_id,customer_id\nA1,C1\nA2,C2\n';
export const POINTS = `metering_point_id,meter_id,register,flow,interval_minutes,valid_from,valid_to
MP1,M1,1,to_customer,30,2013-01-01,2013-05-15T11:30:00Z
MP1,M2,1,to_customer,30,2013-05-15T11:30:00Z,
MP2,M3,1,to_customer,15,2013-01-01,
MP2,M3,B1,from_customer,15,2013-06-01,
`;
export const HOLIDAYS = 'holiday_set,date,name\nengland,2013-05-06,Early May\nengland,2013-12-25,Christmas\n';
export const CALENDARS = `calendars:
  - calendar_id: evenings
    versions:
      - holiday_set: england
        rules:
          - band: low
            holiday: true
          - band: high
            weekdays: [1, 2, 3, 4, 5]
            local_times: [{ from: '16:00', to: '19:00' }]
          - band: low
`;
export const TARIFFS = `tariffs:
  - tariff_id: flat
    name: Flat
    versions:
      - valid_from: 2013-01-01
        rounding: { mode: half-up, amount_digits: 2, scope: line }
        charges:
          - { id: standing, kind: subscription, price_per_day: 0.20 }
          - { id: energy, kind: energy-flat, price_per_kwh: 0.14228 }
        taxes:
          - { id: vat, label: VAT, percent: 5 }
  - tariff_id: evening
    name: Evening
    versions:
      - valid_from: 2013-01-01
        rounding: { mode: half-even, amount_digits: 2, scope: bill }
        charges:
          - id: energy
            kind: energy-bands
            calendar_id: evenings
            price_per_kwh_by_band: { high: 0.30, low: 0.10 }
`;
export const AGREEMENTS = `agreement_id,account_id,metering_point_id,tariff_id,move_in,move_out
G1,A1,MP1,flat,2013-01-01,2013-02-01
G2,A2,MP1,evening,2013-02-01,
G3,A1,MP2,flat,2013-01-01,
`;

/** Two customers, two metering points with an exchange and an export register, two tariffs, three agreements. */
export async function loadTown(world: RegistryWorld): Promise<void> {
    await world.load('customers', 'customers.csv', CUSTOMERS);
    await world.load('accounts', 'accounts.csv', ACCOUNTS);
    await world.load('metering-points', 'points.csv', POINTS);
    await world.load('holidays', 'holidays.csv', HOLIDAYS);
    await world.load('calendars', 'calendars.yaml', CALENDARS);
    await world.load('tariffs', 'tariffs.yaml', TARIFFS);
    await world.load('agreements', 'agreements.csv', AGREEMENTS);
}
