import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { WorkerStep } from './worker-step.ts';

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));
/** A worker has seconds of work; one that takes so long waits for something that will not come. */
const WORKER_MS_MAX = 90_000;

export interface WorkerOptions {
    readonly home: string;
    readonly steps: readonly WorkerStep[];
    /** GRIDTALLY_CRASH, such as `append:2`; blank: none. */
    readonly crash: string;
    /** GRIDTALLY_FORGET_UNSYNCED. */
    readonly forget: string;
    /** Beside the usual time, what much work may take; milliseconds. */
    readonly extraMs?: number;
    /** Kills it from outside after so long, unless it has ended. */
    readonly killAfterMs?: number;
    /** Keeps compiled modules, so that a worker starts sooner. */
    readonly compileCache: string;
}

export interface WorkerEnd {
    readonly how: 'done' | 'failed' | 'crashed' | 'killed' | 'stuck';
    /** Receipt sequences by source key, in the order in which they were acknowledged. */
    readonly acknowledged: readonly { readonly sequence: number; readonly sourceKey: string }[];
    readonly output: string;
}

/** Runs `worker.ts` to its end, whatever that is. */
export async function runWorker(options: WorkerOptions): Promise<WorkerEnd> {
    const env = {
        ...process.env,
        GRIDTALLY_CRASH: options.crash,
        GRIDTALLY_FORGET_UNSYNCED: options.forget,
        // the launcher's is warm
        NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? options.compileCache,
    };
    const child = spawn(process.execPath, [WORKER, options.home, JSON.stringify(options.steps)], {
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
    });
    let printed = '';
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
        printed += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
        output += text;
    });
    let killed: 'killed' | 'stuck' | undefined;
    const kill = (why: 'killed' | 'stuck') => () => {
        killed = why;
        child.kill('SIGKILL');
    };
    const timers = [setTimeout(kill('stuck'), WORKER_MS_MAX + (options.extraMs ?? 0))];
    if (options.killAfterMs !== undefined) timers.push(setTimeout(kill('killed'), options.killAfterMs));
    const [code, signal] = await once(child, 'close');
    for (const timer of timers) clearTimeout(timer);
    return { how: howItEnded(code, signal, killed), acknowledged: receipts(printed), output };
}

function howItEnded(
    code: number | null,
    signal: string | null,
    killed: 'killed' | 'stuck' | undefined,
): WorkerEnd['how'] {
    if (signal === 'SIGKILL') return killed ?? 'crashed';
    return code === 0 ? 'done' : 'failed';
}

function receipts(printed: string): { sequence: number; sourceKey: string }[] {
    const whole = printed.split('\n').slice(0, -1);
    return whole.map((line) => {
        const [sequence = '', sourceKey = ''] = line.split(' ');
        return { sequence: Number(sequence), sourceKey };
    });
}
