import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { CalendarDate } from '../../src/kernel/calendar-date.ts';
import { instantText, parseInstant } from '../../src/kernel/period.ts';
import { readAgreements, readAttributes, readCustomers } from '../../src/registry/agreement-reader.ts';
import { channelDirectory } from '../../src/registry/channel-directory.ts';
import {
    readCalendarVersions,
    readHolidays,
    readPriceSeries,
    readTariffVersions,
} from '../../src/registry/tariff-reader.ts';
import {
    ACCOUNTS,
    AGREEMENTS,
    CALENDARS,
    CUSTOMERS,
    countRows,
    HOLIDAYS,
    loadTown,
    openRegistryWorld,
    POINTS,
    type RegistryWorld,
    TARIFFS,
} from './registry-world.ts';

const YEAR = { from: '2013-01-01' as CalendarDate, to: '2014-01-01' as CalendarDate };

let world: RegistryWorld;
before(async () => {
    world = await openRegistryWorld();
});
after(() => world.end());
beforeEach(() => world.reset());

test('a town is read back as it was loaded', async () => {
    await loadTown(world);
    const customers = await readCustomers(world.db);
    assert.deepEqual(
        customers.map(({ customerNo: _, ...customer }) => customer),
        [
            {
                customerId: 'C1',
                joinedOn: '2012-12-01',
                name: 'Ada Ash',
                email: 'ada@example.org',
                address: '1 Mill Lane, Town',
                planId: null,
            },
            {
                customerId: 'C2',
                joinedOn: null,
                name: 'Ben Birch',
                email: null,
                address: null,
                planId: null,
            },
        ],
    );
    const february = { from: '2013-02-01' as CalendarDate, to: '2013-03-01' as CalendarDate };
    const agreements = await readAgreements(world.db, february);
    assert.deepEqual(
        agreements.map((a) => [
            a.agreementId,
            a.accountId,
            a.customerId,
            a.meteringPointId,
            a.tariffId,
            a.moveIn,
            a.moveOut,
        ]),
        [
            ['G3', 'A1', 'C1', 'MP2', 'flat', '2013-01-01', null],
            ['G2', 'A2', 'C2', 'MP1', 'evening', '2013-02-01', null],
        ],
    );
});

test('holidays, calendars and tariffs are read back as their documents say', async () => {
    await loadTown(world);
    assert.deepEqual(await readHolidays(world.db, { ...YEAR, to: '2013-12-25' as CalendarDate }), [
        { holidaySet: 'england', date: '2013-05-06', name: 'Early May' },
    ]);
    const [calendar] = await readCalendarVersions(world.db, YEAR);
    assert.deepEqual(calendar?.definition, {
        holidaySet: 'england',
        rules: [
            { band: 'low', holiday: true },
            { band: 'high', weekdays: [1, 2, 3, 4, 5], localTimes: [{ from: '16:00', to: '19:00' }] },
            { band: 'low' },
        ],
    });
    const tariffs = await readTariffVersions(world.db, YEAR);
    assert.deepEqual(
        tariffs.map((t) => [t.tariffId, t.validFrom, t.validTo]),
        [
            ['evening', '2013-01-01', null],
            ['flat', '2013-01-01', null],
        ],
    );
    const rounding = { mode: 'half-up', amountDigits: 2, scope: 'line' };
    assert.deepEqual(tariffs[1]?.structure, {
        currency: 'GBP',
        charges: [
            {
                id: 'standing',
                label: 'standing',
                group: 'energy',
                rounding,
                kind: 'subscription',
                pricePerDay: '0.2',
            },
            {
                id: 'energy',
                label: 'energy',
                group: 'energy',
                rounding,
                kind: 'energy-flat',
                pricePerKwh: '0.14228',
            },
        ],
        taxes: [
            {
                id: 'vat',
                label: 'VAT',
                group: 'energy',
                percent: '5',
                rounding: { mode: 'half-up', amountDigits: 2 },
            },
        ],
    });
});

test('channels are numbered by metering point, meter and register, and go on from the highest', async () => {
    const shuffled = POINTS.trimEnd().split('\n');
    const [header = '', ...rows] = shuffled;
    const result = await world.load('metering-points', 'p.csv', [header, ...rows.reverse(), ''].join('\n'));
    assert.deepEqual(result.registeredChannels, [1, 2, 3, 4]);
    await world.load(
        'metering-points',
        'q.csv',
        `${header}\nMP0,M0,1,to_customer,60,2014-06-01,2014-07-01\n`,
    );
    const summer = parseInstant('2013-05-31T23:00:00Z');
    const directory = await channelDirectory(world.db);
    assert.deepEqual(
        directory.map((c) => [
            c.channelNo,
            c.meteringPointId,
            c.meterId,
            c.registerId,
            c.flow,
            c.intervalMinutes,
        ]),
        [
            [1, 'MP1', 'M1', '1', 'to_customer', 30],
            [2, 'MP1', 'M2', '1', 'to_customer', 30],
            [3, 'MP2', 'M3', '1', 'to_customer', 15],
            [4, 'MP2', 'M3', 'B1', 'from_customer', 15],
            [5, 'MP0', 'M0', '1', 'to_customer', 60],
        ],
    );
    assert.deepEqual(directory.map((c) => [c.validFromMs, c.validToMs, c.expectedFrom]).slice(1, 4), [
        [parseInstant('2013-05-15T11:30:00Z'), null, null],
        [parseInstant('2013-01-01T00:00:00Z'), null, null],
        // Local midnight in summer.
        [summer, null, null],
    ]);
    assert.deepEqual(await registrationChanges(), [
        [0, '[2013-01-01,)'],
        [1, '[2013-06-01,)'],
        [1, '[2014-06-01,2014-07-01)'],
    ]);
});

