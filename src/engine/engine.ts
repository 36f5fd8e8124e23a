import { GridtallyError } from '../kernel/errors.ts';

/**
 * What gridtally asks of an engine: register committed files and small rows as tables of a session,
 * run compiled models, write results to fresh files, hand back small results. Nothing here names an
 * engine; adapters live in folders beside this file and are chosen by the composition root.
 */
export interface Engine {
    readonly dialect: Dialect;
    /** How many sessions at work at the same time keep the engine busy. */
    readonly jobsAtOnce: number;
    readonly capabilities: ReadonlySet<EngineCapability>;
    /** What one job on readings should take in, so that the engine is busy and within its memory. */
    readonly jobLimits: JobLimits;
    /** Throws `engine.unsupported` for a need that is not among the engine's capabilities. */
    openSession(wishes?: SessionWishes): Promise<EngineSession>;
    /** Ends all sessions with what runs in them, on a server too; those calls reject. A session of a server that is being opened meanwhile is ended too. */
    close(): Promise<void>;
}

/**
 * What not every engine can do; who needs it asks by name, and no code outside of an adapter asks which engine it is.
 * `payload-files`: reads payloads as they arrive, with SQL of its own for them. `confined-queries`: runs queries of others, see `confine`.
 * `file-queries`: names files within the text of a query, see `fileQuery`.
 */
export type EngineCapability = 'payload-files' | 'confined-queries' | 'file-queries';

export interface JobLimits {
    readonly maxRows: number;
    readonly maxPartitions: number;
    /** A copy of so many rows that several steps read may be held: more would take the memory that a job's joins need. */
    readonly maxRowsHeld: number;
    /** So many rows a job may take over from previous files, part by part and without holding them (`PartsWish.own`); 0: this engine holds all that it writes. */
    readonly maxRowsTakenOver: number;
    /** Whether a step of few rows is better computed by itself than within the one that reads it: where a statement costs little. */
    readonly holdsSmallSteps: boolean;
}

export interface SessionWishes {
    readonly needs?: readonly EngineCapability[];
    /**
     * The left side of every join streams, the right one is held in memory, whatever sizes the engine guesses. An engine that goes by
     * sizes it has measured, and spills, need not care.
     */
    readonly joinsAsWritten?: boolean;
    /** Steps open the same files many times: an engine may hold their footers as long as the session lasts, in memory that none of its limits counts. */
    readonly opensFilesAgain?: boolean;
    /** Told every few seconds of a step that takes long, by an engine that counts its tasks. One that has short jobs says nothing. */
    readonly onProgress?: (progress: StepProgress) => void;
}

/** How far a step of a session is. */
export interface StepProgress {
    /** What the session was asked for, such as `compute curated_hours`. */
    readonly step: string;
    /** Tasks of all stages that are known so far: their number grows as the engine plans. */
    readonly done: number;
    readonly total: number;
}

export type Dialect = 'duckdb' | 'spark';

/** A column of a table that crosses the seam; types are of the common subset of both engines. */
export interface TableColumn {
    readonly name: string;
    readonly type: string;
    /** Of files: some may lack it, and have null there. */
    readonly isLater?: true;
}

export type EngineValue = string | number | bigint | boolean | null;
export type EngineRow = Readonly<Record<string, EngineValue>>;

export interface WrittenFile {
    /** Absolute path; an engine that names files by itself makes a folder of the name that was asked for. */
    readonly path: string;
    readonly rowCount: number;
    readonly byteCount: number;
}

