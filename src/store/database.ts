import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { assert, GridtallyError } from '../kernel/errors.ts';
import { crashPoint } from '../kernel/faults.ts';
import { Connections, type DatabaseOptions, isConnectionLost } from './connections.ts';
import { type CopyValue, copyChunks } from './copy-text.ts';

export type { DatabaseOptions } from './connections.ts';
export type { CopyValue } from './copy-text.ts';

/** A list becomes a Postgres array, another object json; a json list is given as its text. */
export type SqlValue = string | number | bigint | boolean | null | Buffer | readonly unknown[] | object;

export type Rows = Iterable<readonly CopyValue[]> | AsyncIterable<readonly CopyValue[]>;

/** One connection within a transaction. */
export interface Transaction {
    /** Rows as objects; see `pg-types.ts` for how types come out. */
    query<Row>(text: string, values?: readonly SqlValue[]): Promise<Row[]>;
    /** Bulk load: rows in column order; null is null, bytes go into bytea, everything else by its text. Gives the number of rows. */
    copyIn(table: string, columns: readonly string[], rows: Rows): Promise<number>;
}

/** A transaction that is under way: whole tables go out and come back in the text format of Postgres. */
export interface OpenTransaction extends Transaction {
    /** The rows of a table as lines of `copy … to stdout`, in chunks that end anywhere; to be read to the end. */
    copyOut(table: string, columns: readonly string[]): AsyncIterable<Buffer>;
    /** Takes what `copyOut` gave, also into identity columns. Gives the number of rows. */
    copyBack(table: string, columns: readonly string[], lines: AsyncIterable<Buffer>): Promise<number>;
}

/** Session-level advisory locks taken without waiting. */
export interface Claim {
    /** The names that were free and are now held. */
    readonly held: ReadonlySet<string>;
    release(): Promise<void>;
}

export interface TransactionOptions {
    /** `read committed` unless told. */
    readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
    readonly readOnly?: boolean;
}

/**
 * One home's schema on one Postgres. It outlives a restart of the server: a connection is waited for up to a minute, and a lone `select`
 * whose connection broke is sent again. Other statements outside `transaction` are not, because they may have taken effect.
 */
export interface Database extends Transaction {
    /**
     * Runs `work` in one transaction; runs it again after a serialization failure, a deadlock, or a connection lost before the commit, so it must
     * not change anything outside that cannot be repeated. A connection lost during the commit leaves it unknown whether it took effect: then
     * it throws `database.commit-unknown`. Asserts that no failed statement was passed over.
     */
    transaction<T>(work: (tx: OpenTransaction) => Promise<T>, options?: TransactionOptions): Promise<T>;
    /** Takes those of the named locks that nobody holds; they go with the connection, so also on kill -9. */
    claim(names: readonly string[]): Promise<Claim>;
    /** Waits for a named lock, shared or exclusive, and holds it while `work` runs; longer than the connection that it hangs on lasts, only `isHeld` tells. */
    withLock<T>(
        name: string,
        mode: 'shared' | 'exclusive',
        work: (isHeld: LockCheck) => Promise<T>,
    ): Promise<T>;
    /**
     * Who holds a named lock now. Each taking of it is a holder of its own, so one that is no longer listed has let go or is dead, and one that
     * took the lock later is another.
     */
    lockHolders(name: string): Promise<Set<string>>;
    /** Postgres schema that holds the home's tables. */
    readonly schema: string;
    /** What a crash had left and opening put right, as sentences for the user. */
    readonly recovered: readonly string[];
    close(): Promise<void>;
    /** Leaves an embedded server at once, whatever is under way on it, which fails; the last to leave stops it. For a process that ends. */
    leave(): Promise<void>;
}

/** Whether a lock of `withLock` is still held, to be asked before a commit that rests on it: a restart of the server frees it, and another process may have taken it. */
export type LockCheck = (tx: Pick<Transaction, 'query'>) => Promise<boolean>;

/** Holds a lock until the transaction ends; its name is one of `withLock`. */
export async function lockWithin(tx: Transaction, name: string, mode: 'shared' | 'exclusive'): Promise<void> {
    const suffix = mode === 'shared' ? '_shared' : '';
    await tx.query(
        `select pg_advisory_xact_lock${suffix}(hashtextextended(current_schema || '/' || $1, 7))`,
        [name],
    );
}

/** Connections that hold the lock named $1 of the schema $2. */
const HOLDERS = `select a.pid, a.backend_start, a.application_name
    from pg_locks as l join pg_stat_activity as a using (pid)
    where l.locktype = 'advisory' and l.granted and l.objsubid = 1
        and l.database = (select oid from pg_database where datname = current_database())
        and l.classid::bigint << 32 | l.objid::bigint = hashtextextended($2 || '/' || $1, 7)`;

