import path from 'node:path';
import { assert, GridtallyError } from '../../kernel/errors.ts';
import type {
    EngineRow,
    EngineSession,
    EngineValue,
    PartitionFile,
    PartsWish,
    StepProgress,
    TableColumn,
    WrittenFile,
} from '../engine.ts';
import type { ExecutionOptions, QueryProgress } from '../spark-connect/execution.ts';
import type { SparkSession } from '../spark-connect/session.ts';
import { deedOf, splitOrder } from '../sql-text.ts';
import { explainSparkError, isValueFailure } from './spark-faults.ts';
import { findWrittenFiles } from './written-files.ts';

// what a server thinks of the size of a computed table is a guess from files, often a hundredfold: it would rather sort all readings than
// join them with 1 % of their keys. At 100 bytes a row these are 50 MB in each process of the server.
const BROADCAST_ROWS_MAX = 500_000;

// 20 % smaller than snappy; row groups that keep a bucket's scan short
const PARQUET_OPTIONS = { compression: 'zstd', 'parquet.block.size': String(8 * 1024 * 1024) };

/** What the adapter gives a session, and who hears of it. */
interface SessionOptions {
    /** How long files that the server wrote are waited for. */
    readonly listingMs: number;
    readonly onClose: () => void;
    readonly onProgress: (progress: StepProgress) => void;
}

interface FoundFile extends WrittenFile {
    readonly keys: readonly string[];
}

/** A session of a Spark server as the seam wants it. Files of a write keep the names that the server gave them. */
export class SparkEngineSession implements EngineSession {
    readonly dialect = 'spark';
    readonly #spark: SparkSession;
    readonly #options: SessionOptions;
    /** Aborted by `cancel`, and then another one. */
    #stop = new AbortController();
    #isClosed = false;
    /** Of files registered and written so far. */
    readonly #lakeFolders = new Set<string>();

    constructor(spark: SparkSession, options: SessionOptions) {
        this.#spark = spark;
        this.#options = options;
    }

    typeName(type: string): string {
        return type;
    }

