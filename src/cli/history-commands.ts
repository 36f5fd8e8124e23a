import type { Command } from 'commander';
import { calendarDate, tryCalendarDate } from '../kernel/calendar-date.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { marketDayPeriod } from '../kernel/market-day.ts';
import { parseInstant } from '../kernel/period.ts';
import type { Zone } from '../kernel/zone.ts';
import { type ReadingHistory, readingHistory, type UnplacedRow } from '../pipeline/reading-history.ts';
import { estimateText } from '../trace/traced-estimate.ts';
import type { SourceLine, TracedInterval } from '../trace/traced-version.ts';
import { type CommonOptions, command, withWorkspace } from './command-context.ts';
import { tableText } from './output.ts';

interface HistoryOptions extends CommonOptions {
    readonly register?: string;
}

export function addHistoryCommands(program: Command): void {
    command(
        program,
        'history <meter> <from> <to>',
        'every version of the intervals of a meter or metering point, and why it won or lost',
    )
        .option('--register <id>', 'only this register')
        .action(historyCommand);
}

async function historyCommand(
    meter: string,
    fromText: string,
    toText: string,
    options: HistoryOptions,
): Promise<void> {
    await withWorkspace(options, async (workspace, output) => {
        const { zone } = workspace.lake;
        const period = { from: instantOrDay(zone, fromText), to: instantOrDay(zone, toText) };
        if (period.from >= period.to)
            throw new GridtallyError(
                'usage.invalid',
                `${toText} is not after ${fromText}: the end is exclusive`,
            );
        const { register: registerId } = options;
        const history = await readingHistory(workspace, {
            meter,
            period,
            ...(registerId === undefined ? {} : { registerId }),
        });
        output.result(history, historyText(history));
    });
}

/**
 * A UTC instant, or a local day of the home, which stands for its first instant.
 * @throws GridtallyError `usage.invalid`
 */
export function instantOrDay(zone: Zone, text: string): number {
    if (tryCalendarDate(text) !== undefined) return marketDayPeriod(zone, calendarDate(text)).from;
    try {
        return parseInstant(text);
    } catch (error) {
        if (!(error instanceof GridtallyError)) throw error;
        throw new GridtallyError(
            'usage.invalid',
            `not a UTC instant nor a local day: ${JSON.stringify(text)}`,
            {
                remedy: 'Write an instant as YYYY-MM-DDThh:mm:ssZ, or a day that exists as YYYY-MM-DD.',
            },
        );
    }
}

function historyText(history: ReadingHistory): string[] {
    const versions = history.intervals.flatMap((interval) => [
        ...estimateCells(interval),
        ...versionCells(interval),
    ]);
    const reads = history.registerReads.flatMap(versionCells);
    const columns = (of: string) => [
        of,
        'register',
        'kWh',
        'quality',
        'code',
        'outcome',
        ...PLACE_COLUMNS,
        'why',
    ];
    return [
        versions.length === 0
            ? `no version of ${history.meter} begins from ${history.periodFrom} until ${history.periodTo}`
            : tableText(columns('interval'), versions),
        reads.length === 0 ? [] : ['', 'reads of registers:', ...tableText(columns('read'), reads)],
        unplacedText('waiting', history.waiting),
        unplacedText('quarantined', history.quarantined),
    ].flat();
}

/** The row of a value that no version gave. */
function estimateCells({ estimate, periodFrom, registerId, kwh, quality }: TracedInterval) {
    if (estimate === null) return [];
    const nowhere = PLACE_COLUMNS.map(() => null);
    return [
        [
            periodFrom,
            registerId,
            kwh,
            quality,
            estimate.method,
            'estimated',
            ...nowhere,
            estimateText(estimate),
        ],
    ];
}

function versionCells(interval: TracedInterval): (string | number | null)[][] {
    return interval.versions.map((v) => [
        interval.periodFrom,
        interval.registerId,
        v.kwh,
        v.quality,
        v.sourceCode,
        v.outcome.replaceAll('_', ' '),
        ...placeCells(v),
        v.why,
    ]);
}

const PLACE_COLUMNS = ['feed', 'file', 'line', 'received', 'receipt'];

function placeCells(source: SourceLine): (string | number | null)[] {
    return [source.feed, source.sourceKey, source.line, source.receivedAt, source.receiptId];
}

function unplacedText(what: string, rows: readonly UnplacedRow[]): string[] {
    if (rows.length === 0) return [];
    const cells = rows.map((r) => [r.periodFrom, r.registerId, r.kwh, r.quality, ...placeCells(r), r.why]);
    return [
        '',
        `${what}:`,
        ...tableText(['interval', 'register', 'kWh', 'quality', ...PLACE_COLUMNS, 'why'], cells),
    ];
}
