import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
// a server out of reach does not keep anybody waiting
const PATIENCE_MS = 3_000;

let isEnding = false;

/** A signal ends this process: what fails from now on fails for that reason, and is nothing to tell. */
export function isEndingBySignal(): boolean {
    return isEnding;
}

/**
 * From now on a signal that ends this process first ends what runs for it elsewhere, so that nobody pays for a job whose result is awaited no
 * more and no server stays for nobody; a second one does not wait for that. Nothing published is lost: the next run goes on. Gives what takes this back.
 */
export function stopOnFirstSignal(stops: readonly (() => Promise<void>)[]): () => void {
    return onFirstSignal((signal) => {
        isEnding = true;
        const stopped = Promise.allSettled(stops.map((stop) => stop()));
        void Promise.race([stopped, sleep(PATIENCE_MS)]).then(() => endBy(signal));
    });
}

/** The next signal that would end this process is for `react` instead, and those after it for nobody. Gives what takes this back. */
export function onFirstSignal(react: (signal: NodeJS.Signals) => void): () => void {
    const takeBack = () => {
        for (const signal of ENDING_SIGNALS) process.removeListener(signal, first);
    };
    const first = (signal: NodeJS.Signals) => {
        takeBack();
        react(signal);
    };
    for (const signal of ENDING_SIGNALS) process.on(signal, first);
    return takeBack;
}

/** As the signal would have without a listener; the first process of a container is not ended by one of its own. */
function endBy(signal: NodeJS.Signals): void {
    process.kill(process.pid, signal);
    setTimeout(() => process.exit(128 + constants.signals[signal]), 500);
}
