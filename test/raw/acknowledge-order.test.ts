import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { knownBy, watermarkAt } from '../../src/lake/watermark.ts';
import type { RawStore } from '../../src/raw/receive.ts';
import { claimSegment, settleReceipts, takeSequences } from '../../src/raw/segment-catalogue.ts';
import { feedNamed, openRawStores } from './raw-store.ts';

const stores = await openRawStores();
after(stores.remove);

const SEEDS = [1, 2, 3, 4, 5];
const RECEIPTS = 60;

/** The receipts that a query as of `at` counts, of all that may be in the lake. */
async function knownAt(store: RawStore, at: number): Promise<number[]> {
    const condition = knownBy(await watermarkAt(store.db, at));
    const rows = await store.db.query<{ sequence: number }>(
        `select sequence from payload_identities where ${condition} order by sequence`,
    );
    return rows.map((row) => row.sequence);
}

async function newestAcknowledgement(store: RawStore): Promise<number> {
    const rows = await store.db.query<{ at: number }>('select max(acknowledged_at) as at from segments');
    return rows[0]?.at ?? 0;
}

async function acknowledge(
    store: RawStore,
    feedId: number,
    sequences: readonly number[],
    now: number,
): Promise<void> {
    const headers = sequences.map((sequence) => ({
        sequence,
        feed: 'lcl',
        sourceKey: `${sequence}`,
        receivedAt: now,
        payloadCount: sequences.length,
        length: 1,
        sha256: '00'.repeat(32),
    }));
    const segment = { feedId, path: `${sequences[0]}.segment`, headers };
    await store.db.transaction((tx) => claimSegment(tx, segment, { repeatWindowDays: null, now }));
}

for (const seed of SEEDS) {
    test(`what was known at an instant stays so, whatever writers interleave and clocks do (seed ${seed})`, async () => {
        const random = numbers(seed);
        const store = await stores.emptyStore();
        const { feedId } = await feedNamed(store);
        let trueTime = Date.UTC(2024, 0, 1);
        // three writers with clocks of their own; one of them is put back by an hour
        const skews = [0, 400, -700];
        const underWay: number[][] = [];
        const acknowledged: number[] = [];
        const moments: { at: number; known: number[] }[] = [];
        for (let n = 0; n < RECEIPTS; n += 1) {
            if (n === RECEIPTS / 2) skews[1] = -3_600_000;
            trueTime += Math.floor(random() * 300);
            underWay.push(await takeSequences(store.db, 1 + Math.floor(random() * 3)));
            while (underWay.length > 0 && random() < 0.5) {
                const [sequences = []] = underWay.splice(Math.floor(random() * underWay.length), 1);
                const skew = skews[Math.floor(random() * skews.length)] ?? 0;
                await acknowledge(store, feedId, sequences, trueTime + skew);
                acknowledged.push(...sequences);
                const known = [...acknowledged].sort((a, b) => a - b);
                const at = await newestAcknowledgement(store);
                assert.deepEqual(await knownAt(store, at), known);
                moments.push({ at, known });
            }
        }
        assert.ok(moments.some(({ known }) => known.some((sequence, i) => sequence !== i + 1)));
        for (const [i, { at, known }] of moments.entries()) {
            assert.deepEqual(await knownAt(store, at), known);
            assert.deepEqual(await knownAt(store, at - 1), moments[i - 1]?.known ?? []);
        }
        assert.deepEqual(await knownAt(store, Date.UTC(2023, 0, 1)), []);
    });
}

test('sequences taken by several at once follow each other without a gap', async () => {
    const store = await stores.emptyStore();
    const taken = await Promise.all(Array.from({ length: 8 }, () => takeSequences(store.db, 500)));
    for (const sequences of taken) {
        assert.equal(sequences.length, 500);
        assert.equal((sequences.at(-1) ?? 0) - (sequences[0] ?? 0), 499);
    }
    assert.equal(new Set(taken.flat()).size, 4000);
});

test('who asks waits for the receipt that is being acknowledged', async () => {
    const store = await stores.emptyStore();
    const { feedId } = await feedNamed(store);
    const [sequence = 0] = await takeSequences(store.db, 1);
    const at = Date.UTC(2024, 0, 1);
    const claimed = Promise.withResolvers<void>();
    const header = {
        sequence,
        feed: 'lcl',
        sourceKey: 'a',
        receivedAt: at,
        payloadCount: 1,
        length: 1,
        sha256: '00'.repeat(32),
    };
    const receipt = store.db.transaction(async (tx) => {
        const segment = { feedId, path: 'a.segment', headers: [header] };
        await claimSegment(tx, segment, { repeatWindowDays: null, now: at });
        claimed.resolve();
        await tx.query('select pg_sleep(0.3)');
    });
    await claimed.promise;
    await settleReceipts(store.db);
    assert.deepEqual(await knownAt(store, at), [sequence]);
    await receipt;
});

/** Numbers from 0 to below 1 that a seed decides (mulberry32). */
function numbers(seed: number): () => number {
    let state = seed * 0x9e3779b9;
    return () => {
        state = (state + 0x6d2b79f5) | 0;
        let t = Math.imul(state ^ (state >>> 15), state | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
    };
}
