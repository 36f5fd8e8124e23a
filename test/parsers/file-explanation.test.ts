import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { explainFile } from '../../src/parsers/file-explanation.ts';
import { LCL_FOLDER, shipped } from './sample-contracts.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'gridtally-explain-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Buffer): string {
    const filePath = path.join(folder, name);
    writeFileSync(filePath, content);
    return filePath;
}

test('a file is explained by its columns, first records and faults', async () => {
    const rows = Array.from({ length: 50 }, (_, i) => `m${i},2024-01-01T00:00:00Z,${i}`);
    const text = ['meter_id,read_at,value', ...rows, 'short,row', 'm,x,1,2', ''].join('\r\n');
    const found = await explainFile(file('a.csv.gz', gzipSync(text)), shipped('generic-csv'));
    assert.ok(found.verdict.ok);
    assert.deepEqual(
        found.columns.map(({ name, isPresent }) => [name, isPresent]),
        [
            ['meter_id', true],
            ['register', false],
            ['read_at', true],
            ['minutes', false],
            ['value', true],
            ['unit', false],
            ['quality', false],
            ['version', false],
        ],
    );
    assert.deepEqual(
        found.firstRecords.map(({ line, fields }) => [line, fields[0], fields[4]]),
        [
            [2, 'm0', '0'],
            [3, 'm1', '1'],
            [4, 'm2', '2'],
        ],
    );
    assert.deepEqual(found.faultCounts, { 'row.fields': 2 });
    assert.deepEqual(found.faults, [
        { line: 52, ruleId: 'row.fields', text: 'short,row' },
        { line: 53, ruleId: 'row.fields', text: 'm,x,1,2' },
    ]);
    assert.ok(found.notes.some((note) => note.includes('CR LF')));
});

test('an object with a key that the contract does not know names it', async () => {
    const text = '{"meter_id":"m","read_at":"2024-01-01T00:00:00Z","value":1,"a:b":2}\n';
    const found = await explainFile(file('a.ndjson', text), shipped('generic-ndjson'));
    assert.deepEqual(found.faults, [
        { line: 1, ruleId: 'row.column-unknown', field: 'a:b', text: text.trimEnd() },
    ]);
});

test('of a refused file only the reason is told', async () => {
    const found = await explainFile(file('b.csv', 'meter_id,value\nm,1\n'), shipped('generic-csv'));
    assert.ok(!found.verdict.ok);
    assert.deepEqual(
        [found.verdict.refused.ruleId, found.verdict.refused.field, found.firstRecords, found.faults],
        ['file.column-missing', 'read_at', [], []],
    );
});

test('a file that is not there is an error, not a fault of the feed', async () => {
    await assert.rejects(explainFile(path.join(folder, 'none.csv'), shipped('lcl')), { code: 'ENOENT' });
});

const isThere = existsSync(LCL_FOLDER);
test('every file of the trial is read without a fault', {
    skip: isThere ? false : 'the LCL files are not here',
}, async () => {
    const readings = path.join(LCL_FOLDER, 'readings');
    let records = 0;
    for (const name of readdirSync(readings)) {
        const { verdict, faultCounts } = await explainFile(path.join(readings, name), shipped('lcl'));
        assert.ok(verdict.ok, name);
        assert.deepEqual(faultCounts, {}, name);
        records += verdict.shape.records;
    }
    assert.equal(records, 1_014_581);
});
