import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { symlinkSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openWorkspace, type Workspace } from '../../src/cli/workspace.ts';
import { type RandomStream, randomStream } from '../../src/simulate/random-stream.ts';
import { leaseServer } from '../../src/store/embedded-postgres.ts';
import { PROGRAM } from '../program.ts';
import { makeScratchFolder, removeScratchFolder, urlOf } from '../store/scratch-home.ts';
import { type MasterFiles, makeCrashHome, writeMasterFiles } from './crash-home.ts';
import { type CrashInput, type Delivery, makeCrashInput } from './crash-input.ts';
import { judgeViolent, loadAll, quietContent } from './driver.ts';
import { runWorker } from './worker-run.ts';

const STAGES = ['parse', 'append', 'curate', 'roll-up', 'commit'] as const;
/** A worker has seconds of work; one that takes so long waits for something that will not come. */
const WORKER_MS_MAX = 90_000;
/** The same where a server works for it, which plans its first jobs slowly. */
const SERVED_WORKER_MS_MAX = 400_000;

export interface FleetOptions {
    readonly seed: string;
    readonly homes: number;
    readonly days: number;
    readonly workers: number;
    readonly receivers: number;
    /** Workers to kill before the rest may end in peace. */
    readonly kills: number;
    /** Address of a server that works for the shared home; the quiet one has none. */
    readonly engine?: string;
}

export interface FleetRun {
    /** Every way in which the shared home is not what the quiet one is; none: the promise is kept. */
    readonly findings: readonly string[];
    readonly kills: number;
    readonly receiverKills: number;
    readonly seconds: number;
}

/** What `gridtally work --json` printed, and how it ended. */
export interface FleetWorkerEnd {
    readonly code: number | null;
    readonly signal: string | null;
    readonly result: Record<string, number | string> | undefined;
    readonly said: string;
}

/**
 * A home with a database of its own address, as machines share it: half of the processes come to it by another path, as from another mount.
 */
export class SharedHome {
    readonly folder: string;
    readonly otherMount: string;
    readonly #serverFolder: string;
    readonly #isServed: boolean;
    readonly #release: () => Promise<void>;
    #started = 0;

    static async make(root: string, engine?: string): Promise<SharedHome> {
        const serverFolder = path.join(root, 'server');
        const lease = await leaseServer(serverFolder);
        const folder = path.join(root, 'shared');
        await makeCrashHome(folder, {
            databaseUrl: urlOf(lease.address),
            ...(engine === undefined ? {} : { engine }),
        });
        const otherMount = path.join(root, 'another mount');
        symlinkSync(folder, otherMount);
        return new SharedHome({ folder, otherMount, serverFolder, isServed: engine !== undefined }, () =>
            lease.release(),
        );
    }

    private constructor(
        place: {
            readonly folder: string;
            readonly otherMount: string;
            readonly serverFolder: string;
            readonly isServed: boolean;
        },
        release: () => Promise<void>,
    ) {
        this.folder = place.folder;
        this.otherMount = place.otherMount;
        this.#serverFolder = place.serverFolder;
        this.#isServed = place.isServed;
        this.#release = release;
    }

    /** Starts `gridtally work`. */
    startWorker(args: readonly string[], env: Readonly<Record<string, string>> = {}): FleetWorker {
        this.#started += 1;
        const home = this.#started % 2 === 0 ? this.otherMount : this.folder;
        return new FleetWorker(home, args, env, this.#isServed ? SERVED_WORKER_MS_MAX : WORKER_MS_MAX);
    }

    async remove(): Promise<void> {
        await this.#release();
        await removeScratchFolder(this.#serverFolder);
    }
}

export class FleetWorker {
    readonly end: Promise<FleetWorkerEnd>;
    /** It has opened its home and listens to SIGTERM. */
    readonly isAtWork: Promise<void>;
    readonly #child: ChildProcess;
    readonly #msMax: number;

    constructor(home: string, args: readonly string[], env: Readonly<Record<string, string>>, msMax: number) {
        this.#msMax = msMax;
        this.#child = spawn(process.execPath, [PROGRAM, 'work', '--json', '--home', home, ...args], {
            env: { ...process.env, ...env },
            stdio: ['ignore', 'pipe', 'pipe'],
        });
        this.end = this.#untilEnd();
        this.isAtWork = new Promise((resolve) => {
            this.#child.stderr?.on('data', (text: string) => {
                if (text.includes('at work')) resolve();
            });
        });
    }

    kill(signal: 'SIGKILL' | 'SIGTERM'): void {
        this.#child.kill(signal);
    }

    async #untilEnd(): Promise<FleetWorkerEnd> {
        let printed = '';
        let said = '';
        this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
            printed += text;
        });
        this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
            said += text;
        });
        const stuck = setTimeout(() => this.#child.kill('SIGABRT'), this.#msMax);
        const [code, signal] = await once(this.#child, 'close');
        clearTimeout(stuck);
        return { code, signal, said, result: printed === '' ? undefined : JSON.parse(printed) };
    }
}

