import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { GridtallyError } from '../kernel/errors.ts';
import { leaseServer } from './embedded-postgres.ts';
import { TYPES } from './pg-types.ts';

export type SqlValue = string | number | bigint | boolean | null | Buffer | readonly unknown[] | object;

/** One connection within a transaction. */
export interface Transaction {
    /** Rows as objects; see `pg-types.ts` for how types come out. */
    query<Row>(text: string, values?: readonly SqlValue[]): Promise<Row[]>;
    /** Bulk load: rows in column order; null is null, everything else its text. */
    copyIn(table: string, columns: readonly string[], rows: Iterable<readonly CopyValue[]>): Promise<void>;
}

export type CopyValue = string | number | bigint | boolean | null;

/** Session-level advisory locks taken without waiting. */
export interface Claim {
    /** The names that were free and are now held. */
    readonly held: ReadonlySet<string>;
    release(): Promise<void>;
}

export interface Database extends Transaction {
    /**
     * Runs `work` in one transaction; runs it again (up to five times) after a serialization failure or a
     * deadlock, so it must not change anything outside that cannot be repeated.
     */
    transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
    /** Takes those of the named locks that nobody holds; they go with the connection, so also on kill -9. */
    claim(names: readonly string[]): Promise<Claim>;
    /** Waits for a named lock, shared or exclusive, and holds it while `work` runs. */
    withLock<T>(name: string, mode: 'shared' | 'exclusive', work: () => Promise<T>): Promise<T>;
    readonly recovered: readonly string[];
    close(): Promise<void>;
}

export interface DatabaseOptions {
    /** Folder of the home, for the embedded server. */
    readonly home: string;
    /** Address of another PostgreSQL; absent: the embedded one. */
    readonly url?: string;
    /** Postgres schema that holds everything; several homes may share a server. */
    readonly schema: string;
}

const RETRYABLE = new Set(['40001', '40P01']);
const OLDEST_SERVER = 150000;

/** Throws `database.unreachable`, `database.too-old` or `database.start-failed`. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
    const lease = options.url === undefined ? await leaseServer(options.home) : undefined;
    const pool = new pg.Pool({
        ...(options.url === undefined ? lease?.address : { connectionString: options.url }),
        max: 12,
        options: `-c search_path=${options.schema},public -c timezone=UTC -c datestyle=ISO -c client_min_messages=warning`,
        types: TYPES,
        connectionTimeoutMillis: 15_000,
    });
    pool.on('error', () => {});
    try {
        const { rows } = await pool.query<{ server_version_num: string }>('show server_version_num');
        if (Number(rows[0]?.server_version_num) < OLDEST_SERVER) {
            throw new GridtallyError('database.too-old', `the database server is version ${rows[0]?.server_version_num}`);
        }
        await pool.query(`create schema if not exists ${options.schema}`).catch(ignoreDuplicate);
    } catch (error) {
        await pool.end().catch(() => {});
        await lease?.release();
        throw error instanceof GridtallyError ? error : unreachable(options.url, error);
    }
    return new PooledDatabase(pool, lease?.recovered ?? [], async () => lease?.release());
}

/** Two processes may make the schema at once; the loser's error says that it is there. */
function ignoreDuplicate(error: unknown): void {
    const code = (error as { code?: string }).code;
    if (code !== '23505' && code !== '42P06') throw error;
}

function unreachable(url: string | undefined, cause: unknown): GridtallyError {
    const where = url === undefined ? 'the embedded database' : addressWithoutSecret(url);
    const said = cause instanceof Error ? cause.message || String((cause as { code?: string }).code) : String(cause);
    return new GridtallyError('database.unreachable', `cannot use ${where}: ${said}`, { cause });
}

function addressWithoutSecret(url: string): string {
    try {
        const { hostname, port, pathname } = new URL(url);
        return `the database ${pathname.slice(1)} at ${hostname}:${port || '5432'}`;
    } catch {
        return 'the database at database.url (it is not a URL)';
    }
}

