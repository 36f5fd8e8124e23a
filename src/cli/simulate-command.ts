import { type Command, InvalidArgumentError } from 'commander';
import { EVERY_FLAW, FLAWS, type FlawRates, REALISTIC_FLAWS } from '../simulate/flaws.ts';
import { simulateTown } from '../simulate/town.ts';
import type { Delivery, Minutes, TownCompression, TownFeed } from '../simulate/town-options.ts';
import { wholeNumber } from './command-context.ts';
import { openOutput } from './output.ts';

interface SimulateOptions {
    readonly out: string;
    readonly seed: string;
    readonly homes: number;
    readonly from: string;
    readonly to: string;
    readonly zone: string;
    readonly minutes: string;
    readonly feed: string;
    readonly delivery: string;
    readonly compress: string;
    readonly flaws: string;
    readonly json?: boolean;
}

export function addSimulateCommand(program: Command): void {
    program
        .command('simulate')
        .description('a deterministic town: master data, head-end files with flaws, and the truth')
        .requiredOption('--out <folder>', 'a new or empty folder')
        .option('--seed <text>', 'the same seed gives the same bytes', '1')
        .option('--homes <n>', 'number of homes', wholeNumber, 100)
        .option('--from <date>', 'first local day', '2024-01-01')
        .option('--to <date>', 'day after the last', '2024-02-01')
        .option('--zone <iana>', 'market zone', 'Europe/London')
        .option('--minutes <n>', '5, 15, 30, 60 or mixed', '30')
        .option('--feed <name>', 'generic-csv, generic-ndjson or lcl', 'generic-csv')
        .option('--delivery <kind>', 'per-device-hour, per-day or bulk', 'per-day')
        .option('--compress <kind>', 'none, gzip or zstd', 'none')
        .option('--flaws <rates>', 'none, realistic, all, or such as late=0.01,missing=0.02', 'realistic')
        .option('--json', 'print one JSON document')
        .action(simulateCommand);
}

async function simulateCommand(options: SimulateOptions): Promise<void> {
    const output = openOutput(options.json === true);
    const totals = await simulateTown({
        outFolder: options.out,
        seed: options.seed,
        homes: options.homes,
        from: options.from,
        to: options.to,
        marketZone: options.zone,
        minutes: options.minutes === 'mixed' ? 'mixed' : (Number(options.minutes) as Minutes),
        feed: options.feed as TownFeed,
        delivery: options.delivery as Delivery,
        compress: options.compress as TownCompression,
        flaws: flawRates(options.flaws),
    });
    output.result(totals, [
        `wrote ${options.out}: master/, deliveries/ in the order of deliveries.ndjson, and truth/`,
        ...Object.entries(totals).map(
            ([name, value]) => `${name}: ${typeof value === 'object' ? JSON.stringify(value) : value}`,
        ),
    ]);
}

function flawRates(text: string): FlawRates {
    if (text === 'none') return {};
    if (text === 'realistic') return REALISTIC_FLAWS;
    if (text === 'all') return EVERY_FLAW;
    const rates: Record<string, number> = {};
    for (const part of text.split(',')) {
        const [name = '', rate] = part.split('=');
        if (!(name in FLAWS) || !(Number(rate) >= 0)) {
            throw new InvalidArgumentError(
                `--flaws: ${part} is not a flaw and its rate; flaws are ${Object.keys(FLAWS).join(', ')}`,
            );
        }
        rates[name] = Number(rate);
    }
    return rates;
}