/** Runs the same input quietly in one home, and through workers that are killed all the time in another; compares what they publish. */
export async function runFleet(options: FleetOptions): Promise<FleetRun> {
    const startedAt = performance.now();
    const root = makeScratchFolder();
    const quiet = path.join(root, 'quiet');
    const input = makeCrashInput(path.join(root, 'input'), options);
    const masterFiles = writeMasterFiles(path.join(root, 'master'), input);
    const expected = await quietContent(quiet, input, masterFiles);
    await removeScratchFolder(quiet);
    const shared = await SharedHome.make(root, options.engine);
    const workspace = await openWorkspace(shared.folder);
    try {
        await loadAll(workspace, masterFiles.first);
        const fleet = new Fleet(shared, input, { ...options, compileCache: path.join(root, 'compiled') });
        await fleet.run(workspace, masterFiles);
        const end = await judgeViolent(workspace, fleet, { ...input, masterFiles, expected });
        const { kills, receiverKills } = fleet;
        const seconds = (performance.now() - startedAt) / 1000;
        return { findings: [...fleet.findings, ...end.findings], kills, receiverKills, seconds };
    } finally {
        await workspace.close();
        await shared.remove();
        await removeScratchFolder(root);
    }
}

class Fleet {
    readonly findings: string[] = [];
    readonly acknowledged = new Map<number, string>();
    kills = 0;
    receiverKills = 0;
    readonly #shared: SharedHome;
    readonly #options: FleetOptions & { readonly compileCache: string };
    readonly #queue: Delivery[];
    readonly #rowsOf = new Map<string, number>();
    #isDelivered = false;

    constructor(
        shared: SharedHome,
        input: CrashInput,
        options: FleetOptions & { readonly compileCache: string },
    ) {
        this.#shared = shared;
        this.#options = options;
        this.#queue = [...input.violent];
    }

    /** Rows of the distinct deliveries that were acknowledged: each must be counted exactly once. */
    get rows(): number {
        return [...this.#rowsOf.values()].reduce((sum, rows) => sum + rows, 0);
    }

    /** Until everything is delivered, enough workers are dead, and those that are left have nothing to do. */
    async run(workspace: Workspace, masterFiles: MasterFiles): Promise<void> {
        const { seed, workers, receivers } = this.#options;
        const slots = Array.from({ length: workers }, (_, i) =>
            this.#killWorkers(randomStream(seed, 'worker', i)),
        );
        const half = this.#queue.length / 2;
        const delivering = Array.from({ length: receivers }, (_, i) =>
            this.#deliver(randomStream(seed, 'receiver', i)),
        );
        while (this.#queue.length > half && this.findings.length === 0) await sleep(20);
        await loadAll(workspace, masterFiles.late);
        await Promise.all(delivering);
        this.#isDelivered = true;
        await Promise.all(slots);
        await this.#endInPeace();
    }

    async #deliver(random: RandomStream): Promise<void> {
        for (let run = 0; this.#queue.length > 0 && this.findings.length === 0; run += 1) {
            const pieces = Array.from({ length: 5 }, () => this.#queue.splice(0, random.between(1, 2)));
            const groups = pieces.filter((group) => group.length > 0);
            const isKilled = run === 0 || random.chance(0.2);
            const end = await runWorker({
                home: random.chance(0.5) ? this.#shared.folder : this.#shared.otherMount,
                steps: [{ kind: 'receive', groups }],
                crash: isKilled ? `receive:${random.between(2, 9)}` : '',
                forget: random.pick(['', '1', 'torn']),
                compileCache: this.#options.compileCache,
            });
            if (end.how === 'crashed') this.receiverKills += 1;
            else if (end.how !== 'done') this.findings.push(`a receiver ${end.how}: ${end.output}`);
            const known = new Set(end.acknowledged.map(({ sourceKey }) => sourceKey));
            const given = groups.flat();
            for (const { sequence, sourceKey } of end.acknowledged)
                this.acknowledged.set(sequence, sourceKey);
            for (const delivery of given) {
                if (known.has(delivery.sourceKey)) this.#rowsOf.set(delivery.sourceKey, delivery.rows);
                else this.#queue.push(delivery);
            }
        }
    }

    /** Half of the workers kill themselves inside a stage, all others are killed from outside at any moment. */
    async #killWorkers(random: RandomStream): Promise<void> {
        while (!(this.#isDelivered && this.kills >= this.#options.kills) && this.findings.length === 0) {
            const crash = random.chance(0.5) ? `${random.pick(STAGES)}:${random.between(1, 2)}` : '';
            const worker = this.#shared.startWorker(['--follow', '--poll-seconds', '1'], {
                GRIDTALLY_CRASH: crash,
                GRIDTALLY_FORGET_UNSYNCED: random.pick(['', '1', 'torn']),
                NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? this.#options.compileCache,
            });
            const killing = setTimeout(() => worker.kill('SIGKILL'), random.between(600, 3500));
            const { signal, code, said } = await worker.end;
            clearTimeout(killing);
            if (signal === 'SIGKILL') this.kills += 1;
            else this.findings.push(`a worker (${crash}) ended with ${code ?? signal}: ${said}`);
        }
    }

    /** Followers end on SIGTERM; after them `work` ends by itself, everywhere. */
    async #endInPeace(): Promise<void> {
        const { workers, compileCache } = this.#options;
        const env = { NODE_COMPILE_CACHE: compileCache };
        const follower = this.#shared.startWorker(['--follow'], env);
        await Promise.race([follower.isAtWork, follower.end]);
        follower.kill('SIGTERM');
        this.#expect(await follower.end, 'stopped');
        const last = Array.from({ length: workers }, () => this.#shared.startWorker([], env));
        for (const worker of last) this.#expect(await worker.end, 'idle');
    }

    #expect({ code, signal, said, result }: FleetWorkerEnd, ended: string): void {
        if (code !== 0 || result?.ended !== ended)
            this.findings.push(`a worker ended with ${code ?? signal} ${result?.ended}: ${said}`);
    }
}
