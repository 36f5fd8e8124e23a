import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { inWords, tableText, wrapped } from '../../src/cli/output.ts';
import { counted } from '../../src/kernel/counted.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { type ChainWorld, openChainWorld, readingsCsv, variedContract } from '../chain/chain-world.ts';
import { runCommand } from './run-command.ts';

let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'Europe/London' });
});

after(() => world.end());

const run = (...args: string[]) => runCommand(world.homeFolder, ...args);

test('words, plurals and lines', () => {
    assert.deepEqual(['payloadsUnparsed', 'kwh', 'lakeFiles'].map(inWords), [
        'payloads unparsed',
        'kWh',
        'lake files',
    ]);
    assert.deepEqual(
        [counted(1, 'file'), counted(0, 'file'), counted(2000, 'file')],
        ['1 file', '0 files', '2,000 files'],
    );
    const text = `  ${'word '.repeat(60).trim()}`;
    const lines = wrapped(text);
    assert.ok(lines.length === 3 && lines.every((line) => line.length <= 120));
    assert.deepEqual(lines.map((line) => line.trim()).join(' '), text.trim());
    assert.match(lines[1] ?? '', /^ {6}word/);
    assert.deepEqual(wrapped('short'), ['short']);
});

test('a table of more rows than a call can have arguments is as wide as its widest cell', () => {
    const rows = Array.from({ length: 200_000 }, (_, i) => [i === 7 ? 'widest' : 'cell', i]);
    const lines = tableText(['name', 'no'], rows);
    assert.equal(lines.length, rows.length + 2);
    assert.equal(lines[1], '------  ------');
    assert.equal(lines[9], 'widest       7');
});

test('a check shows a stamp in UTC and on the local clock, twice the same hour by its offset', async () => {
    const file = path.join(world.folder, 'october.csv');
    const at = Date.parse('2013-10-27T00:30:00Z');
    writeFileSync(file, readingsCsv([0, 1].map((n) => ({ meter: 'A', at: at + n * 3_600_000, kwh: '1' }))));
    const { code, out } = await run('feed', 'check', file, '--feed', 'generic-csv');
    assert.equal(code, 0);
    assert.match(out, /from \(UTC\) +in Europe\/London/);
    assert.match(out, /2013-10-27T00:30:00Z {2}2013-10-27 01:30 \+01:00/);
    assert.match(out, /2013-10-27T01:30:00Z {2}2013-10-27 01:30 \+00:00/);
    const folder = await run('feed', 'check', world.folder, '--feed', 'generic-csv');
    assert.equal(folder.code, 2);
    assert.match(folder.said, /is no file; feed check reads one file at a time/);
});

test('a stamp without an offset is read by the clock of the contract, one with an offset by that', async () => {
    world.contract('wall', variedContract('generic-csv', 'wall', { clock: 'Europe/London' }));
    const file = path.join(world.folder, 'july.csv');
    const stamps = ['2013-07-01T12:00:00', '2013-07-01T12:00:00Z', '2013-07-01T12:00:00+02:00'];
    const rows = stamps.map((stamp) => `A,1,${stamp},30,1,kWh,A,1\n`).join('');
    writeFileSync(file, `meter_id,register,read_at,minutes,value,unit,quality,version\n${rows}`);
    const { out } = await run('feed', 'check', file, '--feed', 'wall', '--json');
    const { sample } = JSON.parse(out) as { sample: { periodFrom: string }[] };
    assert.deepEqual(
        sample.map(({ periodFrom }) => periodFrom),
        ['2013-07-01T11:00:00Z', '2013-07-01T12:00:00Z', '2013-07-01T10:00:00Z'],
    );
});

test('the status is in words, and its keys stay in JSON', async () => {
    await world.ingest('generic-csv', {
        'a.csv': readingsCsv([{ meter: 'A', at: Date.parse('2013-05-01T00:00:00Z'), kwh: '1' }]),
    });
    await refreshAll(world.workspace);
    const { out } = await run('status');
    assert.match(out, /^payloads received +1$/m);
    assert.match(out, /^kWh +1\.000000$/m);
    assert.doesNotMatch(out, /[a-z][A-Z](?<!kW)/);
    assert.equal(JSON.parse((await run('status', '--json')).out).payloadsReceived, 1);
    assert.match(out, /^failed by rule\n {2}vee\.interval-count +47$/m);
});

test('a check tells rows that would wait apart from those that would be accepted', async () => {
    world.contract('waits', variedContract('generic-csv', 'waits', { unknownMeter: 'wait' }));
    const file = path.join(world.folder, 'unknown.csv');
    const at = Date.parse('2013-05-02T00:00:00Z');
    writeFileSync(file, readingsCsv(['A', 'B', 'C'].map((meter) => ({ meter, at, kwh: '1' }))));
    const { out } = await run('feed', 'check', file, '--feed', 'waits');
    assert.match(out, /^unknown\.csv as waits: 3 rows, of which 1 would be accepted, 2 would wait$/m);
    const { accepted, waiting } = JSON.parse(
        (await run('feed', 'check', file, '--feed', 'waits', '--json')).out,
    );
    assert.deepEqual({ accepted, waiting }, { accepted: 1, waiting: 2 });
    const register = await run('feed', 'check', file, '--feed', 'generic-csv');
    assert.match(register.out, /3 rows, of which 3 would be accepted$/m);
});

