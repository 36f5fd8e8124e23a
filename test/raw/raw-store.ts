import { mkdtempSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import {
    type IncomingPayload,
    type RawStore,
    type Receipt,
    type ReceivingFeed,
    receive,
} from '../../src/raw/receive.ts';
import { openDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrations.ts';
import { makeScratchFolder, removeScratchFolder } from '../store/scratch-home.ts';

export const SCHEMA = 'gridtally';

/** One database for the tests of a file; each of them gets an empty raw store in it. */
export async function openRawStores() {
    const home = makeScratchFolder();
    const db = await openDatabase({ home, schema: SCHEMA });
    await migrate(db);
    const folders: string[] = [];
    const emptyStore = async (clock: Clock = systemClock): Promise<RawStore> => {
        await db.query('truncate feeds, segments, payload_identities restart identity cascade');
        await db.query(`select setval('payload_sequence', 1, false)`);
        const folder = mkdtempSync(path.join(os.tmpdir(), 'gridtally-raw-'));
        folders.push(folder);
        return { db, folder, clock };
    };
    const remove = async () => {
        await db.close();
        await removeScratchFolder(home);
        for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    };
    return { home, emptyStore, remove };
}

export async function feedNamed(
    store: RawStore,
    name = 'lcl',
    repeatWindowDays: number | null = 35,
): Promise<ReceivingFeed> {
    await store.db.query('insert into feeds (name) values ($1) on conflict do nothing', [name]);
    const [row] = await store.db.query<{ feedId: number }>(
        'select feed_id as "feedId" from feeds where name = $1',
        [name],
    );
    return { feedId: row?.feedId ?? 0, name, repeatWindowDays };
}

export async function receiveAll(
    store: RawStore,
    feed: ReceivingFeed,
    payloads: IncomingPayload[],
): Promise<Receipt[]> {
    const receipts: Receipt[] = [];
    for await (const receipt of receive(store, feed, payloads)) receipts.push(receipt);
    return receipts;
}

export function payload(sourceKey: string, text = `bytes of ${sourceKey}`): IncomingPayload {
    return { sourceKey, bytes: Buffer.from(text) };
}

/** Paths of segments in the store's folder. */
export async function segmentsOf(store: RawStore): Promise<string[]> {
    return (await readdir(store.folder, { recursive: true }))
        .filter((name) => name.endsWith('.segment'))
        .sort();
}

export async function bytesOf(chunks: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    return Buffer.concat(parts);
}
