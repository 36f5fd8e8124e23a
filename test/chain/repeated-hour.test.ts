import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type ChainWorld, checkFile, openChainWorld, variedContract } from './chain-world.ts';

/**
 * Rows of one meter on 27 October 2013 in London, where 01:00 to 02:00 happened twice, as the times of their stamps in the order of the file; and
 * for each the UTC time at which its interval begins, `?` where the file does not tell.
 */
const CASES: readonly (readonly [name: string, stamps: string, begins: string])[] = [
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
    ['the first reading of the second hour is missing', '01:00 01:30 01:30 02:00', '? ? ? 02:00'],
    ['the last reading of the first hour is missing', '00:30 01:00 01:00 01:30 02:00', '23:30 ? ? ? 02:00'],
    ['the last of the second hour is missing', '01:00 01:30 01:00 02:00', '00:00 00:30 01:00 02:00'],
    ['the first of the first hour is missing', '01:30 01:00 01:30 02:00', '00:30 01:00 01:30 02:00'],
    ['only the ends of both', '01:30 01:00', '00:30 01:00'],
    ['one hour alone', '00:30 01:00 01:30 02:00', '23:30 ? ? 02:00'],
    ['one reading alone', '01:30', '?'],
    ['one reading of each', '01:30 01:30', '00:30 01:30'],
    ['a reading three times', '01:00 01:30 01:00 01:30 01:30', '? ? ? ? ?'],
    ['both hours, and a reading of them again', '01:00 01:30 01:00 01:30 01:00', '? ? ? ? ?'],
    ['a shuffled hour', '01:30 01:00 01:30 01:00 01:30', '? ? ? ? ?'],
];
let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'Europe/London' });
    world.contract(
        'ordered',
        variedContract('lcl', 'ordered', { clock: 'Europe/London', repeatedHour: 'by-order' }),
    );
});
after(() => world.end());

interface Row {
    readonly meter: string;
    readonly stamp: string;
    readonly begins: string;
}

const rowsOf = (index: number): Row[] => {
    const [, stamps = '', begins = ''] = CASES[index] ?? [];
    const times = begins.split(' ');
    return stamps.split(' ').map((stamp, i) => ({ meter: `M${index}`, stamp, begins: times[i] ?? '' }));
};

const fileOf = (rows: readonly Row[]): string =>
    `LCLid,tstp,energy(kWh/hh)\n${rows.map(({ meter, stamp }, i) => `${meter},2013-10-27 ${stamp}:00,${(i + 1) / 100}\n`).join('')}`;

/** What the rows became: the begin of each, or `?` for a row in quarantine. */
async function placed(name: string, rows: readonly Row[]): Promise<Row[]> {
    await world.ingest('ordered', { [name]: fileOf(rows) });
    const found = await world.query(
        `select v.kwh * 100 as line, strftime(v.period_from at time zone 'UTC', '%H:%M') as begins
           from reading_versions as v join payloads as p using (feed_id, sequence) where p.source_key = '${name}'`,
    );
    const begins = new Map(found.map((row) => [Number(row.line), String(row.begins)]));
    return rows.map((row, i) => ({ ...row, begins: begins.get(i + 1) ?? '?' }));
}

test('the passing of a repeated hour is told by the order of rows where the order tells it, and else nobody guesses', async () => {
    for (const index of CASES.keys()) {
        const rows = rowsOf(index);
        assert.deepEqual(await placed(`case-${index}.csv`, rows), rows, CASES[index]?.[0]);
    }
});

test('the order is that of each meter, however its rows stand among those of others', async () => {
    const waiting = [...CASES.keys()].map(rowsOf);
    const mixed: Row[] = [];
    for (let turn = 0; waiting.some((rows) => rows.length > 0); turn += 1) {
        const next = waiting[(turn * 7) % waiting.length]?.shift();
        if (next !== undefined) mixed.push(next);
    }
    assert.equal(mixed.length, [...CASES.keys()].flatMap(rowsOf).length);
    assert.deepEqual(await placed('mixed.csv', mixed), mixed);
});

test('rows that the order does not tell are in quarantine by their rule', async () => {
    const { accepted, faultsByRule } = await checkFile(world, 'ordered', fileOf(rowsOf(7)));
    assert.deepEqual([accepted, faultsByRule], [2, { 'row.stamp-repeated-hour': 2 }]);
});
