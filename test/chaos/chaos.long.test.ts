// test limit: 900 s
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failuresText } from './seed-text.ts';
import { runSeeds } from './seeds-run.ts';

// The same seeds on every run of the build machine, so that a change is what breaks it; `npm run chaos -- --hours N` goes on to others.
const first = Number(process.env.GRIDTALLY_CHAOS_SEED ?? 11);
const SEEDS = 10;

test(`${SEEDS} seeds from ${first} on: nothing is lost, twice, or other than it was`, async (t) => {
    const seeds = Array.from({ length: SEEDS }, (_, i) => String(first + i));
    const run = await runSeeds({ seeds, parallel: 2 });
    t.diagnostic(JSON.stringify(run.counts));
    assert.deepEqual(run.failed, [], failuresText(run));
    // a driver in which nothing happens finds nothing
    const { crashes, pauses, serverKills, diskFailures, resends } = run.counts;
    for (const count of [crashes, pauses, serverKills, diskFailures, resends]) assert.ok(count > 0);
});
