import { statSync } from 'node:fs';
import path from 'node:path';
import type {
    DuckDBConnection,
    DuckDBExtractedStatements,
    DuckDBInstance,
    DuckDBValue,
} from '@duckdb/node-api';
import { announceWrittenFiles, makeFolderDurably, removeFiles } from '../../kernel/durable.ts';
import { assert, GridtallyError } from '../../kernel/errors.ts';
import { scratchName } from '../../kernel/scratch.ts';
import {
    type Engine,
    type EngineCapability,
    type EngineRow,
    type EngineSession,
    type EngineValue,
    type FewTexts,
    type JobLimits,
    type PartitionFile,
    type PartsWish,
    requireCapabilities,
    type SessionWishes,
    type TableColumn,
    type WrittenFile,
} from '../engine.ts';
import { canJoin, joinRowGroups } from '../parquet/join-row-groups.ts';
import { readFooter, rowGroupCount } from '../parquet/parquet-footer.ts';
import { deedOf, sqlText } from '../sql-text.ts';
import { explainDuckdbError, isValueFailure } from './duckdb-faults.ts';
import {
    areInOrder,
    type OwnFile,
    readOwnFiles,
    type SplitRowGroups,
    sharedValues,
    splitRowGroups,
    withTextsOf,
} from './own-row-groups.ts';

export interface DuckdbOptions {
    /** Such as `2GB`: what the engine may hold in memory before it spills. */
    readonly memoryLimit: string;
    readonly threads: number;
    /** Where each instance spills into a folder of its own, and removes it when it ends. */
    readonly spillFolder: string;
}

/** Loaded when it is first asked for: it takes 50 ms, and many a command has nothing to compute. */
const library = () => import('@duckdb/node-api');

const CAPABILITIES: ReadonlySet<EngineCapability> = new Set([
    'payload-files',
    'confined-queries',
    'file-queries',
]);

// one job of two million rows keeps the engine within about 1 GB and its two threads busy
const JOB_LIMITS: JobLimits = {
    maxRows: 2_000_000,
    maxPartitions: 62,
    maxRowsHeld: 2_000_000,
    // some seconds of work, so that others may share it
    maxRowsTakenOver: 10_000_000,
    holdsSmallSteps: true,
};

// to make an instance and end it takes 20 ms of a core, as long as many a small query
const KEPT_INSTANCES_MAX = 2;
// an instance remembers each file that was read, 16 KB of it, as long as it lives
const SESSIONS_OF_AN_INSTANCE = 50;
// and the footers of a session that asks for it: of files of a whole bucket 0.7 MB each, of which the memory limit counts an eighth
const SESSION_WITH_FOOTERS = 10;

/**
 * DuckDB in process. Each session has an instance to itself, so that its memory limit is its own too; one that a session has left
 * serves the next, unless it was confined or has met an error of its own. Tables and views are of the session's connection, and go with it.
 */
export function duckdbEngine(options: DuckdbOptions): Engine {
    const sessions = new Set<DuckdbSession>();
    const kept: UsedInstance[] = [];
    let isClosed = false;
    const leave = (session: DuckdbSession, used: UsedInstance, isAsBefore: boolean) => {
        sessions.delete(session);
        const isToKeep = isAsBefore && used.sessions < SESSIONS_OF_AN_INSTANCE && !isClosed;
        if (isToKeep && kept.length < KEPT_INSTANCES_MAX) kept.push(used);
        else used.instance.closeSync();
    };
    return {
        dialect: 'duckdb',
        // the end of a sort and the write of a file keep one thread busy: a second job takes the others meanwhile
        jobsAtOnce: Math.max(2, Math.floor(options.threads / 4)),
        capabilities: CAPABILITIES,
        jobLimits: JOB_LIMITS,
        async openSession(wishes: SessionWishes = {}) {
            requireCapabilities({ dialect: 'duckdb', capabilities: CAPABILITIES }, wishes);
            const used = kept.pop() ?? { instance: await makeInstance(options), sessions: 0 };
            used.sessions += wishes.opensFilesAgain ? SESSION_WITH_FOOTERS : 1;
            const connection = await connectTo(used.instance, wishes);
            const session = new DuckdbSession(connection, (isAsBefore) => leave(session, used, isAsBefore));
            sessions.add(session);
            return session;
        },
        async close() {
            isClosed = true;
            for (const session of sessions) await session.close();
            for (const { instance } of kept.splice(0)) instance.closeSync();
        },
    };
}

interface UsedInstance {
    readonly instance: DuckDBInstance;
    /** How many it has had, those with footers counted as `SESSION_WITH_FOOTERS`. */
    sessions: number;
}

