// test limit: 240 s
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import type { GridtallyError } from '../../src/kernel/errors.ts';
import { traceBill } from '../../src/pipeline/bill-trace.ts';
import { ingest, load, refreshAll } from '../../src/pipeline/chain.ts';
import { draftPeriod } from '../../src/pipeline/draft-period.ts';
import { traceFiles } from '../../src/pipeline/file-trace.ts';
import { onlyDay, traceTotals } from '../../src/pipeline/total-trace.ts';
import { namedChannels } from '../../src/registry/named-channels.ts';
import type { TracedDay } from '../../src/trace/traced-total.ts';
import { PROGRAM } from '../program.ts';
import { readingsCsv } from './chain-world.ts';
import { FLAWED_TOWN, openTown, type TownWorld } from './town-run.ts';

let town: TownWorld;

before(async () => {
    town = await openTown({ ...FLAWED_TOWN, seed: 'traced' });
    await draftPeriod(town.workspace, { from: calendarDate('2013-03-01'), to: calendarDate('2013-04-01') });
});
after(() => town.end());

async function traceDay(meter: string, day: string): Promise<TracedDay[]> {
    const named = await namedChannels(town.workspace.lake.db, meter);
    return traceTotals(town.workspace, { named, days: onlyDay(calendarDate(day)), readsLines: true });
}

test('every daily total of the town is the sum of its lines, on days of every length and after late loads', async () => {
    const meters = await town.query('select distinct meter_id from reads_daily order by 1');
    assert.ok(meters.length >= 9);
    for (const { meter_id } of meters) {
        const named = await namedChannels(town.workspace.lake.db, String(meter_id));
        const days = { from: calendarDate('2013-03-29'), to: calendarDate('2013-04-02') };
        const traced = await traceTotals(town.workspace, { named, days, readsLines: true });
        const [published] = await town.query(
            `select count(*) as days, cast(sum(row_count) as bigint) as versions from reads_daily where meter_id = '${meter_id}'`,
        );
        const versions = traced.flatMap(({ hours }) =>
            hours.flatMap(({ intervals }) => intervals.flatMap((interval) => interval.versions)),
        );
        assert.deepEqual(
            [traced.length, versions.length],
            [Number(published?.days), Number(published?.versions)],
        );
        for (const { line, lineKwh, kwh, text } of versions) {
            assert.ok(line !== null && line > 1 && text !== null, `${meter_id} has a line for each version`);
            assert.equal(lineKwh, kwh);
        }
    }
});

test('every draft is taken apart into the readings that its lines price', async () => {
    const bills = await town.query('select bill_id, kwh_total from bills order by 1');
    assert.ok(bills.length > 5);
    for (const { bill_id } of bills) {
        const bill = await traceBill(town.workspace, { billId: String(bill_id), readsLines: false });
        const energy = bill.lines.filter(({ kind }) => kind === 'energy');
        assert.ok(energy.length > 0);
        for (const line of bill.lines) {
            if (line.kind === 'energy') continue;
            assert.deepEqual(line.days, []);
        }
    }
});

test('a line that a bill has not is told with those that it has', async () => {
    const [bill] = await town.query('select bill_id, count(*) as n from bill_lines group by 1 order by 1');
    await assert.rejects(
        traceBill(town.workspace, { billId: String(bill?.bill_id), lineNo: 99, readsLines: false }),
        (error: GridtallyError) => {
            assert.equal(error.message, `bill ${bill?.bill_id} has no line 99`);
            assert.ok(error.remedy.startsWith(`It has ${bill?.n} lines, numbered from 1`), error.remedy);
            return true;
        },
    );
});

test('a draft is taken apart also after its tariffs were loaded again under other names', async () => {
    const file = path.join(town.folder, 'tariffs.yaml');
    const before = readFileSync(path.join(town.townFolder, 'master', 'tariffs.yaml'), 'utf8');
    writeFileSync(file, before.replaceAll(/^( *name: )(.*)$/gm, '$1$2, renamed'));
    const { changed } = await load(town.workspace, { kind: 'tariffs', file });
    assert.ok(changed > 0);
    const months = { from: calendarDate('2013-03-01'), to: calendarDate('2013-04-01') };
    const { unchanged, replaced, drafted } = await draftPeriod(town.workspace, months);
    assert.deepEqual([replaced, drafted], [0, 0]);
    const bills = await town.query('select bill_id from bills order by 1');
    assert.equal(bills.length, unchanged);
    for (const { bill_id } of bills)
        await traceBill(town.workspace, { billId: String(bill_id), readsLines: false });
});

