// test limit: 240 s
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { planRefreshOf, refreshAll } from '../../src/pipeline/chain.ts';
import { type EditOutcome, editReadings, editsMade, withdrawEdit } from '../../src/pipeline/edit-readings.ts';
import { readingHistory } from '../../src/pipeline/reading-history.ts';
import type { EditRequest } from '../../src/vee/edit-request.ts';
import { PROGRAM } from '../program.ts';
import { type ChainWorld, handClock, openChainWorld, readingsCsv } from './chain-world.ts';

const clock = handClock('2013-06-10T00:00:00Z');
const HALF = 1_800_000;
/** First instant of 3 June in London. */
const FROM = Date.parse('2013-06-02T23:00:00Z');
let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'Europe/London', bucketSize: 16, clock });
    const meters = Array.from({ length: 40 }, (_, n) => `M${n}`);
    const rows = meters.flatMap((meter) =>
        Array.from({ length: 96 }, (_, slot) => ({ meter, at: FROM + slot * HALF, kwh: '1' })),
    );
    await world.ingest('generic-csv', {
        'all.csv': readingsCsv(rows.filter((r) => r.meter !== 'M5' || r.at !== FROM)),
    });
    await refreshAll(world.workspace);
});
after(() => world.end());

const request = (slot: number, more: Partial<EditRequest> = {}): EditRequest => ({
    meter: 'M3',
    from: FROM + slot * HALF,
    kwh: '2.5',
    quality: 'measured',
    reason: 'the display was read on site',
    place: {},
    ...more,
});

async function edit(...requests: EditRequest[]): Promise<EditOutcome> {
    clock.at += 60_000;
    return editReadings(world.workspace, 'Ada', requests);
}

async function value(slot: number, meter = 'M3', asOf?: number): Promise<string> {
    const at = new Date(FROM + slot * HALF).toISOString();
    const [row] = await world.query(
        `select cast(kwh as varchar) as kwh, quality_flag from reads_15min where meter_id = '${meter}' and read_at = timestamptz '${at}'`,
        asOf,
    );
    return `${row?.kwh ?? '-'} ${row?.quality_flag}`;
}

test('an edit makes exactly its channel-days stale, wins, and shows its quality', async () => {
    const before = await world.query('select count(*) as n from changed_channel_days');
    const made = await edit(request(0), request(50, { kwh: '3', quality: 'estimated' }));
    assert.equal(made.intervalCount, 2);
    const plan = await planRefreshOf(world.workspace);
    assert.deepEqual(
        plan.rebuilds.map((r) => `${r.marketDay}/${r.bucket} ${r.kind} ${r.reasons.join()}`),
        // channels are numbered in the order of their names, so that M3 is in the second bucket
        ['2013-06-03/1 merge readings', '2013-06-04/1 merge readings'],
    );
    await refreshAll(world.workspace);
    const after = await world.query('select count(*) as n from changed_channel_days');
    assert.equal(Number(after[0]?.n) - Number(before[0]?.n), 2);
    assert.deepEqual(
        [await value(0), await value(1), await value(50)],
        ['2.500000 good', '1.000000 good', '3.000000 estimated'],
    );
    assert.deepEqual((await planRefreshOf(world.workspace)).rebuilds, []);
});

test('a later reading of any stamp does not win over it, and a newer edit does, back to an old value too', async () => {
    await world.ingest('generic-csv', {
        'late.csv': readingsCsv([{ meter: 'M3', at: FROM, kwh: '7', version: 999 }]),
    });
    await edit(request(0, { kwh: '4', quality: 'estimated' }));
    await edit(request(0));
    await refreshAll(world.workspace);
    assert.equal(await value(0), '2.500000 good');
    const period = { from: FROM, to: FROM + HALF };
    const { intervals } = await readingHistory(world.workspace, { meter: 'M3', period });
    assert.deepEqual(
        intervals[0]?.versions.map((v) => `${Number(v.kwh)} ${v.feed} ${v.line} ${v.reason}`),
        [
            '2.5 gridtally-edit 1 won',
            '4 gridtally-edit 1 newer-stamp',
            '2.5 gridtally-edit 1 newer-stamp',
            '7 generic-csv 2 edited',
            '1 generic-csv 290 edited',
        ],
    );
});

test('the same edit again changes nothing', async () => {
    const first = await edit(request(10));
    const again = await edit(request(10));
    assert.deepEqual({ ...again, isNew: true }, first);
    assert.equal(again.isNew, false);
    assert.equal((await edit(request(10, { reason: 'another reason' }))).isNew, true);
});

