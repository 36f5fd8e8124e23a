import { count, counted } from '../kernel/counted.ts';
import type { RefreshProgress } from '../lake/refresh.ts';

/** How far a refresh is, and what the engine does meanwhile, in one line. */
export function refreshText({ done, total, step }: RefreshProgress): string {
    const tasks =
        step === undefined ? '' : `, ${step.step}: ${count(step.done)} of ${counted(step.total, 'task')}`;
    return `${count(done)} of ${counted(total, 'partition')}${tasks}`;
}
