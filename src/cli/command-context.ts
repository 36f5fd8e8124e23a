import { type Command, InvalidArgumentError } from 'commander';
import { type CalendarDate, calendarDate, monthPeriod } from '../kernel/calendar-date.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { parseInstant } from '../kernel/period.ts';
import { zoneOf } from '../kernel/zone.ts';
import { type Output, openOutput } from './output.ts';
import { stopOnFirstSignal } from './stop-on-signal.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

export interface CommonOptions {
    readonly home?: string;
    readonly json?: boolean;
}

/** Every command takes `--home` and `--json`. */
export function command(program: Command, usage: string, description: string): Command {
    return program
        .command(usage)
        .description(description)
        .option('--home <dir>', 'home folder (or GRIDTALLY_HOME)')
        .option('--json', 'print one JSON document');
}

export function homeFolder(options: CommonOptions): string {
    const folder = options.home ?? process.env.GRIDTALLY_HOME;
    if (folder === undefined || folder === '') {
        throw new GridtallyError('home.missing', 'no home is named', {
            remedy: 'Name one with --home DIR or GRIDTALLY_HOME.',
        });
    }
    return folder;
}

/**
 * Opens the home, runs the command, and closes it whatever happens. A signal stops what servers run for it; with `hasOwnSignals` the command
 * sees to signals itself.
 */
export async function withWorkspace(
    options: CommonOptions,
    work: (workspace: Workspace, output: Output) => Promise<void>,
    { hasOwnSignals = false }: { readonly hasOwnSignals?: boolean } = {},
): Promise<void> {
    const output = openOutput(options.json === true);
    const workspace = await openWorkspace(homeFolder(options));
    const takeBack = hasOwnSignals ? () => {} : stopOnSignal(workspace, output);
    try {
        for (const notice of workspace.notices) output.notice(notice);
        await work(workspace, output);
    } finally {
        await workspace.close();
        takeBack();
    }
}

/** Signals stop what servers run for this process, and the home's own server where nobody else uses it; what runs in the process itself ends with it. */
export function stopOnSignal({ db, lake }: Workspace, output: Output): () => void {
    const { bulkEngine, engine } = lake;
    return stopOnFirstSignal([
        async () =>
            output.notice('interrupted: what is published stays, and the same command goes on from there'),
        () => db.leave(),
        ...(bulkEngine === engine ? [] : [() => bulkEngine.close()]),
    ]);
}

/** An option's value as a UTC instant in epoch milliseconds. */
export function instant(text: string): number {
    return checked(() => parseInstant(text));
}

/** An option's value as it was given, a month such as 2013-05. */
export function month(text: string): string {
    checked(() => monthPeriod(text));
    return text;
}

/** An option's value as it was given, a day of the calendar. */
export function day(text: string): CalendarDate {
    return checked(() => calendarDate(text));
}

/** An option's value as it was given, a zone whose rules are known. */
export function zone(text: string): string {
    checked(() => zoneOf(text));
    return text;
}

/** An argument that has its place and no option, read as the value of an option is: what it cannot be is wrong usage. */
export function argument<T>(name: string, text: string, read: (text: string) => T): T {
    try {
        return read(text);
    } catch (error) {
        if (!(error instanceof InvalidArgumentError)) throw error;
        const shown = JSON.stringify(text);
        throw new GridtallyError('usage.invalid', `${name} cannot be ${shown}`, { remedy: error.message });
    }
}

/** What an option cannot be is wrong usage, and told by the option. */
function checked<T>(read: () => T): T {
    try {
        return read();
    } catch (error) {
        if (!(error instanceof GridtallyError)) throw error;
        throw new InvalidArgumentError(error.remedy);
    }
}

/** An option's value as a whole number that is not negative. */
export function wholeNumber(text: string): number {
    if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('A whole number is expected.');
    return Number(text);
}
