import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { after, before, beforeEach, test } from 'node:test';
import { GridtallyError } from '../../src/kernel/errors.ts';
import type { MasterDataKind } from '../../src/registry/master-data-kind.ts';
import {
    AGREEMENTS,
    CALENDARS,
    CUSTOMERS,
    countRows,
    HOLIDAYS,
    loadTown,
    openRegistryWorld,
    type RegistryWorld,
} from './registry-world.ts';

let world: RegistryWorld;
before(async () => {
    world = await openRegistryWorld();
});
after(() => world.end());
beforeEach(() => world.reset());

const short = (faults: readonly { line?: number; field?: string; message: string }[]) =>
    faults.map(({ line, field, message }) => `${line} ${field ?? '-'}: ${message}`);

test('all faults of a file are listed with line and field, and nothing of it is loaded', async () => {
    await loadTown(world);
    const rowsBefore = await countRows(world.db);
    const faults = await world.faultsOf(
        'agreements',
        'agreements.csv',
        `agreement_id,account_id,metering_point_id,tariff_id,move_in,move_out
G7,A1,MP9,flat,2014-01-01,
,A1,MP2,flat,2014-01-01,
G8,A9,MP2,none,2014-01-01,
G9,A1,MP2,flat,2014-02-30,2014-03-01
G10,A1,MP2,flat,2014-03-01,2014-03-01
G11,A1,MP1,flat,2014-01-01,2015-01-01
G3,A1,MP2,flat,2013-01-01,
G3,A1,MP2,flat,2013-01-01,
G12,A8,MP2,${'x'.repeat(101)},2014-02-31,
,,MP9,flat,soon,
`,
    );
    assert.deepEqual(short(faults), [
        '2 metering_point_id: there is no metering point "MP9"; load it with `gridtally load metering-points` first',
        '3 agreement_id: is blank',
        '4 account_id: there is no account "A9"; load it with `gridtally load accounts` first',
        '4 tariff_id: there is no tariff "none"; load it with `gridtally load tariffs` first',
        '5 move_in: "2014-02-30" is not a date that exists, as YYYY-MM-DD',
        '6 move_out: is not after the beginning',
        '7 move_in: metering point MP1 already has agreement G2 from 2013-02-01 to open; agreement G11 from 2014-01-01 to 2015-01-01 overlaps it',
        '9 agreement_id: agreement G3 stands in line 8 already',
        '10 move_in: "2014-02-31" is not a date that exists, as YYYY-MM-DD',
        '10 tariff_id: is longer than 100 characters',
        '10 account_id: there is no account "A8"; load it with `gridtally load accounts` first',
        '11 move_in: "soon" is not a date that exists, as YYYY-MM-DD',
        '11 agreement_id: is blank',
        '11 account_id: is blank',
        '11 metering_point_id: there is no metering point "MP9"; load it with `gridtally load metering-points` first',
    ]);
    assert.ok(faults.every((fault) => fault.file === 'agreements.csv'));
    assert.equal(await countRows(world.db), rowsBefore);
});

test('one bad line keeps the good ones out', async () => {
    const faults = await world.faultsOf('customers', 'c.csv', `${CUSTOMERS}C3,Chloe,,,2013-13-01\n`);
    assert.deepEqual(short(faults), ['4 joined_on: "2013-13-01" is not a date that exists, as YYYY-MM-DD']);
    assert.equal(await countRows(world.db), 0);
});

test('unknown, doubled and absent columns are refused by name', async () => {
    const faults = await world.faultsOf('accounts', 'a.csv', 'account_id,account_id,owner\nA1,A1,C1\n');
    assert.deepEqual(short(faults), [
        '1 account_id: the header has this column twice',
        '1 owner: unknown column; known are account_id, customer_id',
        '1 customer_id: the header lacks this column',
    ]);
    const apart = await world.faultsOf('accounts', 'a.csv', 'account_id;customer_id\nA1;C1\n');
    assert.deepEqual(short(apart), [
        '1 account_id;customer_id: the columns of a file of master data stand between commas',
    ]);
});

