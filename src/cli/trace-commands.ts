import type { Command } from 'commander';
import type { CalendarDate } from '../kernel/calendar-date.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { marketDayOf } from '../kernel/market-day.ts';
import { instantText } from '../kernel/period.ts';
import { traceBill } from '../pipeline/bill-trace.ts';
import { traceFiles } from '../pipeline/file-trace.ts';
import { onlyDay, traceTotals } from '../pipeline/total-trace.ts';
import { namedChannels } from '../registry/named-channels.ts';
import {
    billNode,
    dayNode,
    fileNode,
    hourNode,
    intervalNode,
    spanNode,
    treeText,
} from '../trace/trace-text.ts';
import type { TracedDay } from '../trace/traced-total.ts';
import {
    argument,
    type CommonOptions,
    command,
    day,
    instant,
    wholeNumber,
    withWorkspace,
} from './command-context.ts';
import type { Workspace } from './workspace.ts';

interface TotalOptions extends CommonOptions {
    readonly register?: string;
    readonly lines: boolean;
}

interface FileOptions extends CommonOptions {
    readonly days: number;
}

export function addTraceCommands(program: Command): void {
    const trace = program.command('trace').description('what a number came from, and what a file touched');
    const total = (usage: string, description: string) =>
        command(trace, usage, description)
            .option('--register <id>', 'only this register')
            .option('--no-lines', 'leave out files and lines: no payload is read');
    total('day <meter> <date>', 'a daily total: its hours, intervals, versions, files and lines').action(
        dayCommand,
    );
    total('hour <meter> <instant>', 'the hourly total that an instant is in').action(hourCommand);
    total('reading <meter> <instant>', 'the curated value of the interval that an instant is in').action(
        readingCommand,
    );
    command(trace, 'bill <id> [line]', 'a bill, or one of its lines: the readings that it prices')
        .option('--no-lines', 'leave out files and lines: no payload is read')
        .action(billCommand);
    command(
        trace,
        'file <name>',
        'what a file touched: by receipt (r12), path or the name it was received under',
    )
        .option('--days <n>', 'list so many daily totals of each file', wholeNumber, 20)
        .action(fileCommand);
}

async function dayCommand(meter: string, date: string, options: TotalOptions): Promise<void> {
    await withWorkspace(options, async (workspace, output) => {
        const days = await traceMeter(workspace, meter, { ...options, day: argument('DATE', date, day) });
        output.result(days, treeText(days.map(dayNode)));
    });
}

async function hourCommand(meter: string, text: string, options: TotalOptions): Promise<void> {
    await withWorkspace(options, async (workspace, output) => {
        const at = argument('INSTANT', text, instant);
        const days = await traceMeter(workspace, meter, {
            ...options,
            day: marketDayOf(workspace.lake.zone, at),
        });
        const hours = days.flatMap(({ hours, ...day }) =>
            hours
                .filter(({ hourFrom }) => contains(hourFrom, 60, at))
                .map((hour) => ({ ...naming(day), ...hour, spans: day.spans })),
        );
        if (hours.length === 0) throw nothingAt(meter, at);
        output.result(
            hours,
            treeText(
                hours.map((h) => ({
                    ...hourNode(h),
                    text: `${h.meterId} ${h.registerId}, ${hourNode(h).text}`,
                    children: [...hourNode(h).children, ...h.spans.map(spanNode)],
                })),
            ),
        );
    });
}

async function readingCommand(meter: string, text: string, options: TotalOptions): Promise<void> {
    await withWorkspace(options, async (workspace, output) => {
        const at = argument('INSTANT', text, instant);
        const days = await traceMeter(workspace, meter, {
            ...options,
            day: marketDayOf(workspace.lake.zone, at),
        });
        const intervals = days
            .flatMap(({ hours, spans }) =>
                hours.flatMap((hour) => hour.intervals.map((interval) => ({ ...interval, spans }))),
            )
            .filter(({ periodFrom, minutes }) => contains(periodFrom, minutes, at));
        if (intervals.length === 0) throw nothingAt(meter, at);
        output.result(
            intervals,
            treeText(
                intervals.map((i) => ({
                    text: `${i.meterId} ${i.registerId}, ${intervalNode(i).text}`,
                    children: [...intervalNode(i).children, ...i.spans.map(spanNode)],
                })),
            ),
        );
    });
}

async function billCommand(
    billId: string,
    line: string | undefined,
    options: CommonOptions & { readonly lines: boolean },
): Promise<void> {
    await withWorkspace(options, async (workspace, output) => {
        const lineNo = line === undefined ? {} : { lineNo: argument('LINE', line, wholeNumber) };
        // text tells the days of a whole bill, and every version of one line
        const depth = line === undefined ? 'days' : 'versions';
        const readsLines = options.lines && (output.isJson || depth === 'versions');
        const readsInputs = output.isJson || depth === 'versions';
        const bill = await traceBill(workspace, { billId, ...lineNo, readsLines, readsInputs });
        output.result(bill, treeText([billNode(bill, depth)]));
    });
}

async function fileCommand(named: string, options: FileOptions): Promise<void> {
    await withWorkspace(options, async (workspace, output) => {
        const files = await traceFiles(workspace, { named, daysMax: options.days });
        output.result(files, treeText(files.map(fileNode)));
    });
}

async function traceMeter(
    workspace: Workspace,
    meter: string,
    { day, register, lines }: TotalOptions & { readonly day: CalendarDate },
): Promise<TracedDay[]> {
    const named = await namedChannels(workspace.lake.db, meter, register);
    const of = register === undefined ? '' : ` with register ${JSON.stringify(register)}`;
    const unknown = `nothing is known of a meter or metering point ${JSON.stringify(meter)}${of}`;
    if (named.channels.length === 0) throw new GridtallyError('trace.meter-unknown', unknown);
    const days = await traceTotals(workspace, {
        named,
        days: onlyDay(day),
        readsLines: lines,
        inputs: 'all',
    });
    if (days.length > 0) return days;
    throw new GridtallyError('trace.nothing-there', `${meter} has no total of ${day}`);
}

function nothingAt(meter: string, at: number): GridtallyError {
    return new GridtallyError('trace.nothing-there', `${meter} has no version at ${instantText(at)}`);
}

function contains(from: string, minutes: number, at: number): boolean {
    const start = Date.parse(from);
    return start <= at && at < start + minutes * 60_000;
}

function naming({ meterId, meteringPointId, registerId }: Omit<TracedDay, 'hours'>) {
    return { meterId, meteringPointId, registerId };
}
