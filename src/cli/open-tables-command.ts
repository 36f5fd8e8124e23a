import type { Command } from 'commander';
import { count } from '../kernel/counted.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { publishOpen } from '../pipeline/open-tables.ts';
import { type CommonOptions, command, withWorkspace } from './command-context.ts';
import { tableText } from './output.ts';

interface OpenTablesOptions extends CommonOptions {
    readonly rebuild?: boolean;
}

export function addOpenTablesCommand(program: Command): void {
    command(program, 'open-tables', 'tables that other programs read as Delta Lake: where they are')
        .option('--rebuild', 'make their logs anew from the catalogue')
        .action(openTablesCommand);
}

async function openTablesCommand(options: OpenTablesOptions): Promise<void> {
    await withWorkspace(options, async (workspace, output) => {
        const logs = await publishOpen(workspace, { bills: 'all', rebuild: options.rebuild === true });
        if (!workspace.home.openTables) {
            throw new GridtallyError('usage.invalid', 'this home has no open tables', {
                remedy: 'Set `openTables: true` in gridtally.yaml.',
            });
        }
        output.result(
            logs,
            tableText(
                ['table', 'version', 'readable from', 'written', 'folder'],
                logs.map((log) => [log.table, log.version, log.firstVersion, count(log.written), log.folder]),
            ),
        );
    });
}
