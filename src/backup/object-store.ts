import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { DurableFile, makeFolderDurably, removeFiles, syncTree } from '../kernel/durable.ts';
import type { ObjectReference } from './snapshot-manifest.ts';

/** Bytes of an object as a stream. */
export type Bytes = AsyncIterable<Buffer> | Iterable<Buffer>;

export interface StoredObject extends ObjectReference {
    /** Whether it was not there before. */
    readonly isNew: boolean;
}

export const READ_BYTES = 1 << 20;

/**
 * Files under the SHA-256 of their bytes, so that equal bytes lie there once. An object gets its name when it is whole and on disk, and is
 * never changed afterwards.
 */
export class ObjectStore {
    readonly #folder: string;
    readonly #unfinished: string;

    constructor(root: string) {
        this.#folder = path.join(root, 'objects');
        this.#unfinished = path.join(root, 'unfinished');
    }

    /** Makes the folders, and removes what a write that was cut off has left. Nobody else may be writing. */
    async prepare(): Promise<void> {
        await makeFolderDurably(this.#folder);
        await makeFolderDurably(this.#unfinished);
        const left = readdirSync(this.#unfinished).map((name) => path.join(this.#unfinished, name));
        if (left.length > 0) await removeFiles(left);
    }

    /** Names of objects that were there already survive a power cut too: who gave them may have been killed before they were on disk. */
    async settle(): Promise<void> {
        await syncTree(this.#folder, { depth: 0 });
        for (const name of readdirSync(this.#folder))
            await syncTree(path.join(this.#folder, name), { depth: 0 });
    }

    pathOf(sha256: string): string {
        return path.join(this.#folder, sha256.slice(0, 2), sha256);
    }

    /** Whether the object is there, as long as it should be. Its bytes are not looked at. */
    has({ sha256, size }: ObjectReference): boolean {
        return statSync(this.pathOf(sha256), { throwIfNoEntry: false })?.size === size;
    }

    /** Reads the bytes once, hashing and writing them at the same time. */
    async add(bytes: Bytes): Promise<StoredObject> {
        const file = await DurableFile.create(this.#unfinished, { mode: 0o600 });
        try {
            const content = createHash('sha256');
            for await (const chunk of bytes) {
                content.update(chunk);
                await file.append(chunk);
            }
            const reference = { sha256: content.digest('hex'), size: file.size };
            if (this.has(reference)) return { ...reference, isNew: false };
            const target = this.pathOf(reference.sha256);
            await makeFolderDurably(path.dirname(target));
            await file.publish(target);
            return { ...reference, isNew: true };
        } finally {
            await file.discard();
        }
    }

    addFile(file: string): Promise<StoredObject> {
        return this.add(createReadStream(file, { highWaterMark: READ_BYTES }));
    }

    read(sha256: string): AsyncIterable<Buffer> {
        return createReadStream(this.pathOf(sha256), { highWaterMark: READ_BYTES });
    }

    /** What is wrong with an object; undefined: its bytes are those that were written. */
    async fault({ sha256, size }: ObjectReference): Promise<string | undefined> {
        const found = statSync(this.pathOf(sha256), { throwIfNoEntry: false });
        if (found === undefined) return 'is missing';
        if (found.size !== size) return `has ${found.size} bytes where ${size} were written`;
        const content = createHash('sha256');
        try {
            for await (const chunk of this.read(sha256)) content.update(chunk);
        } catch (error) {
            return `cannot be read: ${(error as Error).message}`;
        }
        return content.digest('hex') === sha256 ? undefined : 'does not have its SHA-256';
    }

    /** Every object that is there, with its size. */
    list(): Map<string, number> {
        const found = new Map<string, number>();
        if (!existsSync(this.#folder)) return found;
        for (const entry of readdirSync(this.#folder, { recursive: true, withFileTypes: true })) {
            if (entry.isFile()) found.set(entry.name, statSync(path.join(entry.parentPath, entry.name)).size);
        }
        return found;
    }

    async remove(sha256s: readonly string[]): Promise<void> {
        await removeFiles(sha256s.map((sha256) => this.pathOf(sha256)));
    }
}
