import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { GridtallyError } from '../kernel/errors.ts';
import { leaseServer, type ServerAddress, type ServerLease } from './embedded-postgres.ts';
import { TYPES } from './pg-types.ts';
import { TOO_MANY_CONNECTIONS } from './postmaster.ts';

export interface DatabaseOptions {
    /** Folder of the home, for the embedded server. */
    readonly home: string;
    /** Address of another PostgreSQL; absent: the embedded one. */
    readonly url?: string;
    /** Postgres schema that holds everything; several homes may share a server. */
    readonly schema: string;
}

const POOL_MAX = 12;
const KEPT_MAX = 4;
/** One that has been idle for longer may have been cut on the way without a word, and a statement on it would wait for minutes. */
const KEPT_MS_MAX = 10_000;
/** How long work that has begun waits for a server that went away, or that has no connection left: a managed Postgres takes so long to switch to its standby. */
const PATIENCE_MS = 60_000;

/** Connections to the one server of a home, embedded or not, which outlive a restart of that server. */
export class Connections {
    readonly schema: string;
    readonly recovered: readonly string[];
    readonly #lease: ServerLease | undefined;
    /** Where the embedded server is now: a restart moves it to another port. */
    #address: ServerAddress | undefined;
    readonly #url: string | undefined;
    readonly #pool: pg.Pool;
    /** Connections for locks that hold none now. */
    readonly #kept: { readonly client: pg.Client; readonly since: number }[] = [];
    #isClosed = false;
    #left: Promise<void> | undefined;
    #patienceMs = 0;
    #busy = 0;
    readonly #waiting: (() => void)[] = [];

    /** Throws `database.start-failed`; connects to nothing yet. */
    static async open(options: DatabaseOptions): Promise<Connections> {
        const lease = options.url === undefined ? await leaseServer(options.home) : undefined;
        return new Connections(options, lease);
    }

    private constructor(options: DatabaseOptions, lease: ServerLease | undefined) {
        this.schema = options.schema;
        this.recovered = lease?.recovered ?? [];
        this.#lease = lease;
        this.#address = lease?.address;
        this.#url = options.url;
        this.#pool = new pg.Pool({ ...this.#settings(), max: POOL_MAX });
        this.#pool.on('error', ignore);
    }

    /** From now on a server that is away is waited for, as one that restarts is; before, it fails at once. */
    waitPatiently(): void {
        this.#patienceMs = PATIENCE_MS;
    }