test('what is missing is told as what it is, with what may stand for it', async () => {
    const missing = async (kind: MasterDataKind, name: string, text: string) =>
        short(await world.faultsOf(kind, name, text));
    const version =
        '  versions: [{ rounding: { mode: half-up, amount_digits: 2, scope: line }, charges: [] }]';
    const undated = await missing('tariffs', 't.yaml', `- tariff_id: t\n  name: T\n${version}\n`);
    assert.ok(
        undated.includes('3 0.versions.0.valid_from: is missing: expected a date as YYYY-MM-DD'),
        undated.join('\n'),
    );
    const unnamed = await missing('tariffs', 't.yaml', `- tariff_id: t\n${version}\n`);
    assert.ok(unnamed.includes('1 0.name: is missing: expected a text'), unnamed.join('\n'));
    assert.deepEqual(await missing('price-series', 's.csv', 'from\n2024-01-01\n'), [
        '1 from: unknown column; known are series_id, period_from, band, interval_minutes',
        '1 series_id: the header lacks this column; or name the series with --series',
        '1 period_from: the header lacks this column; or a column timestamp',
        '1 band: the header lacks this column; or a column price',
    ]);
    assert.deepEqual(await missing('price-series', 's.yaml', '- series_id: s\n  period_from: 2024-01-01\n'), [
        '1 band: no entry has this key; or a column price',
    ]);
    assert.deepEqual(await missing('price-series', 's.yaml', '- series_id: s\n  values: [1]\n'), [
        '2 0.values: expected a map of plain values: an entry is a row, and has no lists or maps in it',
    ]);
    assert.deepEqual(await missing('holidays', 'h.csv', 'date,name\n2024-12-25,Christmas\n'), [
        '1 holiday_set: the header lacks this column; or name the set with --holiday-set',
    ]);
    await assert.rejects(world.load('tariffs', 'x', '', { file: tmpdir() }), {
        message: /is a folder; name a file$/,
    });
    await assert.rejects(world.load('tariffs', 'x', '', { file: '/nowhere/t.yaml' }), {
        message: /does not exist$/,
    });
});

for (const [what, bytes, message] of [
    ['Latin-1', Buffer.from('customer_id,name\nC1,Ren\xe9\n', 'latin1'), 'the file is not UTF-8'],
    ['a zero byte', Buffer.from('customer_id\nC\0\n'), 'the file is not text: it holds a zero byte'],
] as const) {
    test(`${what} is refused as a file`, async () => {
        const faults = await world.faultsOf('customers', 'c.csv', bytes as unknown as string);
        assert.deepEqual(
            faults.map((fault) => fault.message),
            [message],
        );
    });
}

test('a file that is absent, or of a format that the kind has not, is wrong usage', async () => {
    const isWrongUsage = (error: unknown) =>
        error instanceof GridtallyError && error.code === 'usage.invalid';
    await assert.rejects(world.load('customers', 'c.csv', '', { file: '/nowhere/c.csv' }), isWrongUsage);
    await assert.rejects(world.load('customers', 'c.txt', CUSTOMERS), isWrongUsage);
    await assert.rejects(world.load('tariffs', 't.csv', 'tariff_id\n'), isWrongUsage);
});

test('overlapping agreements are told in a sentence that names both, in the file and in the home', async () => {
    await loadTown(world);
    const header = AGREEMENTS.split('\n')[0];
    const faults = await world.faultsOf(
        'agreements',
        'g.csv',
        `${header}\nG2,A2,MP1,flat,2014-01-01,\nG4,A1,MP1,flat,2013-02-01,2014-01-02\nG5,A1,MP2,flat,2013-03-01,\n`,
    );
    assert.deepEqual(short(faults), [
        '3 move_in: metering point MP1 already has agreement G2 from 2014-01-01 to open (line 2); agreement G4 from 2013-02-01 to 2014-01-02 overlaps it',
        '4 move_in: metering point MP2 already has agreement G3 from 2013-01-01 to open; agreement G5 from 2013-03-01 to open overlaps it',
    ]);
});

test('two meters at one metering point and register at once are refused', async () => {
    await loadTown(world);
    const faults = await world.faultsOf(
        'metering-points',
        'p.csv',
        'metering_point_id,meter_id,interval_minutes,valid_from\nMP2,M9,15,2013-07-01\nMP1,M8,30,2013-05-15T12:00:00+01:00\n',
    );
    assert.deepEqual(short(faults), [
        '2 valid_from: metering point MP2 register 1 already has meter M3 from 2013-01-01 to open; meter M9 from 2013-07-01 to open overlaps it',
        '3 valid_from: metering point MP1 register 1 already has meter M1 from 2013-01-01 to 2013-05-15T11:30:00Z; meter M8 from 2013-05-15T11:00:00Z to open overlaps it',
        '3 valid_from: metering point MP1 register 1 already has meter M2 from 2013-05-15T11:30:00Z to open; meter M8 from 2013-05-15T11:00:00Z to open overlaps it',
    ]);
});

