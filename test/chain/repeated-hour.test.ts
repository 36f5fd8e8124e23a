import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { changesWithin, localStampAt, zoneOf } from '../../src/kernel/zone.ts';
import { randomNumbers } from '../random-numbers.ts';
import { type ChainWorld, checkFile, openChainWorld, variedContract } from './chain-world.ts';

/**
 * Rows of one meter on 27 October 2013 in London, where 01:00 to 02:00 happened twice, as the times of their stamps in the order of the file; and
 * for each the UTC time at which its interval begins, `?` where the file does not tell.
 */
type Case = readonly [name: string, stamps: string, begins: string];
const STARTS: readonly Case[] = [
    [
        'both hours, one after the other',
        '00:30 01:00 01:30 01:00 01:30 02:00',
        '23:30 00:00 00:30 01:00 01:30 02:00',
    ],
    [
        'both hours, sorted by the stamp',
        '00:30 01:00 01:00 01:30 01:30 02:00',
        '23:30 00:00 01:00 00:30 01:30 02:00',
    ],
    ['nothing but both hours, one after the other', '01:00 01:30 01:00 01:30', '00:00 00:30 01:00 01:30'],
    ['nothing but both hours, sorted by the stamp', '01:00 01:00 01:30 01:30', '? ? ? ?'],
    ['the file ends with both hours', '00:30 01:00 01:30 01:00 01:30', '23:30 00:00 00:30 01:00 01:30'],
    ['the first reading of the second hour is missing', '01:00 01:30 01:30 02:00', '? ? ? 02:00'],
    ['the last reading of the first hour is missing', '00:30 01:00 01:00 01:30 02:00', '23:30 ? ? ? 02:00'],
    ['the last of the second hour is missing', '01:00 01:30 01:00 02:00', '00:00 00:30 01:00 02:00'],
    ['the first of the first hour is missing', '01:30 01:00 01:30 02:00', '00:30 01:00 01:30 02:00'],
    ['nothing but both hours, of which a reading is missing', '01:00 01:30 01:00', '? ? ?'],
    ['back once, and the same stamp again', '00:30 01:00 01:30 01:30 01:00 02:00', '23:30 ? ? ? ? 02:00'],
    ['nothing but the ends of both', '01:30 01:00', '? ?'],
    ['the ends of both, or one hour whose rows are swapped', '00:30 01:30 01:00 02:00', '23:30 ? ? 02:00'],
    ['one hour alone', '00:30 01:00 01:30 02:00', '23:30 ? ? 02:00'],
    ['one reading alone', '01:30', '?'],
    ['one reading of each', '01:30 01:30', '? ?'],
    ['one reading of each, between others', '00:30 01:30 01:30 02:00', '23:30 ? ? 02:00'],
    ['a reading three times', '01:00 01:30 01:00 01:30 01:30', '? ? ? ? ?'],
    ['both hours, and a reading of them again', '01:00 01:30 01:00 01:30 01:00', '? ? ? ? ?'],
    ['a shuffled hour', '01:30 01:00 01:30 01:00 01:30', '? ? ? ? ?'],
    ['one hour, and a correction at the end', '00:30 01:00 01:30 02:00 01:00', '23:30 ? ? 02:00 ?'],
    [
        'one hour, twice in the file',
        '00:30 01:00 01:30 02:00 00:30 01:00 01:30 02:00',
        '23:30 ? ? 02:00 23:30 ? ? 02:00',
    ],
    ['every row twice', '00:30 00:30 01:00 01:00 01:30 01:30 02:00 02:00', '23:30 23:30 ? ? ? ? 02:00 02:00'],
    [
        'every row twice, and nothing after the hour',
        '00:30 00:30 01:00 01:00 01:30 01:30',
        '23:30 23:30 ? ? ? ?',
    ],
    [
        'every row twice, and nothing before the hour',
        '01:00 01:00 01:30 01:30 02:00 02:00',
        '? ? ? ? 02:00 02:00',
    ],
    ['both hours, the newest first', '02:00 01:30 01:00 01:30 01:00 00:30', '02:00 ? ? ? ? 23:30'],
    [
        'both hours, sorted by the stamp, the newest first',
        '02:00 01:30 01:30 01:00 01:00 00:30',
        '02:00 ? ? ? ? 23:30',
    ],
    ['both hours, the newest first, and nothing before them', '02:00 01:30 01:00 01:30', '02:00 ? ? ?'],
    ['both hours, the newest first, and nothing after them', '01:30 01:00 01:30 00:30', '? ? ? 23:30'],
    ['one hour, the newest first', '02:00 01:30 01:00 00:30', '02:00 ? ? 23:30'],
    ['a file whose newest row is of the hour, the newest first', '01:30 01:00 00:30', '? ? 23:30'],
];
/** The same of rows that are stamped with the ends of their intervals, which are written in two ways. */
const ENDS: readonly Case[] = [
    [
        'the local time of the instant',
        '01:00 01:30 01:00 01:30 02:00 02:30',
        '23:30 00:00 00:30 01:00 01:30 02:00',
    ],
    [
        'the local begin and the length',
        '01:00 01:30 02:00 01:30 02:00 02:30',
        '23:30 00:00 00:30 01:00 01:30 02:00',
    ],
    [
        'the local time of the instant, sorted by the stamp',
        '00:30 01:00 01:00 01:30 01:30 02:00 02:30',
        '23:00 23:30 00:30 00:00 01:00 01:30 02:00',
    ],
    [
        'the local begin and the length, sorted by the stamp',
        '00:30 01:00 01:30 01:30 02:00 02:00 02:30',
        '23:00 23:30 00:00 01:00 00:30 01:30 02:00',
    ],
    [
        'sorted by the stamp, both readings between the ends of the hour missing',
        '00:30 01:00 01:00 02:00 02:00 02:30',
        '23:00 ? ? ? ? 02:00',
    ],
    [
        'sorted by the stamp, what is there once missing',
        '00:30 01:00 01:00 01:30 01:30 02:30',
        '23:00 23:30 00:30 00:00 01:00 02:00',
    ],
    [
        'sorted by the stamp, one of them three times',
        '00:30 01:00 01:00 01:00 01:30 01:30 02:00 02:00 02:30',
        '23:00 ? ? ? ? ? ? ? 02:00',
    ],
    ['one hour alone, which is either', '00:30 01:00 01:30 02:00 02:30', '23:00 ? ? ? 02:00'],
    [
        'the hour from its start to its end, twice',
        '00:30 01:00 01:30 02:00 01:00 01:30 02:00 02:30',
        '23:00 ? ? ? ? ? ? 02:00',
    ],
    ['the newest first', '02:30 02:00 01:30 01:00 01:30 01:00 00:30', '02:00 ? ? ? ? ? 23:00'],
];
let world: ChainWorld;
let deliveries = 0;

