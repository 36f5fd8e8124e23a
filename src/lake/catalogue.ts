import { existsSync } from 'node:fs';
import path from 'node:path';
import type { CatalogueTable } from '../contracts/lake-tables.ts';
import type { CalendarDate } from '../kernel/calendar-date.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { type Database, lockWithin, type Transaction } from '../store/database.ts';
import { type Lake, type PartitionKey, partitionText } from './lake.ts';
import { NAMING_LOCK } from './lake-use.ts';
import { requireAlone } from './waiting-lock.ts';

/** Tables that are not cut by day and bucket stand under this one partition. */
export const WHOLE_TABLE: PartitionKey = { marketDay: '1970-01-01' as CalendarDate, bucket: 0 };

export interface LiveFile extends PartitionKey {
    readonly fileId: number;
    /** Absolute path. */
    readonly path: string;
    readonly rowCount: number;
    /** Rows of the whole file. */
    readonly fileRowCount: number;
    /** Version of the partition that the file came with. */
    readonly addedVersion: number;
    /** Whether it was looked through and names no interval of a channel twice. */
    readonly hasEachIntervalOnce: boolean;
}

/** A file that a step wrote, and what part of it belongs to which partition. */
export interface NewFile {
    readonly path: string;
    readonly rowCount: number;
    readonly byteCount: number;
    /** Known of `reading_versions` alone; absent: not known. */
    readonly hasEachIntervalOnce?: boolean;
    readonly parts: readonly (PartitionKey & { readonly rowCount: number })[];
}

/** Rows of new files by the text of their partition. */
export function rowsByPartition(files: readonly Pick<NewFile, 'parts'>[]): Map<string, number> {
    const rows = new Map<string, number>();
    for (const part of files.flatMap((file) => file.parts)) {
        const key = partitionText(part);
        rows.set(key, (rows.get(key) ?? 0) + part.rowCount);
    }
    return rows;
}

export interface FileRange {
    readonly from?: CalendarDate;
    readonly to?: CalendarDate;
    readonly committedBy?: number;
    readonly buckets?: readonly number[];
}

/**
 * Files of a table that readers see now, in one consistent look; `range` bounds market days (half-open), buckets and, for a table that only
 * grows, the instant of the commit that added a file (UTC epoch milliseconds).
 * A file that holds several partitions is listed once for each.
 */
export async function liveFiles(
    lake: Lake,
    table: CatalogueTable,
    range: FileRange = {},
    db: Pick<Database, 'query'> = lake.db,
): Promise<LiveFile[]> {
    return (await liveFilesByTable(lake, [table], range, db))[table];
}

/** The same of several tables, in one look at all of them. */
export async function liveFilesByTable<T extends CatalogueTable>(
    lake: Lake,
    tables: readonly T[],
    range: FileRange = {},
    db: Pick<Database, 'query'> = lake.db,
): Promise<Record<T, LiveFile[]>> {
    const rows = await db.query<LiveFile & { table: T }>(
        `select p.table_name as "table", f.file_id as "fileId", f.path, p.market_day as "marketDay", p.bucket, p.row_count as "rowCount",
                f.row_count as "fileRowCount", p.added_version as "addedVersion", f.has_each_interval_once as "hasEachIntervalOnce"
           from partition_files p join lake_files f using (file_id)
          where p.table_name = any($1::text[]) and p.removed_in is null
            and ($2::date is null or p.market_day >= $2) and ($3::date is null or p.market_day < $3)
            and ($5::int[] is null or p.bucket = any($5))
            and ($4::bigint is null or exists (
                 select from commits c where c.commit_no = p.added_in and c.committed_at <= to_timestamp($4 / 1000.0)))
          order by p.market_day, p.bucket, f.file_id`,
        [tables, range.from ?? null, range.to ?? null, range.committedBy ?? null, range.buckets ?? null],
    );
    const files = Object.fromEntries(tables.map((table) => [table, []])) as unknown as Record<T, LiveFile[]>;
    for (const { table, ...file } of rows)
        files[table].push({ ...file, path: path.join(lake.folder, file.path) });
    return files;
}

/** Paths of those files in which a row may have a market day outside of a range, also one that the file no longer stands for. */
export async function pathsOfOtherDays(
    files: readonly LiveFile[],
    range: { readonly from: CalendarDate; readonly to: CalendarDate },
    db: Pick<Database, 'query'>,
): Promise<Set<string>> {
    const rows = await db.query<{ fileId: number }>(
        `select distinct file_id as "fileId" from partition_files
          where file_id = any($1) and not (market_day >= $2 and market_day < $3)`,
        [files.map(({ fileId }) => fileId), range.from, range.to],
    );
    const fileIds = new Set(rows.map(({ fileId }) => fileId));
    return new Set(files.filter(({ fileId }) => fileIds.has(fileId)).map((file) => file.path));
}

