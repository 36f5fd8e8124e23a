import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { isUnfinishedName, removeFiles } from '../kernel/durable.ts';
import type { Lake } from './lake.ts';
import { NAMING_LOCK, waitForUsers } from './lake-use.ts';
import { forgetVersions, NAMED_BY_LOG, openTableNames } from './open-table-catalogue.ts';
import { isInLog } from './open-table-log.ts';
import { publishOpenTables } from './open-tables.ts';

export interface SweepResult {
    /** Files that were replaced, and that no reader sees any more. */
    readonly retiredFiles: number;
    /** Files that no commit ever named: left by a step that did not end. */
    readonly orphanFiles: number;
    readonly bytes: number;
    /** Each of them, in the order of their paths. */
    readonly removed: readonly RemovedFile[];
}

export interface RemovedFile {
    /** In the lake's folder. */
    readonly path: string;
    readonly why: 'replaced' | 'orphaned';
    readonly bytes: number;
}

export interface SweepOptions {
    /** Files replaced before this instant go (UTC epoch milliseconds). */
    readonly retiredBefore: number;
    /** Called while steps that were under way are waited for, with their number. */
    readonly onWait?: (steps: number) => void;
}

/**
 * Removes files that nobody needs: replaced ones, and those that no commit names. Only published tables have replaced files: of
 * `reading_versions` only those that a compaction joined. A file that is still part of any partition stays whole.
 *
 * Nothing goes by the age of a file. Whoever reads or writes files says so (`useLake`); what is found to remove is removed only after all
 * those have ended who said so by then, and if it still has no name: whoever comes later can neither see a file that was replaced before,
 * nor be the writer of one that was there before. A commit checks that its files are there while removing is locked out, so even
 * a writer that lost its lock with its connection to the database cannot name a file that is gone.
 */
export async function sweep(lake: Lake, options: SweepOptions): Promise<SweepResult> {
    const retired = new Set(await forgetRetired(lake, options.retiredBefore));
    // before its files go, a version is taken out of the log
    if ((await openTableNames(lake.db)).length > 0) await publishOpenTables(lake);
    // the disk before the catalogue, and both before the users: a file that was written and named in between is not taken for an orphan
    const found = filesBelow(lake.folder);
    const named = await namedFiles(lake);
    const nameless = found.filter((file) => !named.has(file));
    if (nameless.length === 0) return { retiredFiles: 0, orphanFiles: 0, bytes: 0, removed: [] };
    await waitForUsers(lake, options.onWait);
    return lake.db.withLock(NAMING_LOCK, 'exclusive', async () => {
        const namedMeanwhile = await namedFiles(lake);
        const dead = nameless.filter((file) => !namedMeanwhile.has(file)).sort();
        const removed = dead.flatMap((file): RemovedFile[] => {
            const found = statSync(path.join(lake.folder, file), { throwIfNoEntry: false });
            if (found === undefined) return [];
            return [{ path: file, why: retired.has(file) ? 'replaced' : 'orphaned', bytes: found.size }];
        });
        await removeFiles(removed.map((file) => path.join(lake.folder, file.path)));
        const retiredFiles = removed.filter(({ why }) => why === 'replaced').length;
        const bytes = removed.reduce((sum, file) => sum + file.bytes, 0);
        return { retiredFiles, orphanFiles: removed.length - retiredFiles, bytes, removed };
    });
}

/**
 * Takes replaced files out of the catalogue, and the versions of open tables that named them; from then on they are files without a name. A
 * file stays until the log of its table has said for as long that it was replaced, and for good where a sealed bill was made from it.
 */
async function forgetRetired(lake: Lake, before: number): Promise<string[]> {
    return lake.db.transaction(async (tx) => {
        const gone = await tx.query<{
            fileId: number;
            table: string;
            path: string;
            removedIn: number | null;
        }>(
            `with sealed_looks as materialized (${SEALED_LOOKS})
             select f.file_id as "fileId", f.table_name as table, f.path, max(p.removed_in) as "removedIn"
               from lake_files f left join partition_files p using (file_id)
              where not exists (
                 select from partition_files p left join commits c on c.commit_no = p.removed_in
                  where p.file_id = f.file_id and (p.removed_in is null
                     or c.committed_at >= to_timestamp($1 / 1000.0) or ${NAMED_BY_LOG} or ${NAMED_BY_BILL}))
              group by f.file_id`,
            [before],
        );
        await tx.query('delete from lake_files where file_id = any ($1)', [gone.map((file) => file.fileId)]);
        await forgetVersions(tx, gone);
        return gone.map((file) => file.path);
    });
}

/** The looks at the lake that sealed bills were made from: few, as a run of bills is of one look. */
const SEALED_LOOKS = `select distinct b.period_from, b.period_to, (i.inputs ->> 'lakeCommitNo')::bigint as commit_no
    from bills b join bill_inputs i using (inputs_sha256) where b.state = 'sealed'`;

/** A condition on a part `p`: one of these looks saw it. */
const NAMED_BY_BILL = `(p.table_name in ('reads_interval', 'reading_gaps') and exists (
    select from sealed_looks s where p.market_day >= s.period_from and p.market_day < s.period_to
       and p.added_in <= s.commit_no and p.removed_in > s.commit_no))`;

async function namedFiles(lake: Lake): Promise<Set<string>> {
    const rows = await lake.db.query<{ path: string }>('select path from lake_files');
    return new Set(rows.map((row) => row.path));
}

function filesBelow(folder: string): string[] {
    if (!existsSync(folder)) return [];
    return readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
        .filter((file) => !isInLog(file) || isUnfinishedName(path.basename(file)));
}
