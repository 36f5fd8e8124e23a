import type { Spent, StageReport } from './chain-worker.ts';
import { runWorker, withTown } from './town.ts';

export interface ChainOptions {
    readonly meters: number;
    readonly runs: number;
    readonly isJson: boolean;
}

interface Side {
    readonly rows: number;
    readonly seconds: number;
    readonly cpuSeconds: number;
    readonly peakRssBytes: number;
    readonly writtenBytes: number;
    readonly check: { readonly intervals: number; readonly kwh: string };
    readonly stages: Readonly<Record<string, StageReport>>;
}

interface Pair {
    readonly ours: Side;
    readonly duckdb: Side;
}

/**
 * A day of quarter-hours with 1 % corrections through gridtally and through a plain DuckDB script, in
 * turn, each in a process of its own. Throws when the two do not publish the same energy.
 */
export async function benchChain(options: ChainOptions): Promise<void> {
    const { meters, runs } = options;
    await withTown({ name: 'chain', meters, correctionsRate: 0.01 }, async (folder, day) => {
        const rows = day.rows + day.correctionRows;
        const pairs: Pair[] = [];
        for (let i = 0; i < runs; i++) {
            const ours = await side('gridtally', folder, rows);
            const duckdb = await side('duckdb', folder, rows);
            if (ours.check.kwh !== duckdb.check.kwh || ours.check.intervals !== duckdb.check.intervals) {
                throw new Error(
                    `the two disagree: ${JSON.stringify(ours.check)} and ${JSON.stringify(duckdb.check)}`,
                );
            }
            pairs.push({ ours, duckdb });
        }
        report(options, pairs, day.generateSeconds);
    });
}

async function side(name: 'gridtally' | 'duckdb', folder: string, rows: number): Promise<Side> {
    return { rows, ...(await runWorker<Omit<Side, 'rows'>>('chain-worker.ts', [name, folder])) };
}

function report(options: ChainOptions, pairs: readonly Pair[], generateSeconds: number): void {
    const median = [...pairs].sort((a, b) => ratioOf(a) - ratioOf(b))[Math.floor(pairs.length / 2)];
    if (!median) return;
    const { ours, duckdb } = median;
    if (options.isJson) {
        const { check: _check, ...chain } = ours;
        const peers = {
            duckdb: {
                seconds: duckdb.seconds,
                cpuSeconds: duckdb.cpuSeconds,
                peakRssBytes: duckdb.peakRssBytes,
                stages: duckdb.stages,
            },
        };
        const ratios = pairs.map(ratioOf);
        process.stdout.write(
            `${JSON.stringify({ chain: { ...chain, generateSeconds, ratios, peers } }, null, 2)}\n`,
        );
        return;
    }
    const lines = [
        `${ours.rows.toLocaleString('en')} readings of ${options.meters.toLocaleString('en')} meters, ${pairs.length} paired run(s), the median pair:`,
        `simulated in ${generateSeconds.toFixed(1)} s, which should be less than ${ours.stages['receive, parse, append']?.seconds.toFixed(1)} s`,
    ];
    for (const [name, s] of [
        ['gridtally', ours],
        ['duckdb by hand', duckdb],
    ] as const) {
        const rate = Math.round(s.rows / s.seconds).toLocaleString('en');
        lines.push(
            `${name}: ${s.seconds.toFixed(1)} s, ${rate} rows/s, CPU ${s.cpuSeconds.toFixed(1)} s, peak RSS ${mib(s.peakRssBytes)} MiB, written ${mib(s.writtenBytes)} MiB`,
        );
        for (const [stage, { parts = {}, ...whole }] of Object.entries(s.stages)) {
            lines.push(stageLine(`  ${stage}`, whole));
            for (const [part, spent] of Object.entries(parts)) lines.push(stageLine(`    ${part}`, spent));
        }
    }
    for (const pair of pairs) lines.push(`ratio ${ratioOf(pair).toFixed(2)}`);
    process.stdout.write(`${lines.join('\n')}\n`);
}

function ratioOf({ ours, duckdb }: Pair): number {
    return ours.seconds / duckdb.seconds;
}

function stageLine(name: string, { seconds, cpuSeconds }: Spent): string {
    return `${name.padEnd(26)} ${seconds.toFixed(2)} s  CPU ${cpuSeconds.toFixed(2)} s`;
}

function mib(bytes: number): number {
    return Math.round(bytes / 1024 ** 2);
}