before(async () => {
    world = await openChainWorld({ marketZone: 'Europe/London' });
    const local = { clock: 'Europe/London', repeatedHour: 'by-order' };
    world.contract('starts', variedContract('lcl', 'starts', local));
    world.contract('ends', variedContract('lcl', 'ends', { ...local, stampMarks: 'end' }));
});
after(() => world.end());

interface Row {
    readonly meter: string;
    readonly stamp: string;
    readonly begins: string;
}

/** The rows of a case, of a meter by its name. */
const rowsOf = ([name, stamps, begins]: Case): Row[] => {
    const times = begins.split(' ');
    return stamps
        .split(' ')
        .map((stamp, i) => ({ meter: name.replaceAll(',', ''), stamp, begins: times[i] ?? '' }));
};

/** The text of a file of the feed `lcl` whose values are the numbers of its rows. */
const fileOf = (rows: readonly { readonly meter: string; readonly at: Date }[]): string =>
    `LCLid,tstp,energy(kWh/hh)\n${rows.map(({ meter, at }, i) => `${meter},${at.toISOString().slice(0, 19).replace('T', ' ')},${(i + 1) / 100}\n`).join('')}`;

/** When the interval of each row of a file begins, in UTC epoch milliseconds; undefined for a row in quarantine. */
async function begun(
    of: ChainWorld,
    feed: string,
    rows: readonly { readonly meter: string; readonly at: Date }[],
): Promise<(number | undefined)[]> {
    deliveries += 1;
    await of.ingest(feed, { [`${feed}-${deliveries}.csv`]: fileOf(rows) });
    const found = await of.query(
        `select v.kwh * 100 as row, epoch_ms(v.period_from) as begins
           from reading_versions as v join payloads as p using (feed_id, sequence) where p.source_key = '${feed}-${deliveries}.csv'`,
    );
    const begins = new Map(found.map(({ row, begins }) => [Number(row), Number(begins)]));
    return rows.map((_, i) => begins.get(i + 1));
}

const dated = ({ meter, stamp }: Row) => ({ meter, at: new Date(`2013-10-27T${stamp}:00Z`) });

/** What the rows became: the time of the begin of each, or `?` for a row in quarantine. */
async function placed(feed: string, rows: readonly Row[]): Promise<Row[]> {
    const found = await begun(world, feed, rows.map(dated));
    return rows.map((row, i) => {
        const at = found[i];
        return { ...row, begins: at === undefined ? '?' : new Date(at).toISOString().slice(11, 16) };
    });
}

