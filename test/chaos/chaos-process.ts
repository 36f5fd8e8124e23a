import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type CrashStage, PAUSED } from '../../src/kernel/faults.ts';
import { PROGRAM, SOURCES } from '../program.ts';
import type { PlantedFault } from './planted-faults.ts';

const PRELOAD = fileURLToPath(new URL('./preload.ts', import.meta.url));
/** A command has a second of work; one that takes so long waits for something that will not come. */
const PROCESS_MS_MAX = 90_000;

export interface Point {
    readonly stage: CrashStage;
    readonly pass: number;
}

/** What befalls one process. */
export interface ProcessFaults {
    /** Killed there. */
    readonly crash?: Point;
    /** What the power cut takes that was not fsynced: nothing (a mere kill), all of it, or half of the bytes. */
    readonly forget?: '' | '1' | 'torn';
    /** Stopped there until others have ended. */
    readonly pause?: Point;
    /** Once it is stopped the database server is killed. */
    readonly killsServer?: boolean;
    /** Bytes that its durable writes find room for. */
    readonly diskBytes?: number;
    /** No file may be larger, whoever in the process writes it: a real error of the system, which engines meet too. */
    readonly fileKilobytes?: number;
    /** How far its clock is off. */
    readonly clockMs?: number;
}

export interface ProcessEnd {
    readonly how: 'done' | 'failed' | 'crashed' | 'stuck';
    /** What it printed by `--json`. */
    readonly document: Readonly<Record<string, unknown>> | undefined;
    readonly said: string;
    /** Payloads that it acknowledged before it ended, in the order in which they were named. */
    readonly acknowledged: number;
    readonly wasPaused: boolean;
    readonly ms: number;
}

/** A `gridtally` of its own, started as a shell would, with faults around it. */
export class ChaosProcess {
    readonly end: Promise<ProcessEnd>;
    /** It has stopped at its pause, or has ended without one. */
    readonly isStill: Promise<void>;
    readonly #child: ChildProcess;
    #said = '';
    #wasPaused = false;

    constructor(args: readonly string[], faults: ProcessFaults, planted: PlantedFault | undefined) {
        // a fault is planted in the text of a module
        const command = planted === undefined ? PROGRAM : SOURCES;
        const [program = '', ...rest] = [...limited(faults), process.execPath, '--import', PRELOAD, command];
        this.#child = spawn(program, [...rest, ...args, '--json'], {
            env: { ...process.env, ...environmentOf(faults, planted) },
            stdio: ['ignore', 'pipe', 'pipe'],
        });
        this.end = this.#untilEnd();
        this.isStill = Promise.race([this.#untilPaused(), this.end.then(() => {})]);
    }

    get isPaused(): boolean {
        return this.#wasPaused;
    }

    resume(): void {
        this.#child.kill('SIGCONT');
    }

    #untilPaused(): Promise<void> {
        return new Promise((resolve) => {
            this.#child.stderr?.on('data', () => {
                if (!this.#said.includes(PAUSED)) return;
                this.#wasPaused = true;
                resolve();
            });
        });
    }

    async #untilEnd(): Promise<ProcessEnd> {
        const startedAt = performance.now();
        let printed = '';
        this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
            printed += text;
        });
        this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
            this.#said += text;
        });
        let isStuck = false;
        const stuck = setTimeout(() => {
            isStuck = true;
            this.#child.kill('SIGKILL');
        }, PROCESS_MS_MAX);
        const [code, signal] = await once(this.#child, 'close');
        clearTimeout(stuck);
        const document = signal === null ? parsed(printed) : undefined;
        const hasFailed = document === undefined || 'error' in document;
        const how = isStuck ? 'stuck' : signal === 'SIGKILL' ? 'crashed' : hasFailed ? 'failed' : 'done';
        return {
            how,
            document,
            said: `${code ?? signal} ${this.#said}`,
            acknowledged: acknowledgedIn(this.#said),
            wasPaused: this.#wasPaused,
            ms: performance.now() - startedAt,
        };
    }
}

/** Waits for all, but no longer than given: who waits for a paused one would wait for good. */
export async function endedOrLate(processes: readonly ChaosProcess[], ms: number): Promise<void> {
    await Promise.race([Promise.all(processes.map(({ end }) => end)), sleep(ms, undefined, { ref: false })]);
}

function limited({ fileKilobytes }: ProcessFaults): string[] {
    if (fileKilobytes === undefined) return [];
    // POSIX counts blocks of 512 bytes here
    return ['/bin/sh', '-c', `ulimit -f ${fileKilobytes * 2} && exec "$@"`, 'sh'];
}

function environmentOf(
    faults: ProcessFaults,
    planted: PlantedFault | undefined,
): Readonly<Record<string, string>> {
    const point = (at: Point | undefined) => (at === undefined ? '' : `${at.stage}:${at.pass}`);
    return {
        GRIDTALLY_CRASH: point(faults.crash),
        GRIDTALLY_FORGET_UNSYNCED: faults.forget ?? '',
        GRIDTALLY_PAUSE: point(faults.pause),
        GRIDTALLY_DISK_FULL: faults.diskBytes === undefined ? '' : String(faults.diskBytes),
        CHAOS_CLOCK_MS: String(faults.clockMs ?? 0),
        CHAOS_PLANTED: planted ?? '',
    };
}

function parsed(printed: string): Record<string, unknown> | undefined {
    try {
        return JSON.parse(printed);
    } catch {
        return undefined;
    }
}

/** What `ingest` shows on a terminal while it receives. */
function acknowledgedIn(said: string): number {
    const counts = [...said.matchAll(/receive: ([\d,]+) payload/g)].map(([, text = '']) =>
        Number(text.replaceAll(',', '')),
    );
    return Math.max(0, ...counts);
}
