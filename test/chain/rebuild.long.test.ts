// test limit: 400 s
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { differences } from '../crash/home-content.ts';
import { openChainWorld, publishedContent } from './chain-world.ts';
import { LCL_SKIP, lclHomes, lclTexts } from './lcl-files.ts';
import { openRebuildTown, rebuild, wholeContent } from './rebuild-world.ts';

test('a town with every flaw, late loads, a changed contract and edits is reproduced, in what was known before a late load too, and nothing is stale afterwards', async () => {
    const { town, expected, known } = await openRebuildTown();
    try {
        const outcome = await rebuild(town);
        assert.deepEqual(differences(expected, await wholeContent(town), 'rebuilt'), []);
        assert.equal(outcome.contentBefore, outcome.contentRebuilt);
        assert.deepEqual([outcome.samePartitions, outcome.changedChannelDays], [outcome.partitions, 0]);
        assert.deepEqual(await publishedContent(town, known.at), known.content);
        const again = await refreshAll(town.workspace);
        assert.deepEqual([again.rebuilt, again.merged, again.removed], [0, 0, 0]);
    } finally {
        await town.end();
    }
});

test('homes of Low Carbon London are reproduced, over both changes of the clock', {
    skip: LCL_SKIP,
}, async () => {
    const world = await openChainWorld({ marketZone: 'Europe/London', bucketSize: 16 });
    try {
        await world.ingest('lcl', lclTexts(lclHomes().slice(0, 3), '2013-03-17', '2013-04-07'));
        await world.ingest('lcl', lclTexts(lclHomes().slice(3, 6), '2013-10-13', '2013-11-03'));
        await refreshAll(world.workspace);
        const expected = await wholeContent(world);
        const outcome = await rebuild(world);
        assert.equal(outcome.contentBefore, outcome.contentRebuilt);
        assert.deepEqual(differences(expected, await wholeContent(world), 'rebuilt'), []);
    } finally {
        await world.end();
    }
});
