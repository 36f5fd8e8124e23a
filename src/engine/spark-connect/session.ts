import { randomUUID } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { addressText, parseSparkAddress, type SparkAddress } from './address.ts';
import { rowsOfBatch, type SparkRow } from './arrow-values.ts';
import { SparkCalls } from './calls.ts';
import { type ExecutionOptions, execute } from './execution.ts';
import { uploadTexts } from './local-upload.ts';
import { PATIENCE, type Patience } from './patience.ts';
import {
    AnalyzePlanRequestSchema,
    AnalyzePlanResponseSchema,
    ConfigRequestSchema,
    ConfigResponseSchema,
    InterruptRequest_InterruptType,
    InterruptRequestSchema,
    InterruptResponseSchema,
} from './protocol/spark/connect/base_pb.ts';
import { type CommandSchema, WriteOperation_SaveMode } from './protocol/spark/connect/commands_pb.ts';
import {
    broadcastRelation,
    countedRelation,
    emptyRelation,
    filesRelation,
    observedCount,
    type SparkRelation,
    sortedRelation,
    sqlRelation,
} from './relations.ts';
import { endSession } from './session-end.ts';
import { SparkError } from './spark-error.ts';

export interface SparkSessionOptions {
    readonly patience?: Patience;
    /** PEM certificates to trust instead of the system's. */
    readonly rootCertificates?: Buffer;
    /** Tags of every query of the session. */
    readonly tags?: readonly string[];
}

const ROW_COUNT = 'row_count';

/** A column of a file or of local rows; `type` is Spark's, such as `decimal(18,6)`. */
export interface SparkColumn {
    readonly name: string;
    readonly type: string;
}

/**
 * A session of its own on a Spark Connect server: its settings, temporary views and running queries belong to it and end with it.
 * Calls may overlap. A server that is out of reach is tried again as long as patience lasts, where repeating is safe.
 */
export class SparkSession {
    /** Such as `4.1.1`. */
    readonly serverVersion: string;
    readonly #calls: SparkCalls;
    readonly #tags: readonly string[];
    #isClosed = false;

    private constructor(calls: SparkCalls, serverVersion: string, tags: readonly string[]) {
        this.#calls = calls;
        this.serverVersion = serverVersion;
        this.#tags = tags;
    }

    /**
     * Connects and makes the session.
     * @throws SparkAddressError, or SparkError: `UNAVAILABLE` where nothing answers, `UNAUTHENTICATED` where the token is refused
     */
    static async connect(
        address: string | SparkAddress,
        options: SparkSessionOptions = {},
    ): Promise<SparkSession> {
        const parsed = typeof address === 'string' ? parseSparkAddress(address) : address;
        const calls = new SparkCalls(parsed, parsed.sessionId ?? randomUUID(), {
            patience: options.patience ?? PATIENCE,
            ...(options.rootCertificates === undefined ? {} : { rootCertificates: options.rootCertificates }),
        });
        try {
            const { result } = await calls.unary(
                'AnalyzePlan',
                AnalyzePlanRequestSchema,
                AnalyzePlanResponseSchema,
                { analyze: { case: 'sparkVersion', value: {} } },
            );
            if (result.case !== 'sparkVersion')
                throw new SparkError(`${addressText(parsed)} does not tell its version`, {
                    status: 'UNKNOWN',
                });
            return new SparkSession(calls, result.value.version, options.tags ?? []);
        } catch (error) {
            calls.close();
            throw error;
        }
    }

    get sessionId(): string {
        return this.#calls.sessionId;
    }

    async setConfig(settings: Readonly<Record<string, string>>): Promise<void> {
        const pairs = Object.entries(settings).map(([key, value]) => ({ key, value }));
        await this.#config({ case: 'set', value: { pairs } });
    }

    /** Values by key; undefined where a key has neither a value nor a default. */
    async getConfig(...keys: readonly string[]): Promise<Record<string, string | undefined>> {
        const { pairs } = await this.#config({ case: 'getOption', value: { keys: [...keys] } });
        return Object.fromEntries(pairs.map(({ key, value }) => [key, value]));
    }

