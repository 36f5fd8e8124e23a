// test limit: 240 s
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { instantText } from '../../src/kernel/period.ts';
import { compact } from '../../src/lake/compaction.ts';
import { readStatus } from '../../src/pipeline/status.ts';
import { type ChainWorld, handClock, openChainWorld, variedContract } from './chain-world.ts';

const clock = handClock('2014-01-10T00:00:00Z');
const METERS = 'metering_point_id,meter_id,register,interval_minutes,valid_from,valid_to\n';
let world: ChainWorld;

interface ReadRow {
    readonly meter: string;
    readonly at: string;
    readonly kwh?: string;
    readonly unit?: string;
    readonly quality?: 'A' | 'E' | 'N' | 'W';
    readonly version?: number;
}

function readsCsv(rows: readonly ReadRow[]): string {
    const lines = rows.map((r) =>
        [r.meter, '1', r.at, r.kwh ?? '', r.unit ?? '', r.quality ?? '', r.version ?? ''].join(','),
    );
    return `meter_id,register,read_at,value,unit,quality,version\n${lines.join('\n')}\n`;
}

async function deliver(name: string, rows: readonly ReadRow[], feed = 'generic-register-csv') {
    clock.at += 60_000;
    return (await world.ingest(feed, { [name]: readsCsv(rows) })).parsed;
}

/** `meter instant index quality flags` of what wins, in order. */
async function reads(meters: string, asOf?: number): Promise<string[]> {
    const rows = await world.query(
        `select metering_point_id || '/' || meter_id as m, epoch_ms(read_at) as at, cast(index_kwh as varchar) as kwh, quality, flags
           from register_reads where meter_id similar to '${meters}' order by 1, 2`,
        asOf,
    );
    return rows.map(
        (r) =>
            `${r.m} ${instantText(Number(r.at))} ${Number(r.kwh)} ${r.quality}${r.flags === null ? '' : ` ${r.flags}`}`,
    );
}

before(async () => {
    world = await openChainWorld({ marketZone: 'Europe/London', bucketSize: 16, clock });
    world.contract(
        'by-point',
        variedContract('generic-register-csv', 'by-point', { identifies: 'meteringPoint', rank: '90' }),
    );
    world.contract(
        'by-day',
        variedContract('generic-register-csv', 'by-day', {
            stampFormat: '"%d/%m/%Y"',
            clock: 'Europe/London',
            unit: 'Wh',
        }),
    );
    await world.load(
        'metering-points',
        'm.csv',
        `${METERS}P1,A,1,30,2013-01-01T00:00:00Z,\nP2,B,1,30,2013-01-01T00:00:00Z,2013-06-15T10:00:00Z\nP2,C,1,30,2013-06-15T10:00:00Z,\n`,
    );
});
after(() => world.end());

test('a register read comes in with its unit, quality and instant, and what is wrong with one is quarantined', async () => {
    const parsed = await deliver('a.csv', [
        { meter: 'A', at: '2013-06-01T00:00:00Z', kwh: '1000.5' },
        { meter: 'A', at: '2013-07-01T09:17:23+01:00', kwh: '1100500', unit: 'Wh', quality: 'E' },
        { meter: 'A', at: '2013-08-01T00:00:00Z', kwh: '1.2', unit: 'MWh' },
        { meter: 'A', at: '2013-09-01T00:00:00Z', kwh: '1300', unit: 'kW' },
        { meter: 'A', at: '2013-09-02T00:00:00Z', kwh: '-1' },
        { meter: 'A', at: '2014-02-01T00:00:00Z', kwh: '1400' },
        { meter: 'A', at: '2013-09-03T00:00:00Z', kwh: '1000000000' },
        { meter: 'A', at: '2013-09-04T00:00:00Z' },
    ]);
    assert.deepEqual([parsed.records, parsed.versions, parsed.quarantined], [8, 3, 5]);
    assert.deepEqual(parsed.quarantinedByRule, {
        'row.unit': 1,
        'row.value-negative': 1,
        'row.stamp-future': 1,
        'row.value-too-large': 1,
        'row.value-missing': 1,
    });
    assert.deepEqual(await reads('A'), [
        'P1/A 2013-06-01T00:00:00Z 1000.5 measured',
        'P1/A 2013-07-01T08:17:23Z 1100.5 estimated',
        'P1/A 2013-08-01T00:00:00Z 1200 measured',
    ]);
    await deliver('days.csv', [{ meter: 'A', at: '01/10/2013', kwh: '1300000' }], 'by-day');
    assert.deepEqual((await reads('A')).at(-1), 'P1/A 2013-09-30T23:00:00Z 1300 measured');
});

