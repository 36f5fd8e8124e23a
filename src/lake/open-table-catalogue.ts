import { randomUUID } from 'node:crypto';
import { OPEN_TABLE_NAMES, OPEN_TABLES, type OpenTableName } from '../contracts/open-tables.ts';
import { type Database, lockWithin, type Transaction } from '../store/database.ts';
import { insertCommit } from './catalogue.ts';
import type { ColumnStatistics } from './column-statistics.ts';
import type { Lake } from './lake.ts';
import { NAMING_LOCK } from './lake-use.ts';

/** A version of an open table; instants are UTC epoch milliseconds. */
export interface OpenVersion {
    readonly version: number;
    readonly commitNo: number;
    readonly committedAt: number;
    /** Of the commit, such as `refresh`. */
    readonly kind: string;
    readonly publishedAt: number | null;
    readonly logId: string;
    readonly openedAt: number;
}

interface LogFile {
    /** Relative to the lake's folder. */
    readonly path: string;
    readonly byteCount: number;
}

export interface LogAdd extends LogFile {
    readonly rowCount: number;
    readonly addedAt: number;
    readonly columnStatistics: ColumnStatistics;
}

export interface LogRemove extends LogFile {
    readonly removedAt: number;
}

type Reader = Pick<Database, 'query'>;

export async function openTableNames(db: Reader): Promise<OpenTableName[]> {
    const rows = await db.query<{ name: OpenTableName }>(
        'select table_name as name from open_tables order by 1',
    );
    return rows.map((row) => row.name);
}

/**
 * Gives every commit that changed an open table the table's next version, in the order of the commits' numbers; opens the tables that are
 * not yet open first, with what is live as version 0. No commit is under way while it looks, so none comes later with a lower number.
 */
export async function numberVersions(lake: Lake): Promise<void> {
    const known = new Set(await openTableNames(lake.db));
    if (OPEN_TABLE_NAMES.every((name) => known.has(name)) && !(await hasNewCommits(lake.db))) return;
    await lake.db.transaction(async (tx) => {
        await lockWithin(tx, NAMING_LOCK, 'exclusive');
        const open = await openTableNames(tx);
        const missing = OPEN_TABLE_NAMES.filter((name) => !open.includes(name));
        for (const tables of Map.groupBy(open, (name) => OPEN_TABLES[name].versionedAs).values())
            await tx.query(NUMBER_COMMITS, [tables]);
        if (missing.length > 0) await openTables(tx, lake, missing);
    });
}

async function openTables(tx: Transaction, lake: Lake, tables: readonly OpenTableName[]): Promise<void> {
    const commitNo = await insertCommit(tx, lake, 'open-tables', { tables });
    await tx.query(
        'insert into open_tables (table_name, log_id, opened_in) select t, i, $3 from unnest($1::text[], $2::uuid[]) as u(t, i)',
        [tables, tables.map(() => randomUUID()), commitNo],
    );
    await tx.query(
        'insert into open_table_versions (table_name, version, commit_no) select t, 0, $2 from unnest($1::text[]) as t',
        [tables, commitNo],
    );
}

async function hasNewCommits(db: Reader): Promise<boolean> {
    const rows = await db.query<{ found: boolean }>(
        `select coalesce(bool_or(exists (select from partition_files p where p.table_name = o.table_name and p.added_in > l.last)
                or exists (select from partition_files p where p.table_name = o.table_name and p.removed_in > l.last)), false) as found
           from open_tables o cross join lateral (
               select max(v.commit_no) as last from open_table_versions v where v.table_name = o.table_name) l`,
    );
    return rows[0]?.found ?? false;
}

// $1: tables that get their versions together, and so have the same last commit
const NUMBER_COMMITS = `
insert into open_table_versions (table_name, version, commit_no)
select l.table_name, l.version + row_number() over (partition by l.table_name order by c.commit_no), c.commit_no
  from (select table_name, max(version) as version, max(commit_no) as last from open_table_versions
         where table_name = any ($1) group by table_name) l
 cross join lateral (
     select p.added_in as commit_no from partition_files p where p.table_name = any ($1) and p.added_in > l.last
     union select p.removed_in from partition_files p where p.table_name = any ($1) and p.removed_in > l.last) c`;

