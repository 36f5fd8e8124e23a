import type { Command } from 'commander';
import type { EngineRow } from '../engine/engine.ts';
import { count, counted } from '../kernel/counted.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { instantText } from '../kernel/period.ts';
import { compact } from '../lake/compaction.ts';
import type { RemovedFile } from '../lake/sweep.ts';
import { homeContracts } from '../parsers/feed-catalogue.ts';
import { tablesAsked, withPublishedViews } from '../pipeline/published-views.ts';
import { refusedFeeds } from '../pipeline/refused-feeds.ts';
import { listRefusals, refusedByFeed } from '../pipeline/status.ts';
import { sweepHome } from '../pipeline/sweep-home.ts';
import { type CommonOptions, command, instant, wholeNumber, withWorkspace } from './command-context.ts';
import { checkFeedFile } from './feed-check.ts';
import { addFeedInferCommand } from './feed-infer.ts';
import { refusalLines } from './home-commands.ts';
import { tableText } from './output.ts';
import { errorDocument, refusedFeedText } from './refused-feed-text.ts';

interface SqlOptions extends CommonOptions {
    readonly asOf?: number;
    readonly showIdentity?: boolean;
}

interface SweepCommandOptions extends CommonOptions {
    readonly keepDays?: number;
}

export function addLakeCommands(program: Command): void {
    command(
        program,
        'sql <query>',
        'a query on what is published now: reads_15min, reads_hourly, reads_daily, bills …',
    )
        .option('--as-of <instant>', 'as known at this UTC instant, such as 2013-06-01T00:00:00Z', instant)
        .option('--show-identity', 'let `customers` show names and addresses')
        .action(sqlCommand);
    command(program, 'compact', 'join small files; content stays the same').action((options: CommonOptions) =>
        withWorkspace(options, async ({ lake }, output) => {
            const result = await compact(lake);
            output.result(
                result,
                result.filesBefore === 0
                    ? 'nothing to join'
                    : `${counted(result.filesBefore, 'file')} joined into ${count(result.filesAfter)}`,
            );
        }),
    );
    command(program, 'sweep', 'remove files that were replaced, or that a crash left')
        .option(
            '--keep-days <n>',
            'keep what was replaced within so many days, instead of retention.replacedDays of the home',
            wholeNumber,
        )
        .action(sweepCommand);
    const feed = program.command('feed').description('feeds and their contracts');
    command(feed, 'list', 'feeds that this home can read').action(feedListCommand);
    command(feed, 'check <file>', 'how a file would be read, and what is wrong with it')
        .requiredOption('--feed <name>', 'feed whose contract it follows')
        .action((file: string, options: CommonOptions & { readonly feed: string }) =>
            checkFeedFile(file, options),
        );
    addFeedInferCommand(feed);
}

async function sqlCommand(query: string, options: SqlOptions): Promise<void> {
    const { asOf } = options;
    if (query.trim() === '') throw new GridtallyError('usage.invalid', 'the query is empty');
    await withWorkspace(options, async (workspace, output) => {
        const views = {
            showsIdentity: options.showIdentity === true,
            query,
            ...(asOf === undefined ? {} : { asOf }),
        };
        if (asOf !== undefined && asOf > workspace.clock.now()) {
            const message = `--as-of ${instantText(asOf)} is still to come: what will be known then is not known yet`;
            throw new GridtallyError('usage.invalid', message);
        }
        const rows =
            tablesAsked(query)?.map((name) => ({ name })) ??
            (await withPublishedViews(workspace, views, async (session) => {
                await session.confine();
                return session.rows(query).catch((cause: Error) => {
                    throw cause instanceof GridtallyError ? cause : queryFault(cause, options);
                });
            }));
        const columns = Object.keys(rows[0] ?? {});
        const cells = rows.map((row: EngineRow) => columns.map((c) => row[c]));
        output.result(rows, rows.length === 0 ? '(no rows)' : tableText(columns, cells));
    });
}

function queryFault(cause: Error, options: SqlOptions): GridtallyError {
    const isIdentity = /column "?(name|email|address)"? not found/i.test(cause.message);
    const remedy =
        isIdentity && !options.showIdentity
            ? { remedy: 'Names and addresses of customers are shown with --show-identity only.' }
            : {};
    return new GridtallyError('sql.failed', cause.message, { cause, ...remedy });
}

async function sweepCommand(options: SweepCommandOptions): Promise<void> {
    await withWorkspace(options, async (workspace, output) => {
        const result = await sweepHome(workspace, {
            ...(options.keepDays === undefined ? {} : { keepDays: options.keepDays }),
            onWait: (steps) => output.progress(`sweep: waiting for ${counted(steps, 'step')} to end`),
        });
        output.result(result, [
            `${counted(result.retiredFiles, 'replaced file')} and ${counted(result.orphanFiles, 'orphaned file')} removed, ${counted(result.bytes, 'byte')}`,
            `${count(result.forgottenIdentities)} forgotten of the deliveries whose repeats are no longer looked for`,
            ...removedLines(result.removed),
        ]);
    });
}

const REMOVED_SHOWN = 20;

function removedLines(removed: readonly RemovedFile[]): string[] {
    const more = removed.length - REMOVED_SHOWN;
    return [
        ...removed
            .slice(0, REMOVED_SHOWN)
            .map(({ path, why, bytes }) => `${why}: ${path}, ${counted(bytes, 'byte')}`),
        ...(more > 0 ? [`and ${counted(more, 'file')} more; --json lists them all`] : []),
    ];
}

async function feedListCommand(options: CommonOptions): Promise<void> {
    await withWorkspace(options, async (workspace, output) => {
        const refusals = await listRefusals(workspace.db);
        const counts = await refusedByFeed(workspace.db);
        const feeds = [...homeContracts(workspace.home.folder).contracts.values()]
            .map(({ contract }) => ({
                feed: contract.feed,
                version: contract.version,
                refused: counts.get(contract.feed) ?? 0,
                columns: contract.columns.map((c) => c.name).join(', '),
                refusals: refusals.filter((r) => r.feed === contract.feed),
            }))
            .sort((a, b) => (a.feed < b.feed ? -1 : 1));
        const faulty = await refusedFeeds(workspace);
        output.result(
            [...feeds, ...faulty.map(({ feed, error }) => ({ feed, error: errorDocument(error) }))],
            [
                ...tableText(
                    ['feed', 'version', 'refused', 'columns'],
                    feeds.map((f) => [f.feed, f.version, f.refused, f.columns]),
                ),
                ...refusalLines(refusals),
                ...refusedFeedText(faulty),
            ],
        );
        if (faulty.length > 0) process.exitCode = 1;
    });
}
