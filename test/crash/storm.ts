import { setTimeout as sleep } from 'node:timers/promises';
import { randomStream } from '../../src/simulate/random-stream.ts';
import { clusterOf } from '../../src/store/cluster.ts';
import { readPidFile } from '../../src/store/postmaster.ts';
import type { MasterFiles } from './crash-home.ts';
import type { CrashInput, Delivery } from './crash-input.ts';
import { planWorker, STAGES, type Stage, type WorkerPlan } from './worker-plan.ts';
import { runWorker, type WorkerEnd } from './worker-run.ts';
import type { WorkerStep } from './worker-step.ts';

export interface StormOptions {
    readonly seed: string;
    readonly killsPerStage: number;
    readonly parallel: number;
    readonly serverKills: number;
    /** Where kills are wanted; every stage unless told. */
    readonly stages?: readonly Stage[];
    readonly isPlanted?: boolean;
    readonly compileCache: string;
    /** Days of the readings: a worker publishes up to all of them. */
    readonly days: number;
    /** Is told after each worker what was killed by then. */
    readonly tell?: (line: string) => void;
}

export interface StormCounts {
    /** Kills inside each stage. */
    readonly kills: Readonly<Record<Stage, number>>;
    /** Kills from outside, at any moment. */
    readonly otherKills: number;
    readonly serverKills: number;
    readonly workers: number;
}

// on a machine that others use
const MS_OF_A_DAY = 3_000;
/** Publishing more days than these takes minutes. */
const SHORT_DAYS_MAX = 60;

/** Parallel workers on one home, of which most are killed; what they do is drawn from the seed, how they overlap is not. */
export class Storm {
    readonly findings: string[] = [];
    readonly acknowledged = new Map<number, string>();
    readonly #home: string;
    readonly #masterFiles: MasterFiles;
    readonly #options: StormOptions;
    readonly #months: readonly string[];
    readonly #pieces: readonly Delivery[];
    readonly #queue: Delivery[];
    readonly #rowsOf = new Map<string, number>();
    readonly #kills = new Map<Stage, number>(STAGES.map((stage) => [stage, 0]));
    #otherKills = 0;
    #serverKills = 0;
    #workers = 0;
    #repeats = 0;

    constructor(home: string, input: CrashInput, masterFiles: MasterFiles, options: StormOptions) {
        this.#home = home;
        this.#masterFiles = masterFiles;
        this.#options = options;
        this.#months = input.months;
        this.#pieces = input.violent;
        this.#queue = [...input.violent];
    }