    #config(
        opType: NonNullable<NonNullable<MessageInitShape<typeof ConfigRequestSchema>['operation']>['opType']>,
    ) {
        return this.#calls.unary('Config', ConfigRequestSchema, ConfigResponseSchema, {
            operation: { opType },
        });
    }

    /** Runs one statement; rows that it has are not fetched. */
    async run(sql: string, options?: ExecutionOptions): Promise<void> {
        await this.#command(
            { commandType: { case: 'sqlCommand', value: { input: sqlRelation(sql) } } },
            options,
        );
    }

    /** Rows of a query as they come: memory holds one batch, of at most 4 MiB on the wire unless the server is told otherwise. */
    async *rows(query: string, options?: ExecutionOptions): AsyncGenerator<SparkRow> {
        for await (const batch of this.batches(query, options)) yield* rowsOfBatch(batch);
    }

    /** The same as Arrow streams of one batch each, undecoded. */
    async *batches(query: string, options: ExecutionOptions = {}): AsyncGenerator<Uint8Array> {
        const plan = { opType: { case: 'root' as const, value: sqlRelation(query) } };
        for await (const { responseType } of execute(this.#calls, plan, this.#tagged(options)))
            if (responseType.case === 'arrowBatch') yield responseType.value.data;
    }

    /**
     * A temporary view over exactly these files, which must be there; columns that a file lacks are null in it. Without `columns`
     * it has those of the files.
     */
    async createFilesView(
        view: string,
        options: {
            readonly format: string;
            readonly columns?: readonly SparkColumn[];
            readonly paths: readonly string[];
        },
    ): Promise<void> {
        const { format, columns, paths } = options;
        const schema = columns?.map(({ name, type }) => `${name} ${type}`).join(', ');
        await this.createView(view, filesRelation(format, paths, schema));
    }

    /** A temporary view over rows that are sent to the server as text, in chunks, and cast there to the types of the columns. */
    async createRowsView(
        view: string,
        columns: readonly SparkColumn[],
        rows: readonly (readonly (string | null)[])[],
    ): Promise<void> {
        const names = columns.map(({ name }) => name);
        await this.createView(`${view}__text`, await uploadTexts(this.#calls, names, rows));
        const casts = columns.map(({ name, type }) => `cast(${name} as ${type}) as ${name}`).join(', ');
        await this.createView(view, sqlRelation(`select ${casts} from ${view}__text`));
    }

    /** Creates or replaces a temporary view. */
    async createView(name: string, input: SparkRelation): Promise<void> {
        await this.#command({
            commandType: { case: 'createDataframeView', value: { name, input, replace: true } },
        });
    }

    /**
     * Computes a query now and keeps its rows on the server, under a temporary view. They are gone with the session, or with
     * a worker of the server that held a part of them: a query that needs it fails then. With `broadcastRowsMax` one of at most so many
     * rows is sent to each task that joins it, however large the server takes it to be, and one without rows is known to have none, so that what
     * would join it is not planned.
     */
    async createComputedView(
        name: string,
        query: string,
        options: ExecutionOptions & { readonly broadcastRowsMax?: number } = {},
    ): Promise<void> {
        const { broadcastRowsMax, ...ofExecution } = options;
        const input = sqlRelation(query);
        const relation = broadcastRowsMax === undefined ? input : countedRelation(input, ROW_COUNT);
        const command: MessageInitShape<typeof CommandSchema> = {
            commandType: { case: 'checkpointCommand', value: { relation, local: true, eager: true } },
        };
        const plan = { opType: { case: 'command' as const, value: command } };
        let relationId: string | undefined;
        let rowCount: number | undefined;
        for await (const response of execute(this.#calls, plan, this.#tagged(ofExecution))) {
            if (response.responseType.case === 'checkpointCommandResult')
                relationId = response.responseType.value.relation?.relationId;
            rowCount ??= observedCount(response.observedMetrics, ROW_COUNT);
        }
        if (relationId === undefined)
            throw new SparkError('the server kept nothing of a query', { status: 'UNKNOWN' });
        const computed = { relType: { case: 'cachedRemoteRelation' as const, value: { relationId } } };
        await this.createView(name, computed);
        if (broadcastRowsMax === undefined) return;
        // a job more, where a server does not tell what it counts
        const count = rowCount ?? (await this.#countRows(name, ofExecution));
        if (count === 0) await this.createView(name, emptyRelation(computed));
        else if (count <= broadcastRowsMax) await this.createView(name, broadcastRelation(computed));
    }

    async #countRows(view: string, options: ExecutionOptions): Promise<number> {
        let count = 0;
        for await (const { n } of this.rows(`select count(*) as n from ${view}`, options)) count = Number(n);
        return count;
    }

    /**
     * Writes the rows of a query as files of a new folder, which must not be there; partition columns become folders. `sortBy` orders
     * the rows of each task. Gives the number of rows, as the server counted them on their way into the files.
     */
    async writeFiles(
        query: string,
        target: {
            readonly format: string;
            readonly folder: string;
            readonly partitionBy?: readonly string[];
            readonly sortBy?: string;
            readonly options?: Readonly<Record<string, string>>;
        },
        options: ExecutionOptions = {},
    ): Promise<number> {
        // counted below the sort, whose order a server does not see through a count; and by the tasks that write, each of which counts once
        const counted = countedRelation(sqlRelation(query), ROW_COUNT);
        const value = {
            input: target.sortBy === undefined ? counted : sortedRelation(counted, target.sortBy),
            source: target.format,
            saveType: { case: 'path' as const, value: target.folder },
            mode: WriteOperation_SaveMode.ERROR_IF_EXISTS,
            partitioningColumns: [...(target.partitionBy ?? [])],
            options: { ...target.options },
        };
        const rowCount = await this.#command({ commandType: { case: 'writeOperation', value } }, options);
        // where a server does not tell what it counts, it counts what it has written
        return rowCount ?? (await this.#countWritten(target, options));
    }

    async #countWritten(
        { format, folder }: { readonly format: string; readonly folder: string },
        options: ExecutionOptions,
    ): Promise<number> {
        const view = `written_${randomUUID().replaceAll('-', '')}`;
        await this.createFilesView(view, { format, paths: [folder] });
        const count = await this.#countRows(view, options);
        await this.run(`drop view ${view}`);
        return count;
    }

    /** Stops queries of this session, all or those with a tag; gives the number of those that ran. */
    async interrupt(only: { readonly tag?: string } = {}): Promise<number> {
        const { tag } = only;
        const { interruptedIds } = await this.#calls.unary(
            'Interrupt',
            InterruptRequestSchema,
            InterruptResponseSchema,
            tag === undefined
                ? { interruptType: InterruptRequest_InterruptType.ALL }
                : {
                      interruptType: InterruptRequest_InterruptType.TAG,
                      interrupt: { case: 'operationTag', value: tag },
                  },
        );
        return interruptedIds.length;
    }

    /**
     * Ends the session on the server, with all that it runs and holds; takes two seconds where something runs or was interrupted. Never fails: a server
     * out of reach forgets it by itself.
     */
    async close(): Promise<void> {
        if (this.#isClosed) return;
        this.#isClosed = true;
        await endSession(this.#calls);
        this.#calls.close();
    }

    /** Gives what the server counted on the way, if it was to. */
    async #command(
        command: MessageInitShape<typeof CommandSchema>,
        options?: ExecutionOptions,
    ): Promise<number | undefined> {
        const plan = { opType: { case: 'command' as const, value: command } };
        let rowCount: number | undefined;
        // a command has done its work when its answers end
        for await (const response of execute(this.#calls, plan, this.#tagged(options)))
            rowCount ??= observedCount(response.observedMetrics, ROW_COUNT);
        return rowCount;
    }

    #tagged(options: ExecutionOptions = {}): ExecutionOptions {
        return { ...options, tags: [...this.#tags, ...(options.tags ?? [])] };
    }
}
