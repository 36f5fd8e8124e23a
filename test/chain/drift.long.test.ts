// test limit: 240 s
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { overrideModel } from '../../src/engine/compile.ts';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import { GridtallyError } from '../../src/kernel/errors.ts';
import { deviceClocks } from '../../src/pipeline/device-clocks.ts';
import { randomStream } from '../../src/simulate/random-stream.ts';
import type { ClockDrift, DeviceDrift } from '../../src/vee/clock-drift.ts';
import { runCommand } from '../cli/run-command.ts';
import {
    type ChainWorld,
    handClock,
    openChainWorld,
    publishedContent,
    variedContract,
} from './chain-world.ts';
import {
    type Batch,
    type Delivery,
    type Device,
    deliver,
    deliveriesOf,
    FROM,
    HOUR,
    inOrder,
    MINUTE,
} from './drift-world.ts';

const GOOD: readonly Device[] = Array.from({ length: 12 }, (_, i) => ({
    meter: `GOOD-${i + 1}`,
    // two minutes under way, and up to one more that differs each time
    pathMinutes: (n) => 2 + ((n + i) % 12) / 12,
}));
const ODD: readonly Device[] = [
    { meter: 'AHEAD-40', aheadMinutes: 40 },
    { meter: 'AHEAD-6', aheadMinutes: 6 },
    { meter: 'AHEAD-4', aheadMinutes: 4.5 },
    { meter: 'AHEAD-2', aheadMinutes: 2 },
    { meter: 'BEHIND-30', aheadMinutes: -30 },
    { meter: 'BEHIND-2', aheadMinutes: -2 },
    { meter: 'SLOW', pathMinutes: (n) => 30 + ((n * 7) % 12) * 1.25 },
    // with ages from 6 minutes to 61, that none of twelve was younger is chance
    { meter: 'POLLED', pathMinutes: (n) => 6 + ((n * 5) % 12) * 5 },
    { meter: 'ONCE', aheadMinutes: -30, deliveries: 1 },
    { meter: 'ONCE-AHEAD', aheadMinutes: 20, deliveries: 1 },
    { meter: 'OLD', pathMinutes: () => 8 * 1440 },
    { meter: 'ESTIMATES', comesNext: 'E' },
    { meter: 'BLANKS', comesNext: 'N' },
    { meter: 'QUARTERS', minutes: 15, aheadMinutes: -30 },
    { meter: 'HISTORY', feed: 'history', aheadMinutes: 40 },
];
const DELIVERIES = [...GOOD, ...ODD].flatMap(deliveriesOf);

async function openWorld(): Promise<{ world: ChainWorld; clock: ReturnType<typeof handClock> }> {
    const clock = handClock('2013-06-03T00:00:00Z');
    const world = await openChainWorld({ marketZone: 'Europe/London', clock });
    world.contract('history', variedContract('generic-csv', 'history', { backfill: 'true' }));
    world.contract('points', variedContract('generic-csv', 'points', { identifies: 'meteringPoint' }));
    world.contract('ends', variedContract('generic-csv', 'ends', { stampMarks: 'start' }));
    return { world, clock };
}

let world: ChainWorld;
let clock: ReturnType<typeof handClock>;

before(async () => {
    ({ world, clock } = await openWorld());
    await deliver(world, clock, inOrder(DELIVERIES));
});

after(() => world.end());

/** Meter, drift, what is certain of it, certainty, deliveries, spread. */
const told = ({ devices }: ClockDrift) =>
    devices.map((d: DeviceDrift) => [
        d.meter,
        d.driftMinutes,
        d.driftMinutesMin,
        d.certainty,
        d.deliveries,
        d.spreadMinutes,
    ]);

const TOLD = [
    ['AHEAD-40', 40, 38, 'certain', 12, 0],
    ['BEHIND-30', -30, null, 'likely', 12, 0],
    ['SLOW', -28, null, 'unclear', 12, 6.88],
    ['ONCE-AHEAD', 20, 18, 'certain', 1, 0],
    ['AHEAD-6', 6, 4, 'certain', 12, 0],
    ['AHEAD-4', 4.5, null, 'likely', 12, 0],
];
const NOT_JUDGED = { backfill: 1, tooOld: 1, fewDeliveries: 1, fewDevices: 1 };

