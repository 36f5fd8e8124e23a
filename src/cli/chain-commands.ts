import type { Command } from 'commander';
import { count, counted } from '../kernel/counted.ts';
import { describeMarks } from '../lake/day-mark-plan.ts';
import { describePlan } from '../lake/refresh-plan.ts';
import { load, planMarksOf, planRefreshOf, refreshAll } from '../pipeline/chain.ts';
import { refusedFeeds, unparsedFeeds } from '../pipeline/refused-feeds.ts';
import { masterDataKind } from '../registry/load-master-data.ts';
import { type CommonOptions, command, wholeNumber, withWorkspace } from './command-context.ts';
import { addIngestCommand } from './ingest-command.ts';
import { refreshText } from './refresh-text.ts';
import { refusedFeedText } from './refused-feed-text.ts';
import { unparsedText } from './unparsed-text.ts';

interface LoadOptions extends CommonOptions {
    readonly series?: string;
    readonly holidaySet?: string;
    readonly minutes?: number;
}

interface RefreshOptions extends CommonOptions {
    readonly plan?: boolean;
}

export function addChainCommands(program: Command): void {
    command(program, 'load <kind> <file>', 'master data from CSV or YAML, validated as a whole, history kept')
        .option('--series <id>', 'price series that the file gives values of')
        .option('--holiday-set <id>', 'set that the file gives holidays of')
        .option('--minutes <n>', 'interval length of a price series', wholeNumber)
        .action(loadCommand);
    addIngestCommand(program);
    command(program, 'refresh', 'rebuild every stale partition, and no other')
        .option('--plan', 'only print what would be rebuilt')
        .action(refreshCommand);
}

async function loadCommand(kind: string, file: string, options: LoadOptions): Promise<void> {
    const known = masterDataKind(kind);
    await withWorkspace(options, async (workspace, output) => {
        const result = await load(workspace, {
            kind: known,
            file,
            ...(options.series === undefined ? {} : { seriesId: options.series }),
            ...(options.holidaySet === undefined ? {} : { holidaySet: options.holidaySet }),
            ...(options.minutes === undefined ? {} : { intervalMinutes: options.minutes }),
        });
        output.result(
            {
                ...result,
                registeredChannels: result.registeredChannels.length,
                takenOverChannels: result.takenOverChannels.length,
            },
            [
                `${kind}: ${counted(result.rows, 'row')}, ${count(result.added)} new, ${count(result.changed)} changed, ${count(result.unchanged)} as before`,
                ...(result.rows === 0 ? ['the file has no rows, so it says nothing'] : []),
                ...(result.registeredChannels.length > 0
                    ? [`${counted(result.registeredChannels.length, 'channel')} registered`]
                    : []),
                ...(result.released > 0
                    ? [`${counted(result.released, 'waiting reading')} released; next: gridtally refresh`]
                    : []),
                ...(result.quarantined > 0
                    ? [
                          `${counted(result.quarantined, 'waiting reading')} quarantined, as ${result.quarantined === 1 ? 'it does' : 'they do'} not fit the meter (docs/ingest-rules.md)`,
                      ]
                    : []),
                ...(result.moved > 0
                    ? [
                          `${counted(result.moved, 'reading')} moved to another channel; next: gridtally refresh`,
                      ]
                    : []),
                ...(result.displaced > 0
                    ? [
                          `${counted(result.displaced, 'reading')} without a meter that is installed then; kept waiting`,
                      ]
                    : []),
            ],
        );
    });
}

async function refreshCommand(options: RefreshOptions): Promise<void> {
    await withWorkspace(options, async (workspace, output) => {
        const refused = await refusedFeeds(workspace);
        for (const line of refusedFeedText(refused)) output.notice(line);
        // before the work: what another process parses meanwhile may be in none of it
        const unparsed = await unparsedFeeds(workspace, refused);
        if (options.plan) {
            const plan = await planRefreshOf(workspace);
            const marks = await planMarksOf(workspace, plan);
            const lines = [...describePlan(plan), ...describeMarks(marks)];
            output.result({ ...plan, marks, unparsed }, [
                ...(lines.length > 0 ? lines : ['nothing is stale']),
                `${counted(plan.upToDate, 'partition')} up to date`,
            ]);
            for (const line of unparsedText(unparsed)) output.notice(line);
            return;
        }
        const result = await refreshAll(workspace, (progress) =>
            output.progress(`refresh: ${refreshText(progress)}`),
        );
        output.result({ ...result, unparsed }, [
            `${counted(result.rebuilt, 'partition')} rebuilt, ${count(result.merged)} merged, ${count(result.removed)} emptied`,
            `${counted(result.changedChannelDays, 'channel-day')} changed`,
        ]);
        for (const line of unparsedText(unparsed)) output.notice(line);
    });
}
