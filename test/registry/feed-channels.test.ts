import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { CalendarDate } from '../../src/kernel/calendar-date.ts';
import { parseInstant } from '../../src/kernel/period.ts';
import { channelDirectory } from '../../src/registry/channel-directory.ts';
import { extendExpectation, type FeedMeter, registerFeedChannels } from '../../src/registry/feed-channels.ts';
import { BUCKET_SIZE, openRegistryWorld, type RegistryWorld } from './registry-world.ts';

let world: RegistryWorld;
before(async () => {
    world = await openRegistryWorld();
});
after(() => world.end());
beforeEach(() => world.reset());

const POINT_HEADER = 'metering_point_id,meter_id,register,interval_minutes,valid_from,valid_to';

function meter(externalId: string, firstDay: string, registerId = '1'): FeedMeter {
    return {
        externalId,
        registerId,
        intervalMinutes: 30,
        flow: 'to_customer',
        firstDay: firstDay as CalendarDate,
    };
}

function register(meters: readonly FeedMeter[], identifies: 'meter' | 'meteringPoint' = 'meter') {
    const { db, clock } = world;
    return registerFeedChannels(db, { feed: 'lcl', identifies, meters, bucketSize: BUCKET_SIZE, clock });
}

async function directory() {
    return (await channelDirectory(world.db)).map((c) => [
        c.channelNo,
        c.meteringPointId,
        c.meterId,
        c.registerId,
        c.validFromMs,
        c.expectedFrom,
    ]);
}

async function changedDays(): Promise<[number, string][]> {
    const rows = await world.db.query<{ bucket: number; days: string }>(
        'select bucket, days::text as days from registration_changes order by change_no',
    );
    return rows.map(({ bucket, days }) => [bucket, days]);
}

test('unknown meters are registered once, in the order of their ids, from the earliest day given', async () => {
    const first = await register([
        meter('F2', '2013-02-01'),
        meter('F1', '2013-03-01'),
        meter('F1', '2013-02-20'),
    ]);
    assert.deepEqual(first, { registeredChannels: [1, 2], heldBack: [] });
    const again = await register([meter('F1', '2012-01-01'), meter('F1', '2013-03-01', 'B1')]);
    assert.deepEqual(again.registeredChannels, [3]);
    assert.deepEqual(await directory(), [
        [1, 'F1', 'F1', '1', null, '2013-02-20'],
        [2, 'F2', 'F2', '1', null, '2013-02-01'],
        [3, 'F1', 'F1', 'B1', null, '2013-03-01'],
    ]);
    assert.deepEqual(await changedDays(), [
        [0, '[2013-02-01,)'],
        [0, '[2013-03-01,)'],
    ]);
});

test('processes that register the same meters at once make each of them once', async () => {
    const ids = Array.from({ length: 30 }, (_, index) => meter(`F${index}`, '2013-01-01'));
    const results = await Promise.all([1, 2, 3, 4].map((part) => register(ids.slice(part * 2))));
    assert.equal(results.flatMap((result) => result.registeredChannels).length, 28);
    const channels = await channelDirectory(world.db);
    assert.equal(new Set(channels.map((channel) => channel.meterId)).size, 28);
    assert.deepEqual(
        channels.map((channel) => channel.channelNo),
        Array.from({ length: 28 }, (_, index) => index + 1),
    );
});

test('readings from before the first day move the expectation back, and only the new days are stale', async () => {
    await register([meter('F1', '2013-02-01'), meter('F2', '2013-02-01')]);
    const known = world.clock.at;
    const extend = (channelNo: number, firstDay: string) =>
        extendExpectation(world.db, [{ channelNo, firstDay: firstDay as CalendarDate }], {
            bucketSize: BUCKET_SIZE,
            clock: world.clock,
        });
    assert.equal(await extend(1, '2013-01-10'), 1);
    assert.equal(await extend(1, '2013-01-20'), 0);
    assert.deepEqual(
        (await directory()).map((row) => row[5]),
        ['2013-01-10', '2013-02-01'],
    );
    assert.deepEqual((await changedDays()).at(-1), [0, '[2013-01-10,2013-02-01)']);
    const before = await channelDirectory(world.db, { knownAt: known });
    assert.equal(before[0]?.expectedFrom, '2013-02-01');
});

