import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { openWorkspace, type Workspace } from '../../src/cli/workspace.ts';
import { loadTownMaster } from '../../src/pipeline/town-chain.ts';
import { simulateTown } from '../../src/simulate/town.ts';
import type { TownTotals } from '../../src/simulate/truth-files.ts';
import { clusterOf } from '../../src/store/cluster.ts';
import { readPidFile } from '../../src/store/postmaster.ts';
import { makeScratchFolder, removeScratchFolder } from '../store/scratch-home.ts';
import { ChaosEdits } from './chaos-edits.ts';
import { backupsOf, makeChaosHome } from './chaos-home.ts';
import { ChaosProcess, endedOrLate, type ProcessEnd, type ProcessFaults } from './chaos-process.ts';
import { judgeHome, lostDeliveries } from './judge-home.ts';
import type { PlantedFault } from './planted-faults.ts';
import { type ChaosPlan, type ChaosRound, FEED, type PlannedCommand } from './seed-plan.ts';

export interface PlanOptions {
    readonly plan: ChaosPlan;
    /** An empty home: see `makeTemplate`. */
    readonly template: string;
    readonly planted?: PlantedFault;
    /** The folder of a seed with findings stays. */
    readonly keeps?: boolean;
}

export interface SeedCounts {
    processes: number;
    crashes: number;
    /** Processes that a full disk or a limit of the size of files ended. */
    diskFailures: number;
    pauses: number;
    serverKills: number;
    resends: number;
    /** Edits that stood and were taken back in the end. */
    edits: number;
    /** Backups that were complete, and homes that were made from one. */
    backups: number;
    restores: number;
    /** By the stage of the crash. */
    readonly crashesByStage: Record<string, number>;
}

export interface SeedRun {
    readonly seed: string;
    /** Every way in which the home is not what the truth says; none: the promises are kept. */
    readonly findings: readonly string[];
    /** What ran, in its order, and how it ended. */
    readonly events: readonly string[];
    readonly counts: SeedCounts;
    readonly seconds: number;
}

/** A town whose home meets what was planned, and what is wrong with it afterwards. */
export async function runPlan({ plan, template, planted, keeps }: PlanOptions): Promise<SeedRun> {
    const startedAt = performance.now();
    const root = makeScratchFolder();
    const home = path.join(root, 'home');
    let isKept = false;
    try {
        const townFolder = path.join(root, 'town');
        const totals = await simulateTown({ ...plan.town, outFolder: townFolder });
        await makeChaosHome(home, template, plan);
        const run = new ChaosRun(plan, { home, townFolder, totals }, planted);
        // held open throughout: the server stays, and is started again by whoever needs it
        const workspace = await openWorkspace(home);
        try {
            await loadTownMaster(workspace, path.join(townFolder, 'master'));
            await run.rage(workspace);
            await run.settle(workspace);
        } finally {
            await workspace.close();
        }
        const { findings, events, counts } = run;
        isKept = keeps === true && findings.length > 0;
        if (isKept) events.push(`its town and its home stay in ${root}`);
        return { seed: plan.seed, findings, events, counts, seconds: (performance.now() - startedAt) / 1000 };
    } finally {
        if (!isKept) {
            mkdirSync(home, { recursive: true });
            await removeScratchFolder(home);
            await removeScratchFolder(root);
        }
    }
}

/** Where a seed runs. */
export interface ChaosPlace {
    readonly home: string;
    readonly townFolder: string;
    readonly totals: TownTotals;
}

interface StartedCommand {
    readonly command: PlannedCommand;
    readonly files: readonly string[];
    readonly process: ChaosProcess;
}

/** How long a paused process may hold up what runs beside it, which may wait for what it has claimed. */
const PAUSE_MS_MAX = 5000;
/** Where the server was killed, nobody waits for a claim: time enough for others to publish what the paused one has read, on a slow machine too. */
const PAUSE_MS_MAX_UNCLAIMED = 30_000;

