import path from 'node:path';
import type { PublishedCorrections } from './home.ts';
import { type CorrectedValue, runWorker, TOWN_DATE, withTown, writeCorrections } from './town.ts';

/** How a day's correction of some meters spreads over the home, and what it took. */
export interface Correction extends PublishedCorrections {
    readonly spread: 'neighbours' | 'scattered';
}

export interface CorrectionResult {
    readonly meters: number;
    readonly correctedMeters: number;
    /** Curation and rollups of the whole day, for comparison. */
    readonly fullRefreshSeconds: number;
    readonly corrections: readonly Correction[];
}

/** All intervals of one day corrected for some meters of a large home: side by side in one bucket, and all over it. */
export function benchCorrection(meters: number): Promise<CorrectionResult> {
    return withTown({ name: 'correction', meters, correctionsRate: 0 }, async (folder) => {
        const correctedMeters = Math.min(100, meters);
        const town = path.join(folder, 'town');
        writeCorrections(path.join(town, 'neighbours.csv'), correctedDay(correctedMeters, 1, 1), 1);
        const step = Math.floor(meters / correctedMeters);
        writeCorrections(path.join(town, 'scattered.csv'), correctedDay(correctedMeters, step, 2), 2);
        const timed = await runWorker<Omit<CorrectionResult, 'meters' | 'correctedMeters'>>(
            'correction-worker.ts',
            [folder],
        );
        return { meters, correctedMeters, ...timed };
    });
}

/** The whole day of so many meters, every `step`-th. */
function* correctedDay(count: number, step: number, version: number): Generator<CorrectedValue> {
    // local midnight in London in May is 23:00 UTC of the day before
    const from = Date.parse(`${TOWN_DATE}T00:00:00Z`) - 3_600_000;
    for (let i = 0; i < count; i++)
        for (let slot = 0; slot < 96; slot++)
            yield {
                meter: 1 + i * step,
                at: from + slot * 900_000,
                kwh: String(((slot % 7) + version * 10) / 100),
            };
}

/** The report that `npm run bench -- correction` prints. */
export function correctionText(result: CorrectionResult): string {
    const lines = result.corrections.map(
        (c) =>
            `${result.correctedMeters} meters, ${c.spread}, ${c.partitions} partition(s): ingest ${c.ingestSeconds.toFixed(2)} s, refresh ${c.refreshSeconds.toFixed(2)} s`,
    );
    const head = `one corrected day in a home of ${result.meters.toLocaleString('en')} meters; the day's full refresh took ${result.fullRefreshSeconds.toFixed(1)} s:`;
    return [head, ...lines, ''].join('\n');
}
