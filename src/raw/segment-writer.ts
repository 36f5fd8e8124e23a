import path from 'node:path';
import type { Clock } from '../kernel/clock.ts';
import { DurableFile, makeFolderDurably, removeFile } from '../kernel/durable.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { crashPoint } from '../kernel/faults.ts';
import { type Database, lockWithin } from '../store/database.ts';
import { claimSegment, RECEIVE_LOCK } from './segment-catalogue.ts';
import type { PayloadHeader } from './segment-format.ts';

export interface RawStore {
    readonly db: Database;
    /** Folder of segments. */
    readonly folder: string;
    readonly clock: Clock;
}

export interface ReceivingFeed {
    readonly feedId: number;
    readonly name: string;
    /** The same delivery within so many days changes nothing; null: never compared. */
    readonly repeatWindowDays: number | null;
}

/**
 * Writes one segment: `write` appends headers and payloads and gives the headers, or `undefined` to leave it. Gives true once file and rows are
 * durable; false where `write` left it or another process was first with one of the payloads, and then nothing stays.
 */
export async function writeSegment(
    store: RawStore,
    feed: ReceivingFeed,
    receivedAt: number,
    write: (file: DurableFile) => Promise<readonly PayloadHeader[] | undefined>,
): Promise<boolean> {
    const folder = path.join(store.folder, hourFolder(receivedAt));
    await makeFolderDurably(folder);
    const file = await DurableFile.create(folder, { label: 'segment' });
    try {
        crashPoint('receive');
        const headers = await write(file);
        const isFirst = headers !== undefined && (await commitSegment(store, feed, headers, folder, file));
        crashPoint('receive');
        return isFirst;
    } finally {
        await file.discard();
    }
}

/** Segments lie by hour of receipt (UTC): yyyy/mm/dd/hh. */
function hourFolder(receivedAt: number): string {
    return new Date(receivedAt).toISOString().slice(0, 13).replaceAll(/[-T]/g, '/');
}

/** One transaction from the publishing of the file on: who waits for the lock exclusively sees either no file or its rows. */
async function commitSegment(
    store: RawStore,
    feed: ReceivingFeed,
    headers: readonly PayloadHeader[],
    folder: string,
    file: DurableFile,
): Promise<boolean> {
    const target = path.join(folder, `${headers[0]?.sequence}.segment`);
    const segment = { feedId: feed.feedId, path: path.relative(store.folder, target), headers };
    await file.sync();
    return store.db.transaction(async (tx) => {
        await lockWithin(tx, RECEIVE_LOCK, 'shared');
        if (file.path !== target) await publish(file, target);
        crashPoint('receive');
        const isFirst = await claimSegment(tx, segment, {
            repeatWindowDays: feed.repeatWindowDays,
            now: store.clock.now(),
        });
        // A failure from here on leaves the file, because nobody knows then whether the commit has happened.
        if (!isFirst) await removeFile(target);
        return isFirst;
    });
}

/** A segment of the same name means that the database is older than the raw store, which must not lose its file for that. */
async function publish(file: DurableFile, target: string): Promise<void> {
    try {
        await file.publish(target, { replace: false });
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        throw new GridtallyError(
            'raw.catalogue-behind',
            `There is a segment ${target} that the catalogue forgot.`,
        );
    }
}
