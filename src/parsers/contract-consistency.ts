import type { ColumnRole, FeedColumn } from '../contracts/feed-contract.ts';
import { delimiterOf, type FeedSettings } from './contract-settings.ts';

export interface ConsistencyFault {
    /** Place of the column in the contract, from 0; absent where a setting of the whole feed is at fault. */
    readonly column?: number;
    readonly field: string;
    readonly message: string;
}

const NEEDED: readonly ColumnRole[] = ['meter', 'stamp', 'value'];
/** A local day has 25 hours at most. */
const DAY_MINUTES_MAX = 1500;

/** What no single setting shows: roles that are missing or taken twice, and settings that contradict each other. */
export function consistencyFaults(
    settings: FeedSettings,
    columns: readonly FeedColumn[],
): ConsistencyFault[] {
    return [
        ...columnFaults(settings, columns),
        ...settingFaults(settings, columns),
        ...(settings.kind === 'register' ? registerFaults(columns) : wideFaults(settings, columns)),
    ];
}

function columnFaults(settings: FeedSettings, columns: readonly FeedColumn[]): ConsistencyFault[] {
    const faults: ConsistencyFault[] = [];
    for (const [i, column] of columns.entries()) {
        const add = (field: string, message: string) =>
            faults.push({ column: i, field: `${column.name}.${field}`, message });
        if (columns.findIndex(({ name }) => name === column.name) < i)
            add('name', 'Two columns have this name.');
        if (!isColumnName(column.name, settings)) {
            add('name', 'A name has no blanks around it, no delimiter, no quote and no control character.');
        }
        const isSecond = columns.findIndex(({ role }) => role === column.role) < i;
        if (column.role !== 'ignored' && column.role !== 'cell' && isSecond)
            add('role', `Two columns have the role ${column.role}.`);
        if (NEEDED.includes(column.role) && !column.required) {
            add('required', `A column of role ${column.role} is required: true.`);
        }
    }
    return faults;
}

function isColumnName(name: string, settings: FeedSettings): boolean {
    if (name !== name.trim() || /[\p{Cc}"]/u.test(name)) return false;
    return (
        settings.format === 'ndjson' || settings.quoting === 'double' || !name.includes(delimiterOf(settings))
    );
}

function settingFaults(settings: FeedSettings, columns: readonly FeedColumn[]): ConsistencyFault[] {
    const faults: ConsistencyFault[] = [];
    const add = (field: keyof FeedSettings, message: string) => faults.push({ field, message });
    const has = (role: ColumnRole) => columns.some((column) => column.role === role);
    for (const role of NEEDED) {
        if (!has(role) && !(role === 'value' && has('cell')))
            faults.push({ field: 'properties', message: `No column has the role ${role}.` });
    }
    if (has('version') !== (settings.versionStamp !== 'none')) {
        add('versionStamp', 'A column of role version and a versionStamp other than none belong together.');
    }
    if (has('withdrawn') !== settings.withdrawnCodes.length > 0) {
        add('withdrawnCodes', 'A column of role withdrawn and withdrawnCodes belong together.');
    }
    if (!has('quality') && settings.qualityCodes[''] !== 'measured') {
        add('qualityCodes', "Without a column of role quality the code '' is measured.");
    }
    if (settings.format === 'ndjson' && (settings.delimiter !== undefined || settings.quoting !== 'none')) {
        add('format', 'ndjson has neither a delimiter nor quoting.');
    }
    const hasCommas = settings.decimalMark === 'comma';
    if (hasCommas && settings.format === 'ndjson')
        add('decimalMark', 'Numbers of NDJSON have a point, in its texts too.');
    else if (hasCommas && settings.quoting === 'none' && delimiterOf(settings) === ',') {
        add(
            'decimalMark',
            'A comma cannot be both the delimiter and the decimal mark of fields without quotes.',
        );
    }
    const isLocal = settings.clock !== 'utc' && !/^[+-]/.test(settings.clock);
    if (!isLocal && settings.repeatedHour !== 'refuse') {
        add('repeatedHour', 'Only the local time of a zone has a repeated hour.');
    }
    if (settings.stampFormat !== 'iso' && settings.stampFormat !== settings.stampFormat.trim()) {
        add('stampFormat', 'Blanks around a field are cut off, so a pattern cannot begin or end with one.');
    }
    return faults;
}

/** A stamp without a time of day is the first instant of the day: registers are often read by the day. */
function registerFaults(columns: readonly FeedColumn[]): ConsistencyFault[] {
    return columns.flatMap(({ role, name }, column) =>
        role === 'minutes' || role === 'cell'
            ? [
                  {
                      column,
                      field: `${name}.role`,
                      message:
                          'A register read has no interval: its roles are not minutes, periods or times.',
                  },
              ]
            : [],
    );
}

/** What a file with one row a day needs: a date, one kind of cells, and as many as a day may have. */
function wideFaults(settings: FeedSettings, columns: readonly FeedColumn[]): ConsistencyFault[] {
    const faults: ConsistencyFault[] = [];
    const cells = columns.flatMap(({ cell }) => cell ?? []);
    const hasHour = settings.stampFormat === 'iso' || settings.stampFormat.includes('%H');
    if (cells.length > 0 === hasHour) {
        const message =
            cells.length > 0
                ? 'A wide file has dates for stamps: a pattern of %Y, %m and %d, such as %Y-%m-%d.'
                : 'A stamp without %H needs columns of role periods or times.';
        faults.push({ field: 'stampFormat', message });
    }
    if (cells.length === 0) return faults;
    const add = (field: string, message: string) => faults.push({ field, message });
    if (settings.format === 'ndjson') add('format', 'Wide files are csv or tsv.');
    if (columns.some(({ role }) => role === 'value' || role === 'minutes')) {
        add('properties', 'A wide file has neither a column of role value nor of role minutes.');
    }
    const numbers = cells.flatMap((cell) => (cell.kind === 'period' ? [cell.no] : []));
    if (numbers.length > 0 && numbers.length < cells.length) {
        add('properties', 'Columns of role periods and of role times do not go together.');
    }
    if (numbers.some((no, i) => no !== i + 1))
        add('properties', 'Periods are numbered from 1 without a gap.');
    if (numbers.length * settings.intervalMinutes > DAY_MINUTES_MAX) {
        add(
            'properties',
            `A day has at most ${DAY_MINUTES_MAX / settings.intervalMinutes} periods of ${settings.intervalMinutes} minutes.`,
        );
    }
    return faults;
}
