// test limit: 600 s
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failuresText } from './seed-text.ts';
import { runSeeds } from './seeds-run.ts';

const SEEDS = Array.from({ length: 10 }, (_, i) => String(i + 1));

test('ten small towns come out as they truly were, whatever befell the commands', async (t) => {
    const run = await runSeeds({ seeds: SEEDS, parallel: 2 });
    t.diagnostic(JSON.stringify(run.counts));
    assert.deepEqual(run.failed, [], failuresText(run));
    assert.equal(run.seeds, SEEDS.length);
});
