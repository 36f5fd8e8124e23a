import { existsSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeFileDurably } from '../kernel/durable.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { crashPoint } from '../kernel/faults.ts';
import {
    type Cluster,
    clusterOf,
    execute,
    isMade,
    makeCluster,
    renewPassword,
    SERVER_ROLE,
} from './cluster.ts';
import { fileLock, type Release, tryFileLock } from './file-lock.ts';
import {
    connectionFault,
    isAlive,
    isPostgres,
    readPidFile,
    type ServerAddress,
    TOO_MANY_CONNECTIONS,
} from './postmaster.ts';

export type { ServerAddress } from './postmaster.ts';

/** A crash recovery may have much to redo; nobody should have to kill it for being slow. */
const STARTING_MS_MAX = 600_000;
/** A server that says it is ready and does not answer for so long is stuck. */
const SILENT_MS_MAX = 60_000;
const REFUSALS_MAX = 5;
const LOG_BYTES_MAX = 16_000_000;

/** Settings of every start, so that a newer gridtally may change them for homes that exist. */
const SETTINGS = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    // a process with 16 cores may take thirty, and any number of processes may use a home
    max_connections: '400',
    // `claim` takes one lock per stale partition: a year of 13 buckets is 4,745 of them; there is room for this many times max_connections
    max_locks_per_transaction: '64',
    shared_buffers: '128MB',
    max_wal_size: '1GB',
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    jit: 'off',
    // Small containers have 64 MB of shared memory, which parallel queries outgrow; the big work is the engine's.
    max_parallel_workers_per_gather: '0',
    max_parallel_maintenance_workers: '0',
    timezone: 'UTC',
    log_timezone: 'UTC',
};

export interface ServerLease {
    readonly address: ServerAddress;
    /** What a crash had left and this start put right, as sentences; empty on a quiet start. */
    readonly recovered: readonly string[];
    /**
     * Starts the server again where it has ended meanwhile; gives its present address. Throws `database.start-failed`, and
     * `database.unreachable` once the lease is released: nobody would stop what it started.
     */
    revive(): Promise<ServerAddress>;
    /** Leaves; the last one to leave stops the server. */
    release(): Promise<void>;
}

/**
 * Opens the embedded Postgres of a home, starting it when nobody has. Two kernel locks decide everything: `start.lock` is held while
 * deciding to start or stop; `lease.lock` is shared by all who use the server. Both go with their process, so a kill -9 leaves nothing
 * to clean up but the server itself, which the next one to come finds running and the next last one to leave stops.
 * Throws `database.start-failed`.
 */
export async function leaseServer(home: string): Promise<ServerLease> {
    const cluster = await clusterOf(home);
    const recovered: string[] = [];
    const unlock = await fileLock(cluster.startLock, 'exclusive', STARTING_MS_MAX);
    try {
        // Whoever waited for the lock may have made the cluster meanwhile, and given it to another account.
        const present = await clusterOf(home);
        const isUnused = tryFileLock(present.leaseLock, 'exclusive');
        isUnused?.();
        const address = await ensureRunning(present, recovered, isUnused !== undefined);
        const leave = await fileLock(present.leaseLock, 'shared', 5000);
        let isReleased = false;
        return {
            address,
            recovered,
            revive: () => revive(home, () => isReleased),
            release: () => {
                isReleased = true;
                return release(home, leave);
            },
        };
    } finally {
        unlock();
    }
}

/** Stops the server and removes the cluster, wherever it lies, with all that is in it. Does nothing and gives false while others use it. */
export async function removeDatabase(home: string): Promise<boolean> {
    const cluster = await clusterOf(home);
    return whileUnused(cluster, async () => {
        await stopServer(cluster);
        rmSync(cluster.secret, { force: true });
        rmSync(cluster.folder, { recursive: true, force: true });
        const parent = path.dirname(cluster.folder);
        if (parent !== path.dirname(cluster.secret)) rmSync(parent, { recursive: true, force: true });
        for (const name of ['place', 'machine'])
            rmSync(path.join(path.dirname(cluster.secret), name), { force: true });
    });
}

async function revive(home: string, isReleased: () => boolean): Promise<ServerAddress> {
    const cluster = await clusterOf(home);
    const unlock = await fileLock(cluster.startLock, 'exclusive', STARTING_MS_MAX);
    try {
        // Asked under the lock: a release that comes later waits for it, and stops what is started here.
        if (isReleased()) throw new GridtallyError('database.unreachable', 'the database has been closed');
        return await ensureRunning(cluster, [], false);
    } finally {
        unlock();
    }
}

