// test limit: 900 s
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failuresText } from './seed-text.ts';
import { runSeeds } from './seeds-run.ts';

// Other seeds on every run of the build machine; the first one is printed, and a failing one with how to run it again.
const first = Number(process.env.GRIDTALLY_CHAOS_SEED ?? Math.floor(Date.now() / 60_000) * 100);
const SEEDS = 60;

test(`${SEEDS} seeds from ${first} on: nothing is lost, twice, or other than it was`, async (t) => {
    const seeds = Array.from({ length: SEEDS }, (_, i) => String(first + i));
    const run = await runSeeds({ seeds, parallel: 2 });
    t.diagnostic(JSON.stringify(run.counts));
    assert.deepEqual(run.failed, [], failuresText(run));
    // a driver in which nothing happens finds nothing
    const { crashes, pauses, serverKills, diskFailures, resends } = run.counts;
    for (const count of [crashes, pauses, serverKills, diskFailures, resends]) assert.ok(count > 0);
});