const OLDEST_SERVER = 150_000;
const ATTEMPTS_MAX = 10;

/** Throws `database.unreachable`, `database.too-old` or `database.start-failed`. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
    assert(/^[a-z_][a-z0-9_]*$/.test(options.schema), `${options.schema} is a plain name of a schema`);
    const connections = await Connections.open(options);
    try {
        await connections.withClient(async (client) => {
            const { rows } = await client.query<{ server_version_num: string }>('show server_version_num');
            refuseOldServer(Number(rows[0]?.server_version_num));
            await makeSchema(client, options.schema);
        });
    } catch (error) {
        await connections.close().catch(() => {});
        throw connections.unreachable(error);
    }
    connections.waitPatiently();
    return new PooledDatabase(connections);
}

/**
 * Throws `database.too-old`.
 * @param version as `server_version_num` tells it, such as 150004 for 15.4
 */
export function refuseOldServer(version: number): void {
    if (version >= OLDEST_SERVER) return;
    const major = Math.floor(version / 10_000);
    throw new GridtallyError('database.too-old', `the database server is PostgreSQL ${major}`);
}

async function makeSchema(client: pg.PoolClient, schema: string): Promise<void> {
    const { rows } = await client.query('select 1 from pg_namespace where nspname = $1', [schema]);
    if (rows.length > 0) return;
    try {
        await client.query(`create schema if not exists ${schema}`);
    } catch (error) {
        // Two processes may make the schema at once; the loser's error says that it is there.
        if (!['23505', '42P06'].includes(codeOf(error))) throw error;
    }
}

class ConnectionTransaction implements OpenTransaction {
    readonly #client: pg.PoolClient;

    constructor(client: pg.PoolClient) {
        this.#client = client;
    }

    async query<Row>(text: string, values: readonly SqlValue[] = []): Promise<Row[]> {
        const result = await this.#client.query(text, [...values]);
        return result.rows as Row[];
    }

    async copyIn(table: string, columns: readonly string[], rows: Rows): Promise<number> {
        let count = 0;
        const stream = this.#client.query(copyFrom(`copy ${table} (${columns.join(', ')}) from stdin`));
        const chunks = copyChunks(rows, () => {
            count += 1;
        });
        await pipeline(Readable.from(chunks), stream);
        assert(stream.rowCount === count, `Postgres took all ${count} rows into ${table}`);
        return count;
    }

    copyOut(table: string, columns: readonly string[]): AsyncIterable<Buffer> {
        return this.#client.query(copyTo(`copy ${table} (${columns.join(', ')}) to stdout`));
    }

    async copyBack(table: string, columns: readonly string[], lines: AsyncIterable<Buffer>): Promise<number> {
        const stream = this.#client.query(copyFrom(`copy ${table} (${columns.join(', ')}) from stdin`));
        await pipeline(Readable.from(lines, { objectMode: false }), stream);
        return stream.rowCount;
    }
}

class PooledDatabase implements Database {
    readonly #connections: Connections;
    readonly #id = randomBytes(4).toString('hex');
    #takings = 0;

    constructor(connections: Connections) {
        this.#connections = connections;
    }

    get schema(): string {
        return this.#connections.schema;
    }

    get recovered(): readonly string[] {
        return this.#connections.recovered;
    }

