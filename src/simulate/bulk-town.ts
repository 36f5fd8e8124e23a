import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BulkDayOptions, bulkDay } from './bulk-day.ts';
import { requireNewFolder } from './town-folder.ts';

/** `truth/totals.json` of a bulk day, by the names that those of a town have. */
export interface BulkTotals {
    readonly homes: number;
    readonly channels: number;
    readonly rows: number;
    readonly bytes: number;
    /** Readings that a correction takes the place of. */
    readonly superseded: number;
    /** What a perfect platform publishes; kWh are exact, with three decimals. */
    readonly intervals: {
        readonly expected: number;
        readonly good: number;
        readonly estimated: 0;
        readonly missing: 0;
        readonly kwh: { readonly to_customer: { readonly total: string } };
    };
}

/**
 * Writes a bulk day as a town's folder: `master/metering-points.csv`, `deliveries/` with `deliveries.ndjson`, and `truth/totals.json`. Corrections
 * are a file of their own, and left out where there is none.
 * @param options.outFolder a folder that does not exist or is empty
 * @throws GridtallyError `usage.invalid`, `time.date-invalid`, `time.zone-unknown`
 */
export function simulateBulkDay(options: Omit<BulkDayOptions, 'firstMeter' | 'minutes'>): BulkTotals {
    const { outFolder, meters } = options;
    requireNewFolder(outFolder);
    // the shipped feed takes rows without a length to be quarter-hours
    const day = bulkDay({ ...options, minutes: 15 });
    const deliveries = join(outFolder, 'deliveries');
    mkdirSync(deliveries);
    const files = [
        { source: day.readingsPath, name: '000001-readings.csv', rows: day.rows },
        { source: day.correctionsPath, name: '000002-corrections.csv', rows: day.correctionRows },
    ];
    const lines: string[] = [];
    for (const { source, name, rows } of files) {
        if (rows === 0) {
            rmSync(source);
            continue;
        }
        renameSync(source, join(deliveries, name));
        const order = lines.length + 1;
        lines.push(
            JSON.stringify({ order, path: `deliveries/${name}`, feed: 'generic-csv', rows, flaws: [] }),
        );
    }
    writeFileSync(join(outFolder, 'deliveries.ndjson'), `${lines.join('\n')}\n`);
    const totals: BulkTotals = {
        homes: meters,
        channels: meters,
        rows: day.rows + day.correctionRows,
        bytes: day.bytes,
        superseded: day.correctionRows,
        intervals: {
            expected: day.rows,
            good: day.rows,
            estimated: 0,
            missing: 0,
            kwh: { to_customer: { total: day.kwhCorrected } },
        },
    };
    mkdirSync(join(outFolder, 'truth'));
    writeFileSync(join(outFolder, 'truth', 'totals.json'), `${JSON.stringify(totals, undefined, 2)}\n`);
    return totals;
}
