import { Command, CommanderError } from 'commander';
import { ERROR_CATALOGUE } from '../kernel/errors.ts';
import { addBackupCommands } from './backup-commands.ts';
import { addBillCommands } from './bill-commands.ts';
import { addChainCommands } from './chain-commands.ts';
import { addDemoCommand } from './demo-command.ts';
import { addDriftCommand } from './drift-command.ts';
import { addEditCommands } from './edit-commands.ts';
import { addHistoryCommands } from './history-commands.ts';
import { addHomeCommands } from './home-commands.ts';
import { addLakeCommands } from './lake-commands.ts';
import { addOpenTablesCommand } from './open-tables-command.ts';
import { printErrorJson, reportError } from './output.ts';
import { PROGRAM_VERSION } from './program-version.ts';
import { addRebuildCommand } from './rebuild-command.ts';
import { addRegisterCommands } from './register-commands.ts';
import { addReplayCommand } from './replay-command.ts';
import { runToEnd } from './run-to-end.ts';
import { addSimulateCommand } from './simulate-command.ts';
import { isEndingBySignal } from './stop-on-signal.ts';
import { addTraceCommands } from './trace-commands.ts';
import { addVerifyCommands } from './verify-commands.ts';
import { addWorkCommand } from './work-command.ts';

/** A reader that has seen enough (`| head`) ends the text, not the work. */
for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EPIPE') throw error;
    });
}

/** The command line; exit status 0 done, 1 failed, 2 wrong usage. */
async function main(): Promise<number> {
    const program = new Command('gridtally')
        .description('Electricity meter readings into numbers that people pay by.')
        .version(PROGRAM_VERSION)
        .exitOverride()
        .showHelpAfterError();
    addHomeCommands(program);
    addChainCommands(program);
    addWorkCommand(program);
    addLakeCommands(program);
    addVerifyCommands(program);
    addOpenTablesCommand(program);
    addReplayCommand(program);
    addHistoryCommands(program);
    addEditCommands(program);
    addRegisterCommands(program);
    addTraceCommands(program);
    addDriftCommand(program);
    addBillCommands(program);
    addRebuildCommand(program);
    addBackupCommands(program);
    addSimulateCommand(program);
    addDemoCommand(program);
    try {
        await program.parseAsync();
        return typeof process.exitCode === 'number' ? process.exitCode : 0;
    } catch (error) {
        // what stopped the servers ends the process
        if (isEndingBySignal()) return new Promise(() => {});
        const isJson = process.argv.includes('--json');
        if (!(error instanceof CommanderError)) return reportError(error, isJson);
        if (error.exitCode === 0) return 0;
        // commander has told it on stderr already, with the usage
        const message = error.message.replace(/^error: /, '');
        if (isJson)
            printErrorJson({ code: 'usage.invalid', message, remedy: ERROR_CATALOGUE['usage.invalid'] });
        return 2;
    }
}

runToEnd(main);