test('a check and a delivery count numbers that are not used, as their quality says that there is none', async () => {
    const at = (hour: number) => Date.parse(`2013-05-03T0${hour}:00:00Z`);
    const text = readingsCsv([
        { meter: 'UNUSED', at: at(0), kwh: '9.5', quality: 'N' },
        { meter: 'UNUSED', at: at(1), kwh: '0', quality: 'W' },
        { meter: 'UNUSED', at: at(2), quality: 'W' },
    ]);
    const file = path.join(world.folder, 'unused.csv');
    writeFileSync(file, text);
    const check = await run('feed', 'check', file, '--feed', 'generic-csv');
    const line = /^2 values not used: the quality says that it is missing or withdrawn$/m;
    assert.match(check.out, line);
    assert.match((await run('ingest', file, '--feed', 'generic-csv')).out, line);
});

test('a check tells that rows wait of a meter that is known and not installed then, in a feed that registers meters too', async () => {
    await world.load(
        'metering-points',
        'gone.csv',
        'metering_point_id,meter_id,interval_minutes,valid_from,valid_to\nGONE,GONE,30,2013-05-01,2013-05-02\n',
    );
    const rows = ['2013-05-01T12:00:00Z', '2013-05-02T12:00:00Z'].flatMap((at) =>
        ['GONE', 'NEW'].map((meter) => ({ meter, at: Date.parse(at), kwh: '1' })),
    );
    const text = readingsCsv(rows);
    const file = path.join(world.folder, 'gone.csv');
    writeFileSync(file, text);
    const registers = await run('feed', 'check', file, '--feed', 'generic-csv');
    assert.match(registers.out, /4 rows, of which 3 would be accepted, 1 would wait$/m);
    assert.match(registers.out, /^2 rows whose meter or register is not registered$/m);
    assert.match(registers.out, /^1 row of meters that are not installed then$/m);
    const waits = await run('feed', 'check', file, '--feed', 'waits');
    assert.match(waits.out, /4 rows, of which 1 would be accepted, 3 would wait$/m);
    const { parsed } = await world.ingest('generic-csv', { 'gone.csv': text });
    assert.deepEqual([parsed.versions, parsed.waiting], [3, 1]);
});

test('a meter that is known without that register is told so', async () => {
    const { said } = await run('history', 'A', '2013-05-01', '2013-05-02', '--register', '9');
    assert.match(said, /trace\.meter-unknown: .* "A" with register "9"/);
});

test('a drafted contract that lies outside of a home is told where it belongs', async () => {
    const sample = path.join(world.folder, 'sample.csv');
    const at = Date.parse('2013-05-01T00:00:00Z');
    writeFileSync(sample, readingsCsv([0, 1].map((n) => ({ meter: 'A', at: at + n * 1_800_000, kwh: '1' }))));
    const said = async (out: string) =>
        (await run('feed', 'infer', sample, '--name', 'mine', '--out', out)).said;
    const outside = await said(path.join(world.folder, 'mine.odcs.yaml'));
    assert.match(outside, /^next: settle these, put the contract into HOME\/feeds\/mine\.odcs\.yaml,/m);
    const inside = await said(path.join(world.homeFolder, 'feeds', 'mine.odcs.yaml'));
    assert.match(inside, /^next: settle these and see/m);
});

test('what `simulate` does unless told is in words, and a file in its way is wrong usage', async () => {
    assert.match((await run('simulate', '--help')).out, /\(default:\s+realistic\)/);
    const file = path.join(world.folder, 'a-file');
    writeFileSync(file, '');
    const { code, said } = await run('simulate', '--out', file);
    assert.equal(code, 2);
    assert.match(said, /^error usage\.invalid: simulate: .*a-file is no folder$/m);
});

test('a simulated town tells its counts in words, in lines that fit', async () => {
    const town = path.join(world.folder, 'town');
    const { code, out } = await run(
        'simulate',
        '--out',
        town,
        '--homes',
        '20',
        '--to',
        '2024-01-08',
        '--flaws',
        'all',
    );
    assert.equal(code, 0);
    assert.match(out, /^homes: 20$/m);
    assert.match(out, /^quarantined by rule: .*row\.unit \d+/m);
    assert.doesNotMatch(out, /[{}"]/);
    for (const line of out.split('\n').slice(1)) assert.ok(line.length <= 120, line);
});

test('a set of holidays may be named by the command', async () => {
    const file = path.join(world.folder, 'holidays.csv');
    writeFileSync(file, 'date,name\n2024-12-25,Christmas\n');
    const { code, out } = await run('load', 'holidays', file, '--holiday-set', 'england');
    assert.equal(code, 0);
    assert.match(out, /^holidays: 1 row, 1 new/);
    const empty = path.join(world.folder, 'none.csv');
    writeFileSync(empty, 'holiday_set,date,name\n');
    assert.match((await run('load', 'holidays', empty)).out, /has no rows/);
});
