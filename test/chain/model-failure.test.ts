import assert from 'node:assert/strict';
import test from 'node:test';
import { overrideModel } from '../../src/engine/compile.ts';
import { GridtallyError } from '../../src/kernel/errors.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { withModelThat } from '../engines/differing-models.ts';
import { openChainWorld, publishedContent, readingsCsv } from './chain-world.ts';

test('a model that this engine cannot run is told by model and engine, publishes nothing, and the next refresh completes', async () => {
    const world = await openChainWorld({ marketZone: 'Etc/UTC' });
    try {
        const at = Date.UTC(2013, 4, 1);
        await world.ingest('generic-csv', { 'a.csv': readingsCsv([{ meter: 'A', at, kwh: '1.5' }]) });
        const forget = withModelThat('failsOnDuckdb');
        try {
            await assert.rejects(refreshAll(world.workspace), (error) => {
                assert.ok(error instanceof GridtallyError, String(error));
                assert.equal(error.code, 'engine.failed');
                assert.match(
                    error.message,
                    /^model curation\/curated_days: the engine duckdb failed to compute curated_days: .*Error: .*999999999999/,
                );
                assert.doesNotMatch(error.message, /\n/);
                assert.match(error.remedy, /version of gridtally/);
                return true;
            });
        } finally {
            forget();
        }
        const published = `select * from partitions where table_name not in ('reading_versions', 'channels')`;
        assert.deepEqual(await world.workspace.lake.db.query(published), []);
        // what only the other engine refuses
        const forgetOther = withModelThat('failsOnSpark');
        try {
            assert.equal((await refreshAll(world.workspace)).rebuilt, 1);
        } finally {
            forgetOther();
        }
        const content = await publishedContent(world);
        assert.equal((await refreshAll(world.workspace)).rebuilt, 1, 'the model is the former one again');
        assert.deepEqual(await publishedContent(world), content);
        assert.ok(content.some((line) => line.includes(' 1.500000 ')));
    } finally {
        await world.end();
    }
});

test('a view is told by its model too', async () => {
    const world = await openChainWorld({ marketZone: 'Etc/UTC' });
    const forget = overrideModel('curation/curated_intervals', (text) =>
        text.replace('period_from,', 'no_such_column as period_from,'),
    );
    try {
        const at = Date.UTC(2013, 4, 1);
        await world.ingest('generic-csv', { 'a.csv': readingsCsv([{ meter: 'A', at, kwh: '1.5' }]) });
        await assert.rejects(refreshAll(world.workspace), (error) => {
            assert.ok(error instanceof GridtallyError, String(error));
            assert.match(
                error.message,
                /^model curation\/curated_intervals: the engine duckdb failed to define curated_intervals: Binder Error: .*no_such_column/,
            );
            return true;
        });
    } finally {
        forget();
        await world.end();
    }
});
