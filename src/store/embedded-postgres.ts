import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { makeFolderDurably, writeFileDurably } from '../kernel/durable.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { crashPoint } from '../kernel/faults.ts';
import { fileLock, type Release, tryFileLock } from './file-lock.ts';
import { type Account, isReachable, type PostgresBinaries, postgresBinaries, SHARED_STATE, serverAccount } from './postgres-binaries.ts';
import { answersFor, isPostgres, readPidFile } from './postmaster.ts';

const run = promisify(execFile);

export interface ServerAddress {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string;
    readonly database: string;
}

export interface ServerLease {
    readonly address: ServerAddress;
    /** What a crash had left and this start put right; empty on a quiet start. */
    readonly recovered: readonly string[];
    /** Leaves; the last one to leave stops the server. */
    release(): Promise<void>;
}

interface Cluster {
    readonly folder: string;
    readonly secret: string;
    readonly startLock: string;
    readonly leaseLock: string;
    readonly bin: PostgresBinaries;
    readonly account: Account | undefined;
}

/**
 * Opens the embedded Postgres of a home, starting it when nobody has. Two kernel locks decide everything:
 * `start.lock` is held while deciding to start or stop; `lease.lock` is shared by all who use the server.
 * Both go with their process, so a kill -9 leaves nothing to clean up but the server itself, which the
 * next one to come finds running and the next last one to leave stops.
 * Throws `database.start-failed`.
 */
export async function leaseServer(home: string): Promise<ServerLease> {
    const cluster = await clusterOf(home);
    const recovered: string[] = [];
    const unlock = await fileLock(cluster.startLock, 'exclusive');
    try {
        if (!existsSync(path.join(cluster.folder, 'PG_VERSION'))) await createCluster(cluster, recovered);
        await ensureRunning(cluster, recovered);
        const leave = await fileLock(cluster.leaseLock, 'shared', 5000);
        return { address: addressOf(cluster), recovered, release: () => releaseLease(cluster, leave) };
    } finally {
        unlock();
    }
}

async function clusterOf(home: string): Promise<Cluster> {
    const folder = path.join(home, 'database');
    await makeFolderDurably(folder);
    const account = serverAccount();
    const bin = await postgresBinaries(account);
    return {
        folder: path.join(await dataParent(home, folder, account), 'pg'),
        secret: path.join(folder, 'password'),
        startLock: path.join(folder, 'start.lock'),
        leaseLock: path.join(folder, 'lease.lock'),
        bin,
        account,
    };
}

/** A home that the server's account cannot reach (such as below root's own folder) keeps its cluster elsewhere. */
async function dataParent(home: string, folder: string, account: Account | undefined): Promise<string> {
    if (!account || isReachable(folder, account)) return folder;
    const parent = path.join(SHARED_STATE, createHash('sha256').update(path.resolve(home)).digest('hex').slice(0, 16));
    await makeFolderDurably(parent);
    return parent;
}

function addressOf(cluster: Cluster): ServerAddress {
    const port = readPidFile(cluster.folder)?.port ?? 1;
    const password = readFileSync(cluster.secret, 'utf8').trim();
    return { host: '127.0.0.1', port, user: 'gridtally', password, database: 'postgres' };
}

/** Builds the cluster beside its place and renames it, so that a half-made one is never taken for a whole one. */
async function createCluster(cluster: Cluster, recovered: string[]): Promise<void> {
    const parent = path.dirname(cluster.folder);
    for (const name of readdirSync(parent)) {
        if (!name.startsWith('pg.new-')) continue;
        rmSync(path.join(parent, name), { recursive: true, force: true });
        recovered.push('a database whose making was interrupted was removed and made anew');
    }
    const draft = mkdtempSync(`${cluster.folder}.new-`);
    const password = `${randomBytes(24).toString('base64url')}\n`;
    await writeFileDurably(cluster.secret, password, { mode: 0o600 });
    chmodSync(cluster.secret, 0o600);
    // initdb runs as the server's account and must read the password: it gets a copy inside its own folder's parent
    const handed = `${draft}.pw`;
    await writeFileDurably(handed, password, { mode: 0o600 });
    if (cluster.account) chownSync(handed, cluster.account.uid, cluster.account.gid);
    try {
        if (cluster.account) chownSync(draft, cluster.account.uid, cluster.account.gid);
        crashPoint('start');
        await execute(cluster, cluster.bin.initdb, [
            '-D', draft, '-U', 'gridtally', '-A', 'scram-sha-256', `--pwfile=${handed}`, '-E', 'UTF8', '--locale=C',
        ]);
    } finally {
        rmSync(handed, { force: true });
    }
    crashPoint('start');
    renameSync(draft, cluster.folder);
}

async function execute(cluster: Cluster, file: string, args: readonly string[]): Promise<void> {
    const { PGDATA: _data, ...rest } = process.env;
    const env = { ...rest, LC_ALL: 'C', TZ: 'UTC' };
    try {
        await run(file, [...args], { ...cluster.account, env, cwd: path.dirname(cluster.folder) });
    } catch (cause) {
        const said = (cause as { stderr?: string }).stderr ?? '';
        throw new GridtallyError('database.start-failed', `${path.basename(file)} failed: ${said.trim() || String(cause)}`, { cause });
    }
}

async function ensureRunning(cluster: Cluster, recovered: string[]): Promise<void> {
    const end = Date.now() + 90_000;
    let lastError: unknown;
    while (!(await answersFor(addressOf(cluster), cluster.folder))) {
        if (Date.now() > end) {
            const log = path.join(cluster.folder, 'server.log');
            throw new GridtallyError('database.start-failed', `Postgres does not start; its log is ${log}`, { cause: lastError });
        }
        const was = readPidFile(cluster.folder);
        if (was && (await isPostgres(was.pid, cluster.folder))) {
            await sleep(100);
            continue;
        }
        if (was) {
            recovered.push('the database had not been stopped: it recovered from its log');
            rmSync(path.join(cluster.folder, 'postmaster.pid'), { force: true });
        }
        crashPoint('start');
        await startServer(cluster).catch(async (error) => {
            lastError = error;
            await sleep(200);
        });
    }
}

async function startServer(cluster: Cluster): Promise<void> {
    const settings = {
        port: String(await freePort()),
        listen_addresses: '127.0.0.1',
        unix_socket_directories: '',
        max_connections: '100',
        shared_buffers: '128MB',
        max_wal_size: '1GB',
        jit: 'off',
        timezone: 'UTC',
        log_timezone: 'UTC',
        max_parallel_workers_per_gather: '0',
    };
    const flags = Object.entries(settings).map(([name, value]) => `-c ${name}='${value}'`).join(' ');
    // pg_ctl gives the server a session of its own, so Ctrl-C in this terminal does not reach it
    await execute(cluster, cluster.bin.pgCtl, [
        'start', '-w', '-t', '60', '-D', cluster.folder, '-l', path.join(cluster.folder, 'server.log'), '-o', flags,
    ]);
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

async function releaseLease(cluster: Cluster, leave: Release): Promise<void> {
    leave();
    const unlock = await fileLock(cluster.startLock, 'exclusive');
    try {
        const alone = tryFileLock(cluster.leaseLock, 'exclusive');
        if (!alone) return;
        try {
            const server = readPidFile(cluster.folder);
            if (!server || !(await isPostgres(server.pid, cluster.folder))) return;
            await execute(cluster, cluster.bin.pgCtl, ['stop', '-m', 'fast', '-w', '-D', cluster.folder]).catch(() => {});
        } finally {
            alone();
        }
    } finally {
        unlock();
    }
}
