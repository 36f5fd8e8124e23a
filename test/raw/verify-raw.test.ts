import assert from 'node:assert/strict';
import { readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import type { RawStore } from '../../src/raw/receive.ts';
import { listPayloads, payloadBytes } from '../../src/raw/segment-reader.ts';
import { verifyRaw } from '../../src/raw/verify-raw.ts';
import { bytesOf, feedNamed, openRawStores, payload, receiveAll, segmentsOf } from './raw-store.ts';

const stores = await openRawStores();
after(stores.remove);

/** A store with two segments: payloads a, b, c (sequences 1 to 3) and payload d (4). */
async function filledStore(): Promise<{ store: RawStore; file: string }> {
    const store = await stores.emptyStore();
    const feed = await feedNamed(store);
    await receiveAll(store, feed, [payload('a'), payload('b'), payload('c')]);
    await receiveAll(store, feed, [payload('d')]);
    const [first = ''] = await segmentsOf(store);
    return { store, file: path.join(store.folder, first) };
}

async function rowsOf(store: RawStore): Promise<unknown> {
    return store.db.query(
        `select s.path, s.first_sequence, s.last_sequence, s.payload_count, s.payload_bytes, s.received_at,
                encode(i.identity, 'hex') as identity, i.sequence, i.received_at as identity_received_at
         from segments s join payload_identities i using (segment_no) order by i.sequence`,
    );
}

test('a whole store has nothing to say', async () => {
    const { store } = await filledStore();
    const { damaged, missing, unknown, ...counts } = await verifyRaw(store, { rebuild: false });
    assert.deepEqual({ damaged, missing, unknown }, { damaged: [], missing: [], unknown: [] });
    assert.deepEqual(counts, { segments: 2, payloads: 4, bytes: 40, entered: 0 });
});

test('every single flipped byte is found, named, and never read as a payload', async () => {
    const { store, file } = await filledStore();
    const whole = readFileSync(file);
    const { payloads } = await listPayloads(file);
    const ends = payloads.map(({ from, header }) => from + header.length);
    for (let at = 0; at < whole.length; at += 1) {
        if (ends.includes(at)) continue; // the line feed after a payload says nothing
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] ?? 0) ^ 0x01;
        writeFileSync(file, bytes);
        const read = async () => {
            for (const stored of (await listPayloads(file)).payloads) await bytesOf(payloadBytes(stored));
        };
        await assert.rejects(read(), { code: 'raw.segment-damaged' }, `byte ${at}`);
    }
    writeFileSync(file, whole);
    const second = payloads[1];
    assert.ok(second);
    const bytes = Buffer.from(whole);
    bytes[second.from + 2] = 0x7a;
    writeFileSync(file, bytes);
    const { damaged } = await verifyRaw(store, { rebuild: false });
    assert.deepEqual(damaged, [
        {
            segmentPath: file,
            offset: second.from,
            sequence: 2,
            what: 'the payload does not have its SHA-256',
        },
    ]);
});

test('a file cut off anywhere is found, also between two payloads', async () => {
    const { store, file } = await filledStore();
    const whole = readFileSync(file);
    for (const [i, { from, header }] of (await listPayloads(file)).payloads.entries()) {
        for (const size of [from - 3, from, from + 4, from + header.length, from + header.length + 1]) {
            writeFileSync(file, whole);
            truncateSync(file, size);
            const { damaged } = await verifyRaw(store, { rebuild: false });
            assert.equal(damaged.length, size === whole.length ? 0 : 1, `cut at ${size}, payload ${i}`);
        }
    }
    truncateSync(file, 0);
    const { damaged } = await verifyRaw(store, { rebuild: true });
    assert.deepEqual(
        damaged.map(({ segmentPath, offset }) => [segmentPath, offset]),
        [[file, 0]],
    );
});

test('a file that is gone is named', async () => {
    const { store, file } = await filledStore();
    rmSync(file);
    const { missing, segments } = await verifyRaw(store, { rebuild: false });
    assert.deepEqual({ missing, segments }, { missing: [path.relative(store.folder, file)], segments: 1 });
});

test('a file that stands where another belongs is found', async () => {
    const { store, file } = await filledStore();
    const [, second = ''] = await segmentsOf(store);
    writeFileSync(file, readFileSync(path.join(store.folder, second)));
    const { damaged } = await verifyRaw(store, { rebuild: false });
    assert.equal(damaged.length, 1);
});

test('rows that the catalogue lost are made again from the headers, and later receipts go on after them', async () => {
    const { store } = await filledStore();
    const before = await rowsOf(store);
    await store.db.query('delete from segments');
    await store.db.query(`select setval('payload_sequence', 1, false)`);
    const told = await verifyRaw(store, { rebuild: false });
    assert.deepEqual([told.unknown.length, told.entered], [2, 0]);
    const rebuilt = await verifyRaw(store, { rebuild: true });
    assert.deepEqual([rebuilt.unknown.length, rebuilt.entered], [2, 2]);
    assert.deepEqual(await rowsOf(store), before);
    const again = await verifyRaw(store, { rebuild: true });
    assert.deepEqual([again.unknown.length, again.entered], [0, 0]);
    const receipts = await receiveAll(store, await feedNamed(store), [payload('b'), payload('e')]);
    assert.deepEqual(
        receipts.map(({ sequence, isRepeat }) => [sequence, isRepeat]),
        [
            [2, true],
            [5, false],
        ],
    );
});

test('a damaged segment is not entered, and remains of a write are removed when they are a day old', async () => {
    const { store, file } = await filledStore();
    await store.db.query('delete from segments');
    truncateSync(file, 100);
    const names = ['.segment.0123456789abcdef.part', '.segment.0123456789abcdee.part'].map((n) =>
        path.join(path.dirname(file), n),
    );
    for (const name of names) writeFileSync(name, 'half a segm');
    utimesSync(names[0] ?? '', 0, 0);
    const { unknown, entered, damaged } = await verifyRaw(store, { rebuild: true });
    assert.deepEqual([unknown.length, entered, damaged.length], [2, 1, 1]);
    assert.throws(() => readFileSync(names[0] ?? ''), { code: 'ENOENT' });
    assert.equal(readFileSync(names[1] ?? '', 'utf8'), 'half a segm');
});
