import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Workspace } from '../../src/cli/workspace.ts';
import type { EngineSession } from '../../src/engine/engine.ts';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import { liveFiles, pathsOfOtherDays } from '../../src/lake/catalogue.ts';
import type { RefreshResult } from '../../src/lake/refresh.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import {
    type ChainWorld,
    handClock,
    openChainWorld,
    publishedContent,
    type ReadingRow,
    readingsCsv,
} from './chain-world.ts';

const FROM = Date.parse('2024-05-01T00:00:00Z');
const HOUR = 3_600_000;
const DAYS = 16;
const METERS = ['M1', 'M2', 'M3', 'M4', 'M5', 'M6'];

async function openTown(): Promise<ChainWorld> {
    const clock = handClock('2024-06-01T00:00:00Z');
    const world = await openChainWorld({ marketZone: 'UTC', bucketSize: 16, clock, estimates: true });
    const rows = METERS.map((meter) => `P${meter},${meter},60,2024-05-01`).join('\n');
    await world.load(
        'metering-points',
        'points.csv',
        `metering_point_id,meter_id,interval_minutes,valid_from\n${rows}\n`,
    );
    return world;
}

function reading(meter: string, day: number, hour: number, version = 1): ReadingRow {
    const kwh = `${version}.${100 + METERS.indexOf(meter) * 7 + day + hour}`;
    return { meter, at: FROM + (day * 24 + hour) * HOUR, minutes: 60, kwh, version };
}

/** Everything but a part of M1's tenth day and of M2's ninth, which are estimated from the same weekdays of the weeks before. */
const ALL = METERS.flatMap((meter) =>
    Array.from({ length: DAYS * 24 }, (_, i) => reading(meter, Math.floor(i / 24), i % 24)).filter(
        ({ at }) =>
            !(meter === 'M1' && at >= FROM + 219 * HOUR && at < FROM + 228 * HOUR) &&
            !(meter === 'M2' && at >= FROM + 195 * HOUR && at < FROM + 204 * HOUR),
    ),
);

/** On the day that M1's estimates look at, on the day that they are of, and elsewhere. */
const LATE = [reading('M1', 2, 4, 2), reading('M3', 9, 5, 2), reading('M4', 5, 6, 2), reading('M5', 5, 7, 2)];

/** The same chain, in which each merge tells how many channel-days it makes anew. */
function counting(workspace: Workspace, counts: number[]): Workspace {
    const { bulkEngine } = workspace.lake;
    const counted = (session: EngineSession): EngineSession =>
        new Proxy(session, {
            get: (target, name) => {
                const member: unknown = Reflect.get(target, name, target);
                if (typeof member !== 'function') return member;
                if (name !== 'materialise') return member.bind(target);
                return async (table: string, query: string) => {
                    await target.materialise(table, query);
                    if (table !== 'remade_days') return;
                    const [row] = await target.rows('select count(*) as n from remade_days');
                    counts.push(Number(row?.n));
                };
            },
        });
    const openSession = async (...wishes: Parameters<typeof bulkEngine.openSession>) =>
        counted(await bulkEngine.openSession(...wishes));
    return { ...workspace, lake: { ...workspace.lake, bulkEngine: { ...bulkEngine, openSession } } };
}

async function refreshed(world: ChainWorld, counts: number[]): Promise<RefreshResult> {
    return refreshAll(counting(world.workspace, counts));
}

test('a merge makes the channel-days anew that corrections name or that are estimated from them, and no others of its days', async () => {
    const merged = await openTown();
    const clean = await openTown();
    try {
        const counts: number[] = [];
        await merged.ingest('generic-csv', { 'all.csv': readingsCsv(ALL) });
        const first = await refreshed(merged, counts);
        assert.deepEqual([first.rebuilt, first.merged, counts], [DAYS, 0, []]);
        await merged.ingest('generic-csv', { 'late.csv': readingsCsv(LATE) });
        const second = await refreshed(merged, counts);
        assert.deepEqual([second.rebuilt, second.merged], [0, 3]);
        // the four that are named, and M1's tenth day, whose estimates look at its third
        assert.deepEqual(counts, [5]);
        await clean.ingest('generic-csv', { 'all.csv': readingsCsv(ALL), 'late.csv': readingsCsv(LATE) });
        await refreshAll(clean.workspace);
        const expected = await publishedContent(clean);
        assert.deepEqual(await publishedContent(merged), expected);
        await requireOneDayEach(merged);
        const [estimates] = await merged.query(
            "select count(*) as n from reads_interval where feed_id is null and meter_id = 'M1'",
        );
        assert.equal(Number(estimates?.n), 9);
        assert.deepEqual(await refreshed(merged, counts), {
            ...second,
            merged: 0,
            changedChannelDays: 0,
            marked: 0,
        });
    } finally {
        await merged.end();
        await clean.end();
    }
});

/** What bills rest on, which do not ask readings of such files for their day; a file of received rows holds all days. */
async function requireOneDayEach({ workspace: { lake, db } }: ChainWorld): Promise<void> {
    const inner = { from: calendarDate('2024-05-03'), to: calendarDate('2024-05-11') };
    const intervals = await liveFiles(lake, 'reads_interval', inner);
    assert.equal(new Set(intervals.map(({ marketDay }) => marketDay)).size, 8);
    assert.deepEqual(await pathsOfOtherDays(intervals, inner, db), new Set());
    const received = await liveFiles(lake, 'reading_versions', inner);
    // the corrections are of days within
    const [all] = received.map(({ path }) => path);
    assert.deepEqual(await pathsOfOtherDays(received, inner, db), new Set([all]));
    const month = { from: calendarDate('2024-05-01'), to: calendarDate('2024-06-01') };
    assert.deepEqual(await pathsOfOtherDays(received, month, db), new Set());
}
