// test limit: 7200 s
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LCL_SKIP } from '../chain/lcl-files.ts';
import { runCrashes } from './driver.ts';
import { STAGES } from './worker-plan.ts';

// Fifty are the promise, under a new seed each time. A worker that has a year to publish lives a minute, and one with days a
// few seconds: so the whole year takes fewer kills, and many kills fewer days.
const RUNS = [
    { killsPerStage: Number(process.env.GRIDTALLY_CRASH_KILLS ?? '50'), from: '2013-03-25', days: 14 },
    { killsPerStage: 2, from: '2013-01-01', days: 365 },
];
const seed = process.env.GRIDTALLY_CRASH_SEED ?? new Date().toISOString();

for (const { killsPerStage, from, days } of RUNS) {
    test(`${killsPerStage} kills inside every stage of sixty homes' ${days} days leave the content of one quiet run`, {
        skip: LCL_SKIP,
    }, async (t) => {
        const serverKills = Math.ceil(killsPerStage / 5);
        const run = await runCrashes({
            seed,
            homes: 60,
            from,
            days,
            parallel: 3,
            killsPerStage,
            serverKills,
        });
        t.diagnostic(JSON.stringify(run));
        assert.deepEqual(run.findings, [], `again with GRIDTALLY_CRASH_SEED=${seed}`);
        for (const stage of STAGES) assert.ok(run.kills[stage] >= killsPerStage, `kills inside ${stage}`);
    });
}
