import type { Command } from 'commander';
import { counted } from '../kernel/counted.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { editReadings, editsMade, withdrawEdit } from '../pipeline/edit-readings.ts';
import type { EditSummary } from '../vee/edit-ledger.ts';
import { EDIT_QUALITIES } from '../vee/edit-payload.ts';
import type { EditRequest } from '../vee/edit-request.ts';
import { argument, type CommonOptions, command, wholeNumber, withWorkspace } from './command-context.ts';
import { qualityOf, readEditFile } from './edit-file.ts';
import { instantOrDay } from './history-commands.ts';
import { tableText } from './output.ts';
import type { Workspace } from './workspace.ts';

interface EditOptions extends CommonOptions {
    readonly by?: string;
    readonly reason?: string;
    readonly kwh?: string;
    readonly quality: string;
    readonly register?: string;
    readonly file?: string;
}

export function addEditCommands(program: Command): void {
    const edit = command(
        program,
        'edit',
        "a person's value for the intervals of a meter; it wins over everything",
    )
        .argument('[meter]', 'meter or metering point')
        .argument('[from]', 'first interval: a UTC instant, or a local day')
        .argument('[to]', 'end, exclusive; without it one interval is edited')
        .option('--kwh <value>', 'energy of each interval')
        .option('--quality <quality>', EDIT_QUALITIES.join(', '), 'measured')
        .option('--register <id>', 'where the meter has several')
        .option('--file <csv>', 'many values: meter, register, from, to, kwh, quality, reason')
        .option('--reason <text>', 'why')
        .option('--by <who>', 'who says so')
        .action(editCommand);
    command(edit, 'list', 'every edit, and whether it stands')
        .option('--meter <id>', 'only of this meter or metering point')
        .action(listCommand);
    command(edit, 'withdraw <no>', 'take an edit back: what was there before it counts again')
        .option('--reason <text>', 'why')
        .option('--by <who>', 'who says so')
        .action(withdrawCommand);
}

async function editCommand(
    meter: string | undefined,
    from: string | undefined,
    to: string | undefined,
    _options: EditOptions,
    self: Command,
): Promise<void> {
    const options = self.opts<EditOptions>();
    await withWorkspace(options, async (workspace, output) => {
        const requests = requestsOf(workspace, options, { meter, from, to });
        const result = await editReadings(workspace, options.by ?? '', requests);
        output.result(
            result,
            result.isNew
                ? `edit ${result.editNo}: ${counted(result.intervalCount, 'interval')}, receipt ${result.receiptId}; next: gridtally refresh`
                : `edit ${result.editNo} says so already; nothing has changed`,
        );
    });
}

function requestsOf(
    { lake }: Workspace,
    options: EditOptions,
    named: {
        readonly meter: string | undefined;
        readonly from: string | undefined;
        readonly to: string | undefined;
    },
): EditRequest[] {
    const quality = qualityOf(options.quality);
    if (quality === undefined)
        throw new GridtallyError('usage.invalid', `--quality is ${EDIT_QUALITIES.join(', ')}`);
    const reason = options.reason ?? '';
    const { meter, from, to } = named;
    if (options.file !== undefined) {
        if (meter === undefined) return readEditFile(options.file, lake.zone, { reason, quality });
        throw new GridtallyError('usage.invalid', 'values come from a file or from arguments, not from both');
    }
    if (meter === undefined || from === undefined)
        throw new GridtallyError('usage.invalid', 'name a meter and the first interval, or a --file');
    return [
        {
            meter,
            ...(options.register === undefined ? {} : { registerId: options.register }),
            from: instantOrDay(lake.zone, from),
            ...(to === undefined ? {} : { to: instantOrDay(lake.zone, to) }),
            kwh: options.kwh ?? null,
            quality,
            reason,
            place: {},
        },
    ];
}

async function listCommand(_options: CommonOptions, self: Command): Promise<void> {
    const options = self.optsWithGlobals<CommonOptions & { readonly meter?: string }>();
    await withWorkspace(options, async (workspace, output) => {
        const edits = await editsMade(workspace, options.meter);
        output.result(edits, edits.length === 0 ? 'no edit was made' : editTable(edits));
    });
}

/** A line for each edit, or register read of a person. */
export function editTable(edits: readonly EditSummary[]): string[] {
    const columns = [
        'edit',
        'state',
        'by',
        'meters',
        'from',
        'to',
        'intervals',
        'kWh',
        'quality',
        'received',
        'receipt',
        'reason',
    ];
    const cells = edits.map((e) => [
        e.editNo,
        e.withdrawnBy === null ? e.state : `${e.state} by ${e.withdrawnBy}`,
        e.by,
        e.meterIds.join(' '),
        e.periodFrom,
        e.periodTo,
        e.intervalCount,
        valuesText(e.values),
        e.qualities.join(' '),
        e.receivedAt,
        e.receiptId,
        e.reasons.join('; '),
    ]);
    return tableText(columns, cells);
}

const SHOWN_VALUES = 3;

/** The first few of them; all are in the history of the meter. */
function valuesText(values: readonly (string | null)[]): string {
    const shown = values.slice(0, SHOWN_VALUES).map((value) => value ?? 'missing');
    return `${shown.join(' ')}${values.length > shown.length ? ' …' : ''}`;
}

async function withdrawCommand(no: string, _options: CommonOptions, self: Command): Promise<void> {
    const options = self.optsWithGlobals<EditOptions>();
    await withWorkspace(options, async (workspace, output) => {
        const asked = {
            editNo: argument('NO', no, wholeNumber),
            by: options.by ?? '',
            reason: options.reason ?? '',
        };
        const result = await withdrawEdit(workspace, asked);
        output.result(
            result,
            result.isNew
                ? `edit ${no} taken back: ${counted(result.intervalCount, 'interval')}; next: gridtally refresh`
                : `edit ${no} is withdrawn already; nothing has changed`,
        );
    });
}
