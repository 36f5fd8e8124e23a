// test limit: 900 s
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCrashes } from './driver.ts';
import { STAGES } from './worker-plan.ts';

const seed = process.env.GRIDTALLY_CRASH_SEED ?? new Date().toISOString();

test('fifty kills inside every stage of sixty homes leave the content of one quiet run', async (t) => {
    const run = await runCrashes({
        seed,
        homes: 60,
        days: 2,
        parallel: 3,
        killsPerStage: 50,
        serverKills: 10,
    });
    t.diagnostic(JSON.stringify(run));
    assert.deepEqual(run.findings, [], `again with GRIDTALLY_CRASH_SEED=${seed}`);
    for (const stage of STAGES) assert.ok(run.kills[stage] >= 50, `kills inside ${stage}`);
});