    /** Runs `work` with a connection of the pool. A connection that was lost meanwhile is thrown away. */
    async withClient<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
        await this.#turn();
        try {
            return await this.#withPooled(work);
        } finally {
            this.#busy -= 1;
            this.#waiting.shift()?.();
        }
    }

    async #withPooled<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
        const client = await this.#persist(() => this.#pool.connect());
        client.on('error', ignore);
        let lost: Error | undefined;
        try {
            return await work(client);
        } catch (error) {
            if (isConnectionLost(error)) lost = error as Error;
            throw error;
        } finally {
            client.off('error', ignore);
            client.release(lost);
        }
    }

    /**
     * Takes a connection of its own, for locks that last, which must not take the pool's connections from the work that they guard; `lock` is
     * the statement that it begins with, and runs again on a new connection where one that was kept is found to be lost.
     */
    async takeOwn<T>(lock: (client: pg.Client) => Promise<T>): Promise<{ client: pg.Client; result: T }> {
        for (let kept = this.#kept.pop(); kept !== undefined; kept = this.#kept.pop()) {
            const { client, since } = kept;
            if (performance.now() - since > KEPT_MS_MAX) {
                void client.end().catch(ignore);
                continue;
            }
            try {
                return { client, result: await lock(client) };
            } catch (error) {
                void client.end().catch(ignore);
                if (!isConnectionLost(error)) throw error;
            }
        }
        const client = await this.#connectOwn();
        try {
            return { client, result: await lock(client) };
        } catch (error) {
            await client.end().catch(ignore);
            throw error;
        }
    }

    /** Ends the locks before it answers: the end of the connection would free them too, but some time later. */
    async giveBackOwn(client: pg.Client): Promise<void> {
        const isFree = await client.query('select pg_advisory_unlock_all()').then(
            () => true,
            () => false,
        );
        // to connect anew takes 10 ms, most of it the password's, and each step of the chain takes several locks
        if (isFree && !this.#isClosed && this.#kept.length < KEPT_MAX)
            this.#kept.push({ client, since: performance.now() });
        else await client.end().catch(ignore);
    }

    async #connectOwn(): Promise<pg.Client> {
        return this.#persist(async () => {
            const client = new pg.Client(this.#settings());
            client.on('error', ignore);
            await client.connect().catch(async (error) => {
                await client.end().catch(ignore);
                throw error;
            });
            return client;
        });
    }

    async close(): Promise<void> {
        this.#isClosed = true;
        for (const { client } of this.#kept.splice(0)) await client.end().catch(ignore);
        await this.#pool.end();
        await this.leave();
    }

    /** Leaves the embedded server at once, whatever is under way on it; the last to leave stops it. */
    leave(): Promise<void> {
        this.#isClosed = true;
        this.#left ??= this.#lease?.release() ?? Promise.resolve();
        return this.#left;
    }

    /** What a user is told when the server cannot be used; never holds a password. */
    unreachable(cause: unknown): GridtallyError {
        if (cause instanceof GridtallyError) return cause;
        const code = (cause as { code?: string }).code ?? '';
        const said = (cause instanceof Error && cause.message) || code || 'no answer';
        // The cause of an address that cannot be read holds the address, and that the password.
        const isSafe = code !== 'ERR_INVALID_URL';
        const where = this.#url === undefined ? 'the embedded database' : addressWithoutSecret(this.#url);
        const message = `cannot use ${where}: ${isSafe ? said : 'its address cannot be read'}`;
        if (code === TOO_MANY_CONNECTIONS) return new GridtallyError('database.full', message, { cause });
        return new GridtallyError('database.unreachable', message, isSafe ? { cause } : {});
    }

    #settings(): pg.ClientConfig {
        const place =
            this.#address === undefined
                ? { connectionString: this.#url ?? '' }
                : { ...this.#address, ssl: false };
        const session = [
            `search_path=${this.schema}`,
            'timezone=UTC',
            'datestyle=ISO',
            'client_min_messages=warning',
            ...LASTING,
        ];
        return {
            ...place,
            application_name: 'gridtally',
            options: session.map((setting) => `-c ${setting}`).join(' '),
            types: TYPES,
            keepAlive: true,
            keepAliveInitialDelayMillis: 15_000,
            connectionTimeoutMillis: 15_000,
        };
    }

    /** The pool has a queue of its own, but would give up on whoever waits there longer than a connection may take. */
    async #turn(): Promise<void> {
        while (this.#busy >= POOL_MAX) await new Promise<void>((next) => this.#waiting.push(next));
        this.#busy += 1;
    }

    async #persist<T>(connect: () => Promise<T>): Promise<T> {
        const startedAt = Date.now();
        for (let pauseMs = 20; ; pauseMs = Math.min(2 * pauseMs, 1000)) {
            try {
                return await connect();
            } catch (error) {
                // A server that is starting or full says so, and is waited for in any case.
                const isThere = THERE_CODES.has((error as { code?: string }).code ?? '');
                const isOver = Date.now() - startedAt >= (isThere ? PATIENCE_MS : this.#patienceMs);
                if (!(isThere || isConnectionLost(error)) || isOver) throw this.unreachable(error);
                const address = isThere ? undefined : await this.#lease?.revive();
                if (address) {
                    this.#address = address;
                    Object.assign(this.#pool.options, address);
                }
                await sleep(pauseMs);
            }
        }
    }
}

// A claim is a connection that is quiet while its work lasts, which a managed server might cut off. A process that is killed ends its
// connections; a machine that loses power does not, and the server then finds out by itself within half a minute and frees the claims.
const LASTING = [
    'idle_session_timeout=0',
    'idle_in_transaction_session_timeout=0',
    'statement_timeout=0',
    'lock_timeout=0',
    'tcp_keepalives_idle=15',
    'tcp_keepalives_interval=5',
    'tcp_keepalives_count=3',
];

const STARTING = '57P03';
/** What a server answers that will take connections in a while. */
const THERE_CODES: ReadonlySet<string> = new Set([STARTING, TOO_MANY_CONNECTIONS]);

const LOST_CODES =
    /^(08...|57P0[123]|ECONN(RESET|REFUSED|ABORTED)|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/;
const LOST_MESSAGES =
    /connection terminated|is not queryable|timeout expired|timeout exceeded when trying to connect/i;

/** Whether the server or the way to it went away, as against a statement that it refused. */
export function isConnectionLost(error: unknown): boolean {
    if (!(error instanceof Error) || error instanceof GridtallyError) return false;
    return LOST_CODES.test((error as { code?: string }).code ?? '') || LOST_MESSAGES.test(error.message);
}

function addressWithoutSecret(url: string): string {
    try {
        const { hostname, port, pathname } = new URL(url);
        return `the database ${pathname.slice(1)} at ${hostname}:${port || '5432'}`;
    } catch {
        return 'the database at database.url';
    }
}

function ignore(): void {}
