import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { refreshAll } from '../../src/pipeline/chain.ts';
import {
    type ChainWorld,
    handClock,
    openChainWorld,
    publishedContent,
    type ReadingRow,
    readingsCsv,
    variedContract,
} from './chain-world.ts';

const clock = handClock('2013-06-10T00:00:00Z');
const DAY = Date.parse('2013-06-03T00:00:00Z');
const HOUR = 3_600_000;
const METERS = 'metering_point_id,meter_id,interval_minutes,valid_from,valid_to\n';
let world: ChainWorld;
const known: { at: number; content: string[] }[] = [];

function rows(meter: string, change: (slot: number) => Partial<ReadingRow> = () => ({})): ReadingRow[] {
    return Array.from({ length: 24 }, (_, slot) => ({
        meter,
        at: DAY + slot * HOUR,
        minutes: 60,
        kwh: `${slot}.5`,
        ...change(slot),
    }));
}

/** What happens at one instant after the other; what is published then is kept. */
const STEPS: readonly (() => Promise<unknown>)[] = [
    () =>
        world.load(
            'metering-points',
            'first.csv',
            `${METERS}P1,A,60,2013-06-03T00:00:00Z,\nP2,B,60,2013-06-03T00:00:00Z,\n`,
        ),
    () => world.ingest('waits', { 'a.csv': readingsCsv(rows('A')) }),
    () => world.ingest('waits', { 'b.csv': readingsCsv([...rows('B').slice(0, 20), ...rows('C')]) }),
    () =>
        world.ingest('waits', {
            'correction.csv': readingsCsv(
                rows('A', (slot) => ({ kwh: `${slot}.75`, version: 2 })).slice(3, 6),
            ),
        }),
    () =>
        world.ingest('waits', {
            'withdrawn.csv': readingsCsv([
                { meter: 'A', at: DAY + 4 * HOUR, minutes: 60, quality: 'W', version: 3 },
            ]),
        }),
    () => world.ingest('waits', { 'late.csv': readingsCsv(rows('B').slice(20)) }),
    () =>
        world.load(
            'metering-points',
            'ended.csv',
            `${METERS}P2,B,60,2013-06-03T00:00:00Z,2013-06-03T12:00:00Z\n`,
        ),
];

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC', clock });
    world.contract('waits', variedContract('generic-csv', 'waits', { unknownMeter: 'wait' }));
    for (const step of STEPS) {
        clock.at += 24 * HOUR;
        await step();
        await refreshAll(world.workspace);
        known.push({ at: clock.at, content: await publishedContent(world) });
    }
});

after(() => world.end());

test('each step changed what is published', () => {
    for (const [i, { content }] of known.entries()) {
        if (i > 0) assert.notDeepEqual(content, known[i - 1]?.content, `step ${i}`);
    }
});

test('as of each instant a query sees what was published then', async () => {
    for (const [i, { at, content }] of known.entries()) {
        assert.deepEqual(await publishedContent(world, at), content, `as known after step ${i}`);
        assert.deepEqual(await publishedContent(world, at + HOUR), content, `an hour after step ${i}`);
    }
});

test('before anything was known there is nothing', async () => {
    assert.deepEqual(await publishedContent(world, Date.parse('2013-06-10T12:00:00Z')), []);
});

test('a single value is seen as it was, then corrected, then withdrawn', async () => {
    const valueAt = async (at: number | undefined) => {
        const [row] = await world.query(
            `select cast(kwh as varchar) as kwh, quality_flag from reads_15min where meter_id = 'A' and epoch_ms(read_at) = ${DAY + 4 * HOUR}`,
            at,
        );
        return [row?.kwh, row?.quality_flag];
    };
    assert.deepEqual(await valueAt(known[2]?.at), ['4.500000', 'good']);
    assert.deepEqual(await valueAt(known[3]?.at), ['4.750000', 'good']);
    assert.deepEqual(await valueAt(known[4]?.at), [null, 'missing']);
    assert.deepEqual(await valueAt(undefined), [null, 'missing']);
});

test('looking back publishes nothing', async () => {
    const before = await world.workspace.lake.db.query('select count(*) as n from commits');
    await publishedContent(world, known[1]?.at);
    assert.deepEqual(await world.workspace.lake.db.query('select count(*) as n from commits'), before);
});
