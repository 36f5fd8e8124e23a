// test limit: 240 s
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { REGISTER_EDIT_FEED } from '../../src/contracts/edit-feed.ts';
import { instantText } from '../../src/kernel/period.ts';
import { compact } from '../../src/lake/compaction.ts';
import { replayFaulty } from '../../src/pipeline/chain.ts';
import { editReadings, editsMade, withdrawEdit } from '../../src/pipeline/edit-readings.ts';
import { traceFiles } from '../../src/pipeline/file-trace.ts';
import { readingHistory } from '../../src/pipeline/reading-history.ts';
import { rebuildFromRaw } from '../../src/pipeline/rebuild-from-raw.ts';
import { readStatus } from '../../src/pipeline/status.ts';
import { PROGRAM } from '../program.ts';
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

test('a read of a person wins, is listed and traced to its line, and can be taken back', async () => {
    const period = { from: Date.parse('2013-12-24T00:00:00Z'), to: Date.parse('2013-12-25T00:00:00Z') };
    const at = '2013-12-24T12:00:00Z';
    await deliver('late.csv', [{ meter: 'A', at, kwh: '1500', version: 99 }]);
    const run = (...args: string[]) => {
        const all = [PROGRAM, ...args, '--home', world.homeFolder, '--json'];
        const done = spawnSync(process.execPath, all, { encoding: 'utf8' });
        return { status: done.status, said: JSON.parse(done.stdout) as Record<string, unknown> };
    };
    const why = ['--reason', 'read on site', '--by', 'ada'];
    const made = run('register-read', 'P1', '--at', at, '--kwh', '1450.5', ...why);
    assert.equal(made.status, 0);
    const again = await editReadings(
        world.workspace,
        'ada',
        [
            {
                meter: 'A',
                from: Date.parse(at),
                kwh: '1450.5',
                quality: 'measured',
                reason: 'read on site',
                place: {},
            },
        ],
        REGISTER_EDIT_FEED,
    );
    assert.deepEqual([again.editNo, again.isNew], [made.said.readNo, false]);
    assert.equal((await reads('A')).at(-1), `P1/A ${at} 1450.5 measured`);
    clock.at += 60_000;
    const asked = { editNo: again.editNo, by: 'ben', reason: 'another meter' };
    const told = async () => {
        const { registerReads } = await readingHistory(world.workspace, { meter: 'P1', period });
        return registerReads.flatMap(({ kwh, versions }) => [
            String(Number(kwh)),
            ...versions.map(
                (v) => `${v.kwh === null ? '-' : Number(v.kwh)} ${v.feed}:${v.line} ${v.outcome} ${v.reason}`,
            ),
        ]);
    };
    assert.deepEqual(await told(), [
        '1450.5',
        '1450.5 gridtally-register-read:1 winning won',
        '1500 generic-register-csv:2 superseded edited',
    ]);
    await withdrawEdit(world.workspace, asked, REGISTER_EDIT_FEED);
    assert.deepEqual(await told(), [
        '1500',
        '1500 generic-register-csv:2 winning won',
        '- gridtally-register-read:1 superseded withdraws-edit',
        '1450.5 gridtally-register-read:1 superseded edit-withdrawn',
    ]);
    const listed = await editsMade(world.workspace, 'A', REGISTER_EDIT_FEED);
    assert.deepEqual(
        listed.map((e) => [e.state, e.by, e.values, e.withdrawnBy, e.withdrawalReason]),
        [['withdrawn', 'ada', ['1450.5'], 'ben', 'another meter']],
    );
    assert.deepEqual(await editsMade(world.workspace), []);
});

test('a read of a person that cannot be is refused, with every fault at its place', async () => {
    const at = '2013-12-24T12:00:00Z';
    const refused = editReadings(
        world.workspace,
        ' ',
        [
            {
                meter: 'A',
                from: Date.parse(at),
                kwh: '1e3',
                quality: 'measured',
                reason: 'x',
                place: { line: 1 },
            },
            {
                meter: 'B',
                from: Date.parse(at),
                kwh: '1',
                quality: 'measured',
                reason: 'x',
                place: { line: 2 },
            },
            {
                meter: 'A',
                from: Date.parse(at),
                kwh: '1',
                quality: 'measured',
                reason: '',
                place: { line: 3 },
            },
        ],
        REGISTER_EDIT_FEED,
    );
    await assert.rejects(refused, (error: { faults: { line?: number; field?: string }[] }) => {
        assert.deepEqual(
            error.faults.map(({ line, field }) => `${line} ${field}`),
            ['undefined by', '1 kwh', '2 at', '3 reason'],
        );
        return true;
    });
});

test('reads come back from raw as they were, and are traced by their file', async () => {
    const everything = 'select * from register_reads order by channel_no, read_at';
    const before = await world.query(everything);
    const { workspace } = world;
    const rebuilt = await rebuildFromRaw(workspace, workspace.openSchema);
    assert.equal(rebuilt.contentRebuilt, rebuilt.contentBefore);
    assert.deepEqual(await world.query(everything), before);
    const [file] = await traceFiles(workspace, { named: 'a.csv', daysMax: 1 });
    assert.deepEqual([file?.records, file?.registerReads, file?.quarantined], [8, 3, 5]);
});

test('what an older contract quarantined comes in by a new one', async () => {
    const settings = { stampFormat: '"%d/%m/%Y"', clock: 'Europe/London', unit: 'Wh' };
    const row = (at: string): ReadRow => ({ meter: 'C', at, kwh: '2000', quality: 'E' });
    const text = variedContract('generic-register-csv', 'by-day', {
        ...settings,
        repeatedInPayload: 'refuse',
    });
    world.contract('by-day', text);
    const parsed = await deliver(
        'twice.csv',
        [row('03/12/2013'), row('03/12/2013'), row('04/12/2013')],
        'by-day',
    );
    assert.deepEqual([parsed.versions, parsed.quarantinedByRule], [1, { 'row.repeated': 2 }]);
    world.contract('by-day', variedContract('generic-register-csv', 'by-day', settings));
    const { versions, quarantined } = await replayFaulty(world.workspace, 'by-day');
    assert.deepEqual([versions, quarantined], [2, 0]);
    assert.deepEqual((await reads('C')).slice(-2), [
        'P2/C 2013-12-03T00:00:00Z 2 estimated',
        'P2/C 2013-12-04T00:00:00Z 2 estimated',
    ]);
});
