// test limit: 240 s
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { compact } from '../../src/lake/compaction.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { readStatus } from '../../src/pipeline/status.ts';
import {
    type ChainWorld,
    handClock,
    openChainWorld,
    publishedContent,
    type ReadingRow,
    readingsCsv,
    variedContract,
} from './chain-world.ts';

// A story is one order of three loads, whose order among themselves is given, and three deliveries. All stories live in one home, each
// with meters of its own, and take one step at the same time; at the end they must hold the same.
const HOUR = 3_600_000;
const FROM = Date.parse('2013-06-01T00:00:00Z');
const DAY = 24 * HOUR;
const clock = handClock('2013-07-01T00:00:00Z');

type Step = 'first' | 'exchange' | 'moved' | 'by-point' | 'by-meter' | 'corrections';
const LOADS = ['first', 'exchange', 'moved'] as const;
const DELIVERIES = ['by-point', 'by-meter', 'corrections'] as const;

/** Validities in hours after `FROM`: metering point, meter, from, to. What a load says of others stays. */
const MASTER: Readonly<Record<(typeof LOADS)[number], readonly [string, string, number, number | null][]>> = {
    first: [['P', 'A', 24, null]],
    exchange: [
        ['P', 'A', 24, 60],
        ['P', 'B', 60, null],
    ],
    // the exchange was earlier than first told, B was taken away again, and A hangs elsewhere since
    moved: [
        ['P', 'A', 24, 54],
        ['P', 'B', 54, 90],
        ['Q', 'A', 72, null],
    ],
};
const FINAL: readonly { point: string; meter: string; from: number; to: number }[] = [
    { point: 'P', meter: 'A', from: 24, to: 54 },
    { point: 'P', meter: 'B', from: 54, to: 90 },
    { point: 'Q', meter: 'A', from: 72, to: Infinity },
];

interface Delivered {
    readonly name: string;
    readonly hour: number;
    readonly kwh?: string;
    readonly version: number;
}

const every = (step: number, from: number) => Array.from({ length: 20 }, (_, i) => from + i * step);
const ROWS: Readonly<Record<(typeof DELIVERIES)[number], readonly Delivered[]>> = {
    'by-point': every(6, 2).map((hour) => ({ name: 'P', hour, kwh: `1.${hour}`, version: 1 })),
    'by-meter': [
        ...every(6, 5).map((hour) => ({ name: 'A', hour, kwh: `2.${hour}`, version: 1 })),
        ...every(6, 5).map((hour) => ({ name: 'B', hour, kwh: `3.${hour}`, version: 1 })),
        // an interval that the other feed has too, with an older stamp
        { name: 'B', hour: 62, kwh: '9.5', version: 0 },
    ],
    corrections: [
        ...[26, 50, 56, 80, 92].map((hour) => ({ name: 'P', hour, kwh: `4.${hour}`, version: 2 })),
        { name: 'P', hour: 68, version: 3 },
    ],
};
const FEED_OF = { 'by-point': 'points', 'by-meter': 'meters', corrections: 'points' } as const;

function orders(loads: readonly Step[], deliveries: readonly Step[]): Step[][] {
    if (loads.length + deliveries.length === 0) return [[]];
    const [next, ...later] = loads;
    return [
        ...(next === undefined ? [] : orders(later, deliveries).map((rest) => [next, ...rest])),
        ...deliveries.flatMap((one) =>
            orders(
                loads,
                deliveries.filter((other) => other !== one),
            ).map((rest) => [one, ...rest]),
        ),
    ];
}

const STORIES = orders(LOADS, DELIVERIES);
const label = (name: string, story: number) => `${name}-${String(story).padStart(3, '0')}`;
const instant = (hour: number) => new Date(FROM + hour * HOUR).toISOString();
let world: ChainWorld;
const seen: { at: number; content: string[] }[] = [];

async function load(step: (typeof LOADS)[number], stories: readonly number[]): Promise<void> {
    const rows = stories.flatMap((story) =>
        MASTER[step].map(([point, meter, from, to]) =>
            [
                label(point, story),
                label(meter, story),
                60,
                instant(from),
                to === null ? '' : instant(to),
            ].join(','),
        ),
    );
    const header = 'metering_point_id,meter_id,interval_minutes,valid_from,valid_to';
    await world.load('metering-points', `${step}.csv`, `${header}\n${rows.join('\n')}\n`);
}

async function deliver(step: (typeof DELIVERIES)[number], stories: readonly number[]): Promise<void> {
    const rows = stories.flatMap((story) =>
        ROWS[step].map(
            ({ name, hour, kwh, version }): ReadingRow => ({
                meter: label(name, story),
                at: FROM + hour * HOUR,
                minutes: 60,
                version,
                ...(kwh === undefined ? { quality: 'W' } : { kwh }),
            }),
        ),
    );
    await world.ingest(FEED_OF[step], { [`${step}.csv`]: readingsCsv(rows) });
}