async function release(home: string, leave: Release): Promise<void> {
    leave();
    const cluster = await clusterOf(home);
    await whileUnused(cluster, () => stopServer(cluster));
}

async function whileUnused(cluster: Cluster, work: () => Promise<void>): Promise<boolean> {
    const unlock = await fileLock(cluster.startLock, 'exclusive', STARTING_MS_MAX);
    try {
        const alone = tryFileLock(cluster.leaseLock, 'exclusive');
        if (!alone) return false;
        try {
            await work();
            return true;
        } finally {
            alone();
        }
    } finally {
        unlock();
    }
}

/** Call under `start.lock`. Gives the address at which the server answers. */
async function ensureRunning(
    cluster: Cluster,
    recovered: string[],
    isUnused: boolean,
): Promise<ServerAddress> {
    refuseOtherMachine(cluster);
    if (!isMade(cluster)) await makeCluster(cluster, recovered);
    const startedAt = Date.now();
    if (!existsSync(cluster.secret)) await replacePassword(cluster, recovered, startedAt);
    for (let refusals = 0; ; ) {
        if (await isRunning(cluster)) {
            const address = await awaitAnswer(cluster, startedAt);
            if (address && isUnused && refusals === 0 && !recovered.includes(RESTARTED))
                recovered.push(LEFT_RUNNING);
            if (address) return address;
            continue;
        }
        await takeAwayPidFile(cluster, recovered);
        await recordMachine(cluster);
        crashPoint('start');
        try {
            await startServer(cluster);
            isUnused = false;
        } catch (error) {
            const isOver = Date.now() - startedAt > STARTING_MS_MAX;
            if (isOver || !isHeldByOrphans(endOfLog(cluster))) refusals += 1;
            if (isOver || refusals === REFUSALS_MAX) throw refusedToStart(cluster, error);
            await sleep(100 * Math.max(refusals, 1));
        }
    }
}

async function replacePassword(cluster: Cluster, recovered: string[], startedAt: number): Promise<void> {
    await stopServer(cluster);
    await takeAwayPidFile(cluster, recovered);
    for (;;) {
        try {
            await renewPassword(cluster);
            break;
        } catch (error) {
            const isOver = Date.now() - startedAt > STARTING_MS_MAX;
            if (isOver || !isHeldByOrphans(String(error))) throw error;
            await sleep(100);
        }
    }
    recovered.push('The password of the database was missing; it has a new one.');
}

/**
 * Pids and kernel locks say nothing about another machine: where the folder is shared, a second server would start beside the first one and
 * destroy what it writes. A server that was shut down leaves no pid file, and then any machine may go on.
 */
function refuseOtherMachine(cluster: Cluster): void {
    if (!existsSync(cluster.machine) || readPidFile(cluster.folder) === undefined) return;
    const machine = readFileSync(cluster.machine, 'utf8').trim();
    if (machine === os.hostname()) return;
    throw new GridtallyError(
        'database.other-machine',
        `the embedded database of this home runs on the machine ${machine}, and this is ${os.hostname()}`,
        {
            remedy: `Let gridtally end on ${machine}. Where several machines work on one home, set database.url in gridtally.yaml to a PostgreSQL that all of them reach. If ${machine} is this machine under an earlier name, or gone for good, remove ${cluster.machine}.`,
        },
    );
}

async function recordMachine(cluster: Cluster): Promise<void> {
    const isKnown =
        existsSync(cluster.machine) && readFileSync(cluster.machine, 'utf8').trim() === os.hostname();
    if (!isKnown) await writeFileDurably(cluster.machine, `${os.hostname()}\n`);
}

const RESTARTED = 'The database had not been shut down; it was started again and replayed its log.';
const LEFT_RUNNING =
    'The database was still running, left by processes that were killed; it is in use again.';

