import type { ColumnRole, FeedColumn } from '../contracts/feed-contract.ts';
import type { FeedSettings } from './contract-settings.ts';

export interface ConsistencyFault {
    /** Place of the column in the contract, from 0; absent where a setting of the whole feed is at fault. */
    readonly column?: number;
    readonly field: string;
    readonly message: string;
}

const NEEDED: readonly ColumnRole[] = ['meter', 'stamp', 'value'];

/** What no single setting shows: roles that are missing or taken twice, and settings that contradict each other. */
export function consistencyFaults(
    settings: FeedSettings,
    columns: readonly FeedColumn[],
): ConsistencyFault[] {
    return [...columnFaults(settings, columns), ...settingFaults(settings, columns)];
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
        if (column.role !== 'ignored' && isSecond) add('role', `Two columns have the role ${column.role}.`);
        if (NEEDED.includes(column.role) && !column.required) {
            add('required', `A column of role ${column.role} is required: true.`);
        }
    }
    return faults;
}

function isColumnName(name: string, settings: FeedSettings): boolean {
    if (name !== name.trim() || /[\p{Cc}"]/u.test(name)) return false;
    const delimiter = settings.delimiter ?? (settings.format === 'csv' ? ',' : '\t');
    return settings.format === 'ndjson' || settings.quoting === 'double' || !name.includes(delimiter);
}

function settingFaults(settings: FeedSettings, columns: readonly FeedColumn[]): ConsistencyFault[] {
    const faults: ConsistencyFault[] = [];
    const add = (field: keyof FeedSettings, message: string) => faults.push({ field, message });
    const has = (role: ColumnRole) => columns.some((column) => column.role === role);
    for (const role of NEEDED) {
        if (!has(role)) faults.push({ field: 'properties', message: `No column has the role ${role}.` });
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
    const isLocal = settings.clock !== 'utc' && !/^[+-]/.test(settings.clock);
    if (!isLocal && settings.repeatedHour !== 'refuse') {
        add('repeatedHour', 'Only the local time of a zone has a repeated hour.');
    }
    if (settings.stampFormat !== 'iso' && settings.stampFormat !== settings.stampFormat.trim()) {
        add('stampFormat', 'Blanks around a field are cut off, so a pattern cannot begin or end with one.');
    }
    return faults;
}