class ConnectionTransaction implements Transaction {
    readonly #client: pg.PoolClient;

    constructor(client: pg.PoolClient) {
        this.#client = client;
    }

    async query<Row>(text: string, values: readonly SqlValue[] = []): Promise<Row[]> {
        const result = await this.#client.query(text, [...values]);
        return result.rows as Row[];
    }

    async copyIn(table: string, columns: readonly string[], rows: Iterable<readonly CopyValue[]>): Promise<void> {
        const stream = this.#client.query(copyFrom(`copy ${table} (${columns.join(', ')}) from stdin`));
        await pipeline(Readable.from(copyChunks(rows)), stream);
    }
}

class PooledDatabase implements Database {
    readonly recovered: readonly string[];
    readonly #pool: pg.Pool;
    readonly #onClose: () => Promise<void>;

    constructor(pool: pg.Pool, recovered: readonly string[], onClose: () => Promise<void>) {
        this.#pool = pool;
        this.recovered = recovered;
        this.#onClose = onClose;
    }

    async query<Row>(text: string, values: readonly SqlValue[] = []): Promise<Row[]> {
        const result = await this.#pool.query(text, [...values]);
        return result.rows as Row[];
    }

    async copyIn(table: string, columns: readonly string[], rows: Iterable<readonly CopyValue[]>): Promise<void> {
        await this.transaction((tx) => tx.copyIn(table, columns, rows));
    }

    async transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
        for (let attempt = 1; ; attempt++) {
            const client = await this.#pool.connect();
            client.on('error', ignore);
            let broken: Error | undefined;
            try {
                await client.query('begin');
                const result = await work(new ConnectionTransaction(client));
                await client.query('commit');
                return result;
            } catch (error) {
                await client.query('rollback').catch((e) => {
                    broken = e;
                });
                if (attempt >= 5 || !RETRYABLE.has((error as { code?: string }).code ?? '')) throw error;
            } finally {
                client.off('error', ignore);
                client.release(broken);
            }
        }
    }

    async claim(names: readonly string[]): Promise<Claim> {
        const client = await this.#pool.connect();
        client.on('error', ignore);
        const { rows } = await client.query<{ name: string; held: boolean }>(
            'select name, pg_try_advisory_lock(hashtextextended(current_schema || name, 7)) as held from unnest($1::text[]) as t(name)',
            [[...names]],
        );
        return {
            held: new Set(rows.filter((row) => row.held).map((row) => row.name)),
            async release() {
                const error = await client.query('select pg_advisory_unlock_all()').then(() => undefined, (e) => e as Error);
                client.off('error', ignore);
                client.release(error);
            },
        };
    }

    async withLock<T>(name: string, mode: 'shared' | 'exclusive', work: () => Promise<T>): Promise<T> {
        const client = await this.#pool.connect();
        client.on('error', ignore);
        const suffix = mode === 'shared' ? '_shared' : '';
        let broken: Error | undefined;
        try {
            await client.query(`select pg_advisory_lock${suffix}(hashtextextended(current_schema || $1, 7))`, [name]);
            return await work();
        } finally {
            await client.query('select pg_advisory_unlock_all()').catch((e) => {
                broken = e;
            });
            client.off('error', ignore);
            client.release(broken);
        }
    }

    async close(): Promise<void> {
        await this.#pool.end();
        await this.#onClose();
    }
}

function ignore(): void {}

function* copyChunks(rows: Iterable<readonly CopyValue[]>): Generator<string> {
    let chunk = '';
    for (const row of rows) {
        chunk += `${row.map(copyText).join('\t')}\n`;
        if (chunk.length > 65_536) {
            yield chunk;
            chunk = '';
        }
    }
    if (chunk !== '') yield chunk;
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

function copyText(value: CopyValue): string {
    if (value === null) return '\\N';
    return String(value).replace(/[\\\t\n\r]/g, (c) => ESCAPES[c] ?? c);
}
