import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { parquetReadObjects } from 'hyparquet';

/** A Delta log read by hand, as the protocol says it is to be read; knows nothing of gridtally. */
export interface AddAction {
    readonly path: string;
    readonly size: number;
    readonly modificationTime: number;
    readonly dataChange: boolean;
    readonly stats: string;
}

export interface LogAction {
    readonly commitInfo?: {
        readonly timestamp: number;
        readonly operationParameters: Record<string, string>;
    };
    readonly protocol?: { readonly minReaderVersion: number; readonly minWriterVersion: number };
    readonly metaData?: {
        readonly id: string;
        readonly schemaString: string;
        readonly partitionColumns: string[];
    };
    readonly txn?: { readonly appId: string; readonly version: number };
    readonly remove?: { readonly path: string; readonly deletionTimestamp: number };
    readonly add?: AddAction;
}

export interface Snapshot {
    readonly files: ReadonlyMap<string, AddAction>;
    readonly transaction: number;
    readonly schemaString: string;
}

export function logOf(tableFolder: string): string {
    return path.join(tableFolder, '_delta_log');
}

/** Names and bytes of a log. */
export function logBytes(tableFolder: string): Map<string, string> {
    const folder = logOf(tableFolder);
    return new Map(
        readdirSync(folder)
            .sort()
            .map((name) => [name, readFileSync(path.join(folder, name), 'latin1')]),
    );
}

export function versionsIn(tableFolder: string): number[] {
    return readdirSync(logOf(tableFolder))
        .filter((name) => name.endsWith('.json'))
        .map((name) => Number(name.slice(0, 20)))
        .sort((a, b) => a - b);
}

export function actionsOf(tableFolder: string, version: number): LogAction[] {
    const file = path.join(logOf(tableFolder), `${String(version).padStart(20, '0')}.json`);
    return readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as LogAction);
}

export function checkpointsIn(tableFolder: string): number[] {
    return readdirSync(logOf(tableFolder))
        .filter((name) => name.endsWith('.checkpoint.parquet'))
        .map((name) => Number(name.slice(0, 20)))
        .sort((a, b) => a - b);
}

/** The actions of a checkpoint, read by another library than the one that wrote it. */
export async function checkpointActions(tableFolder: string, version: number): Promise<LogAction[]> {
    const name = `${String(version).padStart(20, '0')}.checkpoint.parquet`;
    const bytes = readFileSync(path.join(logOf(tableFolder), name));
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
    return (
        await parquetReadObjects({ file, compressors: { ZSTD: (bytes) => zstdDecompressSync(bytes) } })
    ).map((row) => JSON.parse(JSON.stringify(row, plain)) as LogAction);
}

function plain(_key: string, value: unknown): unknown {
    return typeof value === 'bigint' ? Number(value) : (value ?? undefined);
}

/** What a version holds: from a checkpoint at or before it, the newest or with `oldest` the first, and the versions after that. */
export async function snapshotOf(
    tableFolder: string,
    version: number,
    from: 'newest' | 'oldest' = 'newest',
): Promise<Snapshot> {
    const usable = checkpointsIn(tableFolder).filter((v) => v <= version);
    const checkpoint = from === 'newest' ? usable.at(-1) : usable[0];
    const actions = checkpoint === undefined ? [] : await checkpointActions(tableFolder, checkpoint);
    for (let v = checkpoint === undefined ? 0 : checkpoint + 1; v <= version; v += 1)
        actions.push(...actionsOf(tableFolder, v));
    const files = new Map<string, AddAction>();
    let transaction = -1;
    let schemaString = '';
    for (const { add, remove, txn, metaData } of actions) {
        if (add) files.set(decodeURI(add.path), add);
        if (remove) files.delete(decodeURI(remove.path));
        if (txn?.appId === 'gridtally') transaction = txn.version;
        if (metaData) schemaString = metaData.schemaString;
    }
    return { files, transaction, schemaString };
}
