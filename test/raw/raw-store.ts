import { mkdtempSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { systemClock } from '../../src/kernel/clock.ts';
import {
    type IncomingPayload,
    type RawStore,
    type Receipt,
    type ReceivingFeed,
    receive,
} from '../../src/raw/receive.ts';
import { openDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrations.ts';

/** A raw store in a folder and a schema of its own, on the server of a scratch home. */
export async function openRawStore(home: string, schema: string) {
    const db = await openDatabase({ home, schema });
    await migrate(db);
    const folder = mkdtempSync(path.join(os.tmpdir(), 'gridtally-raw-'));
    const store: RawStore = { db, folder, clock: systemClock };
    const remove = async () => {
        await db.close();
        rmSync(folder, { recursive: true, force: true });
    };
    return { store, remove };
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
    return Array.fromAsync(receive(store, feed, payloads));
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
