// test limit: 3600 s
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCrashes } from './driver.ts';
import { STAGES } from './worker-plan.ts';

// Fifty in a whole year are the promise; fewer of both show how far it holds in less time, under a new seed each time.
const killsPerStage = Number(process.env.GRIDTALLY_CRASH_KILLS ?? '50');
const days = Number(process.env.GRIDTALLY_CRASH_DAYS ?? '365');
const seed = process.env.GRIDTALLY_CRASH_SEED ?? new Date().toISOString();

test(`${killsPerStage} kills inside every stage of sixty homes' ${days} days leave the content of one quiet run`, async (t) => {
    const run = await runCrashes({
        seed,
        homes: 60,
        days,
        from: '2013-01-01',
        parallel: 3,
        killsPerStage,
        serverKills: Math.ceil(killsPerStage / 5),
    });
    t.diagnostic(JSON.stringify(run));
    assert.deepEqual(run.findings, [], `again with GRIDTALLY_CRASH_SEED=${seed}`);
    for (const stage of STAGES) assert.ok(run.kills[stage] >= killsPerStage, `kills inside ${stage}`);
});
