import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { monthPeriod } from '../kernel/calendar-date.ts';
import { systemClock } from '../kernel/clock.ts';
import { count, counted } from '../kernel/counted.ts';
import { makeFolderDurably, removeFolder, writeFileDurably } from '../kernel/durable.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { shippedContracts } from '../parsers/feed-catalogue.ts';
import { refreshAll } from '../pipeline/chain.ts';
import { draftPeriod } from '../pipeline/draft-period.ts';
import { ingestTown, loadTownMaster, townContract } from '../pipeline/town-chain.ts';
import { REALISTIC_FLAWS } from '../simulate/flaws.ts';
import { simulateTown } from '../simulate/town.ts';
import { openDatabase } from '../store/database.ts';
import { removeDatabase } from '../store/embedded-postgres.ts';
import { HOME_FILE, type Home, initHome, readHome } from '../store/home.ts';
import { dropSchemaOf } from '../store/home-binding.ts';
import { stopOnSignal, wholeNumber } from './command-context.ts';
import { claimTownFolder } from './demo-folder.ts';
import { demoSummary } from './demo-summary.ts';
import { type Output, openOutput } from './output.ts';
import { refreshText } from './refresh-text.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

interface DemoOptions {
    readonly home: string;
    readonly homes: number;
    readonly databaseUrl?: string;
    readonly databaseSchema?: string;
    readonly fresh?: boolean;
    readonly exit?: boolean;
    readonly json?: boolean;
}

/** The fixed quarter: it has a leap day and a clock change. */
const QUARTER = { from: '2024-01-01', to: '2024-04-01', months: ['2024-01', '2024-02', '2024-03'] };
const ZONE = 'Europe/London';
const SEED = 'first town';
const FEED = 'town';

export function addDemoCommand(program: Command): void {
    program
        .command('demo')
        .description(
            'a simulated town through the whole chain, from readings to bills (what `npm start` runs)',
        )
        .option('--home <dir>', 'folder of the town and its home', 'town')
        .option('--homes <n>', 'number of homes', wholeNumber, 1000)
        .option('--database-url <url>', 'another PostgreSQL 15 or newer')
        .option('--database-schema <name>', 'its schema')
        .option('--fresh', 'start anew')
        .option('--exit', 'return to the shell when done')
        .option('--json', 'print one JSON document')
        .action(demoCommand);
}

async function demoCommand(options: DemoOptions, self: Command): Promise<void> {
    const output = openOutput(options.json === true);
    const startedAt = systemClock.now();
    const folder = path.resolve(options.home);
    const homeFolder = path.join(folder, 'home');
    const townFolder = path.join(folder, 'simulated');
    await claimTownFolder(folder, FEED);
    if (options.fresh) await removeTown(homeFolder, townFolder);
    if (self.getOptionValueSource('homes') !== 'default') refuseOtherSize(townFolder, options.homes);
    if (existsSync(path.join(homeFolder, HOME_FILE)))
        output.notice(`continuing with the town in ${folder} (--fresh starts anew)`);
    await step(output, 'simulate', () => simulateOnce(townFolder, options.homes));
    refuseOtherDatabase(homeFolder, options);
    await step(output, 'home', () => makeHome(homeFolder, options));
    const workspace = await openWorkspace(homeFolder);
    const takeBack = stopOnSignal(workspace, output);
    try {
        for (const notice of workspace.notices) output.notice(notice);
        await runChain(workspace, output, townFolder);
        const summary = await demoSummary(workspace, {
            months: QUARTER.months,
            folder,
            startedAt,
        });
        output.result(summary.value, summary.text);
    } finally {
        await workspace.close();
        takeBack();
    }
}

/** A town that is there has its number of homes, and goes on with them. */
function refuseOtherSize(townFolder: string, homes: number): void {
    const totals = townTotals(townFolder);
    if (totals === undefined || totals.homes === homes) return;
    throw new GridtallyError(
        'usage.invalid',
        `the town that is there has ${counted(totals.homes, 'home')}, not ${count(homes)}`,
        { remedy: 'Leave out --homes to go on with it, or make it anew with --fresh.' },
    );
}

/** Undefined: no town was written to its end. */
function townTotals(townFolder: string): { readonly homes: number; readonly channels: number } | undefined {
    const done = path.join(townFolder, 'truth', 'totals.json');
    return existsSync(done) ? JSON.parse(readFileSync(done, 'utf8')) : undefined;
}

function databaseOf({ databaseUrl, databaseSchema }: DemoOptions) {
    return {
        ...(databaseUrl === undefined ? {} : { databaseUrl }),
        ...(databaseSchema === undefined ? {} : { databaseSchema }),
    };
}

