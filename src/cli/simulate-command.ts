import { type Command, InvalidArgumentError, Option } from 'commander';
import { addDays, calendarDate } from '../kernel/calendar-date.ts';
import { count } from '../kernel/counted.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { type BulkTotals, simulateBulkDay } from '../simulate/bulk-town.ts';
import { EVERY_FLAW, FLAWS, type FlawRates, REALISTIC_FLAWS } from '../simulate/flaws.ts';
import { simulateTown } from '../simulate/town.ts';
import {
    COMPRESSIONS,
    DELIVERIES,
    type Delivery,
    FEEDS,
    type Minutes,
    type TownCompression,
    type TownFeed,
} from '../simulate/town-options.ts';
import type { TownTotals } from '../simulate/truth-files.ts';
import { day, wholeNumber, zone } from './command-context.ts';
import { inWords, openOutput, wrapped } from './output.ts';

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
    readonly correctionsRate?: number;
    readonly compress: string;
    readonly flaws: FlawRates;
    readonly json?: boolean;
}

export function addSimulateCommand(program: Command): void {
    program
        .command('simulate')
        .description('a deterministic town: master data, head-end files with flaws, and the truth')
        .requiredOption('--out <folder>', 'a new or empty folder')
        .option('--seed <text>', 'the same seed gives the same bytes', '1')
        .option('--homes <n>', 'number of homes', wholeNumber, 100)
        .option('--from <date>', 'first local day', day, calendarDate('2024-01-01'))
        .option('--to <date>', 'day after the last', day, calendarDate('2024-02-01'))
        .option('--zone <iana>', 'market zone', zone, 'Europe/London')
        .addOption(choice('--minutes <n>', 'interval length', ['5', '15', '30', '60', 'mixed'], '30'))
        .addOption(choice('--feed <name>', 'format of the files', FEEDS, 'generic-csv'))
        .addOption(choice('--delivery <kind>', 'what a file holds', [...DELIVERIES, BULK_DAY], 'per-day'))
        .option(
            '--corrections-rate <share>',
            `share of the readings of a ${BULK_DAY} that are corrected (0.01)`,
            share,
        )
        .addOption(choice('--compress <kind>', 'how files are packed', COMPRESSIONS, 'none'))
        .addOption(
            new Option('--flaws <rates>', 'none, realistic, all, or such as late=0.01,missing=0.02')
                .argParser(flawRates)
                .default(REALISTIC_FLAWS, 'realistic'),
        )
        .option('--json', 'print one JSON document')
        .action(simulateCommand);
}

/** A day of many meters in one file, fast and without flaws. */
const BULK_DAY = 'bulk-day';

async function simulateCommand(options: SimulateOptions, self: Command): Promise<void> {
    const output = openOutput(options.json === true);
    const totals = options.delivery === BULK_DAY ? bulkTotals(options, self) : await townTotals(options);
    output.result(totals, [
        `wrote ${options.out}: master/, deliveries/ in the order of deliveries.ndjson, and truth/`,
        ...Object.entries(totals).flatMap(([name, value]) => wrapped(`${inWords(name)}: ${listed(value)}`)),
    ]);
}

function bulkTotals(options: SimulateOptions, self: Command): BulkTotals {
    const { out, seed, homes, from, zone: marketZone, correctionsRate = 0.01 } = options;
    const given = (name: string) => self.getOptionValueSource(name) === 'cli';
    const next = addDays(calendarDate(from), 1);
    const faults = [
        given('minutes') && options.minutes !== '15' ? '--minutes is 15' : '',
        given('to') && options.to !== next ? `--to is ${next}, the day after --from` : '',
        options.feed === 'generic-csv' ? '' : '--feed is generic-csv',
        options.compress === 'none' ? '' : '--compress is none',
        given('flaws') && Object.keys(options.flaws).length > 0
            ? '--flaws is none; --corrections-rate says how many readings are corrected'
            : '',
    ].filter((fault) => fault !== '');
    if (faults.length > 0)
        throw new GridtallyError('usage.invalid', `simulate: of a ${BULK_DAY} ${faults.join(', ')}`);
    return simulateBulkDay({ outFolder: out, seed, meters: homes, date: from, marketZone, correctionsRate });
}

async function townTotals(options: SimulateOptions): Promise<TownTotals> {
    if (options.correctionsRate !== undefined)
        throw new GridtallyError(
            'usage.invalid',
            `simulate: --corrections-rate is for --delivery ${BULK_DAY}; elsewhere it is a flaw, such as --flaws corrected=0.01`,
        );
    return simulateTown({
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
        flaws: options.flaws,
    });
}

/** A tree of counts as a list: `east 1, west 2`. */
function listed(value: unknown): string {
    if (typeof value === 'number') return count(value);
    if (typeof value !== 'object' || value === null) return String(value);
    const parts = Object.entries(value).map(([name, part]) =>
        typeof part === 'object' ? `${inWords(name)} (${listed(part)})` : `${inWords(name)} ${listed(part)}`,
    );
    return parts.length === 0 ? 'none' : parts.join(', ');
}

function flawRates(text: string): FlawRates {
    if (text === 'none') return {};
    if (text === 'realistic') return REALISTIC_FLAWS;
    if (text === 'all') return EVERY_FLAW;
    const rates: Record<string, number> = {};
    const faults: string[] = [];
    for (const part of text.split(',')) {
        const [name = '', rate = ''] = part.split('=');
        if (!Object.hasOwn(FLAWS, name)) faults.push(`There is no flaw ${name}.`);
        else if (!/^\d+(\.\d+)?$/.test(rate)) faults.push(`${name} needs a rate, such as ${name}=0.01.`);
        rates[name] = Number(rate);
    }
    if (faults.length === 0) return rates;
    throw new InvalidArgumentError(`${faults.join(' ')} Flaws are ${Object.keys(FLAWS).join(', ')}.`);
}

function share(text: string): number {
    if (!/^(0(\.\d+)?|1(\.0+)?)$/.test(text))
        throw new InvalidArgumentError('A share from 0 to 1 is expected, such as 0.01.');
    return Number(text);
}

function choice(flags: string, description: string, values: readonly string[], fallback: string): Option {
    return new Option(flags, description).choices(values).default(fallback);
}
