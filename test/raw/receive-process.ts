import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const WORKER = fileURLToPath(new URL('./receive-worker.ts', import.meta.url));

export interface Acknowledged {
    readonly sourceKey: string;
    readonly sequence: number;
    readonly isRepeat: boolean;
}

/** Starts a `receive-worker.ts`; `go` lets it receive and gives what it acknowledged before it ended. */
export async function startReceiver(args: readonly (string | number)[], env: NodeJS.ProcessEnv = {}) {
    const child = spawn(process.execPath, [WORKER, ...args.map(String)], {
        stdio: ['pipe', 'pipe', 'inherit'],
        env: { ...process.env, ...env },
    });
    const lines: string[] = [];
    const ended = once(child, 'close');
    await new Promise<void>((resolve, reject) => {
        createInterface(child.stdout).on('line', (line) => (line === 'open' ? resolve() : lines.push(line)));
        ended.then(() => reject(new Error('the receiver ended before it was open')));
    });
    const go = async () => {
        child.stdin.end('go\n');
        const [code, signal] = await ended;
        const acknowledged = lines.map((line): Acknowledged => {
            const [sourceKey = '', sequence = '', isRepeat = ''] = line.split(' ');
            return { sourceKey, sequence: Number(sequence), isRepeat: isRepeat === 'true' };
        });
        return { acknowledged, end: (code ?? signal) as number | string };
    };
    return { go };
}
