import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { overrideModel } from '../../src/engine/compile.ts';
import { addDays, type CalendarDate, calendarDate } from '../../src/kernel/calendar-date.ts';
import type { RefreshPlan } from '../../src/lake/refresh-plan.ts';
import { planRefreshOf, refreshAll } from '../../src/pipeline/chain.ts';
import { registerFeedChannels } from '../../src/registry/feed-channels.ts';
import { loadMasterData } from '../../src/registry/load-master-data.ts';
import {
    type ChainWorld,
    openChainWorld,
    publishedContent,
    type ReadingRow,
    readingsCsv,
    variedContract,
} from './chain-world.ts';

const HOUR = 3_600_000;
const FIRST = calendarDate('2013-05-01');
const METERS = Array.from({ length: 24 }, (_, i) => `M${String(i).padStart(2, '0')}`);
let world: ChainWorld;

interface PartitionRow {
    readonly place: string;
    readonly version: number;
    readonly files: string;
}

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC', bucketSize: 16 });
    const rows = METERS.map((meter) => `P${meter},${meter},60,2013-05-01`);
    await world.load(
        'metering-points',
        'all.csv',
        `metering_point_id,meter_id,interval_minutes,valid_from\n${rows.join('\n')}\n`,
    );
});

after(() => world.end());

function dayRows(day: CalendarDate, meters: readonly string[], part: Partial<ReadingRow> = {}): ReadingRow[] {
    const from = Date.parse(day);
    return meters.flatMap((meter, m) =>
        Array.from({ length: 24 }, (_, n) => ({
            meter,
            at: from + n * HOUR,
            minutes: 60,
            kwh: `${n}.${m}25`,
            ...part,
        })),
    );
}

/** Published partitions with their versions and the files that readers see. */
async function partitions(): Promise<PartitionRow[]> {
    return world.workspace.lake.db.query<PartitionRow>(
        `select p.market_day || '/' || p.bucket as place, p.version,
                (select string_agg(f.file_id::text, ' ' order by f.file_id) from partition_files f where f.removed_in is null
                    and f.table_name like 'read%' and f.table_name <> 'reading_versions'
                    and f.market_day = p.market_day and f.bucket = p.bucket) as files
           from partitions p where p.table_name = 'reads_interval' order by 1`,
    );
}

const textOf = (plan: RefreshPlan) =>
    plan.rebuilds.map((r) => `${r.marketDay}/${r.bucket} ${r.kind} ${r.reasons.join(' and ')}`);

/** Refreshes and holds what happened against the plan: its partitions, its kinds, and no other partition. */
async function refreshAsPlanned(expected: readonly string[]): Promise<void> {
    const plan = await planRefreshOf(world.workspace);
    assert.deepEqual(textOf(plan), expected);
    assert.deepEqual(textOf(await planRefreshOf(world.workspace)), expected, 'a plan changes nothing');
    const old = new Map((await partitions()).map((p) => [p.place, p]));
    const result = await refreshAll(world.workspace);
    const kinds = (kind: string) => plan.rebuilds.filter((r) => r.kind === kind).length;
    assert.deepEqual(
        [result.rebuilt, result.merged, result.removed, result.lostRaces],
        [kinds('curate'), kinds('merge'), kinds('remove'), 0],
    );
    const planned = new Set(plan.rebuilds.map((r) => `${r.marketDay}/${r.bucket}`));
    for (const found of await partitions()) {
        const before = old.get(found.place);
        if (!planned.has(found.place)) assert.deepEqual(found, before, `${found.place} is left alone`);
        else assert.equal(found.version, (before?.version ?? 0) + 1, found.place);
    }
    assert.deepEqual((await planRefreshOf(world.workspace)).rebuilds, []);
}

/** What is published is what a computation of everything from all versions gives. */
async function assertSameAsFull(): Promise<void> {
    const content = await publishedContent(world);
    assert.ok(content.length > 0);
    assert.deepEqual(await publishedContent(world, Date.now() + 60_000), content);
}

test('new days are curated, and then nothing is stale', async () => {
    const rows = [0, 1, 2].flatMap((n) => dayRows(addDays(FIRST, n), METERS));
    await world.ingest('generic-csv', { 'first.csv': readingsCsv(rows) });
    // The readings of a month that is expected and of two buckets.
    const places = [0, 1, 2].flatMap((n) =>
        [0, 1].map((bucket) => `${addDays(FIRST, n)}/${bucket} curate new`),
    );
    await refreshAsPlanned(places);
    await refreshAsPlanned([]);
    await assertSameAsFull();
});

test('a correction of one meter is merged into its partition only', async () => {
    await world.ingest('generic-csv', {
        'correction.csv': readingsCsv(dayRows(addDays(FIRST, 1), ['M03'], { kwh: '7.125', version: 2 })),
    });
    await refreshAsPlanned(['2013-05-02/0 merge readings']);
    await assertSameAsFull();
});

test('merges upon merges, withdrawals and duplicates give what a full computation gives', async () => {
    const day = addDays(FIRST, 2);
    const steps: Record<string, ReadingRow[]> = {
        'withdrawn.csv': dayRows(day, ['M20'], { quality: 'W', version: 2 })
            .slice(3, 9)
            .map(({ kwh: _, ...row }) => row),
        'again.csv': dayRows(day, ['M21']),
        'back.csv': dayRows(day, ['M20'], { kwh: '0.001', version: 3 }).slice(5, 7),
        'estimated.csv': dayRows(day, ['M22'], { kwh: '3.5', quality: 'E', version: 9 }),
    };
    for (const [name, rows] of Object.entries(steps)) {
        await world.ingest('generic-csv', { [name]: readingsCsv(rows) });
        await refreshAsPlanned(['2013-05-03/1 merge readings']);
    }
    await assertSameAsFull();
});

