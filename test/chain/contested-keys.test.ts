import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { compileModel } from '../../src/engine/compile.ts';
import { duckdbEngine } from '../../src/engine/duckdb/duckdb-engine.ts';
import type { Engine, EngineSession } from '../../src/engine/engine.ts';

let engine: Engine;
let session: EngineSession;
before(async () => {
    engine = duckdbEngine({ memoryLimit: '512MB', threads: 2, spillFolder: '' });
    session = await engine.openSession();
});
after(async () => {
    await engine.close();
});

const FIVE_MINUTES_US = 300_000_000;
/** Slots of five minutes around 2000, around 2024 and far ahead, near and across the ends of runs of 63. */
const slotNos = fc.tuple(fc.constantFrom(3_155_671, 5_680_000, 63 * 400_000), fc.nat({ max: 130 }));
const rows = fc.array(
    fc.record({
        channelNo: fc.constantFrom(0, 1, 2, 16_383, 16_384, 2_147_483_647),
        slotNo: slotNos.map(([from, step]) => from + step),
        times: fc.constantFrom(1, 1, 1, 1, 2, 2, 3, 4, 5),
    }),
    { maxLength: 60 },
);

async function contestedKeys(keys: readonly (readonly [number, number])[]): Promise<string[]> {
    await session.registerRows(
        'job_versions',
        [
            { name: 'channel_no', type: 'integer' },
            { name: 'period_from', type: 'timestamp' },
        ],
        keys.map(([channelNo, slotNo]) => [
            channelNo,
            new Date((slotNo * FIVE_MINUTES_US) / 1000).toISOString(),
        ]),
    );
    const model = compileModel('curation/contested_keys', session.dialect).sql;
    const found = await session.rows(
        `select channel_no, epoch_us(period_from) // ${FIVE_MINUTES_US} as slot_no from (${model})`,
    );
    return found.map((row) => `${row.channel_no} ${row.slot_no}`).sort();
}

test('an interval that was received more than once is contested, and none that stands alone among pairs', async () => {
    await fc.assert(
        fc.asyncProperty(rows, async (given) => {
            const keys = given.flatMap(({ channelNo, slotNo, times }) =>
                Array.from({ length: times }, () => [channelNo, slotNo] as const),
            );
            const counts = new Map<string, number>();
            for (const [channelNo, slotNo] of keys) {
                const key = `${channelNo} ${slotNo}`;
                counts.set(key, (counts.get(key) ?? 0) + 1);
            }
            const several = [...counts].filter(([, n]) => n > 1).map(([key]) => key);
            const found = await contestedKeys(keys);
            assert.equal(new Set(found).size, found.length, 'no interval comes twice');
            for (const key of several) assert.ok(found.includes(key), `${key} is contested`);
            for (const key of found) assert.ok(counts.has(key), `${key} was received`);
            // only where one came three times or more may others of its run be looked at too
            if ([...counts.values()].every((n) => n <= 2)) assert.deepEqual(found, several.sort());
        }),
        { numRuns: 150 },
    );
});
