import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type ChainWorld, openChainWorld, readingsCsv } from '../chain/chain-world.ts';
import { type CommandEnd, runCommand } from './run-command.ts';

const HEADER = 'meter_id,register,read_at,minutes,value,unit,quality,version\n';
const BROKEN = [
    'A,1,2013-05-01T00:00:00Z,30,1.5,kWh,A,1',
    'A,1,yesterday,30,1,kWh,A,1',
    'A,1,noon,30,x,kWh,A,1',
    'A,1,2013-05-01T01:00:00Z,30,1_000,kWh,A,1',
    'A,1,later,30,1,kWh,A,1',
    'A,1,never,30,1,kWh,A,1',
    'A,1',
];
let world: ChainWorld;
let files: string[];
let first: CommandEnd;

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC' });
    // what had been quarantined before is not told again
    await world.ingest('generic-csv', { 'older.csv': `${HEADER}A,1,once,30,1,kWh,A,1\n` });
    files = [given('bad.csv', 'a,b\n1,2\n'), given('rows.csv', `${HEADER}${BROKEN.join('\n')}\n`)];
    first = await run('ingest', ...files, '--feed', 'generic-csv');
});

after(() => world.end());

const run = (...args: string[]) => runCommand(world.homeFolder, ...args);

async function json(...args: string[]) {
    return JSON.parse((await run(...args, '--json')).out);
}

function given(name: string, text: string): string {
    const file = path.join(world.folder, name);
    writeFileSync(file, text);
    return file;
}

test('a file that is refused is told with file, line and field, now and when it comes again', async () => {
    assert.equal(first.code, 1);
    assert.match(first.out, /^1 file refused:\n {2}bad\.csv:1 a: file\.column-unknown: The header differs/m);
    const again = await run('ingest', ...files, '--feed', 'generic-csv');
    assert.match(
        again.out,
        /^1 file refused when received before:\n {2}bad\.csv:1 a: file\.column-unknown: The header/m,
    );
    assert.doesNotMatch(first.out, /gridtally replay/);
    assert.match(again.out, /^next: gridtally replay --feed generic-csv /m);
    const { refusedBefore } = await json('ingest', ...files, '--feed', 'generic-csv');
    assert.deepEqual(
        refusedBefore.map((r: { sourceKey: string; line: number; field: string }) => [
            r.sourceKey,
            r.line,
            r.field,
        ]),
        [['bad.csv', 1, 'a']],
    );
    const { parsed } = await json('ingest', given('worse.csv', 'meter_id\n1\n'), '--feed', 'generic-csv');
    assert.equal(parsed.refusals.length, 1);
    const { sourceKey, line, field, ruleId } = parsed.refusals[0];
    assert.deepEqual([sourceKey, line, field, ruleId], ['worse.csv', 1, 'read_at', 'file.column-missing']);
    const status = await run('status');
    assert.match(status.out, /^ {2}generic-csv bad\.csv:1 a \(receipt 2\): file\.column-unknown: /m);
});

test('the first quarantined rows of each rule are told with file, line, field, rule and what it says', async () => {
    const told = first.out.slice(first.out.indexOf('  row.fields'), first.out.indexOf('1 file refused'));
    assert.equal(
        told,
        `  row.fields: 1
    rows.csv:8: row.fields: The row has more or fewer fields than the header (quoting: none). The row: "A,1"
  row.stamp-format: 4
    rows.csv:3 read_at: row.stamp-format: The stamp is not written as the contract says (stampFormat: iso). The row:
        "A,1,yesterday,30,1,kWh,A,1"
    rows.csv:4 read_at value: row.stamp-format row.value-format: The stamp is not written as the contract says
        (stampFormat: iso). The value is not a plain decimal number (decimalMark: point). The row:
        "A,1,noon,30,x,kWh,A,1"
    rows.csv:6 read_at: row.stamp-format: The stamp is not written as the contract says (stampFormat: iso). The row:
        "A,1,later,30,1,kWh,A,1"
  row.value-format: 1
    rows.csv:5 value: row.value-format: The value is not a plain decimal number (decimalMark: point). The row:
        "A,1,2013-05-01T01:00:00Z,30,1_000,kWh,A,1"
`,
    );
    const file = given('one.csv', `${HEADER}A,1,soon,30,1,kWh,A,1\n`);
    const { quarantinedFirst } = await json('ingest', file, '--feed', 'generic-csv');
    assert.deepEqual(quarantinedFirst, [
        {
            sourceKey: 'one.csv',
            line: 2,
            ruleId: 'row.stamp-format',
            ruleIds: 'row.stamp-format',
            fields: 'read_at',
            message: 'The stamp is not written as the contract says (stampFormat: iso).',
            originalText: 'A,1,soon,30,1,kWh,A,1',
        },
    ]);
});