test('one meter and register at two metering points at once is refused, in the file and against the home', async () => {
    await loadTown(world);
    const faults = await world.faultsOf(
        'metering-points',
        'p.csv',
        `metering_point_id,meter_id,interval_minutes,valid_from,valid_to
MP7,M1,30,2013-05-01,2013-07-01
MP8,M9,15,2013-01-01,2014-01-01
MP9,M9,15,2013-12-01,
MP6,M9,15,2014-01-01,2015-01-01
`,
    );
    assert.deepEqual(short(faults), [
        '2 valid_from: meter M1 register 1 already has metering point MP1 from 2013-01-01 to 2013-05-15T11:30:00Z; metering point MP7 from 2013-05-01 to 2013-07-01 overlaps it: from 2013-05-01 to 2013-05-15T11:30:00Z it would be at both',
        '4 valid_from: meter M9 register 1 already has metering point MP8 from 2013-01-01 to 2014-01-01 (line 3); metering point MP9 from 2013-12-01 to open overlaps it: from 2013-12-01 to 2014-01-01 it would be at both',
        '5 valid_from: meter M9 register 1 already has metering point MP9 from 2013-12-01 to open (line 4); metering point MP6 from 2014-01-01 to 2015-01-01 overlaps it: from 2014-01-01 to 2015-01-01 it would be at both',
    ]);
    assert.ok(faults.every((fault) => fault.file === 'p.csv'));
});

test('a meter moves to another metering point by one load, and another register of it may stand elsewhere', async () => {
    await loadTown(world);
    const header = 'metering_point_id,meter_id,register,interval_minutes,valid_from,valid_to';
    const moved = `${header}\nMP2,M3,1,15,2013-01-01,2014-01-01\nMP5,M3,1,15,2014-01-01,\nMP4,M3,2,15,2013-01-01,\n`;
    const result = await world.load('metering-points', 'p.csv', moved);
    assert.deepEqual([result.added, result.changed], [2, 1]);
});

test('the database itself refuses a meter at two metering points, whoever writes', async () => {
    await loadTown(world);
    await world.db.query(`insert into metering_points (metering_point_id) values ('MPX')`);
    const insert = (from: string, to: string) =>
        world.db.query(
            `with c as (
                 insert into channels
                 select (select max(channel_no) + 1 from channels), metering_point_no, 'M1', '1', 'to_customer', 30, 'load'
                 from metering_points where metering_point_id = 'MPX' returning *)
             insert into channel_validities
                 (channel_no, metering_point_no, meter_no, register_id, valid_during, known_from)
             select channel_no, metering_point_no, meter_no, '1', tstzrange($1, $2), now()
             from c join meters using (meter_id)`,
            [from, to],
        );
    await assert.rejects(insert('2013-05-15T11:29:59Z', '2013-06-01T00:00:00Z'), /one_place_of_a_meter/);
    await insert('2013-05-15T11:30:00Z', '2013-06-01T00:00:00Z');
});

test('attribute values and tariff versions with an end of their own do not overlap later ones', async () => {
    await loadTown(world);
    const values =
        'metering_point_id,attribute,value,valid_from,valid_to\nMP1,region,North,2013-01-01,2013-06-01\n';
    await world.load('attributes', 'a.csv', values);
    assert.deepEqual(
        short(
            await world.faultsOf(
                'attributes',
                'a.csv',
                'metering_point_id,region,valid_from\nMP1,South,2013-05-01\n',
            ),
        ),
        [
            '2 valid_from: metering point MP1 already has region North from 2013-01-01 to 2013-06-01; region South from 2013-05-01 to open overlaps it',
        ],
    );
    const version = (from: string, to: string) => `tariffs:
  - tariff_id: flat
    name: Flat
    versions:
      - valid_from: ${from}${to}
        rounding: { mode: half-up, amount_digits: 2, scope: line }
        charges: [{ id: energy, kind: energy-flat, price_per_kwh: 0.1 }]
`;
    await world.load('tariffs', 't.yaml', version('2014-01-01', '\n        valid_to: 2015-01-01'));
    assert.deepEqual(short(await world.faultsOf('tariffs', 't.yaml', version('2014-06-01', ''))), [
        '5 valid_from: tariff flat already has a version from 2014-01-01 to 2015-01-01; the version from 2014-06-01 to open overlaps it',
    ]);
});

test('the interval length and flow of a channel that is loaded stay', async () => {
    await loadTown(world);
    const faults = await world.faultsOf(
        'metering-points',
        'p.csv',
        'metering_point_id,meter_id,flow,interval_minutes,valid_from\nMP2,M3,from_customer,30,2013-01-01\n',
    );
    assert.deepEqual(
        faults.map((fault) => [fault.line, fault.field]),
        [
            [2, 'flow'],
            [2, 'interval_minutes'],
        ],
    );
    for (const { message } of faults)
        assert.match(message, /^register 1 of meter M3 has .*, which a channel keeps/);
});

