import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failuresText } from './seed-text.ts';
import { runSeeds } from './seeds-run.ts';

test('two small towns come out as they truly were, whatever befell the commands', async (t) => {
    const run = await runSeeds({ seeds: ['1', '2'], parallel: 2 });
    t.diagnostic(JSON.stringify(run.counts));
    assert.deepEqual(run.failed, [], failuresText(run));
    assert.equal(run.seeds, 2);
});
