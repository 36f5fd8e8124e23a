import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { bulkDay } from '../src/simulate/bulk-day.ts';

const run = promisify(execFile);
const WORKER = fileURLToPath(new URL('seam-worker.ts', import.meta.url));

export interface SeamResult {
    readonly meters: number;
    readonly statements: number;
    /** Jobs of a refresh through the engine seam: sessions opened, models compiled, files registered and written, rows handed back. */
    readonly seconds: number;
    /** The part that compiles models to SQL, which is done anew for each step of each job. */
    readonly compileSeconds: number;
    /** The very statements again, one after the other on a connection of their own without the seam. */
    readonly peers: { readonly duckdb: { readonly seconds: number } };
    readonly ratio: number;
}

/**
 * What the seam between gridtally and its engine costs: curation and rollups of a day of quarter-hours with 1 % corrections, one job at
 * a time, beside the same statements given to DuckDB directly, which then write the same files again.
 */
export async function benchSeam(meters: number): Promise<SeamResult> {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'gridtally-bench-seam-'));
    try {
        bulkDay({
            outFolder: path.join(folder, 'town'),
            seed: 'bench',
            meters,
            minutes: 15,
            date: '2024-05-01',
            marketZone: 'Europe/London',
            correctionsRate: 0.01,
        });
        const { stdout } = await run(
            process.execPath,
            ['--disable-warning=ExperimentalWarning', WORKER, folder],
            { maxBuffer: 1 << 24 },
        );
        const timed: Omit<SeamResult, 'meters' | 'ratio'> = JSON.parse(
            stdout.trim().split('\n').at(-1) ?? '{}',
        );
        return { meters, ...timed, ratio: timed.seconds / timed.peers.duckdb.seconds };
    } finally {
        rmSync(folder, { recursive: true, force: true });
    }
}

export function seamText(result: SeamResult): string {
    return [
        `a day of ${result.meters.toLocaleString('en')} meters, ${result.statements.toLocaleString('en')} statements:`,
        `through the seam ${result.seconds.toFixed(2)} s (models compiled in ${result.compileSeconds.toFixed(2)} s)`,
        `the same statements alone ${result.peers.duckdb.seconds.toFixed(2)} s`,
        `ratio ${result.ratio.toFixed(3)}`,
        '',
    ].join('\n');
}
