import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Workspace } from '../../src/cli/workspace.ts';
import { knownFeed } from '../../src/ingest/delivering-feeds.ts';
import { parsePending } from '../../src/ingest/parse-pending.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { receive } from '../../src/raw/receive.ts';
import { randomNumbers } from '../random-numbers.ts';
import {
    type ChainWorld,
    handClock,
    openChainWorld,
    publishedContent,
    type ReadingRow,
    readingsCsv,
} from './chain-world.ts';

const ZONE = 'Europe/London';
const FROM = Date.parse('2024-03-30T00:00:00Z');
const METERS = Array.from({ length: 40 }, (_, i) => `M${String(i).padStart(2, '0')}`);
const HALF_HOURS = 94; // a day of 48, and one of 46
const FEED = 'generic-csv';

/** Everything once: a file that is read in place. */
const LARGE: ReadingRow[] = METERS.flatMap((meter, m) =>
    Array.from({ length: HALF_HOURS }, (_, i) => ({
        meter,
        at: FROM + i * 1_800_000,
        kwh: `0.${100 + m * 7 + i}`,
        version: 1,
    })),
);

/** A few files of a few rows: corrections, the same again, withdrawals, older versions, intervals that nothing else names. */
function smallFiles(seed: number): ReadingRow[][] {
    const number = randomNumbers(seed);
    const pick = (n: number) => Math.floor(number() * n);
    return Array.from({ length: 4 }, () =>
        Array.from({ length: 1 + pick(60) }, (): ReadingRow => {
            const known = LARGE[pick(LARGE.length)] ?? { meter: 'M00', at: FROM };
            const kind = pick(5);
            if (kind === 0) return known;
            if (kind === 1) return { meter: known.meter, at: known.at, quality: 'W', version: 2 + pick(3) };
            if (kind === 2) return { ...known, kwh: `7.${pick(9)}`, version: 0 };
            if (kind === 3) return { ...known, at: FROM + (HALF_HOURS + pick(2)) * 1_800_000 };
            return { ...known, kwh: `3.${pick(9)}`, version: 2 + pick(3) };
        }),
    );
}

async function openTown(): Promise<ChainWorld> {
    const world = await openChainWorld({
        marketZone: ZONE,
        bucketSize: 16,
        clock: handClock('2024-04-02T06:00:00Z'),
    });
    const rows = METERS.map((meter) => `P${meter},${meter},30,2024-03-30`).join('\n');
    await world.load(
        'metering-points',
        'points.csv',
        `metering_point_id,meter_id,interval_minutes,valid_from\n${rows}\n`,
    );
    return world;
}

/** @param plainBytes from which size on a file is read in place */
async function deliver(world: ChainWorld, name: string, rows: readonly ReadingRow[], plainBytes: number) {
    const { db, raw, lake, home, clock } = world.workspace;
    const feed = await knownFeed(db, home.folder, FEED, clock);
    const source = { feedId: feed.feedId, name: FEED, repeatWindowDays: 35 };
    for await (const _ of receive(raw, source, [{ sourceKey: name, bytes: Buffer.from(readingsCsv(rows)) }]));
    const { scratchFolder } = home;
    const read = { lake, rawFolder: raw.folder, scratchFolder, feeds: [feed], plainBytes };
    const { versions } = await parsePending(read);
    assert.equal(versions, rows.length);
}

/** The same with an engine that holds no larger copies. */
function holding(workspace: Workspace, maxRowsHeld?: number): Workspace {
    if (maxRowsHeld === undefined) return workspace;
    const { bulkEngine } = workspace.lake;
    const jobLimits = { ...bulkEngine.jobLimits, maxRowsHeld };
    return { ...workspace, lake: { ...workspace.lake, bulkEngine: { ...bulkEngine, jobLimits } } };
}

const IN_PLACE = 100_000;
const NEVER = Number.MAX_SAFE_INTEGER;

async function contentOf(
    files: readonly ReadingRow[][],
    options: {
        readonly plainBytes: number;
        readonly refreshesEach?: boolean;
        readonly saysOnce?: boolean;
        readonly maxRowsHeld?: number;
    },
): Promise<string[]> {
    const world = await openTown();
    try {
        const { db } = world.workspace.lake;
        for (const [n, rows] of files.entries()) {
            await deliver(world, `${n}.csv`, rows, options.plainBytes);
            if (options.refreshesEach) await refreshAll(world.workspace);
        }
        const [marked] = await db.query<{ n: number }>(
            'select count(*)::integer as n from lake_files where has_each_interval_once',
        );
        assert.equal(marked?.n, options.plainBytes === NEVER ? 0 : 1, 'the large file alone is known');
        const workspace = holding(world.workspace, options.maxRowsHeld);
        if (options.saysOnce) await db.query('update lake_files set has_each_interval_once = true');
        await refreshAll(workspace);
        return await publishedContent(world);
    } finally {
        await world.end();
    }
}

describe('partitions of which one file names each interval once', () => {
    it('hold what they hold where that is not known', async () => {
        const files = [LARGE, ...smallFiles(1)];
        const expected = await contentOf(files, { plainBytes: NEVER });
        assert.ok(expected.length > LARGE.length);
        assert.deepEqual(await contentOf(files, { plainBytes: IN_PLACE }), expected);
        // a job whose versions are too many to be held reads their files for each step
        assert.deepEqual(await contentOf(files, { plainBytes: IN_PLACE, maxRowsHeld: 0 }), expected);
        const refreshesEach = true;
        assert.deepEqual(await contentOf(files, { plainBytes: IN_PLACE, refreshesEach }), expected);
    });

    it('would show an interval twice where that was said without being so', async () => {
        const [first] = LARGE;
        assert.ok(first);
        const files = [[...LARGE, { ...first, kwh: '9.9', version: 2 }]];
        const expected = await contentOf(files, { plainBytes: NEVER });
        assert.notDeepEqual(await contentOf(files, { plainBytes: NEVER, saysOnce: true }), expected);
    });
});