test('the same file again adds no row anywhere', async () => {
    await loadTown(world);
    const before = await countRows(world.db);
    world.clock.at += 1000;
    for (const [kind, name, text] of [
        ['customers', 'c.csv', CUSTOMERS],
        ['accounts', 'a.csv', ACCOUNTS],
        ['metering-points', 'p.csv', POINTS],
        ['holidays', 'h.csv', HOLIDAYS],
        ['calendars', 'k.yaml', CALENDARS],
        ['tariffs', 't.yaml', TARIFFS],
        ['agreements', 'g.csv', AGREEMENTS],
    ] as const) {
        const { added, changed, unchanged, rows, knownAt } = await world.load(kind, name, text);
        assert.deepEqual({ added, changed, knownAt }, { added: 0, changed: 0, knownAt: null }, kind);
        assert.equal(unchanged, rows, kind);
        assert.ok(rows > 0, kind);
    }
    assert.equal(await countRows(world.db), before);
});

test('a corrected row is known from its load on, and what was believed before can still be asked for', async () => {
    await loadTown(world);
    world.clock.at = parseInstant('2024-02-01T00:00:00Z');
    await world.load('customers', 'c.csv', 'customer_id,name\nC2,Ben Beech\n');
    await world.load('accounts', 'a.csv', 'account_id,customer_id\nA1,C2\n');
    const moved = AGREEMENTS.replace('2013-01-01,2013-02-01', '2013-01-01,2013-01-20');
    const result = await world.load('agreements', 'g.csv', moved);
    assert.deepEqual([result.added, result.changed, result.unchanged], [0, 1, 2]);

    const seen = async (known: { knownAt?: number }) => {
        const agreements = await readAgreements(world.db, { ...YEAR, ...known });
        const first = agreements.find((a) => a.agreementId === 'G1');
        const customers = await readCustomers(world.db, known);
        return [first?.moveOut, first?.customerId, customers.length, customers[1]?.name];
    };
    assert.deepEqual(await seen({}), ['2013-01-20', 'C2', 2, 'Ben Beech']);
    assert.deepEqual(await seen({ knownAt: parseInstant('2024-01-31T00:00:00Z') }), [
        '2013-02-01',
        'C1',
        2,
        'Ben Birch',
    ]);
    assert.deepEqual(await seen({ knownAt: parseInstant('2023-12-31T00:00:00Z') }), [
        undefined,
        undefined,
        0,
        undefined,
    ]);
});

test('known time grows even where the clock stands still or goes back', async () => {
    const first = await world.load('customers', 'c.csv', 'customer_id,name\nC1,Ada\n');
    const second = await world.load('customers', 'c.csv', 'customer_id,name\nC1,Ada Ash\n');
    world.clock.at -= 86_400_000;
    const third = await world.load('customers', 'c.csv', 'customer_id,name\nC1,Ada Elm\n');
    const names = await Promise.all(
        [first, second, third].map(async ({ knownAt }) => {
            assert.ok(knownAt !== null);
            return (await readCustomers(world.db, { knownAt }))[0]?.name;
        }),
    );
    assert.deepEqual(names, ['Ada', 'Ada Ash', 'Ada Elm']);
});

test('an attribute without an end holds until the next value begins, whichever is loaded first', async () => {
    await world.load('metering-points', 'p.csv', POINTS);
    const wide = (rows: string) => `metering_point_id,valid_from,region,supplier\n${rows}`;
    await world.load('attributes', 'a.csv', wide('MP1,2013-03-01,South,\n'));
    await world.load('attributes', 'a.csv', wide('MP1,,North,S1\nMP2,,North,S1\n'));
    world.clock.at += 1000;
    const cut = await world.load('attributes', 'a.csv', wide('MP1,2013-02-01,West,\n'));
    assert.deepEqual([cut.rows, cut.added, cut.changed], [1, 1, 0]);
    const regions = await readAttributes(world.db);
    assert.deepEqual(
        regions
            .filter((a) => a.meteringPointId === 'MP1')
            .map((a) => [a.attribute, a.value, a.validFrom, a.validTo]),
        [
            ['region', 'North', null, '2013-02-01'],
            ['region', 'West', '2013-02-01', '2013-03-01'],
            ['region', 'South', '2013-03-01', null],
            ['supplier', 'S1', null, null],
        ],
    );
    const on = async (day: string, knownAt?: number) =>
        (
            await readAttributes(world.db, {
                day: day as CalendarDate,
                ...(knownAt !== undefined && { knownAt }),
            })
        )
            .filter((a) => a.meteringPointId === 'MP1' && a.attribute === 'region')
            .map((a) => a.value);
    assert.deepEqual(await on('2013-02-15'), ['West']);
    assert.deepEqual(await on('2013-02-15', (cut.knownAt ?? 0) - 1), ['North']);
});