async function connectTo(instance: DuckDBInstance, wishes: SessionWishes): Promise<DuckDBConnection> {
    try {
        const connection = await instance.connect();
        await connection.run(settingsOf(wishes));
        return connection;
    } catch (error) {
        instance.closeSync();
        throw error;
    }
}

async function makeInstance(options: DuckdbOptions): Promise<DuckDBInstance> {
    // the engine makes the last folder of a path, and no other
    await makeFolderDurably(options.spillFolder);
    const { DuckDBInstance } = await library();
    return DuckDBInstance.create(':memory:', {
        threads: String(options.threads),
        memory_limit: options.memoryLimit,
        // files of all instances have the same names: two that share a folder read each other's pages, and crash
        temp_directory: path.join(options.spillFolder, scratchName('spill')),
    });
}

/** All that a session may set, because the last one on the instance may have set it otherwise. */
function settingsOf(wishes: SessionWishes): string {
    // a scan of text is estimated at a few thousand rows, so the optimizer would build its hash table on the readings
    const disabled = wishes.joinsAsWritten ? 'build_side_probe_side, join_order' : '';
    const settings = {
        TimeZone: "'UTC'",
        preserve_insertion_order: true,
        enable_progress_bar: false,
        // to read them anew in each step was a seventh of a day's curation
        parquet_metadata_cache: wishes.opensFilesAgain ?? false,
        disabled_optimizers: sqlText(disabled),
    };
    return Object.entries(settings)
        .map(([name, value]) => `set ${name} = ${value}`)
        .join('; ');
}

interface ViewOfFiles {
    readonly columns: readonly TableColumn[];
    readonly files: readonly string[];
}

export class DuckdbSession implements EngineSession {
    readonly dialect = 'duckdb';
    readonly #connection: DuckDBConnection;
    readonly #onClose: (isAsBefore: boolean) => void;
    readonly #registeredFolders = new Set<string>();
    readonly #views = new Map<string, ViewOfFiles>();
    #isConfined = false;
    #isSound = true;
    #isClosed = false;

    /** @param onClose is told whether the instance is left as another session may have it */
    constructor(connection: DuckDBConnection, onClose: (isAsBefore: boolean) => void) {
        this.#connection = connection;
        this.#onClose = onClose;
    }

    typeName(type: string): string {
        if (type === 'timestamp') return 'timestamptz';
        if (type === 'string') return 'varchar';
        return type;
    }

    async registerFiles(
        view: string,
        columns: readonly TableColumn[],
        files: readonly string[],
    ): Promise<void> {
        this.#views.set(view, { columns, files });
        const none = columns.map((c) => `cast(null as ${this.typeName(c.type)}) as ${c.name}`).join(', ');
        const source = files.length === 0 ? `select ${none} where false` : this.fileQuery(columns, files);
        await this.run(`create or replace temp view ${view} as ${source}`);
        for (const file of files) this.#registeredFolders.add(`${path.dirname(file)}/`);
    }

    fileQuery(columns: readonly TableColumn[], files: readonly string[]): string {
        const list = columns.map((c) => `cast(${c.name} as ${this.typeName(c.type)}) as ${c.name}`);
        const later = columns.filter(({ isLater }) => isLater);
        const read = `read_parquet([${files.map(sqlText).join(', ')}], hive_partitioning = false, union_by_name = ${later.length > 0})`;
        if (later.length === 0) return `select ${list.join(', ')} from ${read}`;
        const none = later.map((c) => `cast(null as ${this.typeName(c.type)}) as ${c.name}`).join(', ');
        return `select ${list.join(', ')} from (select * from ${read} union all by name select ${none} where false)`;
    }

