// test limit: 900 s
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runFleet } from './worker-fleet.ts';

const kills = Number(process.env.GRIDTALLY_CRASH_KILLS ?? '50');
const seed = process.env.GRIDTALLY_CRASH_SEED ?? new Date().toISOString();

test(`four workers of which ${kills} are killed, and receivers too, give the content of one quiet run`, async (t) => {
    const run = await runFleet({ seed, homes: 30, days: 4, workers: 4, receivers: 3, kills });
    t.diagnostic(JSON.stringify(run));
    assert.deepEqual(run.findings, [], `again with GRIDTALLY_CRASH_SEED=${seed}`);
    assert.ok(run.kills >= kills && run.receiverKills >= 3);
});
