import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { type ChainWorld, openChainWorld, variedContract } from './chain-world.ts';

// A bulk supply point takes a gigawatt and more: an interval of it has millions of kWh, up to the twelve whole digits that energy has.
const LARGEST = '999999999999.999999';
let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'Europe/London', estimates: true });
    world.contract(
        'bulk',
        variedContract('generic-csv', 'bulk', { maxKwh: `'${LARGEST}'`, allowsNegative: 'true' }),
    );
    await world.ingest('bulk', {
        'bulk.csv': [
            'meter_id,register,read_at,minutes,value,unit,quality,version',
            ...['999999.999999', '1000000', '-1000000.000001', '5000000.5', LARGEST, `-${LARGEST}`].map(
                (value, i) => `M${i},,2024-01-01T00:00:00Z,30,${value},,,1`,
            ),
            // a gap of an hour between large values; the newest day is not estimated
            'G,,2024-01-01T10:00:00Z,30,4000000.000001,,,1',
            'G,,2024-01-01T11:30:00Z,30,1000000.000001,,,1',
            'G,,2024-01-02T11:30:00Z,30,1,,,1',
            '',
        ].join('\n'),
    });
    await refreshAll(world.workspace);
});

after(() => world.end());

test('energy of as many digits as it has is published, and its sums are exact', async () => {
    const rows = await world.query(
        `select i.meter_id, cast(i.kwh as varchar) as kwh, cast(d.kwh as varchar) as day_kwh
           from reads_15min i join reads_daily d on d.meter_id = i.meter_id and d.day = i.market_day
          where i.quality_flag = 'good' and i.meter_id <> 'G' order by 1`,
    );
    assert.deepEqual(
        rows.map(({ meter_id, kwh, day_kwh }) => [meter_id, kwh, day_kwh].join(' ')),
        [
            'M0 999999.999999 999999.999999',
            'M1 1000000.000000 1000000.000000',
            'M2 -1000000.000001 -1000000.000001',
            'M3 5000000.500000 5000000.500000',
            `M4 ${LARGEST} ${LARGEST}`,
            `M5 -${LARGEST} -${LARGEST}`,
        ],
    );
});

test('a gap between large values is estimated from them', async () => {
    const rows = await world.query(
        `select cast(kwh as varchar) as kwh from reads_15min
          where meter_id = 'G' and quality_flag = 'estimated' and market_day = date '2024-01-01' order by read_at`,
    );
    assert.deepEqual(
        rows.map(({ kwh }) => kwh),
        ['3000000.000001', '2000000.000001'],
    );
});

test('two large values of a day differ in its content checksum', async () => {
    const rows = await world.query(
        `select count(distinct digest_1) as digests from reads_daily 
          where meter_id in ('M1', 'M3', 'M4') and day = date '2024-01-01'`,
    );
    assert.equal(Number(rows[0]?.['digests']), 3);
});

test('a text of more digits than any number has is quarantined in every unit, and stops no other row', async () => {
    const units = ['kWh', 'Wh', 'MWh', 'kW'];
    const texts = [
        '9'.repeat(15),
        '9'.repeat(16),
        '9'.repeat(24),
        '9'.repeat(26),
        `-${'9'.repeat(27)}`,
        '9'.repeat(400),
    ];
    const rows = units.flatMap((unit, u) =>
        texts.map((text, i) => `D${u}${i},,2024-02-01T00:00:00Z,30,${text},${unit},,1`),
    );
    await world.ingest('bulk', {
        'digits.csv': [
            'meter_id,register,read_at,minutes,value,unit,quality,version',
            ...rows,
            // a file most of whose rows are wrong is refused as a whole
            ...Array.from({ length: 400 }, (_, i) => `E${i},,2024-02-01T00:00:00Z,30,1,kWh,,1`),
            'D,,2024-02-01T00:00:00Z,30,1.5,MWh,,1',
            '',
        ].join('\n'),
    });
    await refreshAll(world.workspace);
    const published = await world.query(
        `select meter_id, cast(kwh as varchar) as kwh from reads_15min
          where starts_with(meter_id, 'D') and quality_flag = 'good' order by 1`,
    );
    // fifteen nines are too much but of Wh
    assert.deepEqual(
        published.map(({ meter_id, kwh }) => `${meter_id} ${kwh}`),
        ['D 1500.000000', 'D10 999999999999.999000'],
    );
    const refused = await world.query(
        `select rule_ids, count(*) as n from quarantined_rows
          where contains(original_text, '2024-02-01') group by 1 order by 1`,
    );
    assert.deepEqual(
        refused.map(({ rule_ids, n }) => `${rule_ids} ${n}`),
        ['row.value-format 20', 'row.value-too-large 3'],
    );
});