    /** Rows of the distinct deliveries that were acknowledged: each must be counted exactly once. */
    get rows(): number {
        return [...this.#rowsOf.values()].reduce((sum, rows) => sum + rows, 0);
    }

    get counts(): StormCounts {
        return {
            kills: Object.fromEntries(this.#kills) as Record<Stage, number>,
            otherKills: this.#otherKills,
            serverKills: this.#serverKills,
            workers: this.#workers,
        };
    }

    /** Until every stage has had its kills and every piece is acknowledged. */
    async run(): Promise<void> {
        // A killed worker writes no compiled modules for the next one.
        await runWorker({
            home: this.#home,
            steps: [],
            crash: '',
            forget: '',
            compileCache: this.#options.compileCache,
        });
        const slots = Array.from({ length: this.#options.parallel }, () => this.#runSlot());
        await Promise.all([...slots, this.#killServers()]);
        const lacking = this.#pieces.filter(({ sourceKey }) => !this.#rowsOf.has(sourceKey));
        if (lacking.length > 0) this.findings.push(`${lacking.length} pieces were never acknowledged`);
    }

    async #runSlot(): Promise<void> {
        while (!this.#isOver()) {
            this.#workers += 1;
            const random = randomStream(this.#options.seed, 'worker', this.#workers);
            const plan = planWorker(random, {
                wanted: this.#wanted(),
                take: (count) => this.#take(count),
                masterFiles: this.#masterFiles,
                months: this.#months,
                isPlanted: this.#options.isPlanted === true,
                isLong: this.#options.days > SHORT_DAYS_MAX && this.#wanted().size > 0,
            });
            await this.#runPlan(plan);
        }
    }

    async #runPlan(plan: WorkerPlan): Promise<void> {
        const serverKillsBefore = this.#serverKills;
        const end = await runWorker({
            ...plan,
            home: this.#home,
            compileCache: this.#options.compileCache,
            extraMs: this.#options.days * MS_OF_A_DAY,
        });
        const given = deliveriesOf(plan.steps);
        for (const { sequence, sourceKey } of end.acknowledged) {
            this.acknowledged.set(sequence, sourceKey);
            this.#rowsOf.set(
                sourceKey,
                given.find((delivery) => delivery.sourceKey === sourceKey)?.rows ?? 0,
            );
        }
        const known = new Set(end.acknowledged.map(({ sourceKey }) => sourceKey));
        this.#queue.push(...given.filter(({ sourceKey }) => !known.has(sourceKey)));
        this.#account(plan, end, this.#serverKills > serverKillsBefore);
        const kills = [...this.#kills].map(([stage, count]) => `${stage} ${count}`).join(', ');
        this.#options.tell?.(`${this.#workers} workers, ${this.#queue.length} pieces left; kills: ${kills}`);
    }

    #account(plan: WorkerPlan, end: WorkerEnd, isServerKilled: boolean): void {
        if (end.how === 'crashed' && plan.stage !== undefined) {
            this.#kills.set(plan.stage, (this.#kills.get(plan.stage) ?? 0) + 1);
        } else if (end.how === 'killed') this.#otherKills += 1;
        // Whether a commit took effect is unknown after the server was killed; repeating the step is the answer.
        else if (end.how === 'failed' && isServerKilled && end.output.startsWith('database.')) return;
        else if (end.how !== 'done') {
            const steps = plan.steps.map(({ kind }) => kind).join(', ');
            this.findings.push(`a worker (${steps}; ${plan.crash}) ${end.how}: ${end.output}`);
        }
    }

    /** More than a few failed workers are enough to know. */
    #isOver(): boolean {
        return this.findings.length > 5 || (this.#wanted().size === 0 && this.#queue.length === 0);
    }

    #wanted(): Map<Stage, number> {
        const left = (this.#options.stages ?? STAGES).map(
            (stage) => [stage, this.#options.killsPerStage - (this.#kills.get(stage) ?? 0)] as const,
        );
        return new Map(left.filter(([, count]) => count > 0));
    }

    /** The next pieces; once all have been given out, earlier ones under another name, which must change nothing. */
    #take(count: number): Delivery[] {
        const taken = this.#queue.splice(0, this.#wanted().size === 0 ? 20 : count);
        if (taken.length > 0) return taken;
        this.#repeats += 1;
        const piece = this.#pieces[(this.#repeats * 7) % this.#pieces.length];
        return piece === undefined
            ? []
            : [{ ...piece, sourceKey: `again-${this.#repeats}-${piece.sourceKey}` }];
    }

    async #killServers(): Promise<void> {
        const random = randomStream(this.#options.seed, 'server');
        const total = this.#options.killsPerStage * STAGES.length;
        for (let n = 1; n <= this.#options.serverKills; n += 1) {
            const dueAt = (total * n) / (this.#options.serverKills + 1);
            while (!this.#isOver() && [...this.#kills.values()].reduce((a, b) => a + b, 0) < dueAt)
                await sleep(50);
            await sleep(random.between(0, 500));
            const server = readPidFile((await clusterOf(this.#home)).folder);
            if (this.#isOver() || server === undefined) return;
            this.#serverKills += 1;
            process.kill(server.pid, 'SIGKILL');
        }
    }
}

function deliveriesOf(steps: readonly WorkerStep[]): Delivery[] {
    return steps.flatMap((step) => (step.kind === 'receive' ? step.groups.flat() : []));
}
