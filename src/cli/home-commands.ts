import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { count } from '../kernel/counted.ts';
import { makeFolderDurably, removeFiles, removeFolder } from '../kernel/durable.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { distantReadings } from '../lake/distant-readings.ts';
import { refusedFeeds } from '../pipeline/refused-feeds.ts';
import { type HomeStatus, type ListedRefusal, listRefusals, readStatus } from '../pipeline/status.ts';
import { removeDatabase } from '../store/embedded-postgres.ts';
import { HOME_FILE, type Home, type HomeOptions, initHome } from '../store/home.ts';
import { type CommonOptions, command, homeFolder, wholeNumber, withWorkspace } from './command-context.ts';
import { distantText } from './distant-text.ts';
import { inWords, openOutput, placeText } from './output.ts';
import { refusedFeedDocuments, refusedFeedText } from './refused-feed-text.ts';
import { openWorkspace, serverEngine } from './workspace.ts';

interface InitOptions extends CommonOptions {
    readonly zone?: string;
    readonly currency?: string;
    readonly bucketSize?: number;
    readonly databaseUrl?: string;
    readonly databaseSchema?: string;
    readonly engine?: string;
}

export function addHomeCommands(program: Command): void {
    command(program, 'init', 'make a home: configuration, database and lake')
        .option('--zone <iana>', 'market zone whose local days are the market days', 'UTC')
        .option('--currency <code>', 'ISO 4217 currency', 'GBP')
        .option('--bucket-size <n>', 'channels per bucket, a power of two', wholeNumber, 16_384)
        .option('--database-url <url>', 'another PostgreSQL 15 or newer')
        .option('--database-schema <name>', 'its schema', 'gridtally')
        .option(
            '--engine <address>',
            'a Spark Connect server for the bulk of the work: sc://host:15002/;token=...',
        )
        .action(initCommand);
    command(program, 'status', 'what the home holds').action((options: CommonOptions) =>
        withWorkspace(options, async (workspace, output) => {
            const status = await readStatus(workspace.lake);
            const refusals = await listRefusals(workspace.db);
            const refused = await refusedFeeds(workspace);
            const distant = await distantReadings(workspace.lake);
            const told = { refusals, refusedFeeds: refusedFeedDocuments(refused), distantReadings: distant };
            output.result({ ...status, ...told }, [
                ...statusText(status),
                ...(status.registerReads === 0 ? [] : [REGISTER_RULES]),
                ...refusalLines(refusals),
                ...refusedFeedText(refused),
                ...distantText(distant),
            ]);
        }),
    );
}

const REGISTER_RULES =
    'what fails rules about registers is worked out when asked: `gridtally register-checks`';

function statusText(status: HomeStatus): string[] {
    const shown = (value: unknown) =>
        (typeof value === 'number' ? count(value) : String(value ?? 'none')).padStart(18);
    return Object.entries(status).flatMap(([name, value]) => {
        if (typeof value !== 'object' || value === null)
            return [`${inWords(name).padEnd(32)}${shown(value)}`];
        const rules = Object.entries(value).map(([rule, n]) => `  ${rule.padEnd(30)}${shown(n)}`);
        // what is quarantined stands below its sum, and what fails a rule of validation has none: a value may fail several
        return name === 'failedByRule' && rules.length > 0 ? [inWords(name), ...rules] : rules;
    });
}

export function refusalLines(refusals: readonly ListedRefusal[]): string[] {
    if (refusals.length === 0) return [];
    return [
        'newest files refused (`gridtally replay` brings in what a new contract reads; what is damaged must be sent again):',
        ...refusals.map(
            (r) =>
                `  ${r.feed} ${placeText({ ...r, file: r.sourceKey })} (receipt ${r.sequence}): ${r.ruleId}: ${r.message}`,
        ),
    ];
}

async function initCommand(options: InitOptions): Promise<void> {
    const output = openOutput(options.json === true);
    const folder = homeFolder(options);
    if (options.engine !== undefined) await serverEngine(options.engine);
    const isNew = !existsSync(folder);
    const home = await makeHome(folder, {
        ...(options.zone === undefined ? {} : { marketZone: options.zone }),
        ...(options.currency === undefined ? {} : { currency: options.currency }),
        ...(options.bucketSize === undefined ? {} : { bucketSize: options.bucketSize }),
        ...(options.databaseUrl === undefined ? {} : { databaseUrl: options.databaseUrl }),
        ...(options.databaseSchema === undefined ? {} : { databaseSchema: options.databaseSchema }),
        ...(options.engine === undefined ? {} : { engine: options.engine }),
    });
    try {
        await (await openWorkspace(folder)).close();
        await makeFolderDurably(path.join(home.folder, 'feeds'));
    } catch (error) {
        await removeUnused(home, isNew);
        throw error;
    }
    const { url: _secret, ...database } = home.database;
    const { server: _token, ...engine } = home.engine;
    output.result({ ...home, database, engine }, [
        `made a home in ${home.folder}`,
        `market zone ${home.marketZone}, currency ${home.currency}, ${home.bucketSize} channels a bucket`,
        'contracts of your own feeds go into its folder feeds; `gridtally feed infer FILE` drafts one',
        'next: gridtally ingest FILE --feed NAME',
    ]);
}

const OPTION_OF: Readonly<Record<string, string>> = {
    marketZone: '--zone',
    currency: '--currency',
    bucketSize: '--bucket-size',
    'database.url': '--database-url',
    'database.schema': '--database-schema',
    'engine.server': '--engine',
};

/** Settings that no home can have are wrong usage, and told by the option that gave them: there is no file to correct. */
async function makeHome(folder: string, options: HomeOptions): Promise<Home> {
    try {
        return await initHome(folder, options);
    } catch (error) {
        if (!(error instanceof GridtallyError) || error.code !== 'home.config-invalid') throw error;
        const faults = error.faults.map(({ field = '', message }) => ({
            field: OPTION_OF[field] ?? field,
            message,
        }));
        throw new GridtallyError('usage.invalid', 'no home can be made with these settings', { faults });
    }
}

/** A home whose database could not be used is of no use: without it `init` may be run again. */
async function removeUnused(home: Home, isNew: boolean): Promise<void> {
    if (home.database.url === undefined) await removeDatabase(home.folder);
    for (const name of ['database', home.lakeFolder, home.scratchFolder])
        await removeFolder(path.resolve(home.folder, name));
    await removeFiles([path.join(home.folder, HOME_FILE)]);
    if (isNew && readdirSync(home.folder).length === 0) await removeFolder(home.folder);
}