/** Paths without repetition, in order. */
export function distinctPaths(files: readonly { readonly path: string }[]): string[] {
    return [...new Set(files.map((file) => file.path))];
}

/**
 * Begins a commit; before any row is locked, so that commits and a sweep never wait for each other in a circle. Throws `lake.overtaken` where what is to
 * be done by one process at a time has lost its lock.
 */
export async function openCommit(
    tx: Transaction,
    lake: Lake,
    kind: string,
    detail: object = {},
): Promise<number> {
    await lockWithin(tx, NAMING_LOCK, 'shared');
    if (lake.isAlone !== undefined) await requireAlone(tx, lake.isAlone);
    return insertCommit(tx, lake, kind, detail);
}

/** The row of a commit; who names or retires files takes `openCommit`. */
export async function insertCommit(
    tx: Transaction,
    lake: Lake,
    kind: string,
    detail: object,
): Promise<number> {
    const rows = await tx.query<{ commitNo: number }>(
        `insert into commits (committed_at, kind, detail) values (to_timestamp($1 / 1000.0), $2, $3)
         returning commit_no as "commitNo"`,
        [lake.clock.now(), kind, JSON.stringify(detail)],
    );
    const row = rows[0];
    if (!row) throw new Error('insert into commits gave no number');
    return row.commitNo;
}

/**
 * Enters files in the catalogue under the given versions of their partitions (keyed by `partitionText`), after `openCommit`.
 * Throws `lake.files-gone` where one was swept, as it can be after the connection to the database was lost.
 */
export async function insertFiles(
    tx: Transaction,
    lake: Lake,
    table: CatalogueTable,
    commitNo: number,
    files: readonly NewFile[],
    versionOf: (key: PartitionKey) => number,
): Promise<void> {
    if (files.length === 0) return;
    refuseGone(files);
    const inserted = await tx.query<{ fileId: number; path: string }>(
        `insert into lake_files (table_name, path, row_count, byte_count, has_each_interval_once)
         select $1, * from unnest($2::text[], $3::bigint[], $4::bigint[], $5::boolean[])
         returning file_id as "fileId", path`,
        [
            table,
            files.map((f) => path.relative(lake.folder, f.path)),
            files.map((f) => f.rowCount),
            files.map((f) => f.byteCount),
            files.map((f) => f.hasEachIntervalOnce ?? false),
        ],
    );
    const idOf = new Map(inserted.map((row) => [row.path, row.fileId]));
    const parts = files.flatMap((f) =>
        f.parts.map((part) => ({ ...part, fileId: idOf.get(path.relative(lake.folder, f.path)) ?? -1 })),
    );
    await tx.query(
        `insert into partition_files (table_name, market_day, bucket, file_id, row_count, added_version, added_in)
         select $1, d, b, f, r, v, $7 from unnest($2::date[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[])
             as t(d, b, f, r, v)`,
        [
            table,
            parts.map((p) => p.marketDay),
            parts.map((p) => p.bucket),
            parts.map((p) => p.fileId),
            parts.map((p) => p.rowCount),
            parts.map((p) => versionOf(p)),
            commitNo,
        ],
    );
}

function refuseGone(files: readonly NewFile[]): void {
    const gone = files.filter((file) => !existsSync(file.path));
    if (gone.length === 0) return;
    const message = `${gone.length} of ${files.length} files were swept before they were published`;
    throw new GridtallyError('lake.files-gone', `${message}: ${gone[0]?.path}`);
}

/**
 * Takes files out of what readers see; they stay on disk until the sweep. Gives how many parts it took out:
 * a step that replaces named files asserts the number, as another process may have replaced them meanwhile.
 */
export async function retireFiles(
    tx: Transaction,
    table: CatalogueTable,
    commitNo: number,
    keys: readonly PartitionKey[],
    fileIds?: readonly number[],
): Promise<number> {
    const retired = await tx.query(
        `update partition_files p set removed_in = $2
           from unnest($3::date[], $4::int[]) as k(market_day, bucket)
          where p.table_name = $1 and p.market_day = k.market_day and p.bucket = k.bucket
            and p.removed_in is null and ($5::bigint[] is null or p.file_id = any($5))
         returning p.file_id`,
        [table, commitNo, keys.map((k) => k.marketDay), keys.map((k) => k.bucket), fileIds ?? null],
    );
    return retired.length;
}