test('the query that an ingest suggests shows file and line of what is quarantined', async () => {
    const query = /^next: gridtally sql "(.*)"$/m.exec(first.out)?.[1] ?? '';
    const rows = (await json('sql', query)) as Record<string, unknown>[];
    const ofFile = rows.filter((row) => row.source_key === 'rows.csv');
    assert.deepEqual(
        ofFile.map((row) => [row.line_no, row.fields, row.rule_ids, row.original_text]),
        [
            [3, 'read_at', 'row.stamp-format', BROKEN[1]],
            [4, 'read_at value', 'row.stamp-format row.value-format', BROKEN[2]],
            [5, 'value', 'row.value-format', BROKEN[3]],
            [6, 'read_at', 'row.stamp-format', BROKEN[4]],
            [7, 'read_at', 'row.stamp-format', BROKEN[5]],
            [8, '', 'row.fields', BROKEN[6]],
        ],
    );
    assert.ok(rows.some((row) => row.source_key === 'older.csv' && row.line_no === 2));
});

test('payloads and refusals are published, of an earlier instant those that were known then', async () => {
    const then = Date.now();
    await world.ingest('generic-csv', {
        'late.csv': readingsCsv([{ meter: 'A', at: Date.parse('2013-05-01T02:00:00Z'), kwh: '1' }]),
        'late-bad.csv': 'c\n3\n',
    });
    const keys = 'select source_key from payloads order by sequence';
    const names = async (query: string, asOf?: number) =>
        (await world.query(query, asOf)).map((row) => row.source_key);
    const before = await names(keys, then);
    assert.deepEqual(before.slice(0, 3), ['older.csv', 'bad.csv', 'rows.csv']);
    assert.deepEqual(await names(keys), [...before, 'late.csv', 'late-bad.csv']);
    const [payload] = await world.query(`select * from payloads where source_key = 'bad.csv'`);
    assert.deepEqual(
        [Number(payload?.sequence), payload?.feed, Number(payload?.bytes), String(payload?.sha256).length],
        [2, 'generic-csv', 8, 64],
    );
    const refused = 'select source_key, line_no, field from refused_payloads order by sequence';
    assert.deepEqual(await names(refused, then), ['bad.csv', 'worse.csv']);
    const rows = await world.query(refused);
    assert.deepEqual(
        rows.map((row) => [row.source_key, Number(row.line_no), row.field]),
        [
            ['bad.csv', 1, 'a'],
            ['worse.csv', 1, 'read_at'],
            ['late-bad.csv', 1, 'c'],
        ],
    );
});

test('a check of a file names file, line, field and rule of each row, and of what refuses the file', async () => {
    const [bad = '', broken = ''] = files;
    const rows = await run('feed', 'check', broken, '--feed', 'generic-csv');
    assert.equal(rows.code, 1);
    const faults = rows.out.slice(rows.out.indexOf('  rows.csv'));
    assert.equal(
        faults,
        `  rows.csv:3 read_at: row.stamp-format: ${BROKEN[1]}
  rows.csv:4 read_at value: row.stamp-format row.value-format: ${BROKEN[2]}
  rows.csv:5 value: row.value-format: ${BROKEN[3]}
  rows.csv:6 read_at: row.stamp-format: ${BROKEN[4]}
  rows.csv:7 read_at: row.stamp-format: ${BROKEN[5]}
  rows.csv:8: row.fields: ${BROKEN[6]}
`,
    );
    const refused = await run('feed', 'check', bad, '--feed', 'generic-csv');
    assert.equal(refused.code, 1);
    assert.match(refused.out, /^refused: file\.column-unknown\nbad\.csv:1 a: The header differs/);
});
