import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { type ChainWorld, openChainWorld, readingsCsv } from './chain-world.ts';

// The clock of Lord Howe Island moves by half an hour: 24.5 hours in April, 23.5 in October.
const HOUR = 3_600_000;
const DAYS = [
    { name: 'april', from: Date.parse('2013-04-06T13:00Z'), to: Date.parse('2013-04-07T13:30Z') },
    { name: 'october', from: Date.parse('2013-10-05T13:30Z'), to: Date.parse('2013-10-06T13:00Z') },
];
let world: ChainWorld;

/** Every interval that ends within the day. */
function whole(meter: string, minutes: number, day: (typeof DAYS)[number]): { meter: string; at: number }[] {
    const count = Math.floor((day.to - day.from) / (minutes * 60_000));
    return Array.from({ length: count }, (_, i) => ({ meter, at: day.from + i * minutes * 60_000 }));
}

before(async () => {
    world = await openChainWorld({ marketZone: 'Australia/Lord_Howe' });
    const channels = DAYS.flatMap(({ name, from, to }) =>
        [
            ['hours', 60],
            ['halves', 30],
            ['lacking', 60],
            ['silent', 60],
        ].map(
            ([kind, minutes]) =>
                `P-${kind}-${name},${kind}-${name},${minutes},${new Date(from).toISOString()},${new Date(to).toISOString()}`,
        ),
    );
    await world.load(
        'metering-points',
        'all.csv',
        `metering_point_id,meter_id,interval_minutes,valid_from,valid_to\n${channels.join('\n')}\n`,
    );
    const rows = DAYS.flatMap((day) => [
        ...whole(`hours-${day.name}`, 60, day).map((row) => ({ ...row, minutes: 60, kwh: '1' })),
        ...whole(`halves-${day.name}`, 30, day).map((row) => ({ ...row, minutes: 30, kwh: '1' })),
        ...whole(`lacking-${day.name}`, 60, day)
            .slice(0, -1)
            .map((row) => ({ ...row, minutes: 60, kwh: '1' })),
    ]);
    await world.ingest('generic-csv', { 'rows.csv': readingsCsv(rows) });
    await refreshAll(world.workspace);
});

after(() => world.end());

test('a day is complete with the intervals that end within it', async () => {
    const rows = await world.query(
        `select meter_id, expected_count as expected, missing_count as missing from reads_daily order by meter_id`,
    );
    const lines = rows.map(({ meter_id, expected, missing }) => `${meter_id} ${expected} ${missing}`);
    assert.deepEqual(lines, [
        'halves-april 49 0',
        'halves-october 47 0',
        'hours-april 24 0',
        'hours-october 23 0',
        'lacking-april 24 1',
        'lacking-october 23 1',
        'silent-april 24 24',
        'silent-october 23 23',
    ]);
});

test('its gaps end within it, and its hours expect what the day does', async () => {
    const gaps = await world.query(
        `select meter_id, epoch_ms(gap_from) as gap_from, epoch_ms(gap_to) as gap_to, missing_count from reading_gaps order by meter_id`,
    );
    const lines = gaps.map(
        (g) => `${g.meter_id} ${Number(g.gap_from)} ${Number(g.gap_to)} ${g.missing_count}`,
    );
    const expected = ['lacking', 'silent'].flatMap((kind) =>
        DAYS.map((day) => {
            const hours = Math.floor((day.to - day.from) / HOUR);
            const first = kind === 'silent' ? 0 : hours - 1;
            return `${kind}-${day.name} ${day.from + first * HOUR} ${day.from + hours * HOUR} ${hours - first}`;
        }),
    );
    assert.deepEqual(lines, expected);
    const hours = await world.query(
        `select meter_id, sum(expected_count) as expected from reads_hourly where meter_id like 'silent%' group by all order by meter_id`,
    );
    assert.deepEqual(
        hours.map((row) => Number(row.expected)),
        [24, 23],
    );
});
