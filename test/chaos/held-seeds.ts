import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failuresText } from './seed-text.ts';
import { runSeeds } from './seeds-run.ts';

// fewer would no longer tell much
const SEEDS_MIN = 5;

/**
 * A test that runs the same seeds each time, so that a change is what breaks it; `npm run chaos -- --hours N` goes on to others. Past the instant
 * GRIDTALLY_LONG_UNTIL, in seconds since 1970, no further seed begins: a slow build machine tells how many it had time for.
 */
export function holdSeeds(first: number, count: number): void {
    test(`seeds ${first} to ${first + count - 1}: nothing is lost, twice, or other than it was`, async (t) => {
        const run = await runSeeds({ seeds: inTime(first, count), parallel: 2 });
        t.diagnostic(`${run.seeds} of ${count} seeds, ${JSON.stringify(run.counts)}`);
        assert.deepEqual(run.failed, [], failuresText(run));
        assert.ok(run.seeds >= Math.min(count, SEEDS_MIN), `${run.seeds} seeds`);
        // a driver in which nothing happens finds nothing
        const { crashes, pauses, serverKills, diskFailures, resends, edits, restores } = run.counts;
        const met = [crashes, pauses, serverKills, diskFailures, resends, edits, restores];
        for (const times of run.seeds < count ? met.slice(0, 1) : met) assert.ok(times > 0);
    });
}

function* inTime(first: number, count: number): Generator<string> {
    const until = Number(process.env.GRIDTALLY_LONG_UNTIL ?? Number.POSITIVE_INFINITY);
    for (let n = 0; n < count; n += 1) {
        if (n >= SEEDS_MIN && Date.now() / 1000 >= until) return;
        yield String(first + n);
    }
}