test('a correction of many meters is computed anew', async () => {
    await world.ingest('generic-csv', {
        'many.csv': readingsCsv(dayRows(FIRST, METERS.slice(0, 10), { kwh: '2.25', version: 4 })),
    });
    await refreshAsPlanned(['2013-05-01/0 curate readings']);
    await assertSameAsFull();
});

test('a new newest day makes no older day stale', async () => {
    await world.ingest('generic-csv', {
        'next.csv': readingsCsv(dayRows(addDays(FIRST, 3), METERS.slice(0, 3))),
    });
    await refreshAsPlanned(['2013-05-04/0 curate new', '2013-05-04/1 curate new']);
    await assertSameAsFull();
});

test('the end of a meter makes the days after it stale in its bucket', async () => {
    await world.load(
        'metering-points',
        'ended.csv',
        'metering_point_id,meter_id,interval_minutes,valid_from,valid_to\nPM05,M05,60,2013-05-01,2013-05-03\n',
    );
    await refreshAsPlanned(['2013-05-03/0 curate registration', '2013-05-04/0 curate registration']);
    await assertSameAsFull();
});

test('the same load and the same file again make nothing stale', async () => {
    await world.load(
        'metering-points',
        'again.csv',
        'metering_point_id,meter_id,interval_minutes,valid_from,valid_to\nPM05,M05,60,2013-05-01,2013-05-03\n',
    );
    const repeated = { 'next.csv': readingsCsv(dayRows(addDays(FIRST, 3), METERS.slice(0, 3))) };
    const { received } = await world.ingest('generic-csv', repeated);
    assert.equal(received.repeats, 1);
    await refreshAsPlanned([]);
});

test('a model whose text changed makes everything stale and, where it means the same, changes nothing', async () => {
    const content = await publishedContent(world);
    for (const [model, reason] of [
        ['curation/version_outcomes', 'curation rules'],
        ['curation/curated_days', 'rollup rules'],
    ] as const) {
        const undo = overrideModel(model, (text) => `${text}\n-- the same in other words\n`);
        try {
            const places = (await partitions()).map(({ place }) => `${place} curate ${reason}`);
            await refreshAsPlanned(places);
            assert.deepEqual(await publishedContent(world), content);
        } finally {
            undo();
            await refreshAll(world.workspace);
        }
    }
});

const HEADER = 'metering_point_id,meter_id,interval_minutes,valid_from,valid_to';

/** The belief alone changes, as if the process had died before it brought any reading to its channel. */
async function believe(text: string): Promise<void> {
    const { lake, home } = world.workspace;
    const file = path.join(world.folder, `believed-${createHash('sha256').update(text).digest('hex')}.csv`);
    writeFileSync(file, text);
    const { currency, bucketSize } = home;
    const settings = { zone: lake.zone, currency, bucketSize, clock: lake.clock };
    await loadMasterData(lake.db, { kind: 'metering-points', file, ...settings });
}

test('a plan foresees the readings that a load which was cut off left to bring to their channels', async () => {
    const points = { unknownMeter: 'wait', identifies: 'meteringPoint' };
    world.contract('points', variedContract('generic-csv', 'points', points));
    await world.load('metering-points', 'px.csv', `${HEADER}\nPX,A1,60,2013-05-01,\n`);
    const days = [0, 1, 2].map((n) => addDays(FIRST, n));
    const rows = days.flatMap((day) => dayRows(day, ['PX', 'PW']));
    await world.ingest('points', { 'px.csv': readingsCsv(rows) });
    await refreshAll(world.workspace);
    // PX had another meter from noon of the second day on, and PW, whose rows wait, had one on the first day alone
    await believe(
        `${HEADER}\nPX,A1,60,2013-05-01,2013-05-02T12:00:00Z\nPX,B1,60,2013-05-02T12:00:00Z,\nPW,W1,60,2013-05-01,2013-05-02\n`,
    );
    const changed = ['2013-05-01', '2013-05-02', '2013-05-03'].map(
        (day) => `${day}/1 curate readings and registration`,
    );
    await refreshAsPlanned([...changed, '2013-05-04/1 curate registration']);
    await assertSameAsFull();
});

test('a plan foresees the days on which a meter that a feed registered will be expected', async () => {
    const { lake, home } = world.workspace;
    const rows = [1, 4].flatMap((n) => dayRows(addDays(FIRST, n), ['PZ']));
    await world.ingest('points', { 'pz.csv': readingsCsv(rows) });
    await refreshAll(world.workspace);
    // another feed met it on the fourth day, and its process died before it looked at what waits
    const meter = { externalId: 'PZ', registerId: '1', intervalMinutes: 60, flow: 'to_customer' } as const;
    await registerFeedChannels(lake.db, {
        feed: 'points',
        identifies: 'meteringPoint',
        meters: [{ ...meter, firstDay: addDays(FIRST, 3) }],
        bucketSize: home.bucketSize,
        clock: lake.clock,
    });
    await refreshAsPlanned([
        '2013-05-02/1 curate readings and registration',
        '2013-05-03/1 curate registration',
        '2013-05-04/1 curate registration',
        '2013-05-05/0 curate new',
        '2013-05-05/1 curate new',
    ]);
    await assertSameAsFull();
});
