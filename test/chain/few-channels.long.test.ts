import assert from 'node:assert/strict';
import { test } from 'node:test';
import { liveFiles } from '../../src/lake/catalogue.ts';
import type { PublishedTable } from '../../src/lake/curation-job.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { verifyHome } from '../../src/pipeline/verify-home.ts';
import { sharedRowGroups } from '../engine-seam/shared-row-groups.ts';
import { type ChainWorld, handClock, openChainWorld, type ReadingRow, readingsCsv } from './chain-world.ts';
import { rebuild } from './rebuild-world.ts';

const FROM = Date.parse('2024-05-01T00:00:00Z');
const MINUTES = 5;
const SLOTS = 288;
const METERS = 360;
const DAYS = 2;

const name = (meter: number) => `M${String(meter).padStart(3, '0')}`;

function reading(meter: number, slot: number, version = 1): ReadingRow {
    const kwh = `${version}.${100 + ((meter * 31 + slot * 7) % 800)}`;
    return { meter: name(meter), at: FROM + slot * MINUTES * 60_000, minutes: MINUTES, kwh, version };
}

/** Meter 50 lacks an hour of the second day, and the last two meters, which are registered, have sent nothing. */
const isLate = (meter: number, slot: number) =>
    meter >= METERS - 2 || (meter === 50 && slot >= SLOTS + 60 && slot < SLOTS + 72);

const slots = (meter: number, version: number, from = 0, to = DAYS * SLOTS) =>
    Array.from({ length: to - from }, (_, i) => reading(meter, from + i, version));

/** What comes late, one file after the other, and the days that it concerns. */
const LATE: readonly { readonly rows: readonly ReadingRow[]; readonly days: number }[] = [
    { rows: [reading(7, 3, 2)], days: 1 },
    {
        rows: [
            ...slots(120, 2, 0, SLOTS),
            { ...reading(121, 5, 2), quality: 'W' },
            reading(300, SLOTS + 9, 2),
        ],
        days: 2,
    },
    // the first day of meter 121 is made anew, because the second is named and the first has an estimate
    { rows: [reading(121, SLOTS + 7, 2), reading(300, 1, 2)], days: 2 },
    // what was estimated comes
    { rows: slots(50, 1, SLOTS + 60, SLOTS + 72), days: 1 },
    // a channel that the files have nothing of
    { rows: slots(METERS - 1, 1), days: 2 },
    // one whose readings are taken back, all of them
    { rows: slots(200, 3, SLOTS).map((row): ReadingRow => ({ ...row, quality: 'W' })), days: 1 },
    { rows: [reading(8, 4, 3), reading(8, SLOTS + 4, 3), reading(210, SLOTS, 3)], days: 2 },
];

/** Paths by table, of the days in turn. */
async function filesOf(world: ChainWorld, table: PublishedTable): Promise<string[]> {
    return (await liveFiles(world.workspace.lake, table)).map(({ path }) => path);
}

test('late readings of few channels leave the row groups of others as they are, and what is published is what it would be from scratch', async () => {
    const world = await openChainWorld({
        marketZone: 'UTC',
        bucketSize: 1024,
        clock: handClock('2024-06-01T00:00:00Z'),
        estimates: true,
    });
    try {
        const points = Array.from({ length: METERS }, (_, m) => `P${m},${name(m)},${MINUTES},2024-05-01`);
        await world.load(
            'metering-points',
            'points.csv',
            `metering_point_id,meter_id,interval_minutes,valid_from\n${points.join('\n')}\n`,
        );
        const all = Array.from({ length: METERS * DAYS * SLOTS }, (_, i) => [
            Math.floor(i / (DAYS * SLOTS)),
            i % (DAYS * SLOTS),
        ]);
        const first = all.flatMap(([m = 0, slot = 0]) => (isLate(m, slot) ? [] : [reading(m, slot)]));
        await world.ingest('generic-csv', { 'first.csv': readingsCsv(first) });
        await refreshAll(world.workspace);
        for (const [n, { rows, days }] of LATE.entries()) {
            const before = await filesOf(world, 'reads_interval');
            await world.ingest('generic-csv', { [`late-${n}.csv`]: readingsCsv(rows) });
            const { merged, rebuilt } = await refreshAll(world.workspace);
            assert.deepEqual([rebuilt, merged >= days], [0, true], `late-${n}.csv`);
            const after = await filesOf(world, 'reads_interval');
            const replaced = before.filter((file) => !after.includes(file));
            const fresh = after.filter((file) => !before.includes(file));
            const shared = replaced.map((file) =>
                Math.max(...fresh.map((other) => sharedRowGroups(file, other))),
            );
            // of five in a day; a file of estimates has one
            const ofDays = shared.sort((a, b) => b - a).slice(0, days);
            assert.ok(Math.min(...ofDays) >= 2, `row groups taken over after late-${n}.csv: ${shared}`);
        }
        const { faults } = await verifyHome(world.workspace);
        assert.deepEqual(faults, []);
        const outcome = await rebuild(world);
        assert.equal(outcome.contentRebuilt, outcome.contentBefore);
        assert.deepEqual([outcome.samePartitions, outcome.changedChannelDays], [outcome.partitions, 0]);
    } finally {
        await world.end();
    }
});