test('each device is told as it is: ahead, behind, on a slow way, or not to be judged', async () => {
    const drift = await deviceClocks(world.workspace);
    assert.deepEqual(told(drift), TOLD);
    assert.deepEqual(drift.notJudged, NOT_JUDGED);
    assert.deepEqual([drift.seen, drift.within], [27, 17]);
    assert.deepEqual([drift.from, drift.to], ['2013-05-06', '2013-06-06']);
    assert.deepEqual(drift.usual, [
        { feed: 'generic-csv', intervalMinutes: 30, devices: 22, leastAgeMinutes: 2, spreadMinutes: 0.46 },
    ]);
    assert.deepEqual(drift.devices[0], {
        feed: 'generic-csv',
        meter: 'AHEAD-40',
        meterId: 'AHEAD-40',
        intervalMinutes: 30,
        driftMinutes: 40,
        driftMinutesMin: 38,
        certainty: 'certain',
        deliveries: 12,
        leastAgeMinutes: -38,
        spreadMinutes: 0,
    });
});

test('limit, days and feed are those that are asked for', async () => {
    const wide = await deviceClocks(world.workspace, { limitMinutes: 25 });
    assert.deepEqual(told(wide), [TOLD[0], TOLD[1]]);
    assert.deepEqual([wide.within, wide.notJudged.fewDeliveries], [20, 2]);
    // a market day in summer time ends two intervals before the sixth delivery does
    const day = { from: calendarDate('2013-06-03'), to: calendarDate('2013-06-04') };
    const first = await deviceClocks(world.workspace, day);
    assert.deepEqual(first.usual[0]?.devices, 22);
    assert.deepEqual(
        first.devices.filter(({ certainty }) => certainty === 'certain').map((d) => [d.meter, d.deliveries]),
        [
            ['AHEAD-40', 6],
            ['ONCE-AHEAD', 1],
            ['AHEAD-6', 6],
        ],
    );
    const history = await deviceClocks(world.workspace, { feed: 'history' });
    assert.deepEqual([history.seen, history.notJudged.backfill, history.devices], [1, 1, []]);
    await assert.rejects(
        deviceClocks(world.workspace, { feed: 'none' }),
        (error) => error instanceof GridtallyError && error.code === 'feed.unknown',
    );
});

test('the command prints the devices, what is meant, and how many could not be judged', async () => {
    const text = await runCommand(world.homeFolder, 'drift');
    assert.equal(text.code, 0, text.said);
    assert.deepEqual(text.out.split('\n').slice(0, 4), [
        'feed         meter       interval  drift      at least   certainty  deliveries  spread',
        '-----------  ----------  --------  ---------  ---------  ---------  ----------  -------',
        'generic-csv  AHEAD-40    30 min    +40.0 min  +38.0 min  certain            12  0.0 min',
        'generic-csv  BEHIND-30   30 min    -30.0 min             likely             12  0.0 min',
    ]);
    const sentences = text.out.replaceAll(/\n +/g, ' ');
    assert.match(sentences, /\ncertain: .*\nlikely: .*\nunclear: /);
    assert.match(
        sentences,
        /27 devices looked at on market days from 2013-05-06 until 2013-06-06: 17 within 3 minutes, 6 devices over it; 4 cannot be judged: 1 with fewer than 5 deliveries, 1 with fewer than 5 devices of the same feed and interval length, 1 with no delivery younger than 7 days, 1 of feeds marked as back-fill\./,
    );
    const json = await runCommand(
        world.homeFolder,
        'drift',
        '--limit',
        '25',
        '--from',
        '2013-06-03',
        '--json',
    );
    assert.deepEqual(told(JSON.parse(json.out)), [TOLD[0], TOLD[1]]);
    const wrong = await runCommand(world.homeFolder, 'drift', '--from', '2013-06-03', '--to', '2013-06-03');
    assert.equal(wrong.code, 2);
    assert.match(wrong.said, /the end is exclusive/);
});

test('a device is a meter under the name that its feed gives it, also where meters are exchanged or moved', async () => {
    const opened = await openWorld();
    try {
        const empty = await deviceClocks(opened.world.workspace);
        assert.deepEqual([empty.seen, empty.from, empty.to], [0, '2013-05-04', '2013-06-04']);
        const load = (name: string, rows: string) =>
            opened.world.load(
                'metering-points',
                name,
                `metering_point_id,meter_id,interval_minutes,valid_from,valid_to\n${rows}`,
            );
        await load('first.csv', 'P1,OLD-1,30,2013-06-01T00:00:00Z,\n');
        const device = { meter: 'P1', feed: 'points', aheadMinutes: 40 };
        await deliver(opened.world, opened.clock, inOrder(deliveriesOf(device)));
        // told late: readings of the new meter stood with the old one until then
        const moved = await load(
            'exchange.csv',
            'P1,OLD-1,30,2013-06-01T00:00:00Z,2013-06-04T00:00:00Z\nP1,NEW-1,30,2013-06-04T00:00:00Z,\n',
        );
        assert.equal(moved.moved, 48);
        await load(
            'moved.csv',
            'P2,M2,30,2013-06-01T00:00:00Z,2013-06-04T00:00:00Z\nP3,M2,30,2013-06-04T00:00:00Z,\n',
        );
        const moving = { meter: 'M2', aheadMinutes: 30 };
        await deliver(opened.world, opened.clock, inOrder(deliveriesOf(moving)));
        const { devices } = await deviceClocks(opened.world.workspace);
        assert.deepEqual(
            devices.map((d) => [d.meter, d.meterId, d.driftMinutes, d.driftMinutesMin, d.deliveries]),
            [
                ['P1', 'NEW-1', null, 38, 6],
                ['P1', 'OLD-1', null, 38, 6],
                ['M2', 'M2', null, 28, 12],
            ],
        );
    } finally {
        await opened.world.end();
    }
});

