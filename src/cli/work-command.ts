import type { Command } from 'commander';
import { counted } from '../kernel/counted.ts';
import { refusedFeeds } from '../pipeline/refused-feeds.ts';
import { type WorkCounts, work } from '../pipeline/work.ts';
import { type CommonOptions, command, stopOnSignal, wholeNumber, withWorkspace } from './command-context.ts';
import type { Output } from './output.ts';
import { refreshText } from './refresh-text.ts';
import { refusedFeedDocuments, refusedFeedText } from './refused-feed-text.ts';
import { onFirstSignal } from './stop-on-signal.ts';

interface WorkCommandOptions extends CommonOptions {
    readonly follow?: boolean;
    readonly pollSeconds: number;
}

export function addWorkCommand(program: Command): void {
    command(
        program,
        'work',
        'parse and refresh, together with any number of other processes, until all is done',
    )
        .option('--follow', 'then wait for more, until SIGTERM or Ctrl-C')
        .option('--poll-seconds <n>', 'how often to look while there is nothing to do', wholeNumber, 2)
        .action(workCommand);
}

async function workCommand(options: WorkCommandOptions): Promise<void> {
    await withWorkspace(
        options,
        async (workspace, output) => {
            const stop = stopSignal(output, () => stopOnSignal(workspace, output));
            if (options.follow === true) output.notice('at work, until SIGTERM or Ctrl-C');
            const result = await work(workspace, {
                isFollowing: options.follow === true,
                pollMs: Math.max(options.pollSeconds, 1) * 1000,
                stop,
                onProgress: (progress) =>
                    output.progress(
                        progress.stage === 'parse'
                            ? `parse: ${counted(progress.done, 'payload')}`
                            : `refresh: ${refreshText(progress)}`,
                    ),
                onRound: (round) => {
                    if (options.follow === true) output.notice(workText(round));
                },
                onSetback: ({ code, message }) => output.notice(`${code}: ${message}; trying again`),
            });
            const how =
                result.ended === 'idle' ? 'nothing is left to do' : 'stopped; the rest is left to others';
            const refused = await refusedFeeds(workspace);
            output.result({ ...result, refusedFeeds: refusedFeedDocuments(refused) }, [
                workText(result),
                ...refusedFeedText(refused),
                how,
            ]);
            if (refused.some((feed) => feed.payloadsUnparsed > 0)) process.exitCode = 1;
        },
        { hasOwnSignals: true },
    );
}

/** The first signal ends the work in good order and calls `onFirst`; a second one ends the process, which loses nothing that was published. */
function stopSignal(output: Output, onFirst: () => void): AbortSignal {
    const stop = new AbortController();
    onFirstSignal((signal) => {
        output.notice(`${signal}: ending after the step under way`);
        stop.abort();
        onFirst();
    });
    return stop.signal;
}

function workText(done: WorkCounts): string {
    const changed = done.rebuilt + done.merged + done.removed;
    return `parsed ${counted(done.payloads, 'payload')} of ${counted(done.records, 'row')}; made ${counted(changed, 'partition')} anew, ${counted(done.changedChannelDays, 'channel-day')} changed`;
}
