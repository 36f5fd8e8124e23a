import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { MasterDataKind } from '../src/registry/master-data-kind.ts';
import { type Database, openDatabase } from '../src/store/database.ts';
import { removeDatabase } from '../src/store/embedded-postgres.ts';
import { migrate } from '../src/store/migrations.ts';
import { FLAT_TARIFF, loadFile } from './town.ts';

export interface LoadReport {
    readonly kind: MasterDataKind;
    readonly rows: number;
    /** All rows new. */
    readonly seconds: number;
    /** The same file again, which changes nothing. */
    readonly againSeconds: number;
}

const REGIONS = ['North', 'East', 'South', 'West'];

/** Header and one line for each number, as a retailer's export would have them. */
const FILES: readonly (readonly [
    kind: MasterDataKind,
    header: string,
    line: (n: string, i: number) => string,
])[] = [
    [
        'customers',
        'customer_id,name,email,address,joined_on',
        (n, i) => `C${n},Customer ${n},c${n}@example.org,"${i % 300} Mill Lane, Town ${i % 97}",2012-12-01`,
    ],
    ['accounts', 'account_id,customer_id', (n) => `A${n},C${n}`],
    [
        'metering-points',
        'metering_point_id,meter_id,interval_minutes,valid_from',
        (n) => `P${n},M${n},15,2013-01-01`,
    ],
    [
        'agreements',
        'agreement_id,account_id,metering_point_id,tariff_id,move_in,move_out',
        (n) => `G${n},A${n},P${n},flat,2013-01-01,`,
    ],
    [
        'attributes',
        'metering_point_id,region,valid_from',
        (n, i) => `P${n},${REGIONS[i % REGIONS.length]},2013-01-01`,
    ],
];

/** Loads so many rows of each kind into an empty home, and each file once more. */
export async function benchLoad(rows: number, isJson: boolean): Promise<LoadReport[]> {
    const folder = mkdtempSync(path.join(tmpdir(), 'gridtally-bench-load-'));
    const db = await openDatabase({ home: path.join(folder, 'home'), schema: 'gridtally' });
    const reports: LoadReport[] = [];
    try {
        await migrate(db);
        for (const [kind, header, line] of FILES) {
            if (kind === 'agreements') await timeLoad(db, folder, 'tariffs', 'tariffs.yaml', FLAT_TARIFF);
            const lines = Array.from({ length: rows }, (_, i) => line(String(i).padStart(7, '0'), i));
            const text = `${header}\n${lines.join('\n')}\n`;
            const seconds = await timeLoad(db, folder, kind, `${kind}.csv`, text);
            const againSeconds = await timeLoad(db, folder, kind, `${kind}.csv`, text);
            reports.push({ kind, rows, seconds, againSeconds });
        }
    } finally {
        await db.close();
        await removeDatabase(path.join(folder, 'home'));
        rmSync(folder, { recursive: true, force: true });
    }
    process.stdout.write(isJson ? `${JSON.stringify({ load: reports }, null, 2)}\n` : table(reports));
    return reports;
}

async function timeLoad(
    db: Database,
    folder: string,
    kind: MasterDataKind,
    name: string,
    text: string,
): Promise<number> {
    const file = path.join(folder, name);
    writeFileSync(file, text);
    const startedAt = performance.now();
    await loadFile(db, kind, file);
    return Math.round(performance.now() - startedAt) / 1000;
}

function table(reports: readonly LoadReport[]): string {
    const lines = reports.map(
        ({ kind, rows, seconds, againSeconds }) =>
            `${kind.padEnd(18)}${rows.toLocaleString('en').padStart(9)} rows  ${seconds.toFixed(1).padStart(6)} s  again ${againSeconds.toFixed(1)} s`,
    );
    return `${lines.join('\n')}\n`;
}