test('an edit that is withdrawn leaves what was there before it, edits and gaps too, and is still known as of then', async () => {
    await refreshAll(world.workspace);
    const wasMissing = await value(0, 'M5');
    assert.equal(wasMissing, '- missing');
    const filled = await edit(request(0, { meter: 'M5', kwh: '0.4' }));
    const older = await edit(request(20, { kwh: '5' }));
    const newer = await edit(request(20, { kwh: null, quality: 'missing' }));
    await refreshAll(world.workspace);
    assert.deepEqual([await value(0, 'M5'), await value(20)], ['0.400000 good', '- missing']);
    const asOf = clock.at + 30_000;
    clock.at += 60_000;
    for (const { editNo } of [filled, newer]) {
        const by = { editNo, by: 'Ben', reason: 'wrong meter' };
        assert.equal((await withdrawEdit(world.workspace, by)).isNew, true);
        assert.equal((await withdrawEdit(world.workspace, by)).isNew, false);
    }
    await refreshAll(world.workspace);
    assert.deepEqual([await value(0, 'M5'), await value(20)], ['- missing', '5.000000 good']);
    assert.deepEqual(
        [await value(0, 'M5', asOf), await value(20, 'M3', asOf)],
        ['0.400000 good', '- missing'],
    );
    await withdrawEdit(world.workspace, { editNo: older.editNo, by: 'Ben', reason: 'all of it' });
    await refreshAll(world.workspace);
    assert.equal(await value(20), '1.000000 good');
    const [counts] = await world.query(
        `select cast(sum(row_count) as bigint) as a, cast(sum(measured_count + estimated_count + duplicate_count + stale_duplicate_count + superseded_count + withdrawn_count) as bigint) as b from reads_daily`,
    );
    assert.equal(counts?.a, counts?.b);
    const listed = await editsMade(world.workspace, 'M5');
    assert.deepEqual(
        listed.map((e) => [
            e.editNo,
            e.state,
            e.by,
            e.values,
            e.qualities,
            e.withdrawnBy,
            e.withdrawalReason,
        ]),
        [[filled.editNo, 'withdrawn', 'Ada', ['0.4'], ['measured'], 'Ben', 'wrong meter']],
    );
    const period = { from: FROM, to: FROM + HALF };
    const { intervals } = await readingHistory(world.workspace, { meter: 'M5', period });
    assert.deepEqual(
        intervals[0]?.versions.map((v) => v.reason),
        ['withdraws-edit', 'edit-withdrawn'],
    );
    await assert.rejects(withdrawEdit(world.workspace, { editNo: 999_999, by: 'B', reason: 'x' }), {
        code: 'edit.unknown',
    });
});

test('a request is refused as a whole, with every fault at its place', async () => {
    const sequences = 'select count(*) as n from segments';
    const before = await world.workspace.db.query(sequences);
    const place = (line: number) => ({ place: { file: 'edits.csv', line } });
    const faulty = edit(
        request(1, place(2)),
        request(1, { ...place(3), from: FROM + 1000 }),
        request(2, { ...place(4), meter: 'nobody' }),
        request(3, { ...place(5), kwh: '1e5' }),
        request(4, { ...place(6), kwh: null }),
        request(5, { ...place(7), reason: ' ' }),
        request(6, { ...place(8), to: FROM }),
        request(1, place(9)),
    );
    await assert.rejects(faulty, (error: { code: string; faults: { line?: number; field?: string }[] }) => {
        assert.equal(error.code, 'edit.refused');
        assert.deepEqual(
            error.faults.map(({ line, field }) => `${line} ${field}`),
            ['3 from', '4 meter', '5 kwh', '6 kwh', '7 reason', '8 to', 'undefined undefined'],
        );
        return true;
    });
    await assert.rejects(
        edit(request(1, { ...place(2), kwh: '-1' })),
        (error: { faults: { line?: number; message: string }[] }) => {
            assert.deepEqual(
                error.faults.map(({ line }) => line),
                [2],
            );
            assert.match(
                error.faults[0]?.message ?? '',
                /^-1 kWh for M\d+ \S+ at \S+Z: row\.value-negative: The /,
            );
            return true;
        },
    );
    assert.deepEqual(await world.workspace.db.query(sequences), before);
});

test('an edit of more intervals than a call can have arguments is judged as others are', async () => {
    const years = request(-200_000, { to: FROM });
    await assert.rejects(editReadings(world.workspace, ' ', [years]), {
        code: 'edit.refused',
        faults: [{ field: 'by', message: 'say who makes the edit' }],
    });
});

test('edits come from a file, are listed, and no file is ingested as one', async () => {
    const file = path.join(world.folder, 'edits.csv');
    writeFileSync(
        file,
        'meter,register,from,to,kwh,quality,reason\nM7,1,2013-06-03,2013-06-04,0.125,estimated,meter was off\nM8,,2013-06-03T12:00:00Z,,3,,\n',
    );
    const run = (...args: string[]) =>
        spawnSync(process.execPath, [PROGRAM, ...args, '--home', world.homeFolder, '--json'], {
            encoding: 'utf8',
        });
    const made = run('edit', '--file', file, '--by', 'Cleo', '--reason', 'read by hand');
    assert.equal(made.status, 0, made.stderr);
    assert.equal(JSON.parse(made.stdout).intervalCount, 49);
    const listed = JSON.parse(run('edit', 'list', '--meter', 'M8').stdout);
    assert.deepEqual(listed[0].reasons, ['meter was off', 'read by hand']);
    await refreshAll(world.workspace);
    const [day] = await world.query(
        `select cast(kwh as varchar) as kwh, estimated_count from reads_daily where meter_id = 'M7' and day = date '2013-06-03'`,
    );
    assert.deepEqual([day?.kwh, day?.estimated_count], ['6.000000', 48]);
    const refused = run('ingest', file, '--feed', 'gridtally-edit');
    assert.deepEqual([refused.status, JSON.parse(refused.stdout).error.code], [2, 'usage.invalid']);
});