    async registerRows(
        table: string,
        columns: readonly TableColumn[],
        rows: readonly (readonly EngineValue[])[],
    ): Promise<void> {
        const definition = columns.map((c) => `${c.name} ${this.typeName(c.type)}`).join(', ');
        await this.run(`create or replace temp table ${table} (${definition})`);
        const picked = columns.map((c, i) => `cast(r[${i + 1}] as ${this.typeName(c.type)})`).join(', ');
        for (let at = 0; at < rows.length; at += ROWS_OF_A_DOCUMENT) {
            // a JSON document in one parameter: faster than an appender for the mixed types of dimensions, and exact, as all values travel as text
            const texts = rows
                .slice(at, at + ROWS_OF_A_DOCUMENT)
                .map((row) => row.map((v) => (v === null ? null : String(v))));
            await this.#connection.run(
                `insert into ${table} select ${picked} from (select unnest(from_json($1, '[["VARCHAR"]]')) as r)`,
                [JSON.stringify(texts)],
            );
        }
    }

    async run(sql: string): Promise<void> {
        await this.#watched(deedOf(sql), this.#connection.run(sql));
    }

    /** After an error of the engine's own, an instance may answer every statement with it. */
    async #watched<T>(deed: string, answer: Promise<T>): Promise<T> {
        return answer.catch((error: Error) => {
            if (/^(INTERNAL|FATAL)/.test(error.message)) this.#isSound = false;
            // what is wrong with a query of others is theirs to hear, in the engine's words
            throw this.#isConfined ? error : explainDuckdbError(error, deed);
        });
    }

    async materialise(table: string, query: string): Promise<void> {
        await this.#watched(
            `compute ${table}`,
            this.#connection.run(`create or replace temp table ${table} as ${query}`),
        );
    }

    async writeFile(
        query: string,
        path: string,
        rowGroupRows: number = ROW_GROUP_ROWS,
    ): Promise<WrittenFile> {
        const result = await this.#watched(
            `write ${path}`,
            this.#connection.runAndReadAll(
                `copy (${query}) to ${sqlText(path)} (${PARQUET}, row_group_size ${rowGroupRows})`,
            ),
        );
        announceWrittenFiles([path]);
        return { path, rowCount: Number(result.getRows()[0]?.[0] ?? 0), byteCount: statSync(path).size };
    }

    async writeUnordered(query: string, path: string): Promise<WrittenFile> {
        await this.run('set preserve_insertion_order = false');
        try {
            return await this.writeFile(query, path);
        } finally {
            await this.run('set preserve_insertion_order = true');
        }
    }

    async writePartitioned(query: string, folder: string, by: readonly string[]): Promise<PartitionFile[]> {
        const rows = await this.rows(
            `copy (${query}) to ${sqlText(folder)} (${PARQUET}, row_group_size ${ROW_GROUP_ROWS}, partition_by (${by.join(', ')}), write_partition_columns true, return_stats)`,
        );
        announceWrittenFiles(rows.map((row) => String(row.filename)));
        return rows.map((row) => {
            const path = String(row.filename);
            const keys: Record<string, string> = {};
            for (const part of path.slice(folder.length).split('/')) {
                const [key, value] = part.split('=');
                if (key && value !== undefined) keys[key] = value;
            }
            return { path, rowCount: Number(row.count), byteCount: statSync(path).size, keys };
        });
    }

    async writeParts(query: string, folder: string, wish: PartsWish): Promise<(WrittenFile | undefined)[]> {
        if (wish.own) return this.#writeEach(query, folder, wish);
        const rows = withEnumerations(query, (await wish.fewTexts?.()) ?? {});
        if (wish.parts.length <= PARTS_COMPUTED_EACH) return this.#writeEach(rows, folder, wish);
        await this.materialise('rows_of_parts', rows);
        try {
            return await this.#writeEach('select * from rows_of_parts', folder, wish);
        } finally {
            await this.run('drop table rows_of_parts');
        }
    }

    async #writeEach(query: string, folder: string, wish: PartsWish): Promise<(WrittenFile | undefined)[]> {
        const files: WrittenFile[] = [];
        const [column = ''] = wish.order.split(/[\s,]/);
        const allChanged = (await wish.own?.changed()) ?? [];
        for (const [n, part] of wish.parts.entries()) {
            const where = wish.by.map(({ column, width }, i) => withinPart(column, part[i] ?? '', width));
            const rows = `select * from (${query}) as q where ${where.join(' and ')}`;
            const path = `${folder}/${part.join('-')}.parquet`;
            const own = readOwnFiles(wish.own?.files[n] ?? [], column);
            files.push(
                wish.own && own && areInOrder(own)
                    ? await this.#takeOver(rows, {
                          wish,
                          view: wish.own.view,
                          path,
                          own,
                          changed: allChanged[n],
                      })
                    : await this.writeFile(`${rows} order by ${wish.order}`, path, wish.rowGroupRows),
            );
        }
        const empty = files.filter((file) => file.rowCount === 0);
        if (empty.length > 0) await removeFiles(empty.map((file) => file.path));
        return files.map((file) => (file.rowCount === 0 ? undefined : file));
    }

    /** Rows that lie in files in their order already: as few of them as can be are read. */
    async #takeOver(rows: string, { wish, view, path, own, changed }: TakenOverPart): Promise<WrittenFile> {
        const { rowGroupRows } = wish;
        const whole = this.#views.get(view);
        assert(whole !== undefined, `${view} is a view of files`);
        const groups = changed && splitRowGroups(own, changed);
        const ordered = `${rows} order by ${wish.order}`;
        const beside =
            groups && (await this.#writeBeside(ordered, { path, view, whole, groups, rowGroupRows }));
        if (beside) return beside;
        const files = own.map(({ file }) => file);
        const told = { ...whole, shared: sharedValues(own, whole.columns) };
        const texts = withTextsOf(own, (await wish.fewTexts?.()) ?? {});
        return this.#withFiles(view, told, files, () =>
            this.writeFile(withEnumerations(rows, texts), path, rowGroupRows),
        );
    }

    /**
     * Takes row groups without a change over as they are, unread, and asks the query for the rows of all others alone. Undefined: its rows are of other
     * columns than those in the files, which an earlier version wrote.
     */
    async #writeBeside(query: string, wish: BesideWish): Promise<WrittenFile | undefined> {
        const { path, view, whole, groups, rowGroupRows } = wish;
        const [before, fresh] = [`${path}.before`, `${path}.fresh`];
        try {
            await joinRowGroups(before, groups.touched);
            const { rowCount } = await this.#withFiles(view, whole, [before], () =>
                this.writeFile(query, fresh, rowGroupRows),
            );
            const footer = readFooter(fresh);
            if (!canJoin([footer, ...groups.kept.map((kept) => kept.footer)])) return undefined;
            const places = [...Array(rowGroupCount(footer)).keys()];
            const joined = await joinRowGroups(path, [...groups.kept, { file: fresh, footer, places }]);
            assert(joined === groups.keptRows + rowCount, `${path} has the rows that were kept and written`);
            return { path, rowCount: joined, byteCount: statSync(path).size };
        } catch (error) {
            throw namingSources(error, before, groups.touched);
        } finally {
            await removeFiles([before, fresh]);
        }
    }

    /** The view is one of other files while `work` runs, of which values that all rows share are not read. */
    async #withFiles<T>(
        view: string,
        { columns, files, shared = new Map() }: ViewOfFiles & { shared?: ReadonlyMap<string, string> },
        others: readonly string[],
        work: () => Promise<T>,
    ): Promise<T> {
        try {
            const list = columns.map(({ name, type }) => {
                const value = shared.get(name);
                return value === undefined ? name : `cast(${value} as ${this.typeName(type)}) as ${name}`;
            });
            await this.run(
                `create or replace temp view ${view} as select ${list.join(', ')} from (${this.fileQuery(columns, others)}) as f`,
            );
            return await work();
        } finally {
            await this.registerFiles(view, columns, files);
        }
    }

    async rows(query: string): Promise<EngineRow[]> {
        // what cannot be read is refused with a better message when it runs
        const statements = await this.#connection.extractStatements(query).catch(() => undefined);
        // of several statements the result of one would be given, as if it were all
        if (statements && statements.count > 1)
            throw new Error(`one statement is expected, and there are ${statements.count}`);
        if (this.#isConfined && statements) await this.#refuseUnlessQuery(query, statements);
        const answer = this.#connection.runAndReadAll(query);
        const result = await this.#watched('answer a query', answer).catch((error) =>
            explainRefusal(error, query),
        );
        const names = result.deduplicatedColumnNames();
        return result
            .getRows()
            .map((row) => Object.fromEntries(names.map((name, i) => [name, plainValue(row[i] ?? null)])));
    }

    async #refuseUnlessQuery(text: string, statements: DuckDBExtractedStatements): Promise<void> {
        const { StatementType } = await library();
        const { statementType } = await statements
            .prepare(0)
            .catch((error) => explainRefusal(error, EXPLAINED.exec(text)?.[1] ?? text));
        if (statementType === StatementType.SELECT) return;
        const explained = statementType === StatementType.EXPLAIN ? EXPLAINED.exec(text)?.[1] : undefined;
        if (explained === undefined) {
            const name = StatementType[statementType].toLowerCase().replaceAll('_', ' ');
            throw noQuery(name);
        }
        await this.#refuseUnlessQuery(explained, await this.#connection.extractStatements(explained));
    }

    async confine(): Promise<void> {
        // by folder: 20,000 paths took 1.3 s to enter, and a step writes all its files into a folder of its own
        const folders = [...this.#registeredFolders].map(sqlText).join(', ');
        // also where it fails half-way: nobody is to have such an instance
        this.#isConfined = true;
        await this.run(
            `set allowed_directories = [${folders}]; set enable_external_access = false; set lock_configuration = true`,
        );
    }

    isFailureOfValue(error: unknown): boolean {
        return isValueFailure(error);
    }

    async cancel(): Promise<void> {
        this.#connection.interrupt();
    }

    async close(): Promise<void> {
        if (this.#isClosed) return;
        this.#isClosed = true;
        this.#connection.closeSync();
        this.#onClose(this.#isSound && !this.#isConfined);
    }
}

// a few large parts are computed as they are written, without a copy in memory; of many small ones each would compute most of the query again
const PARTS_COMPUTED_EACH = 4;

/** A part most of whose rows lie in previous files in their order. */
interface TakenOverPart {
    readonly wish: PartsWish;
    /** By which the query reads the previous files. */
    readonly view: string;
    readonly path: string;
    readonly own: readonly OwnFile[];
    readonly changed: readonly number[] | undefined;
}

interface BesideWish {
    readonly path: string;
    readonly view: string;
    /** What the view is. */
    readonly whole: ViewOfFiles;
    readonly groups: SplitRowGroups;
    readonly rowGroupRows: number | undefined;
}

/** What cannot be read of a file on the way cannot be read of those that it was made of. */
function namingSources(error: unknown, onTheWay: string, sources: SplitRowGroups['touched']): unknown {
    if (!(error instanceof GridtallyError) || !error.message.includes(onTheWay)) return error;
    const { code, message, remedy, faults } = error;
    const files = sources.filter(({ places }) => places.length > 0).map(({ file }) => file);
    const told = message.replaceAll(onTheWay, files.join(' or '));
    return new GridtallyError(code, told, { remedy, faults, cause: error });
}

// a document is held as text three times over; one string has a limit of 512 MB
const ROWS_OF_A_DOCUMENT = 100_000;

// 20 % smaller than snappy at the same speed on sorted readings
const PARQUET = 'format parquet, compression zstd';

// they keep a bucket's scan short; a fifth of it made reading versions a tenth slower
const ROW_GROUP_ROWS = 122_880;

/** `explain analyze` runs what it explains. */
const EXPLAINED = /^\s*explain\s+(?:analyze\s+)?(?:\([^)]*\)\s*)?(.*)$/is;