for (const [feed, cases] of Object.entries({ starts: STARTS, ends: ENDS })) {
    test(`the passing of a repeated hour is told by the order of rows where the order tells it, and else nobody guesses: ${feed}`, async () => {
        const given = cases.map(rowsOf);
        const found = await placed(feed, given.flat());
        for (const rows of given) assert.deepEqual(found.splice(0, rows.length), rows);
        assert.deepEqual(found, []);
    });

    test(`the order is that of each meter, however its rows stand among those of others: ${feed}`, async () => {
        const waiting = cases.map(rowsOf);
        const mixed: Row[] = [];
        while (waiting.length > 0) {
            for (const rows of waiting) mixed.push(...rows.splice(0, 1));
            waiting.splice(0, waiting.length, ...waiting.filter((rows) => rows.length > 0).reverse());
        }
        assert.equal(mixed.length, cases.flatMap(rowsOf).length);
        assert.deepEqual(await placed(feed, mixed), mixed);
    });
}

/** The text of a file of the feed `generic-csv` of one meter on that day: a row each of stamp and length in minutes. */
const genericFile = (rows: readonly (readonly [stamp: string, minutes: string])[]): string =>
    `meter_id,register,read_at,minutes,value,unit,quality,version\n${rows.map(([stamp, minutes]) => `M,,2013-10-27T${stamp},${minutes},1,kWh,,1\n`).join('')}`;

test('rows of other lengths do not make an hour whole', async () => {
    const settings = { clock: 'Europe/London', repeatedHour: 'by-order' };
    for (const [stampMarks, rows, untold] of [
        ['start', '00:45 01:00 01:00 01:30/30 01:30 02:00', 4],
        ['end', '00:45 01:00 01:30 01:30/30 02:00 02:00 02:15', 5],
        ['start', '00:45 01:00 01:00 01:15 01:15 01:30 01:30 01:45 01:45 02:00', 0],
    ] as const) {
        world.contract(
            `lengths-${stampMarks}`,
            variedContract('generic-csv', `lengths-${stampMarks}`, { ...settings, stampMarks }),
        );
        const stamps = rows.split(' ').map((row) => row.split('/'));
        const file = genericFile(stamps.map(([stamp = '', minutes = '15']) => [stamp, minutes]));
        const { faultsByRule } = await checkFile(world, `lengths-${stampMarks}`, file);
        assert.equal(faultsByRule['row.stamp-repeated-hour'] ?? 0, untold, rows);
    }
});

test('a stamp that says its offset is what it says, and the order is that of the others', async () => {
    const settings = { clock: 'Europe/London', repeatedHour: 'by-order' };
    world.contract('offsets', variedContract('generic-csv', 'offsets', settings));
    const stamps = '00:30 01:00 01:30Z 01:30 01:00+01:00 01:00 01:30 01:30 02:00'.split(' ');
    const file = (list: readonly string[]) => genericFile(list.map((stamp) => [stamp, '30']));
    const told = await checkFile(world, 'offsets', file(stamps.toSpliced(6, 1)));
    assert.deepEqual([told.accepted, told.faultsByRule], [8, {}]);
    const untold = await checkFile(world, 'offsets', file(stamps));
    assert.deepEqual([untold.accepted, untold.faultsByRule], [4, { 'row.stamp-repeated-hour': 5 }]);
});

test('rows that the order does not tell are in quarantine by their rule', async () => {
    const alone = STARTS.find(([name]) => name === 'one hour alone') ?? assert.fail();
    const { accepted, faultsByRule } = await checkFile(world, 'starts', fileOf(rowsOf(alone).map(dated)));
    assert.deepEqual([accepted, faultsByRule], [2, { 'row.stamp-repeated-hour': 2 }]);
});

const MINUTE_MS = 60_000;
const SHAPES = ['as it was', 'rows missing', 'one hour missing', 'a row again at the end', 'twice'] as const;
const ORDERS = ['the oldest first', 'the newest first', 'by stamp', 'by stamp, the newest first'] as const;

/** A row of a file made up for one meter: its stamp and the begin of its interval, both in epoch milliseconds. */
interface MadeRow {
    readonly stamp: number;
    readonly begins: number;
}

/** A clock that went back in 2013, the length of intervals, and what of them is stamped how. */
interface Clock {
    readonly zone: string;
    readonly minutes: number;
    readonly stamped: 'start' | 'end as instant' | 'end as start and length';
}

