import { counted } from '../kernel/counted.ts';
import { GridtallyError, type InputFault } from '../kernel/errors.ts';

const LISTED_FAULTS_MAX = 50;

/** Collects what keeps a run from being priced, once each; a run with any of them drafts nothing. */
export class RatingFaults {
    readonly #messages = new Set<string>();

    add(message: string): void {
        this.#messages.add(message);
    }

    /** @throws GridtallyError `billing.cannot-rate` with every fault (the first 50 in full) */
    throwIfAny(): void {
        const count = this.#messages.size;
        if (count === 0) return;
        const faults: InputFault[] = [...this.#messages]
            .sort()
            .slice(0, LISTED_FAULTS_MAX)
            .map((message) => ({ message }));
        if (count > LISTED_FAULTS_MAX) faults.push({ message: `and ${count - LISTED_FAULTS_MAX} more` });
        throw new GridtallyError(
            'billing.cannot-rate',
            `${counted(count, 'fault')} in master data ${count === 1 ? 'keeps' : 'keep'} the period from being priced`,
            {
                faults,
            },
        );
    }
}