/** What a confined session may not do, the engine tells as a lack of permission, and what cannot be done to a view by what it could be done to. */
function explainRefusal(error: Error, text: string): never {
    const [kind = ''] = /\w+/.exec(text) ?? [];
    const isOfViews = /^(Binder|Catalog) Error: (can only |.* is not an? table)/i.test(error.message);
    if (isOfViews && !/^(select|with|from|explain)$/i.test(kind)) throw noQuery(kind.toLowerCase(), error);
    if (!error.message.startsWith('Permission Error')) throw error;
    throw new GridtallyError('sql.refused', error.message.split('\n')[0] ?? error.message, { cause: error });
}

function noQuery(kind: string, cause?: Error): GridtallyError {
    return new GridtallyError('sql.refused', `this is no query, but a statement of the kind ${kind}`, {
        ...(cause === undefined ? {} : { cause }),
    });
}

// to compare with a few costs a quarter of looking a text up; from sixteen on it costs as much
const COMPARED_MAX = 8;

/**
 * The rows of a query with columns of few texts as enumerations, which a file takes as texts: a byte for each goes through the sort, and the file's dictionary
 * is known before. With few codes that saves a quarter of what sorting and writing readings costs. A text that is not among them fails the cast.
 */
function withEnumerations(query: string, texts: FewTexts): string {
    const columns = Object.entries(texts)
        .filter(([, values]) => values.length > 0)
        .map(([column, values]) => {
            const type = `enum(${[...values].sort().map(sqlText).join(', ')})`;
            const lookedUp = `cast(${column} as ${type})`;
            if (values.length > COMPARED_MAX) return `${lookedUp} as ${column}`;
            const compared = values.map(
                (value) => `when ${sqlText(value)} then cast(${sqlText(value)} as ${type})`,
            );
            return `case ${column} ${compared.join(' ')} else ${lookedUp} end as ${column}`;
        });
    return columns.length === 0 ? query : `select * replace (${columns.join(', ')}) from (${query}) as t`;
}

/** As ranges rather than a computed key, so that the engine skips what lies outside. */
function withinPart(column: string, value: string | number, width: number | undefined): string {
    if (width === undefined) return `${column} = ${typeof value === 'number' ? value : sqlText(value)}`;
    const from = Number(value) * width;
    return `${column} >= ${from} and ${column} < ${from + width}`;
}

/** Engine values as plain ones: exact numbers as text, instants as ISO text. */
function plainValue(value: DuckDBValue): EngineValue {
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'number' || typeof value === 'bigint') return value;
    const text = String(value);
    const instant = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})(\.\d+)?\+00$/.exec(text);
    return instant ? `${instant[1]}T${instant[2]}${instant[3] ?? ''}Z` : text;
}