function changeOf({ zone }: Clock) {
    const changes = changesWithin(zoneOf(zone), Date.UTC(2013, 0, 1), Date.UTC(2014, 0, 1));
    const change = changes.find(({ offsetBeforeS, offsetAfterS }) => offsetAfterS < offsetBeforeS);
    assert.ok(change !== undefined, zone);
    return change;
}

/** Rows from three hours before a clock went back to three hours after, as a meter's file may have them. */
function madeRows(
    clock: Clock,
    { shape, order }: { shape: (typeof SHAPES)[number]; order: (typeof ORDERS)[number] },
    random: () => number,
): MadeRow[] {
    const { at } = changeOf(clock);
    const zone = zoneOf(clock.zone);
    const length = clock.minutes * MINUTE_MS;
    const all: MadeRow[] = [];
    for (let begins = at - 180 * MINUTE_MS; begins < at + 180 * MINUTE_MS; begins += length) {
        const stamp =
            clock.stamped === 'end as instant'
                ? localStampAt(zone, begins + length)
                : localStampAt(zone, begins) + (clock.stamped === 'start' ? 0 : length);
        all.push({ stamp, begins });
    }
    const isKept = (_: MadeRow, i: number) => i < 2 || i > all.length - 3 || random() > 0.3;
    const lost = random() < 0.5 ? at : at - 60 * MINUTE_MS;
    const rows =
        shape === 'rows missing'
            ? all.filter(isKept)
            : shape === 'one hour missing'
              ? all.filter(({ begins }) => begins < lost || begins >= lost + 60 * MINUTE_MS)
              : all;
    if (order.startsWith('by stamp')) rows.sort((a, b) => a.stamp - b.stamp);
    if (order.endsWith('newest first')) rows.reverse();
    if (shape === 'a row again at the end') rows.push(...rows.slice(0, -3).filter(() => random() < 0.1));
    return shape === 'twice' ? [...rows, ...rows] : rows;
}

/** Clocks that go back at one, two or three in the morning, at midnight, to midnight, and by half an hour. */
const ZONES: readonly (readonly [zone: string, minutes: number])[] = [
    ['Europe/London', 30],
    ['Europe/Berlin', 15],
    ['America/New_York', 60],
    ['America/Havana', 30],
    ['America/Asuncion', 60],
    ['Australia/Lord_Howe', 15],
];
const CLOCKS = ZONES.flatMap(([zone, minutes]) =>
    (['start', 'end as instant', 'end as start and length'] as const).map((stamped) => ({
        zone,
        minutes,
        stamped,
    })),
);

/** Files of many meters, in every shape and order. */
function madeLines(clock: Clock, random: () => number) {
    const kinds = SHAPES.flatMap((shape) => ORDERS.map((order) => ({ shape, order })));
    const meters = kinds.flatMap((kind) =>
        [1, 2, 3].map(() => ({ ...kind, rows: madeRows(clock, kind, random) })),
    );
    return meters.flatMap(({ rows, ...kind }, meter) => rows.map((row) => ({ ...row, ...kind, meter })));
}

test('no order of rows, with rows missing, again or twice, gives a reading another hour than its own', async () => {
    const market = await openChainWorld({ marketZone: 'UTC' });
    const random = randomNumbers(1);
    try {
        for (const clock of CLOCKS) {
            const { at, offsetBeforeS, offsetAfterS } = changeOf(clock);
            const name = Object.values(clock)
                .join(' ')
                .toLowerCase()
                .replace(/[^a-z0-9]+/g, '-');
            const settings = {
                clock: clock.zone,
                repeatedHour: 'by-order',
                intervalMinutes: String(clock.minutes),
                stampMarks: clock.stamped === 'start' ? 'start' : 'end',
            };
            market.contract(name, variedContract('lcl', name, settings));
            const lines = madeLines(clock, random);
            const rows = lines.map(({ meter, stamp }) => ({
                meter: `${name}-${meter}`,
                at: new Date(stamp),
            }));
            const found = await begun(market, name, rows);
            for (const [i, { stamp, begins, shape, order, meter }] of lines.entries()) {
                const isAfter =
                    stamp > at + offsetBeforeS * 1000 ||
                    (clock.stamped === 'start' && stamp === at + offsetBeforeS * 1000);
                const isWhole = shape === 'as it was' && ['the oldest first', 'by stamp'].includes(order);
                const isTold = isWhole || isAfter || stamp < at + offsetAfterS * 1000;
                const row = `${name}-${meter}, ${shape}, ${order}, ${new Date(stamp).toISOString()}`;
                if (isTold || found[i] !== undefined) assert.equal(found[i], begins, row);
            }
        }
    } finally {
        await market.end();
    }
});
