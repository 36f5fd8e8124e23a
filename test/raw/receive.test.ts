import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { after, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { fixedClock } from '../../src/kernel/clock.ts';
import { decompressed } from '../../src/kernel/compression.ts';
import { repeatedSequences } from '../../src/raw/segment-catalogue.ts';
import { listPayloads, payloadBytes } from '../../src/raw/segment-reader.ts';
import { bytesOf, feedNamed, openRawStores, payload, receiveAll, segmentsOf } from './raw-store.ts';

const DAY_MS = 86_400_000;
const stores = await openRawStores();
after(stores.remove);

test('small payloads share a segment in the folder of their hour and come back byte for byte', async () => {
    const store = await stores.emptyStore(fixedClock(Date.UTC(2026, 2, 29, 1, 30)));
    const feed = await feedNamed(store);
    const bodies = ['', 'plain\n', 'no end', '{"gridtally":1}\n\n', 'ä\0\u001f'].map((text) =>
        Buffer.from(text),
    );
    const incoming = bodies.map((bytes, i) => ({ sourceKey: `file ${i} "ü".csv`, bytes }));
    const receipts = await receiveAll(store, feed, incoming);
    assert.deepEqual(await segmentsOf(store), ['2026/03/29/01/1.segment']);
    const { payloads } = await listPayloads(path.join(store.folder, '2026/03/29/01/1.segment'));
    assert.deepEqual(
        receipts.map(({ receiptId, sequence, isRepeat }) => [receiptId, sequence, isRepeat]),
        [
            ['r1', 1, false],
            ['r2', 2, false],
            ['r3', 3, false],
            ['r4', 4, false],
            ['r5', 5, false],
        ],
    );
    for (const [i, stored] of payloads.entries()) {
        assert.equal(stored.header.sourceKey, `file ${i} "ü".csv`);
        assert.equal(stored.header.receivedAt, Date.UTC(2026, 2, 29, 1, 30));
        assert.deepEqual(await bytesOf(payloadBytes(stored)), bodies[i]);
    }
});

/** How many files and folders were made durable meanwhile, by the calls that do it. */
async function syncsOf(work: () => Promise<unknown>): Promise<{ datasync: number; sync: number }> {
    const handle = await open(import.meta.filename);
    const calls = Object.getPrototypeOf(handle) as Pick<FileHandle, 'datasync' | 'sync'>;
    await handle.close();
    const { datasync, sync } = calls;
    const counts = { datasync: 0, sync: 0 };
    const counted = (name: 'datasync' | 'sync', call: () => Promise<void>) =>
        function (this: FileHandle) {
            counts[name] += 1;
            return call.call(this);
        };
    calls.datasync = counted('datasync', datasync);
    calls.sync = counted('sync', sync);
    try {
        await work();
    } finally {
        Object.assign(calls, { datasync, sync });
    }
    return counts;
}

test('the payloads of a group share one fsync, however many they are', async () => {
    const store = await stores.emptyStore(fixedClock(Date.UTC(2026, 2, 29, 1, 30)));
    const feed = await feedNamed(store);
    const named = (letter: string, count: number) =>
        Array.from({ length: count }, (_, i) => payload(`${letter}${i}`));
    // makes the folders
    await receiveAll(store, feed, named('a', 1));
    const few = await syncsOf(() => receiveAll(store, feed, named('b', 2)));
    assert.equal(few.datasync, 1);
    assert.deepEqual(await syncsOf(() => receiveAll(store, feed, named('c', 200))), few);
    assert.equal((await segmentsOf(store)).length, 3);
});

test('a large file is alone in its segment, keeps its place in the order, and is not held in memory when read', async () => {
    const store = await stores.emptyStore();
    const feed = await feedNamed(store);
    const file = path.join(store.folder, 'large.bin');
    const bytes = randomBytes(9 << 20);
    writeFileSync(file, bytes);
    const receipts = await receiveAll(store, feed, [
        payload('a'),
        { sourceKey: 'b', path: file },
        payload('c'),
    ]);
    assert.deepEqual(
        receipts.map(({ sourceKey, sequence }) => [sourceKey, sequence]),
        [
            ['a', 1],
            ['b', 2],
            ['c', 3],
        ],
    );
    const segments = await segmentsOf(store);
    assert.equal(segments.length, 3);
    const { payloads } = await listPayloads(path.join(store.folder, segments[1] ?? ''));
    assert.deepEqual(
        payloads.map(({ headerFrom, header }) => [headerFrom, header.length]),
        [[0, bytes.length]],
    );
    for (const stored of payloads) {
        assert.deepEqual(await bytesOf(payloadBytes(stored)), bytes);
        const { held: _held, ...streamed } = stored;
        assert.deepEqual(await bytesOf(payloadBytes(streamed)), bytes);
    }
    const again = await receiveAll(store, feed, [{ sourceKey: 'b', path: file }]);
    assert.deepEqual(
        again.map(({ sequence, isRepeat }) => [sequence, isRepeat]),
        [[2, true]],
    );
    assert.equal((await segmentsOf(store)).length, 3);
});

test('compressed payloads are kept as received and read as text', async () => {
    const store = await stores.emptyStore();
    const feed = await feedNamed(store);
    const text = Buffer.from('a,b\n1,2\n'.repeat(1000));
    const received = [gzipSync(text), zstdCompressSync(text)];
    await receiveAll(
        store,
        feed,
        received.map((bytes, i) => ({ sourceKey: `${i}`, bytes })),
    );
    const { payloads } = await listPayloads(path.join(store.folder, (await segmentsOf(store))[0] ?? ''));
    for (const [i, stored] of payloads.entries()) {
        assert.deepEqual(await bytesOf(payloadBytes(stored)), received[i]);
        assert.deepEqual(await bytesOf(decompressed(payloadBytes(stored))), text);
    }
});

test('a repeat within the window gives the first receipt and writes nothing; after it the payload is new', async () => {
    const now = { at: Date.UTC(2026, 0, 1) };
    const store = await stores.emptyStore({ now: () => now.at });
    const feed = await feedNamed(store);
    const first = await receiveAll(store, feed, [
        payload('a'),
        payload('a'),
        payload('a', 'other bytes'),
        payload('b', 'bytes of a'),
    ]);
    assert.deepEqual(
        first.map(({ sequence, isRepeat }) => [sequence, isRepeat]),
        [
            [1, false],
            [1, true],
            [2, false],
            [3, false],
        ],
    );
    now.at += 35 * DAY_MS;
    const again = await receiveAll(store, feed, [payload('a'), payload('new')]);
    assert.deepEqual(
        again.map(({ sequence, isRepeat }) => [sequence, isRepeat]),
        [
            [1, true],
            [4, false],
        ],
    );
    now.at += 1;
    const late = await receiveAll(store, feed, [payload('a')]);
    assert.deepEqual(
        late.map(({ sequence, isRepeat }) => [sequence, isRepeat]),
        [[5, false]],
    );
    const other = await receiveAll(store, await feedNamed(store, 'other'), [payload('a')]);
    assert.deepEqual(
        other.map(({ isRepeat }) => isRepeat),
        [false],
    );
});

test('a feed that compares no repeats keeps every delivery with a receipt of its own', async () => {
    const store = await stores.emptyStore();
    const feed = await feedNamed(store, 'lcl', null);
    const receipts = await receiveAll(store, feed, [payload('a'), payload('a'), payload('a')]);
    assert.deepEqual(
        receipts.map(({ sequence, isRepeat }) => [sequence, isRepeat]),
        [
            [1, false],
            [2, false],
            [3, false],
        ],
    );
    assert.deepEqual(await repeatedSequences(store.db, [1], null), new Set());
});

test('a source key that cannot be kept is refused before anything is written', async () => {
    const store = await stores.emptyStore();
    const feed = await feedNamed(store);
    for (const key of ['', 'a\nb', 'x'.repeat(2000), 'nul\0', '\ud800']) {
        await assert.rejects(receiveAll(store, feed, [payload(key, 'x')]), {
            code: 'raw.source-key-invalid',
        });
    }
    assert.deepEqual(await segmentsOf(store), []);
});

test('a segment that an older database has forgotten is not overwritten', async () => {
    const store = await stores.emptyStore();
    const feed = await feedNamed(store);
    await receiveAll(store, feed, [payload('a')]);
    const [segment = ''] = await segmentsOf(store);
    await store.db.query('delete from segments');
    await store.db.query(`select setval('payload_sequence', 1, false)`);
    await assert.rejects(receiveAll(store, feed, [payload('b')]), { code: 'raw.catalogue-behind' });
    const { payloads } = await listPayloads(path.join(store.folder, segment));
    assert.deepEqual(
        payloads.map(({ header }) => header.sourceKey),
        ['a'],
    );
});
