import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual, promisify } from 'node:util';
import { bulkDay } from '../src/simulate/bulk-day.ts';

const run = promisify(execFile);
const WORKER = fileURLToPath(new URL('spark-worker.ts', import.meta.url));

/** Seconds of each step on a server of its own, which was just started. */
export interface SparkSide {
    readonly seconds: number;
    readonly steps: Readonly<Record<string, number>>;
    readonly check: { readonly intervals: number; readonly kwh: string; readonly missing: number };
}

export interface SparkResult {
    readonly meters: number;
    readonly gridtally: SparkSide;
    readonly byHand: SparkSide;
    readonly ratio: number;
}

/**
 * Curation and rollups of a day of quarter-hours with 1 % corrections on Spark: through gridtally, and as statements written by hand over
 * the same files of versions. Throws where the two do not publish the same intervals and energy, or miss other ones.
 */
export async function benchSpark(meters: number): Promise<SparkResult> {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'gridtally-bench-spark-'));
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
        const sides: Pick<SparkResult, 'gridtally' | 'byHand'> = JSON.parse(
            stdout.trim().split('\n').at(-1) ?? '{}',
        );
        const { gridtally, byHand } = sides;
        if (!isDeepStrictEqual(gridtally.check, byHand.check))
            throw new Error(
                `the two disagree: ${JSON.stringify(gridtally.check)} and ${JSON.stringify(byHand.check)}`,
            );
        return { meters, ...sides, ratio: gridtally.seconds / byHand.seconds };
    } finally {
        rmSync(folder, { recursive: true, force: true });
    }
}

export function sparkText(result: SparkResult): string {
    const side = (name: string, { seconds, steps }: SparkSide) => [
        `${name}: ${seconds.toFixed(1)} s`,
        ...Object.entries(steps).map(([step, taken]) => `  ${step.padEnd(24)} ${taken.toFixed(1)} s`),
    ];
    return [
        `a day of ${result.meters.toLocaleString('en')} meters on Spark with two threads:`,
        ...side('gridtally', result.gridtally),
        ...side('by hand', result.byHand),
        `ratio ${result.ratio.toFixed(2)}`,
        '',
    ].join('\n');
}
