import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import {
    groupIntoJobs,
    type JobSizes,
    type PartitionState,
    type PlannedRebuild,
    planRefresh,
} from '../../src/lake/refresh-plan.ts';
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
        const jobs = groupIntoJobs(full, {
            maxRows: 10_000,
            maxPartitions: 62,
            maxRowsTakenOver: 0,
            jobsAtOnce: 2,
        });
        assert.deepEqual(
            jobs.map((job) => job.length),
            [2, 2, 2],
        );
    } finally {
        await world.end();
    }
});

const LIMITS = { maxRows: 2_000_000, maxPartitions: 62, maxRowsTakenOver: 10_000_000, jobsAtOnce: 2 };

const merges = (count: number, heldRows: number, versionRows = 1_500_000) =>
    Array.from(
        { length: count },
        (_, bucket) => ({ kind: 'merge', bucket, heldRows, versionRows }) as PlannedRebuild,
    );

test('merges of large partitions are as many jobs as run at once, as long as what they hold and take over is not too much', () => {
    const sizesOf = (rebuilds: readonly PlannedRebuild[], limits: Partial<JobSizes> = {}) =>
        groupIntoJobs(rebuilds, { ...LIMITS, ...limits }).map((job) => job.length);
    assert.deepEqual(sizesOf(merges(13, 70_000)), [7, 6]);
    assert.deepEqual(sizesOf(merges(1, 70_000)), [1]);
    assert.deepEqual(sizesOf(merges(3, 70_000)), [2, 1]);
    // other processes take their share
    assert.deepEqual(sizesOf(merges(30, 1000)), [7, 7, 7, 7, 2]);
    assert.deepEqual(sizesOf(merges(13, 70_000), { jobsAtOnce: 4 }), [4, 4, 4, 1]);
    // what is held bounds a job
    assert.deepEqual(sizesOf(merges(13, 700_000)), [2, 2, 2, 2, 2, 2, 1]);
    assert.deepEqual(sizesOf(merges(3, 2_500_000)), [1, 1, 1]);
    // small ones hold all that they have, and stand in jobs of their own
    const small = merges(30, 90_000, 90_000);
    assert.deepEqual(sizesOf(small), [22, 8]);
    assert.deepEqual(sizesOf([...small, ...merges(4, 5000)], { maxRows: 1e9, jobsAtOnce: 1 }), [30, 4]);
    // an engine that takes nothing over holds all, however many they are
    const spark = { maxRows: 200_000_000, maxPartitions: 1000, maxRowsTakenOver: 0, jobsAtOnce: 1 };
    assert.deepEqual(sizesOf(merges(1000, 1_500_000), spark), [...Array(7).fill(133), 69]);
});

/** A published partition of 1,000 channels with 96 intervals each, for which so many rows have come. */
const partition = (of: Partial<PartitionState>, unread = 0): PartitionState => {
    const current = {
        versions: 1,
        registration: '',
        isExpected: true,
        curation: '',
        rollup: '',
        estimation: 'e',
    };
    return {
        marketDay: calendarDate('2024-05-01'),
        bucket: 0,
        current: { ...current, versions: 2 },
        versionRows: 192_000,
        newVersionRows: 10,
        isExpected: true,
        expectedIntervals: 96_000,
        channelIntervals: 96,
        published: { version: 1, inputs: current, unread },
        ...of,
    };
};

test('a large merge is reckoned to hold the days of the rows that came and of the gaps, with each version, and never more than there is', () => {
    const heldOf = (of: Partial<PartitionState>, unread?: number, limits = LIMITS) => {
        const [rebuild] = planRefresh([partition(of, unread)], limits).rebuilds;
        assert.equal(rebuild?.kind, 'merge');
        return rebuild?.heldRows;
    };
    // each interval has come twice
    assert.equal(heldOf({}), 10 * 96 * 2);
    assert.equal(heldOf({}, 7), 17 * 96 * 2);
    assert.equal(heldOf({ newVersionRows: 30_000 }), 192_000);
    assert.equal(heldOf({}, 5000), 192_000);
    assert.equal(heldOf({ versionRows: 150_000, expectedIntervals: 160_000 }), 10 * 96);
    // with other reasons, where nothing is expected, or of a small one, all of it
    const { current } = partition({});
    assert.equal(heldOf({ current: { ...current, registers: 'r' } }, 1), 192_000);
    assert.equal(heldOf({ expectedIntervals: 0, channelIntervals: 0 }), 192_000);
    assert.equal(heldOf({ versionRows: 90_000 }), 96_000);
    assert.equal(heldOf({}, 0, { ...LIMITS, maxRowsTakenOver: 0 }), 192_000);
});
