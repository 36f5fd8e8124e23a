import type { Command } from 'commander';
import { REGISTER_EDIT_FEED } from '../contracts/edit-feed.ts';
import type { CalendarDate } from '../kernel/calendar-date.ts';
import { count, counted } from '../kernel/counted.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { editReadings, editsMade, withdrawEdit } from '../pipeline/edit-readings.ts';
import { type ListedAdvance, type RegisterChecks, registerChecks } from '../pipeline/register-checks.ts';
import { argument, type CommonOptions, command, day, wholeNumber, withWorkspace } from './command-context.ts';
import { editTable } from './edit-commands.ts';
import { instantOrDay } from './history-commands.ts';
import { tableText, wrapped } from './output.ts';

const READ_QUALITIES = ['measured', 'estimated'] as const;

interface ReadOptions extends CommonOptions {
    readonly at?: string;
    readonly kwh?: string;
    readonly quality: string;
    readonly register?: string;
    readonly by?: string;
    readonly reason?: string;
}

interface CheckOptions extends CommonOptions {
    readonly meter?: string;
    readonly from?: CalendarDate;
    readonly to?: CalendarDate;
    readonly all?: true;
}

export function addRegisterCommands(program: Command): void {
    const read = command(program, 'register-read', "a person's read of a register; it wins over everything")
        .argument('[meter]', 'meter or metering point')
        .option('--at <instant>', 'when it was read: a UTC instant, or a local day for its first instant')
        .option('--kwh <value>', 'what the register shows')
        .option('--quality <quality>', READ_QUALITIES.join(', '), 'measured')
        .option('--register <id>', 'where the meter has several')
        .option('--reason <text>', 'why')
        .option('--by <who>', 'who says so')
        .action(readCommand);
    command(read, 'list', 'every read of a person, and whether it stands')
        .option('--meter <id>', 'only of this meter or metering point')
        .action(listCommand);
    command(read, 'withdraw <no>', 'take a read back: what was there before it counts again')
        .option('--reason <text>', 'why')
        .option('--by <who>', 'who says so')
        .action(withdrawCommand);
    command(program, 'register-checks', 'what registers counted between reads, against the intervals')
        .option('--meter <id>', 'only of this meter or metering point')
        .option('--from <day>', 'first market day', day)
        .option('--to <day>', 'market day after the last one', day)
        .option('--all', 'also what fails no rule')
        .action(checkCommand);
}

async function readCommand(meter: string | undefined, _options: ReadOptions, self: Command): Promise<void> {
    const options = self.opts<ReadOptions>();
    const quality = READ_QUALITIES.find((known) => known === options.quality);
    if (quality === undefined)
        throw new GridtallyError('usage.invalid', `--quality is ${READ_QUALITIES.join(' or ')}`);
    const { at, register: registerId } = options;
    if (meter === undefined || at === undefined)
        throw new GridtallyError('usage.invalid', 'name a meter, and with --at when its register was read');
    await withWorkspace(options, async (workspace, output) => {
        const request = {
            meter,
            ...(registerId === undefined ? {} : { registerId }),
            from: instantOrDay(workspace.lake.zone, at),
            kwh: options.kwh ?? null,
            quality,
            reason: options.reason ?? '',
            place: {},
        };
        const { editNo, receiptId, isNew } = await editReadings(
            workspace,
            options.by ?? '',
            [request],
            REGISTER_EDIT_FEED,
        );
        output.result(
            { readNo: editNo, receiptId, isNew },
            isNew
                ? `register read ${editNo}: receipt ${receiptId}`
                : `register read ${editNo} says so already; nothing has changed`,
        );
    });
}

async function listCommand(_options: CommonOptions, self: Command): Promise<void> {
    const options = self.optsWithGlobals<CommonOptions & { readonly meter?: string }>();
    await withWorkspace(options, async (workspace, output) => {
        const reads = await editsMade(workspace, options.meter, REGISTER_EDIT_FEED);
        output.result(reads, reads.length === 0 ? 'no register was read by hand' : editTable(reads));
    });
}

async function withdrawCommand(no: string, _options: CommonOptions, self: Command): Promise<void> {
    const options = self.optsWithGlobals<ReadOptions>();
    await withWorkspace(options, async (workspace, output) => {
        const asked = {
            editNo: argument('NO', no, wholeNumber),
            by: options.by ?? '',
            reason: options.reason ?? '',
        };
        const { editNo, receiptId, isNew } = await withdrawEdit(workspace, asked, REGISTER_EDIT_FEED);
        output.result(
            { readNo: editNo, receiptId, isNew },
            isNew
                ? `register read ${no} taken back: receipt ${receiptId}`
                : `register read ${no} is withdrawn already; nothing has changed`,
        );
    });
}

async function checkCommand({ meter, from, to, all, ...common }: CheckOptions): Promise<void> {
    await withWorkspace(common, async (workspace, output) => {
        const checks = await registerChecks(workspace, {
            ...(meter === undefined ? {} : { meter }),
            ...(from === undefined ? {} : { from }),
            ...(to === undefined ? {} : { to }),
            ...(all === undefined ? {} : { isAll: all }),
        });
        output.result(checks, checksText(checks));
    });
}

const COLUMNS = [
    'meter',
    'register',
    'from',
    'to',
    'skips',
    'kind',
    'advance kWh',
    'intervals kWh',
    'difference',
    'measured',
    'verdict',
    'rules',
    'severity',
];

function checksText({ advances, byVerdict, byRule }: RegisterChecks): string[] {
    const total = Object.values(byVerdict).reduce((sum, n) => sum + n, 0);
    const verdicts = Object.entries(byVerdict).map(([verdict, n]) => `${count(n)} ${verdict}`);
    const rules = Object.entries(byRule).map(([rule, n]) => `${rule} ${count(n)}`);
    const sentence = [`${counted(total, 'advance')} looked at`, ...verdicts].join(', ');
    return [
        ...(advances.length === 0 ? [] : [...tableText(COLUMNS, advances.map(cells)), '']),
        ...wrapped(
            rules.length === 0 ? `${sentence}; none fails a rule.` : `${sentence}; ${rules.join(', ')}.`,
        ),
    ];
}

function cells(advance: ListedAdvance): (string | number | null)[] {
    return [
        advance.meterId,
        advance.registerId,
        advance.readFrom,
        advance.readTo,
        advance.skippedReads,
        advance.kind,
        advance.advanceKwh,
        advance.intervalKwh,
        advance.differenceKwh,
        `${count(advance.measuredCount)}/${count(advance.expectedCount)}`,
        advance.verdict,
        advance.rules.join(' '),
        advance.severity,
    ];
}
