import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SPARK_HOME } from './spark-cache.ts';

/** A real Spark Connect server of this machine, with two threads. */
export interface SparkServer {
    readonly port: number;
    readonly pid: number;
    /** Without a token. */
    readonly address: string;
    readonly folder: string;
    log(): string;
    /** As a crash would: nothing is said to clients. */
    kill(): Promise<void>;
    /** Kills it and removes its folder. */
    end(): Promise<void>;
}

export interface SparkServerOptions {
    readonly token?: string;
    readonly memory?: string;
    readonly port?: number;
    readonly settings?: Readonly<Record<string, string>>;
    /** So many KiB are all the room for what it keeps between stages; needs `canLimitRoom`. */
    readonly roomKib?: number;
    /** Such a file system, empty, at each of these folders, which must be there; in KiB. */
    readonly rooms?: Readonly<Record<string, number>>;
}

/** Whether this account may give a process a file system of its own. */
export function canLimitRoom(): boolean {
    const [command, ...options] = OWN_MOUNTS;
    return spawnSync(command, [...options, 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()]).status === 0;
}

// as root without a namespace of accounts, which some machines do not allow
const OWN_MOUNTS = ['unshare', process.getuid?.() === 0 ? '-m' : '-Urm'] as const;

// the Java that a test machine has takes 8 to 13 s, and more while others measure
const START_MS_MAX = 240_000;

export async function startSparkServer(options: SparkServerOptions = {}): Promise<SparkServer> {
    const folder = mkdtempSync(path.join(tmpdir(), 'gridtally-spark-'));
    const port = options.port ?? (await freePort());
    const logFile = path.join(folder, 'server.log');
    const log = openSync(logFile, 'w');
    const submit = [path.join(SPARK_HOME, 'bin/spark-submit'), ...serverArguments(port, folder, options)];
    const local = path.join(folder, 'local');
    mkdirSync(local);
    const rooms = {
        ...options.rooms,
        ...(options.roomKib === undefined ? {} : { [local]: options.roomKib }),
    };
    const [command = '', ...args] = Object.keys(rooms).length === 0 ? submit : withRooms(rooms, submit);
    const child = spawn(command, args, {
        cwd: folder,
        env: serverEnvironment(options),
        stdio: ['ignore', log, log],
    });
    closeSync(log);
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const kill = async () => {
        child.kill('SIGKILL');
        await ended;
    };
    const server: SparkServer = {
        port,
        pid: child.pid ?? 0,
        address: `sc://127.0.0.1:${port}`,
        folder,
        log: () => readFileSync(logFile, 'utf8'),
        kill,
        end: async () => {
            await kill();
            rmSync(folder, { recursive: true, force: true });
        },
    };
    await untilOpen(server, child);
    return server;
}

/** Port of a server that the test files of a run share; absent where there is none. */
const SHARED_PORT = 'GRIDTALLY_TEST_SPARK_PORT';

/**
 * Starts a server for all test files that are started from now on and ask for `sharedSparkServer`: a server that has run for a minute plans
 * three times as fast as a fresh one, and nobody waits for its start again. Gives what ends it.
 */
export async function shareSparkServer(): Promise<() => Promise<void>> {
    const server = await startSparkServer({ memory: '2g' });
    process.env[SHARED_PORT] = String(server.port);
    return server.end;
}

/** Address of a server without a token, for tests that leave it as it is; and what takes leave of it. */
export async function sharedSparkServer(): Promise<Pick<SparkServer, 'address' | 'end'>> {
    const port = process.env[SHARED_PORT];
    if (port === undefined) return startSparkServer({ memory: '2g' });
    return { address: `sc://127.0.0.1:${port}`, end: async () => {} };
}

function serverArguments(port: number, folder: string, options: SparkServerOptions): string[] {
    const settings = {
        'spark.connect.grpc.binding.port': String(port),
        'spark.connect.grpc.binding.address': '127.0.0.1',
        'spark.ui.enabled': 'false',
        'spark.local.dir': path.join(folder, 'local'),
        'spark.sql.warehouse.dir': path.join(folder, 'warehouse'),
        'spark.sql.catalogImplementation': 'in-memory',
        'spark.sql.shuffle.partitions': '4',
        ...options.settings,
    };
    return [
        ...['--master', 'local[2]', '--driver-memory', options.memory ?? '1g'],
        ...['--class', 'org.apache.spark.sql.connect.service.SparkConnectServer'],
        ...Object.entries(settings).flatMap(([key, value]) => ['--conf', `${key}=${value}`]),
        'spark-internal',
    ];
}

/** The command with small file systems at folders, which only it sees; each step becomes the next, so that one process is to be ended. */
function withRooms(rooms: Readonly<Record<string, number>>, command: readonly string[]): string[] {
    const all = Object.entries(rooms);
    const mounts = all.map(([, kib], i) => `mount -t tmpfs -o size=${kib}k tmpfs "$${i + 1}"`);
    const script = `${mounts.join(' && ')} && shift ${all.length} && exec "$@"`;
    return [...OWN_MOUNTS, 'sh', '-c', script, 'sh', ...all.map(([folder]) => folder), ...command];
}

function serverEnvironment(options: SparkServerOptions): NodeJS.ProcessEnv {
    const env: NodeJS.ProcessEnv = { ...process.env, SPARK_HOME, SPARK_LOCAL_IP: '127.0.0.1' };
    delete env.SPARK_CONNECT_AUTHENTICATE_TOKEN;
    if (options.token !== undefined) env.SPARK_CONNECT_AUTHENTICATE_TOKEN = options.token;
    return env;
}

async function untilOpen(server: SparkServer, child: ChildProcess): Promise<void> {
    const untilMs = performance.now() + START_MS_MAX;
    while (!(await isOpen(server.port))) {
        if (child.exitCode !== null || child.signalCode !== null || performance.now() > untilMs) {
            const log = server.log().slice(-3000);
            await server.end();
            throw new Error(`the Spark server did not start:\n${log}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
}

function isOpen(port: number): Promise<boolean> {
    return new Promise((resolve) => {
        const socket = connect(port, '127.0.0.1');
        const settle = (is: boolean) => {
            socket.destroy();
            resolve(is);
        };
        socket.once('connect', () => settle(true)).once('error', () => settle(false));
    });
}

export function freePort(): Promise<number> {
    return new Promise((resolve, reject) => {
        const server = createServer().once('error', reject);
        server.listen(0, '127.0.0.1', () => {
            const address = server.address();
            const port = typeof address === 'object' && address !== null ? address.port : 0;
            server.close(() => resolve(port));
        });
    });
}
