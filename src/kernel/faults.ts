import { writeSync } from 'node:fs';
import { forgetUnsynced } from './durable-forgetting.ts';
import { assert } from './errors.ts';

/** Stages in which a crash test may kill the process, or hold it up. */
export const CRASH_STAGES = [
    'start',
    'receive',
    // once payloads have been read and nothing is judged, and where a file of their rows is written and not synced
    'parse',
    'append',
    // once the files of a job's intervals are written, estimates among them, and none is synced
    'curate',
    // once the files of curated intervals are written, before sums are made
    'roll-up',
    'commit',
    // once a job's outputs are visible, before anything else
    'committed',
    'draft',
    'publish',
    'backup',
    'restore',
    // before each durable write, fsync, new name and removal
    'file',
    // before each commit to the database, and after it
    'transaction',
] as const;
export type CrashStage = (typeof CRASH_STAGES)[number];

export interface PlannedPoint {
    readonly stage: CrashStage;
    readonly pass: number;
}

/** What a paused process says on stderr, followed by its point. */
export const PAUSED = 'paused at ';

const crash = plannedPoint(process.env.GRIDTALLY_CRASH);
const pause = plannedPoint(process.env.GRIDTALLY_PAUSE);
const passes = new Map<CrashStage, number>();

/**
 * Marks a place where a crash must do no harm. With GRIDTALLY_CRASH=append:3 the third pass of `append` in this process kills it with SIGKILL,
 * after forgetting what was not fsynced where GRIDTALLY_FORGET_UNSYNCED asks for that. With GRIDTALLY_PAUSE=curate:1 the first pass of `curate`
 * stops it with SIGSTOP, until whoever planned that sends SIGCONT: what others do meanwhile is then no matter of luck. Otherwise it does nothing.
 */
export function crashPoint(stage: CrashStage): void {
    if (crash?.stage !== stage && pause?.stage !== stage) return;
    const pass = (passes.get(stage) ?? 0) + 1;
    passes.set(stage, pass);
    if (isAt(pause, stage, pass)) {
        writeSync(2, `${PAUSED}${stage}:${pass}\n`);
        process.kill(process.pid, 'SIGSTOP');
    }
    if (!isAt(crash, stage, pass)) return;
    forgetUnsynced();
    process.kill(process.pid, 'SIGKILL');
}

function isAt(planned: PlannedPoint | undefined, stage: CrashStage, pass: number): boolean {
    return planned?.stage === stage && planned.pass === pass;
}

/** Reads `stage:pass`, passes counting from 1. Asserts its form, because a misspelt point would make a test that cannot fail. */
export function plannedPoint(text: string | undefined): PlannedPoint | undefined {
    if (text === undefined || text === '') return undefined;
    const [name, count = '1'] = text.split(':');
    const stage = CRASH_STAGES.find((known) => known === name);
    assert(stage !== undefined, `${name} is one of the stages ${CRASH_STAGES.join(', ')}`);
    assert(/^[1-9]\d*$/.test(count), `${count} is a pass, counting from 1`);
    return { stage, pass: Number(count) };
}
