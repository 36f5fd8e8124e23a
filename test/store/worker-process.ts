import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const WORKER = fileURLToPath(new URL('./home-worker.ts', import.meta.url));

const running = new Set<WorkerProcess>();

/** For the end of a test: whatever it left running is killed. */
export async function killWorkers(): Promise<void> {
    await Promise.all([...running].map((worker) => worker.kill()));
}

/** One running `home-worker.ts`. */
export class WorkerProcess {
    readonly lines: string[] = [];
    readonly #child: ChildProcess;
    readonly #opened: Promise<void>;
    readonly #ended: Promise<unknown>;

    constructor(
        home: string,
        options: { insert?: boolean; env?: NodeJS.ProcessEnv; uid?: number; gid?: number } = {},
    ) {
        const { insert, env, ...account } = options;
        const args = [WORKER, home, ...(insert ? ['insert'] : [])];
        const stdio: ['pipe', 'pipe', 'pipe'] = ['pipe', 'pipe', 'pipe'];
        const child = spawn(process.execPath, args, { ...account, stdio, env: { ...process.env, ...env } });
        this.#child = child;
        let stderr = '';
        child.stderr.on('data', (chunk) => {
            stderr += chunk;
        });
        // 'close' comes once all that was printed has been read, even by a killed process
        this.#ended = once(child, 'close').finally(() => running.delete(this));
        running.add(this);
        this.#opened = new Promise((resolve, reject) => {
            createInterface(child.stdout).on('line', (line) => {
                if (line === 'open') resolve();
                else this.lines.push(line);
            });
            this.#ended.then(() => reject(new Error(`the worker ended: ${stderr}`)));
        });
        this.#opened.catch(() => {});
    }

    get recovered(): string[] {
        return this.lines.filter((line) => line.startsWith('recovered ')).map((line) => line.slice(10));
    }

    get acknowledged(): string[] {
        return this.lines.filter((line) => !line.startsWith('recovered '));
    }

    /** Waits until it has the database open; throws with its stderr when it ends before. */
    async open(): Promise<this> {
        await this.#opened;
        return this;
    }

    async kill(): Promise<void> {
        this.#child.kill('SIGKILL');
        await this.#ended;
    }

    /** Asks it to leave, and waits; gives its exit code, or the signal that ended it. */
    async leave(): Promise<number | string | null> {
        this.#child.stdin?.end();
        await this.#ended;
        return this.#child.exitCode ?? this.#child.signalCode;
    }
}