    async registerFiles(
        view: string,
        columns: readonly TableColumn[],
        files: readonly string[],
    ): Promise<void> {
        for (const file of files) this.#lakeFolders.add(path.dirname(file));
        await this.#explained(`read the files of ${view}`, async () => {
            if (files.length > 0)
                return this.#spark.createFilesView(view, {
                    format: 'parquet',
                    columns,
                    paths: files.map(serverPath),
                });
            const none = columns.map((c) => `cast(null as ${c.type}) as ${c.name}`).join(', ');
            return this.#spark.run(`create or replace temp view ${view} as select ${none} where false`);
        });
    }

    async registerRows(
        table: string,
        columns: readonly TableColumn[],
        rows: readonly (readonly EngineValue[])[],
    ): Promise<void> {
        const texts = rows.map((row) => row.map((value) => (value === null ? null : String(value))));
        await this.#explained(`take the rows of ${table}`, () =>
            this.#spark.createRowsView(table, columns, texts),
        );
    }

    async run(sql: string): Promise<void> {
        await this.#explained(deedOf(sql), (options) => this.#spark.run(sql, options));
    }

    async materialise(table: string, query: string): Promise<void> {
        await this.#explained(`compute ${table}`, (options) =>
            this.#spark.createComputedView(table, query, {
                ...options,
                broadcastRowsMax: BROADCAST_ROWS_MAX,
            }),
        );
    }

    async writeFile(query: string, file: string): Promise<WrittenFile> {
        const { rows, order } = splitOrder(query);
        return this.#writeOne(`select /*+ repartition(1) */ * from (${rows}) as q`, file, order);
    }

    async writeUnordered(query: string, file: string): Promise<WrittenFile> {
        return this.#writeOne(`select /*+ coalesce(1) */ * from (${query}) as q`, file);
    }

    async #writeOne(query: string, file: string, order?: string): Promise<WrittenFile> {
        const folder = file.replace(/\.parquet$/, '');
        const files = await this.#write(query, folder, { keys: [], order });
        const [only] = files;
        assert(only !== undefined && files.length === 1, `one file was written below ${folder}`);
        return only;
    }

    async writePartitioned(query: string, folder: string, by: readonly string[]): Promise<PartitionFile[]> {
        const keys = by.map((column, i) => `cast(q.${column} as string) as ${keyName(i)}`).join(', ');
        const files = await this.#write(`select q.*, ${keys} from (${query}) as q`, folder, {
            keys: by.map((_, i) => keyName(i)),
        });
        return files.map(({ keys: values, ...file }) => ({
            ...file,
            keys: Object.fromEntries(by.map((column, i) => [column, values[i] ?? ''])),
        }));
    }

    async writeParts(query: string, folder: string, wish: PartsWish): Promise<(WrittenFile | undefined)[]> {
        const names = wish.by.map((_, i) => keyName(i));
        const keys = wish.by.map(({ column, width }, i) => {
            // of their own types: as texts they would make the sort twice as long
            const value = width === undefined ? `q.${column}` : `cast(q.${column} div ${width} as integer)`;
            return `${value} as ${names[i]}`;
        });
        const cut = names.join(', ');
        const files = await this.#write(
            `select /*+ repartition(${tasksOf(wish.parts.length)}, ${cut}) */ q.*, ${keys.join(', ')} from (${query}) as q`,
            folder,
            { keys: names, order: `${cut}, ${wish.order}` },
        );
        const byKeys = new Map(files.map((file) => [file.keys.join('/'), file]));
        assert(byKeys.size === files.length, `each part below ${folder} is one file`);
        return wish.parts.map((part) => {
            const file = byKeys.get(part.join('/'));
            if (file === undefined) return undefined;
            const { keys: _, ...written } = file;
            return written;
        });
    }

    /**
     * Writes a query below a new folder, cut by its columns `keys`, and finds the files that the server made. The server says how many rows it wrote, and
     * the files that are seen here must have as many: a listing of a shared folder may be behind, and a file that is not seen is not published.
     */
    async #write(
        query: string,
        folder: string,
        { keys, order }: { readonly keys: readonly string[]; readonly order?: string | undefined },
    ): Promise<FoundFile[]> {
        // its own folder, because the server wants to make it
        const target = path.join(folder, 'parts');
        this.#lakeFolders.add(folder);
        return this.#explained(`write below ${folder}`, async (executionOptions) => {
            const rowCount = await this.#spark.writeFiles(
                query,
                {
                    format: 'parquet',
                    folder: serverPath(target),
                    partitionBy: keys,
                    options: PARQUET_OPTIONS,
                    ...(order === undefined ? {} : { sortBy: order }),
                },
                executionOptions,
            );
            const files = await findWrittenFiles(target, rowCount, this.#options.listingMs);
            return files.map((file) => ({ ...file, keys: keys.map((name) => keyValue(file.path, name)) }));
        });
    }

    async rows(query: string): Promise<EngineRow[]> {
        return this.#explained('answer a query', async (options) => {
            const rows: EngineRow[] = [];
            for await (const row of this.#spark.rows(query, options)) rows.push(row as EngineRow);
            return rows;
        });
    }

    fileQuery(): string {
        throw new GridtallyError('engine.unsupported', 'the engine spark has no file-queries');
    }

    async confine(): Promise<void> {
        throw new GridtallyError('engine.unsupported', 'the engine spark has no confined-queries');
    }

    isFailureOfValue(error: unknown): boolean {
        return isValueFailure(error);
    }

    async cancel(): Promise<void> {
        this.#stop.abort();
        this.#stop = new AbortController();
    }

    async close(): Promise<void> {
        if (this.#isClosed) return;
        this.#isClosed = true;
        await this.#spark.close();
        this.#options.onClose();
    }

    async #explained<T>(deed: string, work: (options: ExecutionOptions) => Promise<T>): Promise<T> {
        const onProgress = ({ stages }: QueryProgress) => {
            const sum = (of: (stage: QueryProgress['stages'][number]) => number) =>
                stages.reduce((all, stage) => all + of(stage), 0);
            const [done, total] = [sum((stage) => stage.doneCount), sum((stage) => stage.taskCount)];
            if (total > 0) this.#options.onProgress({ step: deed, done, total });
        };
        try {
            return await work({ signal: this.#stop.signal, onProgress });
        } catch (error) {
            throw explainSparkError(error, { deed, lakeFolders: this.#lakeFolders });
        }
    }
}

/**
 * How many tasks write so many parts. Which task has a part is told by a hash: of as many tasks as parts, a third would have none, and others several,
 * while cores wait for the last one. A task without a part takes 10 ms.
 */
function tasksOf(parts: number): number {
    return Math.max(parts, Math.min(4 * parts, 200));
}

/** With its scheme: a server may take paths without one to be those of another file system. */
function serverPath(file: string): string {
    return `file:${file}`;
}

/** Columns that only cut the files: they become folders, and the columns that they repeat stay inside. */
function keyName(i: number): string {
    return `part_key_${i}`;
}

function keyValue(file: string, name: string): string {
    const folder = file.split(path.sep).find((part) => part.startsWith(`${name}=`)) ?? '';
    return decodeURIComponent(folder.slice(name.length + 1));
}
