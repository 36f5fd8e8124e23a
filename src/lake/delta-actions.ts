import { OPEN_TABLES, type OpenTableName } from '../contracts/open-tables.ts';
import type { LogAdd, LogRemove, OpenVersion } from './open-table-catalogue.ts';

/** One line of a Delta log; written out whole, so that a checkpoint can be made of the same lines. */
export type LogLine = Readonly<Record<string, object>>;

/** The application of the `txn` action, whose version is the number of the catalogue's commit. */
export const LOG_APPLICATION = 'gridtally';

/** The lines of one version: the same version always gives the same text. */
export function versionLines(
    table: OpenTableName,
    version: OpenVersion,
    files: { readonly adds: readonly LogAdd[]; readonly removes: readonly LogRemove[] },
): LogLine[] {
    const { commitNo, committedAt, kind } = version;
    const commitInfo = {
        timestamp: committedAt,
        operation: kind.toUpperCase(),
        operationParameters: { commit: String(commitNo) },
        engineInfo: LOG_APPLICATION,
    };
    return [
        { commitInfo },
        ...(version.version === 0 ? headLines(table, version) : []),
        transactionLine(version),
        ...files.removes.map((file) => removeLine(table, file)),
        ...files.adds.map((file) => addLine(table, file)),
    ];
}

/** All that a reader needs to know to go on from a version. */
export function checkpointLines(
    table: OpenTableName,
    version: OpenVersion,
    files: { readonly live: readonly LogAdd[]; readonly removed: readonly LogRemove[] },
): LogLine[] {
    return [
        ...headLines(table, version),
        transactionLine(version),
        ...files.removed.map((file) => removeLine(table, file)),
        ...files.live.map((file) => addLine(table, file)),
    ];
}

export function linesText(lines: readonly LogLine[]): string {
    return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

function headLines(table: OpenTableName, { logId, openedAt }: OpenVersion): LogLine[] {
    const metaData = {
        id: logId,
        name: table,
        description: OPEN_TABLES[table].description,
        format: { provider: 'parquet', options: {} },
        schemaString: schemaText(table),
        // the columns stand inside the files, and their statistics let readers choose files by day and channel
        partitionColumns: [],
        configuration: { 'delta.enableExpiredLogCleanup': 'false' },
        createdTime: openedAt,
    };
    return [{ protocol: { minReaderVersion: 1, minWriterVersion: 2 } }, { metaData }];
}

function transactionLine({ commitNo, committedAt }: OpenVersion): LogLine {
    return { txn: { appId: LOG_APPLICATION, version: commitNo, lastUpdated: committedAt } };
}

function addLine(table: OpenTableName, file: LogAdd): LogLine {
    return {
        add: {
            path: pathBelow(table, file.path),
            partitionValues: {},
            size: file.byteCount,
            modificationTime: file.addedAt,
            dataChange: true,
            stats: statisticsText(file),
        },
    };
}

function removeLine(table: OpenTableName, file: LogRemove): LogLine {
    return {
        remove: {
            path: pathBelow(table, file.path),
            deletionTimestamp: file.removedAt,
            dataChange: true,
            extendedFileMetadata: true,
            partitionValues: {},
            size: file.byteCount,
        },
    };
}

/** The catalogue's paths begin with the table's folder; the log's are relative to it, and URIs. */
function pathBelow(table: OpenTableName, path: string): string {
    return encodeURI(path.slice(table.length + 1));
}

function statisticsText({ rowCount, columnStatistics }: LogAdd): string {
    const { min, max, nulls } = columnStatistics;
    return JSON.stringify({ numRecords: rowCount, minValues: min, maxValues: max, nullCount: nulls });
}

const DELTA_TYPES: Readonly<Record<string, string>> = { smallint: 'short', bigint: 'long' };

function schemaText(table: OpenTableName): string {
    const fields = OPEN_TABLES[table].columns.map(({ name, type }) => ({
        name,
        type: DELTA_TYPES[type] ?? type,
        nullable: true,
        metadata: {},
    }));
    return JSON.stringify({ type: 'struct', fields });
}
