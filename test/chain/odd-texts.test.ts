import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openChainWorld, variedContract } from './chain-world.ts';

// What the engine computes with is text of strangers: none of it may end a statement, whatever it overflows, divides by or names.
const DIGITS = [1, 4, 9, 10, 15, 16, 18, 19, 20, 24, 27, 38, 39, 80].flatMap((n) => [
    '9'.repeat(n),
    `-${'9'.repeat(n)}`,
    `0.${'9'.repeat(n)}`,
    `${'9'.repeat(n)}.${'9'.repeat(n)}`,
]);
const WORDS = [
    '',
    '-',
    '.',
    '-.',
    '+1',
    '1e308',
    '1e-400',
    '0x1F',
    'NaN',
    'Infinity',
    '-Infinity',
    'null',
    'true',
    '½',
    '٣',
    '%',
    "'",
    '\\',
    ')',
    '{}',
];
const STAMPS = [
    '0000-00-00T00:00:00Z',
    '0000-01-01T00:00:00Z',
    '0001-01-01T00:00:00+15:59',
    '1582-10-10T00:00:00Z',
    '1899-12-31T23:59:60Z',
    '1999-12-31T23:30:00Z',
    '2013-02-30T00:00:00Z',
    '2013-03-31T24:00:00Z',
    '2013-03-31T24:30:00Z',
    '2013-03-31T01:30',
    '2013-10-27T01:30',
    '2013-05-01T00:00:00.999999Z',
    '2013-05-01T00:00:00-15:59',
    '9999-12-31T23:59:59.999999Z',
    '9999-12-31T23:59:59.999999-15:59',
    '9999-12-31T24:00:00Z',
    '292278-01-01T00:00:00Z',
    // the last instants that the engine knows: what is added to them overflows
    '294247-01-10',
    '294247-01-10 04:00:54',
    '294247-1-10 4:00',
    '-290307-12-21',
    '290307-12-21 (BC)',
    'epoch',
];
const TEXTS = [...DIGITS, ...WORDS, ...STAMPS];
const FIELDS = ['meter_id', 'register', 'read_at', 'minutes', 'value', 'unit', 'quality', 'version'];
const UNITS = ['', 'kWh', 'Wh', 'MWh', 'kW'];
const RIGHT_ROWS = 2000;

/** Every text in every field, each of a row that is right but for it; of the value in every unit. */
function oddRows(): string[] {
    const rows: string[] = [];
    for (const unit of UNITS) {
        for (const [at, field] of FIELDS.entries()) {
            if (unit !== '' && field !== 'value' && field !== 'minutes') continue;
            for (const text of TEXTS) {
                const row = [`ODD${rows.length}`, '', '2013-05-01T00:00:00Z', '30', '1', unit, '', '1'];
                row[at] = text.includes("'") ? `"${text}"` : text;
                rows.push(row.join(','));
            }
        }
    }
    return rows;
}

const LOCAL_ENDS = {
    clock: 'Europe/London',
    repeatedHour: 'by-order',
    stampMarks: 'end',
    allows2400: 'true',
    maxDecimals: '12',
};

for (const [name, marketZone, settings] of [
    ['stamps of starts in UTC', 'Europe/London', {}],
    ['stamps of ends by a local clock, midnight as 24:00, twelve decimals', 'Europe/London', LOCAL_ENDS],
    ['stamps of starts by a clock west of UTC', 'Europe/London', { clock: '-05:00' }],
    ['stamps in a pattern', 'Europe/London', { stampFormat: '"%Y-%m-%d %H:%M:%S"' }],
    ['a market in UTC', 'UTC', {}],
    ['a market east of UTC, stamps of ends', 'Asia/Kolkata', { clock: 'Asia/Kolkata', stampMarks: 'end' }],
] as const) {
    test(`no text in any field stops the rows beside it: ${name}`, async () => {
        const world = await openChainWorld({ marketZone });
        try {
            world.contract('odd', variedContract('generic-csv', 'odd', settings));
            const odd = oddRows();
            const from = Date.UTC(2013, 4, 1);
            const isPattern = 'stampFormat' in settings;
            const right = Array.from({ length: RIGHT_ROWS }, (_, i) => {
                const at = new Date(from + Math.floor(i / 20) * 1_800_000).toISOString();
                const stamp = isPattern ? at.slice(0, 19).replace('T', ' ') : `${at.slice(0, 19)}Z`;
                return `RIGHT-${i % 20},,${stamp},30,1,kWh,,1`;
            });
            await world.ingest('odd', { 'odd.csv': [FIELDS.join(','), ...odd, ...right, ''].join('\n') });
            const [found] = await world.query(
                `select (select count(*) from reading_versions join channels using (channel_no) where starts_with(meter_id, 'RIGHT-')) as "right",
                        (select count(*) from reading_versions) + (select count(*) from quarantined_rows)
                        + (select count(*) from waiting_rows) as "all"`,
            );
            assert.equal(Number(found?.right), RIGHT_ROWS);
            assert.equal(Number(found?.all), RIGHT_ROWS + odd.length, 'each row is in one place');
        } finally {
            await world.end();
        }
    });
}
