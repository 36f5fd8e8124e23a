import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { removeFiles } from '../kernel/durable.ts';
import type { Lake } from './lake.ts';

export interface SweepResult {
    /** Files that were replaced, and that no reader sees any more. */
    readonly retiredFiles: number;
    /** Files that no commit ever named: left by a step that did not end. */
    readonly orphanFiles: number;
    readonly bytes: number;
}

export interface SweepOptions {
    /** Files replaced before this instant go (UTC epoch milliseconds). */
    readonly retiredBefore: number;
    /** Files that no commit names go when they were written before this instant. */
    readonly orphansBefore: number;
}

/**
 * Removes files that nobody needs. Only published tables have replaced files: of `reading_versions` only
 * those that a compaction joined. A file that is still part of any partition stays whole.
 */
export async function sweep(lake: Lake, options: SweepOptions): Promise<SweepResult> {
    const retired = await lake.db.query<{ path: string }>(
        `delete from lake_files f where not exists (
             select 1 from partition_files p left join commits c on c.commit_no = p.removed_in
              where p.file_id = f.file_id and (p.removed_in is null or c.committed_at >= to_timestamp($1 / 1000.0)))
         returning path`,
        [options.retiredBefore],
    );
    const known = new Set(
        (await lake.db.query<{ path: string }>('select path from lake_files')).map((row) => row.path),
    );
    const gone = new Set(retired.map((row) => row.path));
    const orphans = filesBelow(lake.folder).filter(
        (file) =>
            !known.has(file) &&
            !gone.has(file) &&
            statSync(path.join(lake.folder, file)).mtimeMs < options.orphansBefore,
    );
    const all = [...gone, ...orphans]
        .map((file) => path.join(lake.folder, file))
        .filter((file) => existsSync(file));
    const bytes = all.reduce((sum, file) => sum + statSync(file).size, 0);
    await removeFiles(all);
    return { retiredFiles: gone.size, orphanFiles: orphans.length, bytes };
}

function filesBelow(folder: string): string[] {
    if (!existsSync(folder)) return [];
    return readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));
}
