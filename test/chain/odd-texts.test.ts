import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type ChainWorld, openChainWorld, variedContract } from './chain-world.ts';

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
];
const TEXTS = [...DIGITS, ...WORDS, ...STAMPS];
const FIELDS = ['meter_id', 'register', 'read_at', 'minutes', 'value', 'unit', 'quality', 'version'];
const UNITS = ['', 'kWh', 'Wh', 'MWh', 'kW'];
const RIGHT_ROWS = 10_000;

let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'Europe/London' });
});

after(() => world.end());

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

for (const [name, settings] of [
    ['stamps of starts in UTC', {}],
    [
        'stamps of ends by a local clock, midnight as 24:00, twelve decimals',
        {
            clock: 'Europe/London',
            repeatedHour: 'by-order',
            stampMarks: 'end',
            allows2400: 'true',
            maxDecimals: '12',
        },
    ],
] as const) {
    test(`no text in any field stops the rows beside it: ${name}`, async () => {
        const feed = `odd-${Object.keys(settings).length}`;
        world.contract(feed, variedContract('generic-csv', feed, settings));
        const odd = oddRows();
        const from = Date.UTC(2013, 4, 1);
        const right = Array.from({ length: RIGHT_ROWS }, (_, i) => {
            const at = new Date(from + Math.floor(i / 20) * 1_800_000).toISOString().slice(0, 19);
            return `R${feed}-${i % 20},,${at}Z,30,1,kWh,,1`;
        });
        const before = await counted();
        await world.ingest(feed, { 'odd.csv': [FIELDS.join(','), ...odd, ...right, ''].join('\n') });
        const after = await counted();
        const taken = await world.query(
            `select count(*) as n from reading_versions join channels using (channel_no) where starts_with(meter_id, 'R${feed}-')`,
        );
        assert.equal(Number(taken[0]?.n), RIGHT_ROWS);
        assert.equal(after - before, RIGHT_ROWS + odd.length, 'each row is in one place');
    });
}

async function counted(): Promise<number> {
    const [row] = await world.query(
        `select (select count(*) from reading_versions) + (select count(*) from quarantined_rows)
                + (select count(*) from waiting_rows) as n`,
    );
    return Number(row?.n);
}