async function expectWholeAccount(isRefreshed: boolean, when: string): Promise<void> {
    const s = await readStatus(world.workspace.lake);
    assert.equal(s.rowsReceived, s.versions + s.rowsQuarantined + s.rowsWaiting, when);
    if (!isRefreshed) return;
    const { winning, superseded, withdrawn, duplicates, duplicatesOfSuperseded } = s;
    assert.equal(s.versions, winning + superseded + withdrawn + duplicates + duplicatesOfSuperseded, when);
    assert.equal(s.outsideValidity, 0, when);
}

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC', bucketSize: 256, clock });
    world.contract(
        'points',
        variedContract('generic-csv', 'points', { unknownMeter: 'wait', identifies: 'meteringPoint' }),
    );
    world.contract('meters', variedContract('generic-csv', 'meters', { unknownMeter: 'wait' }));
    for (let slot = 0; slot < LOADS.length + DELIVERIES.length; slot += 1) {
        clock.at += DAY;
        const at = (step: Step) => STORIES.flatMap((order, story) => (order[slot] === step ? [story] : []));
        for (const step of LOADS) if (at(step).length > 0) await load(step, at(step));
        await expectWholeAccount(false, `after the loads of slot ${slot}`);
        for (const step of DELIVERIES) if (at(step).length > 0) await deliver(step, at(step));
        await expectWholeAccount(false, `after the deliveries of slot ${slot}`);
        if (slot === 3) await compact(world.workspace.lake);
        if (slot % 2 === 0) continue;
        await refreshAll(world.workspace);
        await expectWholeAccount(true, `after the refresh of slot ${slot}`);
        // several loads of one instant are dated a millisecond after each other
        seen.push({ at: clock.at + HOUR, content: await publishedContent(world) });
    }
});

after(() => world.end());

function byStory(lines: readonly string[]): string[][] {
    return STORIES.map((_, story) => {
        const own = `-${String(story).padStart(3, '0')}`;
        return lines.filter((line) => line.includes(own)).map((line) => line.replaceAll(own, ''));
    });
}

/** What the channel that is valid in the end has, from the rows alone. */
function naiveValues(): string[] {
    const winners = new Map<string, Delivered>();
    for (const step of DELIVERIES) {
        for (const row of ROWS[step]) {
            const isByPoint = FEED_OF[step] === 'points';
            const own = FINAL.find(
                (c) => (isByPoint ? c.point : c.meter) === row.name && row.hour >= c.from && row.hour < c.to,
            );
            if (own === undefined) continue;
            const key = `${own.meter} ${own.point} ${row.hour}`;
            const other = winners.get(key);
            if (other === undefined || other.version < row.version) winners.set(key, row);
        }
    }
    return [...winners]
        .flatMap(([key, { kwh }]) => (kwh === undefined ? [] : [`${key} ${Number(kwh).toFixed(6)}`]))
        .sort();
}

test('there are as many stories as orders', () => {
    assert.equal(STORIES.length, 120);
});

test('whatever the order of loads and deliveries, each reading ends with the meter that was there', async () => {
    const rows = await world.query(
        `select meter_id || ' ' || metering_point_id || ' ' || cast((epoch_ms(period_from) - ${FROM}) // ${HOUR} as varchar)
             || ' ' || cast(kwh as varchar) as line
         from reads_interval`,
    );
    const expected = naiveValues();
    assert.ok(expected.length > 25);
    for (const [story, lines] of byStory(rows.map(({ line }) => String(line))).entries()) {
        assert.deepEqual(lines.sort(), expected, STORIES[story]?.join(' '));
    }
});

test('whatever the order, published content and what waits, with its reason, are the same', async () => {
    const waiting = await world.query(
        `select 'waits ' || meter_key || ' ' || cast(period_from as varchar) || ' ' || coalesce(cast(kwh as varchar), '-') || ' ' || reason as line
         from waiting_rows`,
    );
    const lines = [...(await publishedContent(world)), ...waiting.map(({ line }) => String(line))];
    const [first = [], ...others] = byStory(lines).map((own) => own.sort());
    assert.ok(first.filter((line) => line.startsWith('waits ')).length > 10);
    for (const [i, own] of others.entries()) assert.deepEqual(own, first, STORIES[i + 1]?.join(' '));
});

test('as of each earlier instant a query sees what was published then', async () => {
    for (const { at, content } of seen) assert.deepEqual(await publishedContent(world, at), content);
});
