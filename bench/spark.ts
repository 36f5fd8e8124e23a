import { isDeepStrictEqual } from 'node:util';
import { runWorker, withTown } from './town.ts';

/** On a server of its own, which did the same for a small town before: a server at work has its code compiled. */
export interface SparkSide {
    readonly seconds: number;
    /** Of the server, which also compiles what it runs. */
    readonly cpuSeconds: number;
    /** Seconds by step. */
    readonly steps: Readonly<Record<string, number>>;
    readonly check: { readonly intervals: number; readonly kwh: string; readonly missing: number };
}

export interface SparkResult {
    readonly meters: number;
    readonly gridtally: SparkSide;
    readonly byHand: SparkSide;
    readonly ratio: number;
    readonly cpuRatio: number;
}

/**
 * Curation and rollups of a day of quarter-hours with 1 % corrections on Spark: through gridtally, and as statements written by hand over
 * the same files of versions. Throws where the two do not publish the same intervals and energy, or miss other ones.
 */
export function benchSpark(meters: number): Promise<SparkResult> {
    const town = (size: number) => ({ name: 'spark', meters: size, correctionsRate: 0.01 });
    return withTown(town(Math.ceil(meters / 10)), (small) =>
        withTown(town(meters), (folder) => compareSides(meters, folder, small)),
    );
}

async function compareSides(meters: number, folder: string, small: string): Promise<SparkResult> {
    const sides = await runWorker<Pick<SparkResult, 'gridtally' | 'byHand'>>('spark-worker.ts', [
        folder,
        small,
    ]);
    const { gridtally, byHand } = sides;
    if (!isDeepStrictEqual(gridtally.check, byHand.check))
        throw new Error(
            `the two disagree: ${JSON.stringify(gridtally.check)} and ${JSON.stringify(byHand.check)}`,
        );
    return {
        meters,
        ...sides,
        ratio: gridtally.seconds / byHand.seconds,
        cpuRatio: gridtally.cpuSeconds / byHand.cpuSeconds,
    };
}

const LEAST_TOLD_SECONDS = 0.5;

export function sparkText(result: SparkResult): string {
    const side = (name: string, { seconds, cpuSeconds, steps }: SparkSide) => [
        `${name}: ${seconds.toFixed(1)} s, CPU of the server ${cpuSeconds.toFixed(1)} s`,
        ...Object.entries(steps)
            .filter(([, taken]) => taken >= LEAST_TOLD_SECONDS)
            .sort(([, a], [, b]) => b - a)
            .map(([step, taken]) => `  ${step.padEnd(36)} ${taken.toFixed(1)} s`),
    ];
    return [
        `a day of ${result.meters.toLocaleString('en')} meters on Spark with two threads, after a tenth of it:`,
        ...side('gridtally', result.gridtally),
        ...side('by hand', result.byHand),
        `ratio ${result.ratio.toFixed(2)}, of CPU ${result.cpuRatio.toFixed(2)}`,
        '',
    ].join('\n');
}