/** The versions of a table that can be read or will be, in order. */
export async function versionsOf(db: Reader, table: OpenTableName): Promise<OpenVersion[]> {
    return db.query<OpenVersion>(
        `select v.version, v.commit_no as "commitNo", c.committed_at as "committedAt", c.kind, v.published_at as "publishedAt",
                o.log_id as "logId", b.committed_at as "openedAt"
           from open_table_versions v join commits c using (commit_no)
           join open_tables o using (table_name) join commits b on b.commit_no = o.opened_in
          where v.table_name = $1 order by v.version`,
        [table],
    );
}

/** Says that the log has these versions, each from now on unless it was said before. */
export async function markPublished(
    lake: Lake,
    table: OpenTableName,
    versions: readonly number[],
): Promise<void> {
    await lake.db.query(
        `update open_table_versions set published_at = to_timestamp($3 / 1000.0)
          where table_name = $1 and version = any ($2) and published_at is null`,
        [table, versions, lake.clock.now()],
    );
}

/** What the commit of a version added and removed; version 0 adds everything that was live. */
export async function changesOf(
    db: Reader,
    table: OpenTableName,
    { version, commitNo }: Pick<OpenVersion, 'version' | 'commitNo'>,
): Promise<{ adds: LogAdd[]; removes: LogRemove[] }> {
    if (version === 0) return { adds: await liveAt(db, table, commitNo), removes: [] };
    return {
        adds: await readAdds(db, 'p.added_in = $2', table, commitNo),
        removes: await readRemoves(db, 'p.removed_in = $2', table, commitNo),
    };
}

export async function liveAt(db: Reader, table: OpenTableName, commitNo: number): Promise<LogAdd[]> {
    return readAdds(db, 'p.added_in <= $2 and (p.removed_in is null or p.removed_in > $2)', table, commitNo);
}

/** Files that were removed since the table was opened and are not yet swept. */
export async function removedBy(db: Reader, table: OpenTableName, commitNo: number): Promise<LogRemove[]> {
    const sinceOpened = `p.removed_in <= $2
        and p.removed_in > (select o.opened_in from open_tables o where o.table_name = $1)`;
    return readRemoves(db, sinceOpened, table, commitNo);
}

async function readAdds(
    db: Reader,
    condition: string,
    table: OpenTableName,
    commitNo: number,
): Promise<LogAdd[]> {
    return db.query<LogAdd>(
        `select f.path, f.byte_count as "byteCount", f.row_count as "rowCount", f.column_statistics as "columnStatistics",
                c.committed_at as "addedAt"
           from partition_files p join lake_files f using (file_id) join commits c on c.commit_no = p.added_in
          where p.table_name = $1 and ${condition} order by f.file_id`,
        [table, commitNo],
    );
}

async function readRemoves(
    db: Reader,
    condition: string,
    table: OpenTableName,
    commitNo: number,
): Promise<LogRemove[]> {
    return db.query<LogRemove>(
        `select f.path, f.byte_count as "byteCount", c.committed_at as "removedAt"
           from partition_files p join lake_files f using (file_id) join commits c on c.commit_no = p.removed_in
          where p.table_name = $1 and ${condition} order by f.file_id`,
        [table, commitNo],
    );
}

/**
 * A condition on a part `p` of a file that was taken out of what readers see: the log of its table does not say so for long enough. $1 is
 * the instant before which it must have said so (UTC epoch milliseconds).
 */
export const NAMED_BY_LOG = `exists (
    select from open_tables o where o.table_name = p.table_name and p.removed_in > o.opened_in
       and not exists (select from open_table_versions v where v.table_name = p.table_name
            and v.commit_no >= p.removed_in and v.published_at < to_timestamp($1 / 1000.0)))`;

/** Forgets the versions that named files which are now swept: per table, up to the last commit that removed one. */
export async function forgetVersions(
    tx: Transaction,
    swept: readonly { readonly table: string; readonly removedIn: number | null }[],
): Promise<void> {
    await tx.query(
        `delete from open_table_versions v
          using (select t, max(r) as r from unnest($1::text[], $2::bigint[]) as u(t, r) group by t) s
          where v.table_name = s.t and v.commit_no < s.r`,
        [swept.map((file) => file.table), swept.map((file) => file.removedIn)],
    );
}

export async function forgetOpenTables(db: Reader): Promise<void> {
    await db.query('delete from open_tables');
}