test('a load of the same meter takes the channel of the feed over, at its own metering point', async () => {
    await register([meter('M1', '2013-02-01'), meter('M9', '2013-02-01')]);
    await world.db.query('truncate registration_changes');
    const result = await world.load(
        'metering-points',
        'p.csv',
        `${POINT_HEADER}\nMP1,M1,1,30,2013-01-01,2014-01-01\n`,
    );
    assert.deepEqual([result.registeredChannels, result.takenOverChannels], [[], [1]]);
    assert.deepEqual(await directory(), [
        [1, 'MP1', 'M1', '1', parseInstant('2013-01-01T00:00:00Z'), null],
        [2, 'M9', 'M9', '1', null, '2013-02-01'],
    ]);
    // Missed from the start of the validity on, and refused outside it.
    assert.deepEqual(await changedDays(), [
        [0, '(,2013-02-01)'],
        [0, '[2014-01-01,)'],
    ]);
    assert.deepEqual((await register([meter('M1', '2013-01-01')])).registeredChannels, []);
});

test('where a feed names metering points, the earliest meter of a load takes the channel over', async () => {
    await register([meter('MP1', '2013-02-01')], 'meteringPoint');
    const exchange = `${POINT_HEADER}\nMP1,M2,1,30,2013-05-01,\nMP1,M1,1,30,2013-01-01,2013-05-01\n`;
    const result = await world.load('metering-points', 'p.csv', exchange);
    assert.deepEqual([result.registeredChannels, result.takenOverChannels], [[2], [1]]);
    assert.deepEqual(
        (await directory()).map((row) => row.slice(0, 3)),
        [
            [1, 'MP1', 'M1'],
            [2, 'MP1', 'M2'],
        ],
    );
    assert.deepEqual((await register([meter('MP1', '2013-01-01')], 'meteringPoint')).registeredChannels, []);
});

test('an interval length that the readings of a taken-over channel do not have is refused', async () => {
    await register([meter('M1', '2013-02-01')]);
    const faults = await world.faultsOf(
        'metering-points',
        'p.csv',
        `${POINT_HEADER}\nMP1,M1,1,15,2013-01-01,\n`,
    );
    assert.deepEqual(
        faults.map((fault) => [fault.line, fault.field]),
        [[2, 'interval_minutes']],
    );
    assert.deepEqual((await directory())[0]?.slice(0, 3), [1, 'M1', 'M1']);
});

test('a new register of a loaded meter stands at its metering point; an id that collides is held back', async () => {
    await world.load(
        'metering-points',
        'p.csv',
        `${POINT_HEADER}\nMP1,M1,1,30,2013-01-01,\nX,Y,1,30,2013-01-01,\n`,
    );
    const result = await register([meter('M1', '2013-03-01', 'B1'), meter('X', '2013-03-01')]);
    assert.deepEqual(result.registeredChannels, [3]);
    assert.deepEqual(
        result.heldBack.map((held) => held.externalId),
        ['X'],
    );
    assert.deepEqual((await directory()).at(-1)?.slice(0, 4), [3, 'MP1', 'M1', 'B1']);
});

test('a feed does not put a meter that stands elsewhere to a second place; of two that meet, the first is registered', async () => {
    // M1 was at MP1 and is at MP2, under another register there
    await world.load(
        'metering-points',
        'p.csv',
        `${POINT_HEADER}\nMP1,M1,1,30,2013-01-01,2013-06-01\nMP2,M1,1,30,2013-06-01,\nMP1,M2,2,30,2013-06-01,\n`,
    );
    // the metering point MP1 has had M1 last under register 1, and M2 under 2; register 3 is new to both
    const result = await register([meter('MP1', '2013-07-01', '3'), meter('M2', '2013-07-01', '3')]);
    assert.deepEqual(
        [result.registeredChannels.length, result.heldBack.map((held) => held.externalId)],
        [1, ['MP1']],
    );
    assert.equal(
        (await directory()).filter(([, , meterId, registerId]) => meterId === 'M2' && registerId === '3')
            .length,
        1,
    );
});
