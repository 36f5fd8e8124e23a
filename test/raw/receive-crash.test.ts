import assert from 'node:assert/strict';
import path from 'node:path';
import { after, test } from 'node:test';
import type { RawStore } from '../../src/raw/receive.ts';
import { repeatedSequences } from '../../src/raw/segment-catalogue.ts';
import { listPayloads, payloadBytes } from '../../src/raw/segment-reader.ts';
import { verifyRaw } from '../../src/raw/verify-raw.ts';
import { bytesOf, feedNamed, openRawStores, payload, receiveAll, SCHEMA, segmentsOf } from './raw-store.ts';
import { type Acknowledged, startReceiver } from './receive-process.ts';

const stores = await openRawStores();
after(stores.remove);

/** Every payload that a parse would take, by source key. */
async function parsedKeys(store: RawStore): Promise<string[]> {
    const rows = await store.db.query<{ segmentNo: number; path: string }>(
        'select segment_no as "segmentNo", path from segments',
    );
    const repeated = await repeatedSequences(
        store.db,
        rows.map((row) => row.segmentNo),
        35,
    );
    const keys: string[] = [];
    for (const row of rows) {
        const { payloads } = await listPayloads(path.join(store.folder, row.path));
        for (const stored of payloads) {
            assert.equal(
                (await bytesOf(payloadBytes(stored))).toString(),
                `bytes of ${stored.header.sourceKey}`,
            );
            if (!repeated.has(stored.header.sequence)) keys.push(stored.header.sourceKey);
        }
    }
    return keys.sort();
}

function assertReadable(
    store: RawStore,
    acknowledged: readonly Acknowledged[],
    keys: readonly string[],
): void {
    for (const { sourceKey } of acknowledged)
        assert.ok(keys.includes(sourceKey), `${sourceKey} in ${store.folder}`);
    assert.equal(new Set(keys).size, keys.length, 'no payload is parsed twice');
}

// Passes of the crash point: 1 before the write, 2 between publish and commit, 3 after the commit; then the next payload.
const CRASHES = [
    [1, 'torn'],
    [2, ''],
    [2, '1'],
    [2, 'torn'],
    [3, 'torn'],
    [5, 'torn'],
    [6, '1'],
] as const;

for (const [pass, forget] of CRASHES) {
    test(`a ${forget === '' ? 'kill' : `power cut (${forget})`} at pass ${pass} of receive loses nothing acknowledged and shows nothing half-written`, async () => {
        const store = await stores.emptyStore();
        const env = { GRIDTALLY_CRASH: `receive:${pass}`, GRIDTALLY_FORGET_UNSYNCED: forget };
        const { go } = await startReceiver([stores.home, SCHEMA, store.folder, 0, 3], env);
        const { acknowledged, end } = await go();
        assert.equal(end, 'SIGKILL');
        assert.equal(acknowledged.length, Math.floor((pass - 1) / 3));
        const keys = await parsedKeys(store);
        assertReadable(store, acknowledged, keys);
        assert.deepEqual(
            await verifyRaw(store, { rebuild: false }).then(({ damaged, missing }) => [damaged, missing]),
            [[], []],
        );

        // What was not acknowledged is sent again, and whatever the crash left on disk is entered: still each payload once.
        await receiveAll(
            store,
            await feedNamed(store),
            ['delivery-0', 'delivery-1', 'delivery-2'].map((key) => payload(key)),
        );
        const verified = await verifyRaw(store, { rebuild: true });
        assert.equal(verified.entered, verified.unknown.length);
        assert.equal(verified.unknown.length, pass % 3 === 2 ? 1 : 0);
        assert.deepEqual(await parsedKeys(store), ['delivery-0', 'delivery-1', 'delivery-2']);
    });
}

test('processes that receive the same payloads at once give each the same receipt, and one of them is first', async () => {
    const store = await stores.emptyStore();
    const count = 25;
    const receivers = await Promise.all(
        [0, 1, 2].map(() => startReceiver([stores.home, SCHEMA, store.folder, 0, count])),
    );
    const results = await Promise.all(receivers.map(({ go }) => go()));
    const receipts = results.flatMap(({ acknowledged }) => acknowledged);
    assert.equal(receipts.length, 3 * count);
    for (let i = 0; i < count; i += 1) {
        const same = receipts.filter(({ sourceKey }) => sourceKey === `delivery-${i}`);
        assert.equal(new Set(same.map(({ sequence }) => sequence)).size, 1, `one receipt for delivery-${i}`);
        assert.equal(
            same.filter(({ isRepeat }) => !isRepeat).length,
            1,
            `one first receipt for delivery-${i}`,
        );
    }
    assert.equal((await parsedKeys(store)).length, count);
    assert.equal((await segmentsOf(store)).length, count);
});
