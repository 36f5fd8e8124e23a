import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
    chownSync,
    existsSync,
    mkdtempSync,
    readdirSync,
    readFileSync,
    realpathSync,
    rmSync,
    statSync,
} from 'node:fs';
import { rename } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { makeFolderDurably, removeFile, syncTree, writeFileDurably } from '../kernel/durable.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { crashPoint } from '../kernel/faults.ts';
import {
    type Account,
    isReachable,
    type PostgresBinaries,
    postgresBinaries,
    SHARED_STATE,
    serverAccount,
} from './postgres-binaries.ts';

const run = promisify(execFile);

export const SERVER_ROLE = 'gridtally';

/** Where the embedded database of a home lies, and who runs it. */
export interface Cluster {
    /** Postgres' own folder. It is there only when it is whole. */
    readonly folder: string;
    readonly logFile: string;
    /** File with the password. It is written once the cluster is there, so it also says that there was one. */
    readonly secret: string;
    /** File with the name of the machine that last started the server. */
    readonly machine: string;
    readonly startLock: string;
    readonly leaseLock: string;
    readonly binaries: PostgresBinaries;
    /** Absent: the account of this process. */
    readonly account: Account | undefined;
}

/** Finds the place of a home's database; does not make it. Throws `database.start-failed`. */
export async function clusterOf(home: string): Promise<Cluster> {
    const own = path.join(path.resolve(home), 'database');
    await makeFolderDurably(own);
    // Postgres tells its folder without links, and its command line is compared with this.
    const database = realpathSync(own);
    const folder = path.join(await placeOf(database), 'pg');
    const account = runningAccount(folder);
    return {
        folder,
        logFile: path.join(folder, 'server.log'),
        secret: path.join(database, 'password'),
        machine: path.join(database, 'machine'),
        startLock: path.join(database, 'start.lock'),
        leaseLock: path.join(database, 'lease.lock'),
        binaries: await postgresBinaries(account),
        account,
    };
}

export function isMade(cluster: Cluster): boolean {
    return existsSync(path.join(cluster.folder, 'PG_VERSION'));
}

/**
 * Makes the cluster beside its place and renames it, so that a half-made one is never taken for a whole one. Call under `start.lock`.
 * Refuses where there was a cluster before: an empty one in its place would look like a home without readings.
 */
export async function makeCluster(cluster: Cluster, recovered: string[]): Promise<void> {
    if (existsSync(cluster.secret)) {
        throw new GridtallyError(
            'database.start-failed',
            `the database of this home is missing from ${cluster.folder}`,
            {
                remedy: `Put the folder back from a backup; or remove ${cluster.secret} to begin with an empty database.`,
            },
        );
    }
    const parent = path.dirname(cluster.folder);
    if (removeDrafts(parent))
        recovered.push('The making of the database had been interrupted; it was made anew.');
    // A fresh name each time: the initdb of a killed process may still be writing under the last one.
    const draft = mkdtempSync(`${cluster.folder}.new-`);
    const passwordFile = `${draft}.pw`;
    const password = newPassword();
    await writeFileDurably(passwordFile, password, { mode: 0o600 });
    if (cluster.account) for (const given of [draft, passwordFile]) giveTo(given, cluster.account);
    crashPoint('start');
    await execute(cluster, cluster.binaries.initdb, [
        ...['-D', draft, '-U', SERVER_ROLE, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`],
        ...['-E', 'UTF8', '--locale=C', '--no-instructions', '--no-sync'],
    ]);
    // initdb fsyncs a thousand files one after the other; at once it takes a third of the time.
    await syncTree(draft);
    crashPoint('start');
    await rename(draft, cluster.folder);
    await syncTree(parent, { depth: 0 });
    crashPoint('start');
    await writeFileDurably(cluster.secret, password, { mode: 0o600 });
    await removeFile(passwordFile);
}

/** Gives the server a new password where its file is gone, in single-user mode. Call while the server is stopped, under `start.lock`. */
export async function renewPassword(cluster: Cluster): Promise<void> {
    const password = newPassword();
    const statement = `alter role ${SERVER_ROLE} password '${password.trim()}'\n`;
    await execute(
        cluster,
        cluster.binaries.postgres,
        ['--single', '-D', cluster.folder, 'postgres'],
        statement,
    );
    await writeFileDurably(cluster.secret, password, { mode: 0o600 });
}

/** Runs one of Postgres' programs to its end, as the account of the cluster. Throws `database.start-failed` with what it said. */
export async function execute(
    cluster: Cluster,
    file: string,
    args: readonly string[],
    input?: string,
): Promise<void> {
    const { PGDATA: _data, ...inherited } = process.env;
    const env = { ...inherited, LC_ALL: 'C', TZ: 'UTC' };
    const running = run(file, [...args], { ...cluster.account, env, cwd: path.dirname(cluster.folder) });
    let unread: Error | undefined;
    // a program that gives up before it has read says why as it ends; unheard, this error would end the process
    running.child.stdin?.on('error', (error) => {
        unread = error;
    });
    if (input !== undefined) running.child.stdin?.end(input);
    try {
        await running;
        if (unread !== undefined) throw unread;
    } catch (cause) {
        const said = (cause as { stderr?: string }).stderr?.trim() || String(cause);
        throw new GridtallyError('database.start-failed', `${path.basename(file)} failed: ${said}`, {
            cause,
        });
    }
}

/**
 * The folder that holds the cluster: the home's own, or, where the server's account cannot reach that (a home below root's private folder),
 * one of its own that is recorded in the home's file `place`.
 */
async function placeOf(database: string): Promise<string> {
    const placeFile = path.join(database, 'place');
    if (existsSync(placeFile)) return readFileSync(placeFile, 'utf8').trim();
    const account = serverAccount();
    if (!account || existsSync(path.join(database, 'pg')) || isReachable(database, account)) return database;
    const place = path.join(SHARED_STATE, `home-${randomBytes(8).toString('hex')}`);
    await makeFolderDurably(place);
    try {
        await writeFileDurably(placeFile, `${place}\n`, { replace: false });
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        rmSync(place, { recursive: true });
    }
    return readFileSync(placeFile, 'utf8').trim();
}

/** A cluster runs as whoever owns it, so that root may use a home that a person made. */
function runningAccount(folder: string): Account | undefined {
    const self = process.getuid?.();
    if (!existsSync(folder)) return serverAccount();
    const { uid, gid } = statSync(folder);
    if (self === undefined || uid === self) return undefined;
    const owner = { uid, gid };
    if (self !== 0) {
        throw new GridtallyError(
            'database.start-failed',
            `the database in ${folder} belongs to another account (uid ${uid})`,
            {
                remedy: 'Run gridtally as the account that made the home, or as root.',
            },
        );
    }
    if (!isReachable(path.dirname(folder), owner)) {
        throw new GridtallyError(
            'database.start-failed',
            `the account that runs the database (uid ${uid}) cannot reach ${folder}`,
            {
                remedy: 'Move the home to a folder that every account may pass through, or give its parents the permission x.',
            },
        );
    }
    return owner;
}

function removeDrafts(parent: string): boolean {
    const drafts = readdirSync(parent).filter((name) => name.startsWith('pg.new-'));
    for (const name of drafts) {
        try {
            rmSync(path.join(parent, name), { recursive: true, force: true });
        } catch {
            // An initdb that outlived its starter is still writing there; a later start removes the rest.
        }
    }
    return drafts.length > 0;
}

function giveTo(filePath: string, account: Account): void {
    chownSync(filePath, account.uid, account.gid);
}

function newPassword(): string {
    return `${randomBytes(24).toString('base64url')}\n`;
}
