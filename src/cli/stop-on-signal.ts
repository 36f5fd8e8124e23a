import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from '../engine/engine.ts';

const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
// a server out of reach does not keep anybody waiting
const PATIENCE_MS = 3_000;

/**
 * From now on a signal that ends this process first ends what the server of this engine runs for it, so that nobody pays for a job whose result
 * is awaited no more; a second one does not wait for that. Nothing published is lost: the next run goes on. Gives what takes this back.
 */
export function stopServerOnSignal(server: Pick<Engine, 'close'>): () => void {
    return onFirstSignal((signal) => {
        const isStopped = server.close().catch(() => {});
        void Promise.race([isStopped, sleep(PATIENCE_MS)]).then(() => endBy(signal));
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