test('a later tariff version ends the open one before it and keeps what was believed', async () => {
    await loadTown(world);
    const later = TARIFFS.split('  - tariff_id: evening')[0]?.replace('2013-01-01', '2013-10-27') ?? '';
    const result = await world.load('tariffs', 't.yaml', later.replace('0.14228', '0.15'));
    assert.deepEqual([result.rows, result.added], [1, 1]);
    const versions = async (knownAt?: number) =>
        (await readTariffVersions(world.db, { ...YEAR, ...(knownAt !== undefined && { knownAt }) }))
            .filter((t) => t.tariffId === 'flat')
            .map((t) => [t.validFrom, t.validTo]);
    assert.deepEqual(await versions(), [
        ['2013-01-01', '2013-10-27'],
        ['2013-10-27', null],
    ]);
    assert.deepEqual(await versions((result.knownAt ?? 0) - 1), [['2013-01-01', null]]);
});

test('a changed validity makes only the days stale on which it differs', async () => {
    await world.load('metering-points', 'p.csv', POINTS);
    await world.db.query('truncate registration_changes');
    const shorter = POINTS.replace('2013-05-15T11:30:00Z,\n', '2013-05-15T11:30:00Z,2013-09-01\n');
    const later = shorter.replace(
        'MP2,M3,1,to_customer,15,2013-01-01',
        'MP2,M3,1,to_customer,15,2013-01-05T12:00:00Z',
    );
    const result = await world.load('metering-points', 'p.csv', later);
    assert.deepEqual([result.changed, result.unchanged, result.registeredChannels], [2, 2, []]);
    assert.deepEqual(await registrationChanges(), [
        [0, '[2013-01-01,2013-01-06)'],
        [0, '[2013-09-01,)'],
    ]);
});

test('flat kinds load from YAML too, with ids as they are written', async () => {
    await world.load(
        'customers',
        'c.yaml',
        'customers:\n  - customer_id: 007\n    name: Yes\n  - { customer_id: 8 }\n',
    );
    const customers = await readCustomers(world.db);
    assert.deepEqual(
        customers.map((c) => [c.customerId, c.name]),
        [
            ['007', 'Yes'],
            ['8', null],
        ],
    );
    const faults = await world.faultsOf(
        'customers',
        'c.yaml',
        '- customer_id: C1\n  name: N\n  joined_on: yesterday\n',
    );
    assert.deepEqual(
        faults.map((fault) => [fault.line, fault.field]),
        [[3, 'joined_on']],
    );
});

test('a year of half-hourly bands loads under a series id that the command gives', async () => {
    const result = await world.load('price-series', 'dtou.csv', halfHoursOf2013(), { seriesId: 'dtou' });
    assert.deepEqual([result.rows, result.added], [17_520, 17_520]);
    const day = { fromMs: parseInstant('2013-01-07T00:00:00Z'), toMs: parseInstant('2013-01-08T00:00:00Z') };
    const values = await readPriceSeries(world.db, { ...day, seriesIds: ['dtou'] });
    assert.equal(values.length, 48);
    assert.deepEqual(
        [values[0]?.periodFromMs, values[0]?.intervalMinutes, values[0]?.price, typeof values[0]?.band],
        [day.fromMs, 30, null, 'string'],
    );
    assert.deepEqual(await readPriceSeries(world.db, { ...day, seriesIds: ['other'] }), []);
    const corrected = `timestamp,band\n2013-01-07T00:00:00Z,${values[0]?.band === 'Low' ? 'High' : 'Low'}\n`;
    const again = await world.load('price-series', 'fix.csv', corrected, { seriesId: 'dtou' });
    assert.deepEqual([again.added, again.changed], [0, 1]);
});

/** In the form of the Low Carbon London trial's published bands. */
function halfHoursOf2013(): string {
    const first = parseInstant('2013-01-01T00:00:00Z');
    const rows = Array.from({ length: 17_520 }, (_, index) => {
        const at = instantText(first + index * 1_800_000);
        return `${at},${['Low', 'Normal', 'High'][index % 3]}\n`;
    });
    return `timestamp,band\n${rows.join('')}`;
}

async function registrationChanges(): Promise<[number, string][]> {
    const rows = await world.db.query<{ bucket: number; days: string }>(
        'select bucket, days::text as days from registration_changes order by change_no',
    );
    return rows.map(({ bucket, days }) => [bucket, days]);
}
