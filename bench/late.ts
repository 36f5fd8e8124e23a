import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { PublishedCorrections } from './home.ts';
import { runWorker } from './town.ts';

/** How late corrections of a month lie in it, and what it took to publish them. */
export interface LateCorrections extends PublishedCorrections {
    readonly spread: 'few meters, three days' | 'all over the month';
}

/** One question to `gridtally trace`, a process of its own each time. */
export interface TraceTime {
    readonly question: string;
    readonly seconds: number;
}

export interface LateResult {
    readonly meters: number;
    readonly days: number;
    readonly readings: number;
    readonly ingestSeconds: number;
    /** Curation, validation, estimation, rollups and marks of the whole month. */
    readonly fullRefreshSeconds: number;
    readonly fullRefreshCpuSeconds: number;
    readonly late: readonly LateCorrections[];
    readonly traces: readonly TraceTime[];
}

/** A month of quarter-hours, then corrections of a thousandth of its readings that come late, and numbers of it traced to their bytes. */
export async function benchLate(meters: number, days: number): Promise<LateResult> {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'gridtally-bench-late-'));
    try {
        const args = [folder, String(meters), String(days)];
        return await runWorker<LateResult>('late-worker.ts', args);
    } finally {
        rmSync(folder, { recursive: true, force: true });
    }
}

/** The report that `npm run bench -- late` prints. */
export function lateText(result: LateResult): string {
    const number = (n: number) => n.toLocaleString('en');
    const { meters, days, readings, ingestSeconds, fullRefreshSeconds, fullRefreshCpuSeconds } = result;
    const percent = (part: number, whole: number) => `${((part / whole) * 100).toFixed(1)} %`;
    return [
        `${number(readings)} readings of ${number(meters)} meters on ${days} days: received in ${ingestSeconds.toFixed(1)} s, ` +
            `refreshed in ${fullRefreshSeconds.toFixed(1)} s, CPU ${fullRefreshCpuSeconds.toFixed(1)} s`,
        ...result.late.map(
            (c) =>
                `  ${number(c.rows)} corrected late, ${c.spread}: ingest ${c.ingestSeconds.toFixed(2)} s, ` +
                `refresh ${c.refreshSeconds.toFixed(2)} s (${percent(c.refreshSeconds, fullRefreshSeconds)} of the month's), ` +
                `CPU ${c.refreshCpuSeconds.toFixed(2)} s (${percent(c.refreshCpuSeconds, fullRefreshCpuSeconds)}), ${c.partitions} partitions`,
        ),
        ...result.traces.map(({ question, seconds }) => `  trace ${question}: ${seconds.toFixed(2)} s`),
        '',
    ].join('\n');
}
