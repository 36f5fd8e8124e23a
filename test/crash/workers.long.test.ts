// test limit: 150 s
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runFleet } from './worker-fleet.ts';

// Where kills fall follows from the seed; what the workers are doing then does not.
const seed = process.env.GRIDTALLY_CRASH_SEED ?? 'fleet';

test('four workers on a shared home, killed all the time while readings come, give the content of one quiet run', async (t) => {
    const run = await runFleet({ seed, homes: 2, days: 2, workers: 4, receivers: 2, kills: 4 });
    t.diagnostic(JSON.stringify(run));
    assert.deepEqual(run.findings, [], `again with GRIDTALLY_CRASH_SEED=${seed}`);
    assert.ok(run.kills >= 4 && run.receiverKills >= 1);
});