test('which version of a read wins is decided as for intervals, and a withdrawal lets nothing older through', async () => {
    const at = '2013-10-01T12:00:00Z';
    await deliver('v1.csv', [{ meter: 'A', at, kwh: '1310', version: 1 }]);
    const before = clock.at;
    await deliver('v2.csv', [{ meter: 'A', at, kwh: '1311', version: 2 }]);
    await deliver('estimate.csv', [{ meter: 'A', at, kwh: '1319', quality: 'E', version: 9 }]);
    await deliver('again.csv', [{ meter: 'A', at, kwh: '1310', version: 1 }]);
    const last = async (asOf?: number) => (await reads('A', asOf)).at(-1);
    assert.equal(await last(), 'P1/A 2013-10-01T12:00:00Z 1311 measured');
    await deliver('equal.csv', [{ meter: 'A', at, kwh: '1312', version: 2 }]);
    assert.equal(await last(), 'P1/A 2013-10-01T12:00:00Z 1312 measured conflict');
    await deliver('gone.csv', [{ meter: 'A', at, quality: 'W', version: 3 }]);
    assert.equal(await last(), 'P1/A 2013-09-30T23:00:00Z 1300 measured');
    assert.equal(await last(before), 'P1/A 2013-10-01T12:00:00Z 1310 measured');
});

test('reads of an unknown meter wait for its load, and each read is of the meter that was there', async () => {
    const parsed = await deliver('unknown.csv', [
        { meter: 'Z', at: '2013-06-01T00:00:00Z', kwh: '5' },
        { meter: 'B', at: '2013-06-15T10:00:00Z', kwh: '777' },
        { meter: 'C', at: '2013-06-15T10:00:00Z', kwh: '0.2' },
        { meter: 'B', at: '2013-06-15T10:00:01Z', kwh: '778' },
    ]);
    assert.deepEqual([parsed.versions, parsed.waiting], [2, 2]);
    const waiting = await world.query(
        'select meter_key, reason, interval_minutes, cast(kwh as varchar) as kwh from waiting_rows order by 1',
    );
    assert.deepEqual(
        waiting.map((r) => Object.values(r).join(' ')),
        ['B waiting.outside-validity 0 778.000000', 'Z waiting.meter-unknown 0 5.000000'],
    );
    const loaded = await world.load('metering-points', 'z.csv', `${METERS}P9,Z,1,30,2013-01-01T00:00:00Z,\n`);
    assert.equal(loaded.released, 1);
    assert.deepEqual(await reads('[BCZ]'), [
        'P2/B 2013-06-15T10:00:00Z 777 measured',
        'P2/C 2013-06-15T10:00:00Z 0.2 measured',
        'P9/Z 2013-06-01T00:00:00Z 5 measured',
    ]);
    const status = await readStatus(world.workspace.lake);
    assert.equal(
        status.rowsReceived,
        status.versions + status.registerReads + status.rowsQuarantined + status.rowsWaiting,
    );
});

test('an exchange that is loaded late takes along the reads of a feed that names the metering point', async () => {
    await deliver(
        'point.csv',
        [
            { meter: 'P9', at: '2013-11-01T00:00:00Z', kwh: '50' },
            { meter: 'P9', at: '2013-11-10T00:00:00Z', kwh: '3' },
            { meter: 'P9', at: '2013-12-01T00:00:00Z', kwh: '9' },
        ],
        'by-point',
    );
    const before = clock.at;
    assert.equal((await reads('Z')).length, 4);
    clock.at += 60_000;
    await world.load(
        'metering-points',
        'exchange.csv',
        `${METERS}P9,Z,1,30,2013-01-01T00:00:00Z,2013-11-10T00:00:00Z\nP9,Y,1,30,2013-11-10T00:00:00Z,\n`,
    );
    const after = [
        'P9/Y 2013-11-10T00:00:00Z 3 measured',
        'P9/Y 2013-12-01T00:00:00Z 9 measured',
        'P9/Z 2013-06-01T00:00:00Z 5 measured',
        'P9/Z 2013-11-01T00:00:00Z 50 measured',
    ];
    assert.deepEqual(await reads('[YZ]'), after);
    assert.equal((await reads('Z', before)).length, 4);
    await deliver('more.csv', [{ meter: 'A', at: '2013-06-01T00:00:00Z', kwh: '1000.5' }]);
    assert.ok((await compact(world.workspace.lake)).filesBefore > 3);
    assert.deepEqual(await reads('[YZ]'), after);
});