/** Waits for a server process to answer; undefined when it ends instead. */
async function awaitAnswer(cluster: Cluster, startedAt: number): Promise<ServerAddress | undefined> {
    let readySince: number | undefined;
    for (;;) {
        const server = readPidFile(cluster.folder);
        if (!server || !(await isPostgres(server.pid, cluster.folder))) return undefined;
        const address = { ...addressOf(cluster), port: server.port };
        const fault = server.status === 'ready' ? await connectionFault(address, cluster.folder) : undefined;
        if (server.status === 'ready' && fault === undefined) return address;
        if (server.status === 'ready') readySince ??= Date.now();
        const { code } = (fault ?? {}) as { code?: string };
        // it answers, and who then asks it for a connection waits for one
        if (code === TOO_MANY_CONNECTIONS) return address;
        if (code === '28P01') throw wrongPassword(cluster, fault);
        const isStuck = Date.now() - (readySince ?? Date.now()) > SILENT_MS_MAX;
        if (isStuck || Date.now() - startedAt > STARTING_MS_MAX) throw refusedToStart(cluster, fault);
        await sleep(20);
    }
}

async function isRunning(cluster: Cluster): Promise<boolean> {
    const server = readPidFile(cluster.folder);
    return server !== undefined && (await isPostgres(server.pid, cluster.folder));
}

/**
 * A pid file whose process is gone is Postgres' own affair: it also looks for orphans that still use the shared memory. Only where another
 * program, or a dead process that nobody has collected, has that pid would Postgres refuse for good.
 */
async function takeAwayPidFile(cluster: Cluster, recovered: string[]): Promise<void> {
    const server = readPidFile(cluster.folder);
    if (!server || (await isRunning(cluster))) return;
    if (!recovered.includes(RESTARTED)) recovered.push(RESTARTED);
    const isStillThere = readPidFile(cluster.folder)?.pid === server.pid;
    if (isAlive(server.pid) && isStillThere)
        rmSync(path.join(cluster.folder, 'postmaster.pid'), { force: true });
}

/** A session outlives a server that was killed until its statement ends; Postgres does not start beside it, and says so. */
function isHeldByOrphans(said: string): boolean {
    return /shared memory block .* is still in use/.test(said);
}

async function startServer(cluster: Cluster): Promise<void> {
    const log = statSync(cluster.logFile, { throwIfNoEntry: false });
    if (log && log.size > LOG_BYTES_MAX) renameSync(cluster.logFile, `${cluster.logFile}.1`);
    const settings = { ...SETTINGS, port: String(await freePort()) };
    // pg_ctl hands this to a shell; no value holds a blank or a quote
    const flags = Object.entries(settings).map(([name, value]) => `-c ${name}='${value}'`);
    // pg_ctl gives the server a session of its own, so Ctrl-C in this terminal does not reach it
    await execute(cluster, cluster.binaries.pgCtl, [
        ...['start', '-w', '-t', '60', '-D', cluster.folder, '-l', cluster.logFile],
        ...['-o', flags.join(' ')],
    ]);
}

async function stopServer(cluster: Cluster): Promise<void> {
    if (!(await isRunning(cluster))) return;
    // One that ends by itself meanwhile makes this fail; one that does not end is left for the next start to find.
    await execute(cluster, cluster.binaries.pgCtl, ['stop', '-m', 'fast', '-w', '-D', cluster.folder]).catch(
        () => {},
    );
}

function addressOf(cluster: Cluster): Omit<ServerAddress, 'port'> {
    const password = readFileSync(cluster.secret, 'utf8').trim();
    return { host: '127.0.0.1', user: SERVER_ROLE, password, database: 'postgres' };
}

function refusedToStart(cluster: Cluster, cause: unknown): GridtallyError {
    const message = `the database does not start; its log ${cluster.logFile} ends with:\n${endOfLog(cluster)}`;
    return new GridtallyError('database.start-failed', message, { cause });
}

function endOfLog(cluster: Cluster): string {
    if (!existsSync(cluster.logFile)) return '';
    return readFileSync(cluster.logFile, 'utf8').trimEnd().split('\n').slice(-5).join('\n');
}

function wrongPassword(cluster: Cluster, cause: unknown): GridtallyError {
    return new GridtallyError(
        'database.start-failed',
        `the database refuses the password in ${cluster.secret}`,
        {
            remedy: 'Remove that file: the next command gives the database a new password.',
            cause,
        },
    );
}

function freePort(): Promise<number> {
    return new Promise((resolve, reject) => {
        const server = createServer().once('error', reject);
        server.listen(0, '127.0.0.1', () => {
            const address = server.address();
            server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
        });
    });
}
