import type { Command } from 'commander';
import { count, counted } from '../kernel/counted.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { rebuildFromRaw } from '../pipeline/rebuild-from-raw.ts';
import { type CommonOptions, command, withWorkspace } from './command-context.ts';

interface RebuildOptions extends CommonOptions {
    readonly fromRaw?: boolean;
}

export function addRebuildCommand(program: Command): void {
    command(program, 'rebuild', 'make the lake anew beside the one that is there, and swap it in')
        .option('--from-raw', 'from received bytes, contracts, registrations and edits')
        .action(rebuildCommand);
}

async function rebuildCommand(options: RebuildOptions): Promise<void> {
    if (options.fromRaw !== true)
        throw new GridtallyError(
            'usage.invalid',
            'rebuild needs --from-raw; `gridtally refresh` rebuilds what is stale',
        );
    await withWorkspace(options, async (workspace, output) => {
        const result = await rebuildFromRaw(workspace, workspace.openSchema, ({ done, total }) =>
            output.progress(`rebuild: ${count(done)} of ${count(total)} segments`),
        );
        const isSame = result.contentBefore === result.contentRebuilt;
        output.result({ ...result, isSame }, [
            `${counted(result.payloads, 'payload')} read again, ${counted(result.partitions, 'partition')} rebuilt`,
            isSame
                ? 'the content is the same as before'
                : `${counted(result.partitions - result.samePartitions, 'partition')} had other content than the raw store gives: ${counted(result.changedChannelDays, 'channel-day')} changed`,
        ]);
    });
}