test('a tariff file names each fault with its line and place', async () => {
    await world.load('holidays', 'h.csv', HOLIDAYS);
    await world.load('calendars', 'c.yaml', CALENDARS);
    const text = `tariffs:
  - tariff_id: bad
    name: Bad
    colour: red
    versions:
      - valid_from: 2013-02-30
        currency: EUR
        rounding: { mode: half-up, amount_digits: 2, scope: line }
        charges:
          - id: energy
            kind: energy-flat
            price_per_kwh: 1,5
          - id: other
            kind: by-magic
        taxes:
          - { id: vat, percent: 5 }
`;
    assert.deepEqual(
        (await world.faultsOf('tariffs', 't.yaml', text)).map(({ line, field }) => [line, field]),
        [
            [4, 'tariffs.0.colour'],
            [6, 'tariffs.0.versions.0.valid_from'],
            [7, 'tariffs.0.versions.0.currency'],
            [12, 'tariffs.0.versions.0.charges.0.price_per_kwh'],
            [14, 'tariffs.0.versions.0.charges.1.kind'],
        ],
    );
    const references = `tariffs:
  - tariff_id: bad
    name: Bad
    versions:
      - valid_from: 2013-01-01
        rounding: { mode: half-up, amount_digits: 2, scope: line }
        charges:
          - { id: a, kind: energy-bands, calendar_id: nights, price_per_kwh_by_band: { low: 1 } }
          - { id: b, kind: energy-bands, calendar_id: evenings, price_per_kwh_by_band: { low: 1 } }
          - { id: c, kind: energy-series, series_id: spot }
        taxes:
          - { id: vat, percent: 5, group: water }
`;
    assert.deepEqual(short(await world.faultsOf('tariffs', 't.yaml', references)), [
        '12 tariffs.0.versions.0.taxes.0.group: no charge is of the group water',
    ]);
    assert.deepEqual(
        short(await world.faultsOf('tariffs', 't.yaml', references.replace(', group: water', ''))),
        [
            '8 calendar_id: there is no calendar "nights"; load it with `gridtally load calendars` first',
            '9 price_per_kwh_by_band: has no price for the band "high" of calendar evenings',
            '10 series_id: there is no price series "spot"; load it with `gridtally load price-series` first',
        ],
    );
});

test('a calendar that leaves a time without a band, or names one that a tariff does not price, is refused', async () => {
    await loadTown(world);
    const calendar = (rules: string) => `- calendar_id: evenings\n  versions:\n    - rules:\n${rules}`;
    const places = async (rules: string) =>
        (await world.faultsOf('calendars', 'c.yaml', calendar(rules))).map(
            ({ line, message }) => `${line} ${message}`,
        );
    assert.deepEqual(await places('        - { band: low, weekdays: [1] }\n'), [
        '4 the last rule must have no conditions',
    ]);
    assert.deepEqual(await places('        - { band: low, holiday: true }\n        - { band: high }\n'), [
        '4 asks for holidays, but the calendar names no holiday_set',
    ]);
    assert.deepEqual(await places('        - { band: night, months: [1] }\n        - { band: low }\n'), [
        '3 tariff evening has no price for the band "night"; give it one first',
    ]);
});

test('a price series refuses times off its grid, repeats, and a change of what it is', async () => {
    const series = (rows: string) =>
        `timestamp,band\n2013-01-01T00:00:00Z,Low\n2013-01-01T00:30:00Z,High\n${rows}`;
    await world.load('price-series', 's.csv', series(''), { seriesId: 'dtou' });
    const refused = series('2013-01-01T00:30:00Z,Low\n2013-01-01T01:10:00Z,Low\n2013-01-01T02:00:00Z,\n');
    assert.deepEqual(short(await world.faultsOf('price-series', 's.csv', refused, { seriesId: 'dtou' })), [
        '4 period_from: dtou at 2013-01-01T00:30:00Z stands in line 3 already',
        '5 period_from: 2013-01-01T01:10:00Z is not the beginning of a 30-minute interval',
        '6 band: is blank',
    ]);
    const prices =
        'series_id,period_from,price\ndtou,2013-02-01T00:00:00Z,0.1\ndtou,2013-02-01T01:00:00Z,1e-3\n';
    assert.deepEqual(short(await world.faultsOf('price-series', 'p.csv', prices)), [
        '2 series_id: dtou is a series of one band for each 30 minutes; load another series id',
        '3 price: "1e-3" is not a number with at most 8 decimals',
    ]);
});
