import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { systemClock } from '../src/kernel/clock.ts';
import { instantText } from '../src/kernel/period.ts';
import { zoneOf } from '../src/kernel/zone.ts';
import { loadMasterData } from '../src/registry/load-master-data.ts';
import type { MasterDataKind } from '../src/registry/master-data-kind.ts';
import { bulkDay } from '../src/simulate/bulk-day.ts';
import type { Database } from '../src/store/database.ts';

export const TOWN_DATE = '2024-05-01';
export const TOWN_ZONE = 'Europe/London';

const run = promisify(execFile);

type TownDay = ReturnType<typeof bulkDay> & {
    /** What it took to make the day's files. */
    readonly generateSeconds: number;
};

/** Gives `work` a folder of its own that has a simulated day of quarter-hours below `town`; takes it away afterwards. */
export async function withTown<T>(
    options: { readonly name: string; readonly meters: number; readonly correctionsRate: number },
    work: (folder: string, day: TownDay) => Promise<T>,
): Promise<T> {
    const folder = mkdtempSync(path.join(os.tmpdir(), `gridtally-bench-${options.name}-`));
    try {
        const startedAt = performance.now();
        const day = bulkDay({
            outFolder: path.join(folder, 'town'),
            seed: 'bench',
            meters: options.meters,
            minutes: 15,
            date: TOWN_DATE,
            marketZone: TOWN_ZONE,
            correctionsRate: options.correctionsRate,
        });
        return await work(folder, { ...day, generateSeconds: (performance.now() - startedAt) / 1000 });
    } finally {
        rmSync(folder, { recursive: true, force: true });
    }
}

/** Runs a file beside this one in a process of its own; gives the JSON of the last line that it prints. */
export async function runWorker<T>(worker: string, args: readonly string[]): Promise<T> {
    const file = fileURLToPath(new URL(worker, import.meta.url));
    const options = ['--disable-warning=ExperimentalWarning', file, ...args];
    const running = run(process.execPath, options, { maxBuffer: 1 << 26 });
    running.child.stderr?.pipe(process.stderr);
    const { stdout } = await running;
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}');
}

/** Loads a file of master data into a database that no home has, as `gridtally load` would in a home of the town's zone. */
export async function loadFile(db: Database, kind: MasterDataKind, file: string): Promise<void> {
    await loadMasterData(db, {
        kind,
        file,
        zone: zoneOf(TOWN_ZONE),
        currency: 'GBP',
        bucketSize: 16_384,
        clock: systemClock,
    });
}

/** A tariff of one price per kWh, as a retailer's document has it. */
export const FLAT_TARIFF = `tariffs:
  - tariff_id: flat
    name: Flat
    versions:
      - valid_from: 2013-01-01
        rounding: { mode: half-up, amount_digits: 2, scope: line }
        charges: [{ id: energy, kind: energy-flat, price_per_kwh: 0.14228 }]
`;

/** A value that replaces that of a quarter-hour. */
export interface CorrectedValue {
    /** Number of the meter, from 1. */
    readonly meter: number;
    /** UTC epoch milliseconds. */
    readonly at: number;
    readonly kwh: string;
}

/** Writes corrections in the format of the town's readings, all with the same version. */
export function writeCorrections(file: string, values: Iterable<CorrectedValue>, version: number): void {
    const lines = ['meter_id,read_at,value,quality,version'];
    for (const { meter, at, kwh } of values)
        lines.push(`M${String(meter).padStart(6, '0')},${instantText(at)},${kwh},A,${version}`);
    writeFileSync(file, `${lines.join('\n')}\n`);
}
