import { closeSync, openSync, writeSync } from 'node:fs';

/** A text file written line by line through a buffer. What a simulation writes can be made again, so nothing is fsynced. */
export class TextFile {
    readonly #descriptor: number;
    #pending: string[] = [];
    #pendingLength = 0;

    constructor(path: string) {
        this.#descriptor = openSync(path, 'w');
    }

    /** @param line without its line end */
    writeLine(line: string): void {
        this.#pending.push(line);
        this.#pendingLength += line.length + 1;
        if (this.#pendingLength > 1_000_000) this.#flush();
    }

    close(): void {
        this.#flush();
        closeSync(this.#descriptor);
    }

    #flush(): void {
        if (this.#pending.length === 0) return;
        const bytes = Buffer.from(`${this.#pending.join('\n')}\n`);
        for (let done = 0; done < bytes.length; ) done += writeSync(this.#descriptor, bytes, done);
        this.#pending = [];
        this.#pendingLength = 0;
    }
}
