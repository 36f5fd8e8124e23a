import { randomBytes } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/**
 * A large file between two steps of one job: nobody needs it after a crash, so it is not fsynced. Everything that must outlive the
 * process goes through `durable.ts`. Writes are synchronous: a job owns its process.
 */
export class ScratchFile {
    readonly #descriptor: number;
    #size = 0;

    /** Makes the file, or empties the one that is there. */
    constructor(path: string) {
        this.#descriptor = openSync(path, 'w', 0o600);
    }

    /** Bytes written so far. */
    get size(): number {
        return this.#size;
    }

    append(bytes: Uint8Array): void {
        let from = 0;
        while (from < bytes.length) {
            from += writeSync(this.#descriptor, bytes, from, bytes.length - from, this.#size + from);
        }
        this.#size += bytes.length;
    }

    /** Takes back everything after the first `size` bytes. */
    truncate(size: number): void {
        ftruncateSync(this.#descriptor, size);
        this.#size = size;
    }

    close(): void {
        closeSync(this.#descriptor);
    }
}

/** After so long also the scratch of another machine is taken for abandoned: no job lasts a week. */
const ABANDONED_MS = 7 * 86_400_000;

/**
 * A name for a file or folder that one job of this process needs for a while. Processes of several machines may share the folder that it
 * lies in, so a pid alone would not tell them apart.
 */
export function scratchName(label: string): string {
    return `${label}-${os.hostname()}.${process.pid}.${randomBytes(8).toString('hex')}`;
}

/** Removes what processes of this machine left in a scratch folder when they were killed, and what is older than any job. */
export function removeAbandonedScratch(folder: string): void {
    for (const name of readdirSync(folder)) {
        const [, host, pid] = /^[a-z]+-(.+)\.(\d+)\.[0-9a-f]{16}$/.exec(name) ?? [];
        if (host === undefined) continue;
        const at = path.join(folder, name);
        if (host === os.hostname() ? !isAlive(Number(pid)) : isOld(at))
            rmSync(at, { recursive: true, force: true });
    }
}

function isAlive(pid: number): boolean {
    try {
        process.kill(pid, 0);
        return true;
    } catch (error) {
        return (error as NodeJS.ErrnoException).code !== 'ESRCH';
    }
}

function isOld(at: string): boolean {
    const found = statSync(at, { throwIfNoEntry: false });
    return found !== undefined && Date.now() - found.mtimeMs > ABANDONED_MS;
}
