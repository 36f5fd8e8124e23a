// test limit: 900 s
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCrashes } from './driver.ts';
import { STAGES } from './worker-plan.ts';

// Fifty are the promise; the build machine takes fewer in each run, under a new seed each time.
const killsPerStage = Number(process.env.GRIDTALLY_CRASH_KILLS ?? '50');
const seed = process.env.GRIDTALLY_CRASH_SEED ?? new Date().toISOString();

test(`${killsPerStage} kills inside every stage of sixty homes leave the content of one quiet run`, async (t) => {
    const run = await runCrashes({
        seed,
        homes: 60,
        days: 2,
        parallel: 3,
        killsPerStage,
        serverKills: Math.ceil(killsPerStage / 5),
    });
    t.diagnostic(JSON.stringify(run));
    assert.deepEqual(run.findings, [], `again with GRIDTALLY_CRASH_SEED=${seed}`);
    for (const stage of STAGES) assert.ok(run.kills[stage] >= killsPerStage, `kills inside ${stage}`);
});