test('a file is taken to everything that it touched, and its rows are all accounted for', async () => {
    const sequences = await town.workspace.db.query<{ first: number; last: number }>(
        'select min(first_sequence) as first, max(last_sequence) as last from segments',
    );
    const { first = 1, last = 0 } = sequences[0] ?? {};
    const sums = { records: 0, versions: 0, quarantined: 0, waiting: 0, winning: 0, refused: 0 };
    for (let sequence = first; sequence <= last; sequence += 1) {
        const [file] = await traceFiles(town.workspace, { named: `r${sequence}`, daysMax: 1 });
        assert.ok(file);
        sums.records += file.records;
        sums.versions += file.versions;
        sums.quarantined += file.quarantined;
        sums.waiting += file.waiting;
        sums.winning += file.winning;
        sums.refused += file.state === 'refused' ? 1 : 0;
    }
    const [received] = await town.workspace.db.query<Record<string, number>>(
        `select sum((parse_stats ->> 'records')::bigint)::bigint as records, (select count(*) from refused_payloads) as refused from segments`,
    );
    const [winning] = await town.query('select count(*) as n from reads_interval');
    const [quarantined] = await town.query('select count(*) as n from quarantined_rows');
    const [waiting] = await town.query('select count(*) as n from waiting_rows');
    assert.deepEqual(
        [sums.records, sums.refused, sums.winning, sums.quarantined, sums.waiting],
        [received?.records, received?.refused, winning?.n, quarantined?.n, waiting?.n].map(Number),
    );
    assert.ok(sums.refused > 0 && sums.quarantined > 0 && sums.waiting > 0);
});

test('a file is found by its path and by the name under which it was received', async () => {
    const file = path.join(town.folder, 'given.csv');
    writeFileSync(file, readingsCsv([{ meter: 'nobody', at: Date.parse('2013-03-30T00:00:00Z'), kwh: '1' }]));
    await ingest(town.workspace, 'town', [{ sourceKey: 'given.csv', path: file }]);
    for (const named of [file, 'given.csv']) {
        const [found] = await traceFiles(town.workspace, { named, daysMax: 1 });
        assert.deepEqual([found?.sourceKey, found?.records, found?.waiting], ['given.csv', 1, 1]);
    }
    await assert.rejects(traceFiles(town.workspace, { named: 'never.csv', daysMax: 1 }), {
        code: 'trace.file-unknown',
    });
});

test('a trace of numbers that were changed behind the versions is an error', async () => {
    const [row] = await town.query(
        'select meter_id, channel_no, cast(day as varchar) as day from reads_daily where kwh > 0 order by day, channel_no limit 1',
    );
    assert.ok(row);
    await traceDay(String(row.meter_id), String(row.day));
    const bucket = Math.floor(Number(row.channel_no) / 16);
    const [file] = await town.workspace.db.query<{ path: string; id: number }>(
        `select path, file_id as id from lake_files join partition_files using (file_id)
          where partition_files.table_name = 'reads_hourly' and market_day = $1 and bucket = $2 and removed_in is null`,
        [String(row.day), bucket],
    );
    assert.ok(file);
    const changed = `${path.dirname(file.path)}/changed.parquet`;
    const folder = town.workspace.home.lakeFolder;
    await town.withViews((session) =>
        session.writeFile(
            `select * replace (kwh + 0.000001 as kwh) from read_parquet('${path.join(folder, file.path)}')`,
            path.join(folder, changed),
        ),
    );
    await town.workspace.db.query('update lake_files set path = $1 where file_id = $2', [changed, file.id]);
    await assert.rejects(
        traceDay(String(row.meter_id), String(row.day)),
        (error: Error & { code?: string }) => {
            assert.equal(error.code, 'trace.does-not-add-up');
            return true;
        },
    );
    await town.workspace.db.query('update lake_files set path = $1 where file_id = $2', [file.path, file.id]);
});

test('readings that came since the last refresh are told, and the command line prints a tree', async () => {
    const [row] = await town.query(
        `select meter_id, register_id, cast(r.day as varchar) as day, cast(kwh as varchar) as kwh, c.interval_minutes as minutes
           from reads_daily as r inner join (select distinct channel_no, interval_minutes from channels) as c using (channel_no)
          where kwh > 0 and missing_count = 0 order by r.day, r.channel_no limit 1`,
    );
    assert.ok(row);
    const meter = String(row.meter_id);
    const day = String(row.day);
    const told = spawnSync(
        process.execPath,
        [PROGRAM, 'trace', 'day', meter, day, '--home', town.homeFolder],
        {
            encoding: 'utf8',
        },
    );
    assert.equal(told.status, 0, told.stderr);
    const lines = told.stdout.split('\n');
    assert.equal(lines[0], `${meter} ${row.register_id}, day ${day}: ${row.kwh} kWh`);
    assert.match(lines[1] ?? '', /^├─ hour from \S+: \d+\.\d{6} kWh$/);
    assert.match(lines[2] ?? '', /^│ {2}[├└]─ \S+ \(\d+ min\): \d+\.\d{6} kWh, (measured|estimated)$/);
    const at = Date.parse(`${day}T12:00:00Z`);
    const late = { meter, at, kwh: '0.5', minutes: Number(row.minutes), version: 99 };
    const bytes = Buffer.from(readingsCsv([late]).replace(`${meter},1,`, `${meter},${row.register_id},`));
    await ingest(town.workspace, 'town', [{ sourceKey: 'late.csv', bytes }]);
    await assert.rejects(traceDay(meter, day), { code: 'trace.stale' });
    await refreshAll(town.workspace);
    const [traced] = await traceDay(meter, day);
    const interval = traced?.hours
        .flatMap(({ intervals }) => intervals)
        .find((i) => Date.parse(i.periodFrom) === at);
    assert.equal(interval?.versions[0]?.sourceKey, 'late.csv');
});
