import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupIntoJobs, type PlannedRebuild } from '../../src/lake/refresh-plan.ts';
import { planRefreshOf } from '../../src/pipeline/chain.ts';
import { openChainWorld, readingsCsv } from './chain-world.ts';

const DAY = 86_400_000;
const FROM = Date.parse('2013-06-01T00:00:00Z');

test('days full of gaps fill a job by the intervals that they expect, as days full of readings do', async () => {
    const world = await openChainWorld({ marketZone: 'UTC', bucketSize: 16 });
    try {
        const meters = Array.from(
            { length: 18 },
            (_, i) => `P${10 + i},M${10 + i},${i < 15 ? 5 : 60},2013-06-01`,
        );
        await world.load(
            'metering-points',
            'all.csv',
            `metering_point_id,meter_id,interval_minutes,valid_from\n${meters.join('\n')}\n`,
        );
        const rows = [0, 5].map((day) => ({ meter: 'M10', at: FROM + day * DAY, minutes: 5, kwh: '1' }));
        await world.ingest('generic-csv', { 'rows.csv': readingsCsv(rows) });
        const { rebuilds } = await planRefreshOf(world.workspace);
        // numbers begin at 1: 15 channels with 288 intervals each in the first bucket, 3 with 24 in the second
        assert.deepEqual(
            rebuilds.map((r) => [r.bucket, r.expectedIntervals]),
            Array.from({ length: 6 }, () => [
                [0, 4320],
                [1, 72],
            ]).flat(),
        );
        const full = rebuilds.filter((r) => r.bucket === 0);
        const jobs = groupIntoJobs(full, { maxRows: 10_000, maxPartitions: 62, jobsAtOnce: 2 });
        assert.deepEqual(
            jobs.map((job) => job.length),
            [2, 2, 2],
        );
    } finally {
        await world.end();
    }
});

test('merges of large partitions are as many jobs as run at once, as long as what they hold is not too much', () => {
    const merges = (count: number, heldRows: number, versionRows = 1_500_000) =>
        Array.from(
            { length: count },
            (_, bucket) => ({ kind: 'merge', bucket, heldRows, versionRows }) as PlannedRebuild,
        );
    const sizesOf = (rebuilds: readonly PlannedRebuild[]) =>
        groupIntoJobs(rebuilds, { maxRows: 2_000_000, maxPartitions: 62, jobsAtOnce: 2 }).map(
            (job) => job.length,
        );
    assert.deepEqual(sizesOf(merges(13, 70_000)), [7, 6]);
    assert.deepEqual(sizesOf(merges(1, 70_000)), [1]);
    assert.deepEqual(sizesOf(merges(3, 70_000)), [2, 1]);
    // what is held bounds a job
    assert.deepEqual(sizesOf(merges(13, 700_000)), [2, 2, 2, 2, 2, 2, 1]);
    assert.deepEqual(sizesOf(merges(3, 2_500_000)), [1, 1, 1]);
    assert.deepEqual(sizesOf(merges(200, 1000)), [62, 62, 62, 14]);
    // small ones hold all that they have, and stand in jobs of their own
    const small = merges(30, 90_000, 90_000);
    assert.deepEqual(sizesOf(small), [22, 8]);
    const mixed = groupIntoJobs([...small, ...merges(4, 5000)], {
        maxRows: 1e9,
        maxPartitions: 62,
        jobsAtOnce: 1,
    });
    assert.deepEqual(
        mixed.map((job) => job.length),
        [30, 4],
    );
});
