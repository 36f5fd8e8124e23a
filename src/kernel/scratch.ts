import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';

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