    async query<Row>(text: string, values: readonly SqlValue[] = []): Promise<Row[]> {
        for (let attempt = 1; ; attempt++) {
            try {
                return await this.#connections.withClient((client) =>
                    new ConnectionTransaction(client).query<Row>(text, values),
                );
            } catch (error) {
                if (!isConnectionLost(error)) throw error;
                if (attempt === ATTEMPTS_MAX || !mayBeSentAgain(text))
                    throw this.#connections.unreachable(error);
            }
        }
    }

    async copyIn(table: string, columns: readonly string[], rows: Rows): Promise<number> {
        // Not by `transaction`: what gives the rows may be used up when it would run again.
        return this.#explained(() =>
            this.#connections.withClient((client) =>
                new ConnectionTransaction(client).copyIn(table, columns, rows),
            ),
        );
    }

    async transaction<T>(
        work: (tx: OpenTransaction) => Promise<T>,
        options: TransactionOptions = {},
    ): Promise<T> {
        const begin = `begin isolation level ${options.isolation ?? 'read committed'}${options.readOnly ? ' read only' : ''}`;
        for (let attempt = 1; ; attempt++) {
            try {
                return await this.#connections.withClient((client) => runTransaction(client, begin, work));
            } catch (error) {
                const isLost = isConnectionLost(error);
                if (attempt === ATTEMPTS_MAX || !(isLost || mayRunAgain(error))) {
                    throw isLost ? this.#connections.unreachable(error) : error;
                }
                // Those who met each other should not meet again at once.
                await sleep(Math.random() * 10 * 2 ** Math.min(attempt, 7));
            }
        }
    }

    async claim(names: readonly string[]): Promise<Claim> {
        const { client, result } = await this.#takeOwn((own) =>
            own.query<{ name: string; held: boolean }>(
                `select name, pg_try_advisory_lock(hashtextextended($2 || '/' || name, 7)) as held
                   from unnest($1::text[]) as t(name)`,
                [[...new Set(names)], this.schema],
            ),
        );
        const held = new Set(result.rows.filter((row) => row.held).map((row) => row.name));
        return { held, release: () => this.#connections.giveBackOwn(client) };
    }

    async withLock<T>(
        name: string,
        mode: 'shared' | 'exclusive',
        work: (isHeld: LockCheck) => Promise<T>,
    ): Promise<T> {
        const lock = mode === 'shared' ? 'pg_advisory_lock_shared' : 'pg_advisory_lock';
        const statement = `select ${lock}(hashtextextended($2 || '/' || $1, 7)), pg_backend_pid() as pid, current_setting('application_name') as taking`;
        const { client, result } = await this.#takeOwn((own) =>
            own.query<{ pid: number; taking: string }>(statement, [name, this.schema]),
        );
        const [held] = result.rows;
        try {
            return await work(async (tx) => {
                // a connection that ends is still listed when it has let go of its locks
                const found = await tx.query(
                    `select from (${HOLDERS}) as holders where pid = $3 and application_name = $4`,
                    [name, this.schema, held?.pid ?? 0, held?.taking ?? ''],
                );
                return found.length > 0;
            });
        } finally {
            await this.#connections.giveBackOwn(client);
        }
    }

    /** A connection is used again: its name tells takings of locks apart, see `lockHolders`. */
    #takeOwn<T>(lock: (client: pg.Client) => Promise<T>): Promise<{ client: pg.Client; result: T }> {
        this.#takings += 1;
        const taking = `gridtally, lock ${this.#id}-${this.#takings}`;
        return this.#explained(() =>
            this.#connections.takeOwn(async (client) => {
                await client.query(`select set_config('application_name', $1, false)`, [taking]);
                return lock(client);
            }),
        );
    }

    async lockHolders(name: string): Promise<Set<string>> {
        const rows = await this.query<{ holder: string }>(
            `select concat_ws(' ', pid, backend_start, application_name) as holder from (${HOLDERS}) as holders`,
            [name, this.schema],
        );
        return new Set(rows.map((row) => row.holder));
    }

    async #explained<T>(work: () => Promise<T>): Promise<T> {
        try {
            return await work();
        } catch (error) {
            throw isConnectionLost(error) ? this.#connections.unreachable(error) : error;
        }
    }

    async close(): Promise<void> {
        await this.#connections.close();
    }

    leave(): Promise<void> {
        return this.#connections.leave();
    }
}

async function runTransaction<T>(
    client: pg.PoolClient,
    begin: string,
    work: (tx: OpenTransaction) => Promise<T>,
): Promise<T> {
    let isCommitting = false;
    try {
        await client.query(begin);
        const result = await work(new ConnectionTransaction(client));
        isCommitting = true;
        crashPoint('transaction');
        const { command } = await client.query('commit');
        crashPoint('transaction');
        // Postgres answers the commit of a transaction with a failed statement by rolling back, without an error.
        assert(command === 'COMMIT', 'a transaction is committed only when each of its statements went well');
        return result;
    } catch (error) {
        if (isCommitting && isConnectionLost(error)) {
            const message = 'the connection to the database was lost while a change was being committed';
            throw new GridtallyError('database.commit-unknown', message, { cause: error });
        }
        // Where this fails too, `withClient` meets the loss at the latest with the next use of the connection.
        await client.query('rollback').catch(() => {});
        throw error;
    }
}

function mayRunAgain(error: unknown): boolean {
    return ['40001', '40P01'].includes(codeOf(error));
}

/** A lone `select` that only reads. Locks are left out, since one lost with its connection must be noticed. */
function mayBeSentAgain(text: string): boolean {
    return (
        /^\s*(select|show)\b/i.test(text) &&
        !/\b(advisory|nextval|setval|for\s+(no\s+key\s+)?update)/i.test(text)
    );
}

function codeOf(error: unknown): string {
    return (error as { code?: string }).code ?? '';
}
