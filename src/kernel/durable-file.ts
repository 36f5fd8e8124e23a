import { randomBytes } from 'node:crypto';
import {
    closeSync,
    existsSync,
    openSync,
    readSync,
    renameSync,
    rmSync,
    truncateSync,
    writeSync,
} from 'node:fs';
import { type FileHandle, link, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { isForgetting, isKept, leavesTornBytes, mayBeLost } from './durable-forgetting.ts';
import { roomFor } from './durable-space.ts';
import { syncFolder } from './durable-sync.ts';
import { assert } from './errors.ts';
import { crashPoint } from './faults.ts';

const UNFINISHED = /^\.[^/]*\.[0-9a-f]{16}\.part$/;

/** Whether a file's name (not path) is the temporary name of a write that has not been published. */
export function isUnfinishedName(name: string): boolean {
    return UNFINISHED.test(name);
}

/**
 * A file being written under a temporary name, whose bytes are safe after `sync` and which gets its real name by `publish`. Calls may overlap:
 * they take effect in the order in which they were made, and an `fsync` that others are waiting for serves them too. After a failed call the
 * file is broken and every later call but `discard` fails with the same error, because after a failed fsync nobody knows what is on disk.
 */
export class DurableFile {
    #path: string;
    readonly #handle: FileHandle;
    #size = 0;
    #writtenSize = 0;
    #syncedSize = 0;
    #overwritten: string[] = [];
    #isDirty = true;
    #isNameSynced = false;
    #isOpen = true;
    #lastStep: Promise<void> = Promise.resolve();

    /**
     * Creates a file that did not exist in `folder`, which must.
     * @param options.mode permissions, 0o644 unless told
     * @param options.label goes into the temporary name, for people who look into the folder
     */
    static async create(
        folder: string,
        options: { mode?: number; label?: string } = {},
    ): Promise<DurableFile> {
        const name = `.${(options.label ?? '').slice(0, 100)}.${randomBytes(8).toString('hex')}.part`;
        const filePath = path.join(folder, name);
        const handle = await open(filePath, 'wx+', options.mode ?? 0o644);
        mayBeLost(`name:${filePath}`, () => rmSync(filePath, { force: true }));
        return new DurableFile(filePath, handle);
    }

    private constructor(filePath: string, handle: FileHandle) {
        this.#path = filePath;
        this.#handle = handle;
    }

    /** Where the file is now. */
    get path(): string {
        return this.#path;
    }

    /** Bytes once every call made so far has taken effect. */
    get size(): number {
        return this.#size;
    }

    /** Adds bytes at the end. They must not be changed by the caller until the promise is kept. */
    append(bytes: Uint8Array): Promise<void> {
        const at = this.#size;
        this.#size += bytes.length;
        return this.#next(() => this.#write(at, bytes));
    }

    /** Overwrites bytes that are there already. */
    writeAt(offset: number, bytes: Uint8Array): Promise<void> {
        assert(offset >= 0 && offset + bytes.length <= this.#size, 'writeAt stays within the file');
        return this.#next(() => this.#write(offset, bytes));
    }

    /** Everything written before this call, and the file's present name, survive a power cut afterwards. */
    sync(): Promise<void> {
        return this.#next(() => this.#sync());
    }

    /**
     * Syncs, closes and gives the file its real name, on the same file system; afterwards both survive a power cut.
     * @param options.replace whether a file of that name is replaced (default) or makes the call fail with EEXIST
     */
    publish(finalPath: string, options: { replace?: boolean } = {}): Promise<void> {
        return this.#next(async () => {
            await this.#sync();
            await this.#close();
            crashPoint('file');
            await (options.replace === false ? this.#linkTo(finalPath) : this.#renameTo(finalPath));
            crashPoint('file');
            await syncFolder(path.dirname(finalPath));
            isKept(`name:${finalPath}`);
            if (path.dirname(finalPath) !== path.dirname(this.#path))
                await syncFolder(path.dirname(this.#path));
            this.#path = finalPath;
        });
    }

    /** Closes the file and removes it under whatever temporary name it has; never fails because of an earlier failure. */
    async discard(): Promise<void> {
        await this.#lastStep.catch(() => {});
        if (!isUnfinishedName(path.basename(this.#path))) return;
        await this.#close();
        await rm(this.#path, { force: true });
        isKept(`bytes:${this.#path}`);
        isKept(`name:${this.#path}`);
    }

    #next(step: () => Promise<void>): Promise<void> {
        const done = this.#lastStep.then(step);
        this.#lastStep = done;
        // A failure reaches whoever awaits this call or a later one; without this line Node would end the process first.
        done.catch(() => {});
        return done;
    }

    async #write(offset: number, bytes: Uint8Array): Promise<void> {
        assert(this.#isOpen, 'a published or discarded file is not written to');
        if (isForgetting) this.#rememberForgetting(offset, bytes.length);
        this.#isDirty = true;
        crashPoint('file');
        let done = 0;
        while (done < bytes.length) {
            const { bytesWritten } = await this.#handle.write(
                bytes,
                done,
                roomFor(this.#path, bytes.length - done),
                offset + done,
            );
            done += bytesWritten;
        }
        this.#writtenSize = Math.max(this.#writtenSize, offset + done);
    }

    async #sync(): Promise<void> {
        if (this.#isDirty) {
            crashPoint('file');
            await this.#handle.datasync();
            this.#isDirty = false;
            this.#syncedSize = this.#writtenSize;
            isKept(`bytes:${this.#path}`);
            for (const key of this.#overwritten.splice(0)) isKept(key);
        }
        if (!this.#isNameSynced) {
            await syncFolder(path.dirname(this.#path));
            this.#isNameSynced = true;
            isKept(`name:${this.#path}`);
        }
    }

    async #close(): Promise<void> {
        if (!this.#isOpen) return;
        this.#isOpen = false;
        await this.#handle.close();
    }

    async #renameTo(finalPath: string): Promise<void> {
        const partPath = this.#path;
        // Where a file is replaced a power cut may leave either; then the new one stands for both.
        const isNew = isForgetting && !existsSync(finalPath);
        await rename(partPath, finalPath);
        if (isNew) mayBeLost(`name:${finalPath}`, () => renameSync(finalPath, partPath));
    }

    async #linkTo(finalPath: string): Promise<void> {
        await link(this.#path, finalPath);
        mayBeLost(`name:${finalPath}`, () => rmSync(finalPath, { force: true }));
        await rm(this.#path);
    }

    #rememberForgetting(offset: number, length: number): void {
        const [filePath, kept] = [this.#path, this.#syncedSize];
        const before = Buffer.alloc(Math.max(0, Math.min(kept - offset, length)));
        if (before.length > 0) {
            readSync(this.#handle.fd, before, 0, before.length, offset);
            const key = `bytes:${filePath}@${this.#overwritten.length}`;
            this.#overwritten.push(key);
            mayBeLost(key, () => overwriteSync(this.#path, offset, before));
        }
        // under its present name: one that was published without an fsync is a file with lost bytes
        mayBeLost(`bytes:${filePath}`, () => {
            const torn = leavesTornBytes ? Math.floor((this.#writtenSize - kept) / 2) : 0;
            truncateSync(this.#path, kept + torn);
        });
    }
}

function overwriteSync(filePath: string, offset: number, bytes: Uint8Array): void {
    const descriptor = openSync(filePath, 'r+');
    writeSync(descriptor, bytes, 0, bytes.length, offset);
    closeSync(descriptor);
}
