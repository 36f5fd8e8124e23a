import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from '../engine/engine.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
// a server out of reach does not keep anybody waiting
const PATIENCE_MS = 3_000;

/**
 * From now on a signal that ends this process first stops what the server of this engine runs for it, so that nobody pays for a job whose result
 * is awaited no more. Nothing published is lost: the next run goes on. Gives what takes this back.
 */
export function stopServerOnSignal(server: Pick<Engine, 'cancel'>): () => void {
    const takeBack = () => {
        for (const signal of SIGNALS) process.removeListener(signal, stop);
    };
    const stop = (signal: NodeJS.Signals) => {
        takeBack();
        const isStopped = server.cancel().catch(() => {});
        void Promise.race([isStopped, sleep(PATIENCE_MS)]).then(() => process.kill(process.pid, signal));
    };
    for (const signal of SIGNALS) process.on(signal, stop);
    return takeBack;
}