/** Tables and views of a session are its own: two sessions never see each other's. */
export interface EngineSession {
    readonly dialect: Dialect;
    /** The engine's name of a common column type. */
    typeName(type: string): string;
    /** A view over exactly these Parquet files (absolute paths; may be none), with exactly these columns. */
    registerFiles(view: string, columns: readonly TableColumn[], files: readonly string[]): Promise<void>;
    /** Text of a query over exactly these files (at least one), as a view of `registerFiles` has them; a session that is confined does not read them. Throws `engine.unsupported`. */
    fileQuery(columns: readonly TableColumn[], files: readonly string[]): string;
    /** A table of rows made in TypeScript, values in column order. For dimensions, not for readings. */
    registerRows(
        table: string,
        columns: readonly TableColumn[],
        rows: readonly (readonly EngineValue[])[],
    ): Promise<void>;
    /** Runs one statement that gives no rows. */
    run(sql: string): Promise<void>;
    /** Materialises a query as a table of the session (replacing one of the same name). */
    materialise(table: string, query: string): Promise<void>;
    /** Writes a query's rows, in its order, to one new Parquet file (not yet fsynced). */
    writeFile(query: string, path: string): Promise<WrittenFile>;
    /** The same in any order, as rows come: needs no memory to hold them back. */
    writeUnordered(query: string, path: string): Promise<WrittenFile>;
    /**
     * Writes a query's rows to new Parquet files below `folder`, one or more for each combination of
     * the partition columns (kept inside the files); says which files hold which combination.
     */
    writePartitioned(query: string, folder: string, by: readonly string[]): Promise<PartitionFile[]>;
    /**
     * Writes each part of a query to one new Parquet file below `folder`, its rows in order; gives the files in the order of the
     * parts, and none for a part without rows. Rows that belong to no part are left out.
     */
    writeParts(query: string, folder: string, wish: PartsWish): Promise<(WrittenFile | undefined)[]>;
    /** Small results as objects; decimals and dates as text, instants as ISO text, bigints as bigint. */
    rows(query: string): Promise<EngineRow[]>;
    /**
     * For queries of others. From now on `rows` takes queries only, and the engine reads what lies in the folders of the files registered so far and no other
     * file, writes none, and keeps its settings; what asks for more throws `sql.refused`. Throws `engine.unsupported`.
     */
    confine(): Promise<void>;
    /** Whether a call rejected because of a value that it met, such as a number beyond what a type holds: with the same rows it would again. */
    isFailureOfValue(error: unknown): boolean;
    /** Stops what runs now; the interrupted call rejects. */
    cancel(): Promise<void>;
    close(): Promise<void>;
}

/** How the rows of a query are told apart into files. */
export interface PartsWish {
    /** A part has one value in each of these columns or, with a `width`, one whole multiple of it (0: from 0 up to below `width`). */
    readonly by: readonly { readonly column: string; readonly width?: number }[];
    /** For each part, its values in the order of `by`; a date as `YYYY-MM-DD`. */
    readonly parts: readonly (readonly (string | number)[])[];
    /** A total order of the rows of a part, such as `channel_no nulls last`. */
    readonly order: string;
    readonly own?: OwnFiles;
    /** What a row group should hold, where an engine can say so: a multiple of 2,048. */
    readonly rowGroupRows?: number;
    /**
     * Columns of text that hold few values, each with all that the query may give in it besides null and what `own` files hold. An engine that sorts faster without texts may ask; to one
     * that asked, another value is an error.
     */
    readonly fewTexts?: () => Promise<FewTexts>;
}

/** By column, its values. */
export type FewTexts = Readonly<Record<string, readonly string[]>>;

/**
 * Files that hold most rows of each part; the query gives these first, as they lie there, and the others after them, in `order`. So to ask for each part
 * alone costs less than to hold the rows of all, and files whose row groups hardly overlap need not be sorted again.
 */
export interface OwnFiles {
    /** Those of each part. */
    readonly files: readonly (readonly string[])[];
    /** The view that `registerFiles` made of all of them, by which the query reads them. */
    readonly view: string;
    /**
     * For each part, values of the column that `order` begins with, whole numbers: rows of any other value are as in the files, so what holds none of these
     * values may be taken over as it is. Undefined: they are many. To be asked for by an engine that takes rows over.
     */
    readonly changed: () => Promise<readonly (readonly number[] | undefined)[]>;
}

export interface PartitionFile extends WrittenFile {
    readonly keys: Readonly<Record<string, string>>;
}

/** Throws `engine.unsupported`. */
export function requireCapabilities(
    { dialect, capabilities }: Pick<Engine, 'dialect' | 'capabilities'>,
    { needs = [] }: SessionWishes,
): void {
    const missing = needs.filter((need) => !capabilities.has(need));
    if (missing.length > 0)
        throw new GridtallyError('engine.unsupported', `the engine ${dialect} has no ${missing.join(', ')}`);
}
