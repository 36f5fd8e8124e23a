import { CRASH_STAGES, type CrashStage } from '../../src/kernel/faults.ts';
import type { RandomStream } from '../../src/simulate/random-stream.ts';
import type { MasterFiles } from './crash-home.ts';
import type { Delivery } from './crash-input.ts';
import type { WorkerStep } from './worker-step.ts';

const ELSEWHERE = [
    'start',
    'backup',
    'restore',
    'committed',
    'file',
    'transaction',
] as const satisfies CrashStage[];

/** The stages of the chain; the others belong to the tests of the embedded database, of backups, and to the chaos driver. */
export const STAGES = CRASH_STAGES.filter(
    (stage): stage is Exclude<CrashStage, (typeof ELSEWHERE)[number]> =>
        !ELSEWHERE.some((other) => other === stage),
);
export type Stage = (typeof STAGES)[number];

const REFRESHING: ReadonlySet<Stage> = new Set(['curate', 'roll-up', 'commit', 'publish']);

export interface WorkerPlan {
    readonly stage: Stage | undefined;
    readonly crash: string;
    readonly forget: string;
    readonly steps: readonly WorkerStep[];
    readonly killAfterMs?: number;
}

export interface PlanningInputs {
    /** Stages that have not been killed often enough, with how often is left. */
    readonly wanted: ReadonlyMap<Stage, number>;
    /** Gives the next deliveries, never none. */
    readonly take: (count: number) => Delivery[];
    readonly masterFiles: MasterFiles;
    /** Of which two are drafted. */
    readonly months: readonly string[];
    readonly isPlanted: boolean;
    /** Publishing all that came takes minutes: who is armed only for afterwards, to be killed while it drafts, does not begin it, and who is not armed is killed from outside. */
    readonly isLong: boolean;
}

/** What a worker does and where it is killed: its steps lead up to the stage, so that there is work in it. */
export function planWorker(random: RandomStream, inputs: PlanningInputs): WorkerPlan {
    const stage = chooseStage(random, inputs.wanted);
    // a delivery that is taken must be given to the worker, else nobody has it
    const groupCount = stage === 'draft' ? 0 : stage === 'receive' ? 2 : 1;
    const groups = Array.from({ length: groupCount }, () => inputs.take(random.between(1, 5)));
    const parse: WorkerStep = { kind: inputs.isPlanted ? 'parse marking first' : 'parse' };
    const steps: WorkerStep[] = groupCount === 0 ? [] : [{ kind: 'receive', groups }];
    const isAhead = stage === undefined || random.chance(0.2);
    if (stage !== 'draft' && (stage !== 'receive' || isAhead)) steps.push(parse);
    if (random.chance(0.1)) steps.push({ kind: 'load', files: inputs.masterFiles.late });
    if (random.chance(0.05)) steps.push({ kind: 'compact' });
    const isRefreshing = stage !== undefined && REFRESHING.has(stage);
    if (isRefreshing || (isAhead && !(inputs.isLong && stage === 'draft'))) steps.push({ kind: 'refresh' });
    if (stage === 'draft' || isAhead)
        steps.push({ kind: 'draft', months: random.shuffled(inputs.months).slice(0, 2) });
    return {
        stage,
        steps,
        crash: stage === undefined ? '' : `${stage}:${passOf(stage, random)}`,
        forget: random.pick(['', '1', 'torn']),
        ...(stage === undefined ? killedFromOutside(random, inputs.isLong) : {}),
    };
}

/** Half of those that are not armed, and where the work is long the others too, later. */
function killedFromOutside(random: RandomStream, isLong: boolean): Pick<WorkerPlan, 'killAfterMs'> {
    if (random.chance(0.5)) return { killAfterMs: random.between(300, 2500) };
    return isLong ? { killAfterMs: random.between(2500, 20_000) } : {};
}

/** One in ten is not armed, and may be killed anywhere. */
function chooseStage(random: RandomStream, wanted: ReadonlyMap<Stage, number>): Stage | undefined {
    const total = [...wanted.values()].reduce((sum, count) => sum + count, 0);
    if (total === 0 || random.chance(0.1)) return undefined;
    let at = random.between(1, total);
    for (const [stage, count] of wanted) {
        at -= count;
        if (at <= 0) return stage;
    }
    return undefined;
}

/** Passes that a worker with work in the stage is likely to reach. */
function passOf(stage: Stage, random: RandomStream): number {
    if (stage === 'receive') return random.between(1, 6);
    if (stage === 'append') return random.pick([1, 2, 2, 3]);
    if (stage === 'draft') return random.between(1, 4);
    return random.chance(0.1) ? 2 : 1;
}