class ChaosRun {
    readonly findings: string[] = [];
    readonly events: string[] = [];
    readonly counts: SeedCounts = {
        processes: 0,
        crashes: 0,
        diskFailures: 0,
        pauses: 0,
        serverKills: 0,
        resends: 0,
        edits: 0,
        backups: 0,
        restores: 0,
        crashesByStage: {},
    };
    readonly #plan: ChaosPlan;
    readonly #place: ChaosPlace;
    readonly #planted: PlantedFault | undefined;
    /** Deliveries that nobody has acknowledged, and those that were. */
    #waiting: string[];
    readonly #edits: ChaosEdits;
    readonly #acknowledged = new Set<string>();
    #isLateLoaded = false;
    #isServerKilled = false;

    constructor(plan: ChaosPlan, place: ChaosPlace, planted: PlantedFault | undefined) {
        this.#plan = plan;
        this.#place = place;
        this.#planted = planted;
        this.#edits = new ChaosEdits(plan.seed, place.townFolder);
        this.#waiting = plan.order.shuffled(deliveriesOf(place.townFolder));
    }

    /** All rounds, one after the other. */
    async rage(workspace: Workspace): Promise<void> {
        for (const round of this.#plan.rounds) await this.#runRound(workspace, round);
    }

    /** Whatever is left, in quiet; then everything is compared. */
    async settle(workspace: Workspace): Promise<void> {
        this.findings.push(...(await lostDeliveries(workspace, this.#acknowledged)));
        if (!this.#isLateLoaded) await this.#loadLate(workspace);
        const quiet = (args: readonly string[], home?: string) => this.#quietly(args, home);
        const { findings, ...besides } = await this.#edits.takeBack(quiet);
        this.findings.push(...findings);
        this.counts.edits += besides.files / 2;
        const rest = this.#waiting.splice(0);
        const last = rest.splice(rest.length - Math.min(rest.length, this.#plan.latecomers));
        if (rest.length > 0) await this.#quietly(['ingest', ...rest, '--feed', FEED]);
        if (last.length > 0) {
            await this.#quietly(['work']);
            await this.#quietly(['ingest', ...last, '--feed', FEED]);
        }
        // also parses what was received by processes that ended before they could
        await this.#quietly(['work']);
        for (const month of this.#plan.months) await this.#quietly(['bill', '--period', month]);
        try {
            const place = { ...this.#place, besides };
            this.findings.push(...(await judgeHome(workspace, this.#plan, place, quiet)));
        } catch (error) {
            // what is published cannot even be read
            this.findings.push(`the home cannot be judged: ${error instanceof Error ? error.stack : error}`);
        }
    }

    async #runRound(workspace: Workspace, { loadsLate, commands }: ChaosRound): Promise<void> {
        this.#isServerKilled = false;
        const [first, ...others] = commands;
        if (first === undefined) return;
        const isPausing = first.faults.pause !== undefined;
        const started = [this.#start(first)];
        if (isPausing) await this.#atPause(workspace, started[0] as StartedCommand);
        started.push(...others.map((command) => this.#start(command)));
        if (loadsLate) await this.#loadLate(workspace);
        if (isPausing) {
            await endedOrLate(
                started.slice(1).map(({ process }) => process),
                this.#isServerKilled ? PAUSE_MS_MAX_UNCLAIMED : PAUSE_MS_MAX,
            );
            started[0]?.process.resume();
        }
        for (const each of started) this.#account(each, await each.process.end);
    }

    async #atPause(workspace: Workspace, { command, process }: StartedCommand): Promise<void> {
        await process.isStill;
        if (!process.isPaused) return;
        this.counts.pauses += 1;
        if (!command.faults.killsServer) return;
        const server = readPidFile((await clusterOf(this.#place.home)).folder);
        if (server === undefined) return;
        globalThis.process.kill(server.pid, 'SIGKILL');
        this.#isServerKilled = true;
        this.counts.serverKills += 1;
        // it is there again before others come, so that none of them starts it with limits of its own
        await workspace.db.query('select 1');
    }

    #start(command: PlannedCommand): StartedCommand {
        const files = this.#waiting.splice(0, command.takes);
        const known = [...this.#acknowledged];
        for (let n = 0; n < command.resends && known.length > 0; n += 1) {
            files.push(known[this.#plan.order.between(0, known.length - 1)] ?? '');
            this.counts.resends += 1;
        }
        const args = this.#argumentsOf(command, files);
        return { command, files, process: this.#run(args, command.faults) };
    }

    #argumentsOf({ kind }: PlannedCommand, files: readonly string[]): string[] {
        // an empty ingest is wrong usage
        if (kind.startsWith('ingest') && files.length === 0) return ['refresh'];
        if (kind === 'ingest') return ['ingest', ...files, '--feed', FEED];
        if (kind === 'ingest --refresh') return ['ingest', ...files, '--feed', FEED, '--refresh'];
        if (kind === 'bill') return ['bill', '--period', this.#plan.months[0] ?? ''];
        if (kind === 'edit') return this.#edits.next() ?? ['refresh'];
        if (kind === 'backup') return ['backup', backupsOf(this.#place.home)];
        if (kind === 'sweep') return ['sweep', '--keep-days', '0'];
        return [kind];
    }

    #run(args: readonly string[], faults: ProcessFaults, home = this.#place.home): ChaosProcess {
        this.counts.processes += 1;
        return new ChaosProcess([...args, '--home', home], faults, this.#planted);
    }

    #account({ command, files, process: _ }: StartedCommand, end: ProcessEnd): void {
        const { kind, faults } = command;
        const sent = end.how === 'done' ? files : files.slice(0, end.acknowledged);
        for (const file of sent) this.#acknowledged.add(file);
        this.#waiting.push(...files.filter((file) => !this.#acknowledged.has(file)));
        this.events.push(
            `${kind} of ${files.length} files, ${JSON.stringify(faults)}: ${end.how} after ${Math.round(end.ms)} ms, ${sent.length} acknowledged`,
        );
        if (end.how === 'done') {
            if (kind === 'edit') this.#edits.acknowledge(end);
            if (kind === 'backup') this.counts.backups += 1;
            return;
        }
        const isExcused = this.#isExcused(faults, end);
        if (end.how === 'crashed' && faults.crash !== undefined) {
            const { stage } = faults.crash;
            this.counts.crashes += 1;
            this.counts.crashesByStage[stage] = (this.counts.crashesByStage[stage] ?? 0) + 1;
        } else if (isExcused) this.counts.diskFailures += this.#isServerKilled ? 0 : 1;
        else this.findings.push(`${kind} with ${JSON.stringify(faults)} ${end.how}: ${end.said}`);
    }

    /** A failure that was planned for, and that tells what it is. */
    #isExcused(faults: ProcessFaults, { how, document }: ProcessEnd): boolean {
        if (how !== 'failed') return false;
        const isLimited = faults.diskBytes !== undefined || faults.fileKilobytes !== undefined;
        const { code = '' } = (document?.error ?? {}) as { code?: string };
        if (isLimited && code === 'home.disk-full') return true;
        return this.#isServerKilled && (code.startsWith('database.') || code === 'lake.files-gone');
    }

    async #loadLate(workspace: Workspace): Promise<void> {
        this.#isLateLoaded = true;
        await loadTownMaster(workspace, path.join(this.#place.townFolder, 'master-late'));
    }

    async #quietly(args: readonly string[], home?: string): Promise<ProcessEnd> {
        const end = await this.#run(args, {}, home).end;
        this.events.push(`${args[0]}, quietly: ${end.how} after ${Math.round(end.ms)} ms`);
        if (end.how !== 'done') this.findings.push(`a quiet ${args[0]} ${end.how}: ${end.said}`);
        else if (args[0] === 'restore') this.counts.restores += 1;
        return end;
    }
}

/** Paths of all deliveries, in their order. */
export function deliveriesOf(townFolder: string): string[] {
    const lines = readFileSync(path.join(townFolder, 'deliveries.ndjson'), 'utf8').trim().split('\n');
    return lines.map((line) => path.join(townFolder, (JSON.parse(line) as { path: string }).path));
}
