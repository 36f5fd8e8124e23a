/** What `npm run chaos` runs: seeds of the chaos driver, from one on or for some time. See README.md. */
import { parseArgs } from 'node:util';
import { isPlantedFault, PLANTED_FAULTS } from './planted-faults.ts';
import { seedText } from './seed-text.ts';
import { runSeeds } from './seeds-run.ts';

const USAGE = `npm run chaos -- [--seeds N] [--from S] [--hours H] [--parallel P] [--plant FAULT] [--stop-at-failure] [--keep] [--json]
  --seeds N     how many seeds (10)
  --from S      the first one, a whole number (1); the others follow it
  --hours H     instead: as many as begin within so many hours
  --parallel P  how many run at once (2)
  --plant FAULT one of: ${Object.keys(PLANTED_FAULTS).join('; ')}
  --stop-at-failure  no further seed begins once one has failed
  --keep        towns and homes of seeds that failed stay, and are named
  --json        one JSON document at the end`;

async function main(): Promise<number> {
    const { values } = parseArgs({
        options: {
            seeds: { type: 'string', default: '10' },
            from: { type: 'string', default: '1' },
            hours: { type: 'string' },
            'stop-at-failure': { type: 'boolean', default: false },
            parallel: { type: 'string', default: '2' },
            plant: { type: 'string' },
            keep: { type: 'boolean', default: false },
            json: { type: 'boolean', default: false },
        },
    });
    const { plant } = values;
    if (plant !== undefined && !isPlantedFault(plant)) throw new Error(`no fault is named ${plant}`);
    const until = values.hours === undefined ? undefined : Date.now() + number(values.hours) * 3_600_000;
    const from = number(values.from);
    const result = await runSeeds({
        seeds: until === undefined ? numbered(from, number(values.seeds)) : numberedUntil(from, until),
        parallel: number(values.parallel),
        keeps: values.keep,
        stopsAtFailure: values['stop-at-failure'],
        ...(plant === undefined ? {} : { planted: plant }),
        onSeed: (run) => {
            if (!values.json) process.stdout.write(`${seedText(run)}\n`);
        },
    });
    const { failed, seeds, counts, seconds } = result;
    if (values.json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    else {
        const perSeed = (seconds / Math.max(seeds, 1)).toFixed(1);
        process.stdout.write(
            `${seeds} seeds in ${Math.round(seconds)} s (${perSeed} s each), ${JSON.stringify(counts)}\n${failed.length} failed\n`,
        );
    }
    return failed.length === 0 ? 0 : 1;
}

function* numbered(from: number, count: number): Generator<string> {
    for (let seed = from; seed < from + count; seed += 1) yield String(seed);
}

function* numberedUntil(from: number, until: number): Generator<string> {
    for (let seed = from; Date.now() < until; seed += 1) yield String(seed);
}

function number(text: string): number {
    const value = Number(text);
    if (!Number.isFinite(value) || value <= 0) throw new Error(`${text} is no number above 0`);
    return value;
}

try {
    process.exitCode = await main();
} catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`);
    process.exitCode = 2;
}
