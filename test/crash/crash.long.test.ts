// test limit: 240 s
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCrashes } from './driver.ts';
import { STAGES } from './worker-plan.ts';

const SMALL = { homes: 4, days: 2, parallel: 3 };
// What the workers do follows from the seed; how they overlap, and so what they meet, does not.
const seed = process.env.GRIDTALLY_CRASH_SEED ?? 'short';

test('kills inside every stage, with everything twice and in random order, leave the content of one quiet run', async (t) => {
    const run = await runCrashes({ ...SMALL, seed, killsPerStage: 2, serverKills: 1 });
    t.diagnostic(JSON.stringify(run));
    assert.deepEqual(run.findings, [], `again with GRIDTALLY_CRASH_SEED=${seed}`);
    for (const stage of STAGES) assert.ok(run.kills[stage] >= 2, `kills inside ${stage}`);
});

test('payloads that are marked before their rows are in are found missing', async () => {
    const run = await runCrashes({
        ...SMALL,
        homes: 2,
        seed,
        stages: ['parse'],
        killsPerStage: 2,
        serverKills: 0,
        isPlanted: true,
    });
    assert.match(run.findings.join('\n'), /rows delivered = rows counted by parse/);
});