/** A home that is there stays with its database. */
function refuseOtherDatabase(homeFolder: string, { databaseUrl, databaseSchema }: DemoOptions): void {
    if (!existsSync(path.join(homeFolder, HOME_FILE))) return;
    const { url, schema } = readHome(homeFolder).database;
    if (
        (databaseUrl === undefined || databaseUrl === url) &&
        (databaseSchema === undefined || databaseSchema === schema)
    )
        return;
    throw new GridtallyError('usage.invalid', 'the town that is there has its tables in another database', {
        remedy: 'Leave out --database-url and --database-schema to go on with it, or make it anew with --fresh.',
    });
}

/** Of a folder that says that it is a town's; whatever else lies beside the town stays. */
async function removeTown(homeFolder: string, townFolder: string): Promise<void> {
    if (existsSync(path.join(homeFolder, HOME_FILE))) await removeTables(readHome(homeFolder));
    if (existsSync(homeFolder)) await removeDatabase(homeFolder);
    await removeFolder(homeFolder);
    await removeFolder(townFolder);
}

async function removeTables(home: Home): Promise<void> {
    if (home.database.url === undefined) return;
    const db = await openDatabase({ ...home.database, home: home.folder });
    try {
        await dropSchemaOf(db, home);
    } finally {
        await db.close();
    }
}

async function step(
    output: Output,
    name: string,
    work: (say: (line: string) => void) => Promise<string>,
): Promise<void> {
    const from = Date.now();
    const result = await work((line) => output.progress(`${name}: ${line}`));
    output.notice(`${name.padEnd(9)} ${result} (${((Date.now() - from) / 1000).toFixed(1)} s)`);
}

async function simulateOnce(townFolder: string, homes: number): Promise<string> {
    if (townTotals(townFolder) === undefined) {
        await removeFolder(townFolder);
        await simulateTown({
            outFolder: townFolder,
            seed: SEED,
            homes,
            from: QUARTER.from,
            to: QUARTER.to,
            marketZone: ZONE,
            minutes: 30,
            feed: 'generic-csv',
            feedName: FEED,
            delivery: 'per-day',
            flaws: REALISTIC_FLAWS,
            unknownMeters: 'wait',
        });
    }
    const { homes: made = 0, channels = 0 } = townTotals(townFolder) ?? {};
    return `a town of ${counted(made, 'home')} with ${counted(channels, 'channel')}, ${QUARTER.from} to ${QUARTER.to}`;
}

async function makeHome(homeFolder: string, options: DemoOptions): Promise<string> {
    if (!existsSync(path.join(homeFolder, HOME_FILE)))
        await initHome(homeFolder, { marketZone: ZONE, currency: 'GBP', ...databaseOf(options) });
    const contract = path.join(homeFolder, 'feeds', `${FEED}.odcs.yaml`);
    if (!existsSync(contract)) {
        const shipped = shippedContracts().get('generic-csv')?.text ?? '';
        await makeFolderDurably(path.dirname(contract));
        await writeFileDurably(contract, townContract(shipped, FEED));
    }
    return `in ${homeFolder}`;
}

async function runChain(workspace: Workspace, output: Output, townFolder: string): Promise<void> {
    await step(output, 'load', async (say) => {
        const loaded = await loadTownMaster(workspace, path.join(townFolder, 'master'), (f) => say(f.kind));
        return `${counted(
            loaded.reduce((sum, f) => sum + f.rows, 0),
            'row',
        )} of master data`;
    });
    await step(output, 'ingest', async (say) => {
        const { received, parsed } = await ingestTown(workspace, townFolder, FEED, say);
        return `${counted(received.payloads, 'file')} (${count(received.repeats)} received before), ${counted(parsed.records, 'row')} parsed`;
    });
    await step(output, 'load late', async () => {
        const loaded = await loadTownMaster(workspace, path.join(townFolder, 'master-late'));
        return `${counted(
            loaded.reduce((sum, f) => sum + f.released, 0),
            'waiting reading',
        )} released`;
    });
    await step(output, 'refresh', async (say) => {
        const result = await refreshAll(workspace, (progress) => say(refreshText(progress)));
        return `${counted(result.rebuilt, 'partition')} rebuilt, ${count(result.merged)} merged`;
    });
    await step(output, 'bill', async (say) => {
        let drafted = 0;
        const unrated: string[] = [];
        for (const month of QUARTER.months) {
            say(month);
            const outcome = await draftPeriod(workspace, monthPeriod(month));
            drafted += outcome.drafted + outcome.replaced + outcome.unchanged;
            if (outcome.unrated.length > 0) unrated.push(month);
        }
        if (unrated.length > 0) process.exitCode = 1;
        const missing =
            unrated.length === 0
                ? ''
                : `; some accounts have none: see ${unrated.map((month) => `\`gridtally bill --period ${month}\``).join(', ')}`;
        return `${counted(drafted, 'draft')} for ${QUARTER.months.join(', ')}${missing}`;
    });
}
