import { forgetUnsynced } from './durable-forgetting.ts';
import { assert } from './errors.ts';

/** Stages in which a crash test may kill the process. */
export const CRASH_STAGES = [
    'start',
    'receive',
    'parse',
    'append',
    'curate',
    'roll-up',
    'commit',
    'draft',
    'publish',
    'backup',
    'restore',
] as const;
export type CrashStage = (typeof CRASH_STAGES)[number];

const planned = plannedCrash(process.env.GRIDTALLY_CRASH);
let passes = 0;

/**
 * Marks a place where a crash must do no harm. With GRIDTALLY_CRASH=append:3 the third pass of `append` in this process kills it with SIGKILL,
 * after forgetting what was not fsynced where GRIDTALLY_FORGET_UNSYNCED asks for that. Otherwise it does nothing.
 */
export function crashPoint(stage: CrashStage): void {
    if (planned?.stage !== stage) return;
    passes += 1;
    if (passes !== planned.pass) return;
    forgetUnsynced();
    process.kill(process.pid, 'SIGKILL');
}

/** Reads `stage:pass`, passes counting from 1. Asserts its form, because a misspelt crash would make a test that cannot fail. */
export function plannedCrash(text: string | undefined): { stage: CrashStage; pass: number } | undefined {
    if (text === undefined || text === '') return undefined;
    const [name, count = '1'] = text.split(':');
    const stage = CRASH_STAGES.find((known) => known === name);
    assert(stage !== undefined, `${name} is one of the stages ${CRASH_STAGES.join(', ')}`);
    assert(/^[1-9]\d*$/.test(count), `${count} is a pass, counting from 1`);
    return { stage, pass: Number(count) };
}
