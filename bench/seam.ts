import { runWorker, withTown } from './town.ts';

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
export function benchSeam(meters: number): Promise<SeamResult> {
    return withTown({ name: 'seam', meters, correctionsRate: 0.01 }, async (folder) => {
        const timed = await runWorker<Omit<SeamResult, 'meters' | 'ratio'>>('seam-worker.ts', [folder]);
        return { meters, ...timed, ratio: timed.seconds / timed.peers.duckdb.seconds };
    });
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
