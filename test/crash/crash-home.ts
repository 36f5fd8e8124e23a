import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MasterDataKind } from '../../src/registry/master-data-kind.ts';
import { initHome } from '../../src/store/home.ts';
import { CORRECTIONS, type CrashInput, WAITING } from './crash-input.ts';

export interface MasterFile {
    readonly kind: MasterDataKind;
    readonly file: string;
}

/** Master data to load before the first reading, and while readings come. */
export interface MasterFiles {
    readonly first: readonly MasterFile[];
    readonly late: readonly MasterFile[];
}

const GENERIC = fileURLToPath(new URL('../../feeds/generic-csv.odcs.yaml', import.meta.url));

/** A home of London with small buckets, and the contracts of its own feeds. */
export async function makeCrashHome(
    folder: string,
    options: { readonly databaseUrl?: string; readonly engine?: string } = {},
): Promise<void> {
    await initHome(folder, { marketZone: 'Europe/London', bucketSize: 32, ...options });
    const feeds = path.join(folder, 'feeds');
    mkdirSync(feeds);
    const generic = readFileSync(GENERIC, 'utf8');
    writeFileSync(
        path.join(feeds, `${CORRECTIONS}.odcs.yaml`),
        contract(generic, CORRECTIONS, [['value: 100\n', 'value: 200\n']]),
    );
    writeFileSync(
        path.join(feeds, `${WAITING}.odcs.yaml`),
        contract(generic, WAITING, [
            ['value: register\n      - property: identifies', 'value: wait\n      - property: identifies'],
        ]),
    );
}

function contract(generic: string, name: string, changes: readonly (readonly [string, string])[]): string {
    let text = generic.replaceAll('generic-csv', name);
    for (const [before, now] of [...changes, ['value: 15\n', 'value: 30\n'] as const]) {
        if (!text.includes(before)) throw new Error(`the shipped contract has no ${JSON.stringify(before)}`);
        text = text.replace(before, now);
    }
    return text;
}

export function writeMasterFiles(folder: string, input: CrashInput): MasterFiles {
    mkdirSync(folder, { recursive: true });
    return {
        first: [
            ...partyFiles(folder, 'first', input.loadedFirst, input.from),
            file(folder, 'calendars', 'calendars.yaml', CALENDARS),
            file(folder, 'tariffs', 'tariffs.yaml', TARIFFS),
            agreementFile(folder, 'first', input.loadedFirst, input.from),
        ],
        late: [
            ...partyFiles(folder, 'late', input.loadedLate, input.from),
            agreementFile(folder, 'late', input.loadedLate, input.from),
        ],
    };
}

function partyFiles(folder: string, when: string, meters: readonly string[], from: string): MasterFile[] {
    const table = (header: string, row: (meter: string) => string) =>
        `${[header, ...meters.map(row)].join('\n')}\n`;
    return [
        file(
            folder,
            'customers',
            `customers-${when}.csv`,
            table('customer_id,name', (m) => `C-${m},Customer ${m}`),
        ),
        file(
            folder,
            'accounts',
            `accounts-${when}.csv`,
            table('account_id,customer_id', (m) => `A-${m},C-${m}`),
        ),
        file(
            folder,
            'metering-points',
            `metering-points-${when}.csv`,
            table('metering_point_id,meter_id,interval_minutes,valid_from', (m) => `P-${m},${m},30,${from}`),
        ),
    ];
}

function agreementFile(folder: string, when: string, meters: readonly string[], from: string): MasterFile {
    const rows = meters.map((m, i) => `G-${m},A-${m},P-${m},${i % 2 === 0 ? 'flat' : 'evening'},${from}`);
    const header = 'agreement_id,account_id,metering_point_id,tariff_id,move_in';
    return file(folder, 'agreements', `agreements-${when}.csv`, `${[header, ...rows].join('\n')}\n`);
}

function file(folder: string, kind: MasterDataKind, name: string, text: string): MasterFile {
    const target = path.join(folder, name);
    writeFileSync(target, text);
    return { kind, file: target };
}

const CALENDARS = `calendars:
  - calendar_id: evenings
    versions:
      - rules:
          - band: high
            weekdays: [1, 2, 3, 4, 5]
            local_times: [{ from: '16:00', to: '19:00' }]
          - { band: low }
`;

const TARIFFS = `tariffs:
  - tariff_id: flat
    name: Flat
    versions:
      - valid_from: 2013-01-01
        rounding: { mode: half-up, amount_digits: 2, scope: line }
        charges:
          - { id: standing, label: Standing charge, kind: subscription, price_per_day: 0.20 }
          - { id: energy, label: Energy, kind: energy-flat, price_per_kwh: 0.14228 }
        taxes:
          - { id: vat, label: VAT, group: energy, percent: 5, rounding: { mode: half-up, amount_digits: 2 } }
  - tariff_id: evening
    name: Evening
    versions:
      - valid_from: 2013-01-01
        rounding: { mode: half-even, amount_digits: 2, scope: line }
        charges:
          - { id: standing, label: Standing charge, kind: subscription, price_per_day: 0.25 }
          - id: energy
            label: Energy
            kind: energy-bands
            calendar_id: evenings
            price_per_kwh_by_band: { high: 0.30, low: 0.10 }
        taxes: []
`;
