import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import {
    BILL_LINES,
    type CatalogueTable,
    DIMENSIONS,
    type Dimension,
    LAKE_TABLES,
    type LakeTable,
} from '../contracts/lake-tables.ts';
import type { EngineSession } from '../engine/engine.ts';
import type { Transaction } from '../store/database.ts';
import type { Lake } from './lake.ts';
import { materialiseModel } from './session-models.ts';

/** A file as the catalogue has it. */
export interface CataloguedFile {
    readonly fileId: number;
    readonly table: CatalogueTable;
    /** In the lake's folder. */
    readonly path: string;
    readonly rowCount: number;
    readonly byteCount: number;
    /** Whether readers see any of it. */
    readonly isLive: boolean;
    /** Rows of the parts that the catalogue gives to partitions. */
    readonly partRows: number;
    /** Of a file of versions: whether curation takes it that no interval is in it twice. */
    readonly hasEachIntervalOnce: boolean;
}

export interface FileFault {
    readonly file: CataloguedFile;
    readonly what: string;
}

export async function cataloguedFiles(tx: Transaction): Promise<CataloguedFile[]> {
    return tx.query<CataloguedFile>(
        `select f.file_id as "fileId", f.table_name as table, f.path, f.row_count as "rowCount", f.byte_count as "byteCount",
                coalesce(bool_or(p.removed_in is null) filter (where p.file_id is not null), false) as "isLive",
                coalesce(sum(p.row_count), 0)::bigint as "partRows", f.has_each_interval_once as "hasEachIntervalOnce"
           from lake_files f left join partition_files p using (file_id) group by f.file_id order by f.table_name, f.file_id`,
    );
}

/** What can be told without reading a file. */
export function outerFault(lake: Lake, file: CataloguedFile): string | undefined {
    const place = path.join(lake.folder, file.path);
    if (!existsSync(place)) return 'is missing';
    const { size } = statSync(place);
    if (size !== file.byteCount) return `has ${size} bytes where ${file.byteCount} were written`;
    if (file.partRows !== file.rowCount)
        return `has ${file.rowCount} rows, of which the catalogue gives ${file.partRows} to partitions`;
    return undefined;
}

// as many as a query of statistics takes
const FILES_OF_A_QUERY = 50;

/** Reads every value of every file; gives those that cannot be read, have other rows than were written, or an interval twice that must be there once. */
export async function innerFaults(
    lake: Lake,
    files: readonly CataloguedFile[],
    onProgress: (files: number) => void,
): Promise<FileFault[]> {
    const session = await lake.engine.openSession({ needs: ['file-queries'] });
    const faults: FileFault[] = [];
    let done = 0;
    try {
        for (const [table, own] of Map.groupBy(files, (file) => file.table))
            for (let at = 0; at < own.length; at += FILES_OF_A_QUERY) {
                const some = own.slice(at, at + FILES_OF_A_QUERY);
                faults.push(...(await faultsOf(session, lake, table, some)));
                done += some.length;
                onProgress(done);
            }
    } finally {
        await session.close();
    }
    return faults;
}

async function faultsOf(
    session: EngineSession,
    lake: Lake,
    table: CatalogueTable,
    files: readonly CataloguedFile[],
): Promise<FileFault[]> {
    try {
        const counts = await readAll(session, lake, table, files);
        const faults: FileFault[] = [];
        for (const file of files) {
            const found = counts.get(file.fileId) ?? 0;
            if (found !== file.rowCount)
                faults.push({ file, what: `has ${found} rows where ${file.rowCount} were written` });
            else if (file.hasEachIntervalOnce && (await hasRepeats(session, lake, file)))
                faults.push({
                    file,
                    what: 'has an interval twice, where the catalogue says that it has none',
                });
        }
        return faults;
    } catch (error) {
        const [only] = files;
        if (only !== undefined && files.length === 1) {
            const [said = ''] = (error as Error).message.split('\n');
            return [{ file: only, what: `cannot be read: ${said.slice(0, 200)}` }];
        }
        const faults: FileFault[] = [];
        for (const file of files) faults.push(...(await faultsOf(session, lake, table, [file])));
        return faults;
    }
}

/** Rows of each file. Nulls are counted one by one, so that every page is read: smallest and largest values would come from the footer. */
async function readAll(
    session: EngineSession,
    lake: Lake,
    table: CatalogueTable,
    files: readonly CataloguedFile[],
): Promise<Map<number, number>> {
    const columns = columnsOf(table);
    const nulls = columns
        .map(({ name }) => `count(case when ${name} is null then 1 end) as ${name}`)
        .join(', ');
    const queries = files.map(({ fileId, path: file }) => {
        const source = session.fileQuery(columns, [path.join(lake.folder, file)]);
        return `select ${fileId} as checked_file_id, count(*) as checked_rows, ${nulls} from (${source}) as f`;
    });
    const rows = await session.rows(queries.join(' union all '));
    return new Map(rows.map((row) => [Number(row.checked_file_id), Number(row.checked_rows)]));
}

async function hasRepeats(session: EngineSession, lake: Lake, file: CataloguedFile): Promise<boolean> {
    await session.registerFiles('checked_versions', LAKE_TABLES.reading_versions, [
        path.join(lake.folder, file.path),
    ]);
    await materialiseModel(session, 'repeated_keys', 'curation/contested_keys', {
        job_versions: 'checked_versions',
    });
    const rows = await session.rows('select 1 as found from repeated_keys limit 1');
    return rows.length > 0;
}

function columnsOf(table: CatalogueTable) {
    if (table === 'bill_lines') return BILL_LINES;
    return table in DIMENSIONS ? DIMENSIONS[table as Dimension] : LAKE_TABLES[table as LakeTable];
}