test('a feed whose contract is wrong about its stamps is told as such, and its devices against each other', async () => {
    const opened = await openWorld();
    try {
        const shifted = [...GOOD, { meter: 'AHEAD-10', aheadMinutes: 10 }].map((device) => ({
            ...device,
            feed: 'ends',
            aheadMinutes: (device.aheadMinutes ?? 0) + 30,
        }));
        await deliver(opened.world, opened.clock, inOrder(shifted.flatMap(deliveriesOf)));
        const drift = await deviceClocks(opened.world.workspace);
        assert.deepEqual(told(drift), [['AHEAD-10', 10, 10, 'certain', 12, 0]]);
        const { out } = await runCommand(opened.world.homeFolder, 'drift');
        assert.match(
            out,
            /warning: intervals of 30 minutes of the feed ends usually end 28\.0 minutes after/,
        );
    } finally {
        await opened.world.end();
    }
});

/** The same deliveries cut into files at random, some of them again later, with corrections, in any order of arrival at the raw store. */
function disordered(seed: string): Batch[] {
    const random = randomStream(seed, 'drift');
    const late: Delivery[] = DELIVERIES.filter(() => random.chance(0.15)).map((delivery) => {
        const isCorrection = random.chance(0.5);
        return {
            feed: delivery.feed,
            receivedAt: delivery.receivedAt + random.between(1, 2000) * MINUTE,
            rows: isCorrection
                ? delivery.rows.slice(2, 5).map((row) => ({ ...row, kwh: '77' }))
                : delivery.rows,
        };
    });
    const atInstant = Map.groupBy(
        [...DELIVERIES, ...late],
        ({ feed, receivedAt }) => `${feed} ${receivedAt}`,
    );
    const batches = [...atInstant.values()].map((group): Batch => {
        const [{ feed, receivedAt } = { feed: '', receivedAt: 0 }] = group;
        const files: Delivery[][] = [];
        for (const delivery of random.shuffled(group)) {
            const last = files.at(-1);
            if (last === undefined || random.chance(0.5)) files.push([delivery]);
            else last.push(delivery);
        }
        return {
            feed,
            receivedAt,
            files: files.map((parts, i) => ({
                name: `${receivedAt}-${i}.csv`,
                rows: random.shuffled(parts.flatMap(({ rows }) => rows)),
            })),
        };
    });
    const again = batches
        .filter(() => random.chance(0.1))
        .map((batch) => ({ ...batch, receivedAt: FROM + 12 * 24 * HOUR }));
    return [...random.shuffled(batches), ...again];
}

for (const seed of [process.env.GRIDTALLY_DRIFT_SEED ?? 'one']) {
    test(`order, batching, repeats and corrections of deliveries change nothing (${seed})`, async () => {
        const opened = await openWorld();
        try {
            await deliver(opened.world, opened.clock, disordered(seed));
            const expected = await deviceClocks(world.workspace);
            assert.deepEqual(await deviceClocks(opened.world.workspace), expected);
            const forget = overrideModel('vee/device_deliveries', (text) =>
                text.replace(/where end_before_us is null or end_us > end_before_us/, ''),
            );
            try {
                // were repeats and corrections counted, they would be seen here
                assert.notDeepEqual(await deviceClocks(opened.world.workspace), expected);
            } finally {
                forget();
            }
        } finally {
            await opened.world.end();
        }
    });
}

test('nothing is applied: what is published and its commits are as before', async () => {
    const before = await publishedContent(world);
    const commits = () => world.workspace.db.query('select kind from commits order by commit_no');
    const committed = await commits();
    await deviceClocks(world.workspace);
    assert.deepEqual(await publishedContent(world), before);
    assert.deepEqual(await commits(), committed);
});
