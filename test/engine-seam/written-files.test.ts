import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { findWrittenFiles } from '../../src/engine/spark/written-files.ts';
import { GridtallyError } from '../../src/kernel/errors.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'gridtally-written-'));
const whole = path.join(folder, 'ten-rows.parquet');

before(async () => {
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    await connection.run(`copy (select i from range(10) as r(i)) to '${whole}' (format parquet)`);
    connection.closeSync();
    instance.closeSync();
});

after(() => rmSync(folder, { recursive: true }));

const late = (work: () => void) => setTimeout(work, 300);

async function assertMissing(promise: Promise<unknown>, code: string, message: RegExp): Promise<void> {
    await assert.rejects(promise, (error) => {
        assert.ok(error instanceof GridtallyError, String(error));
        assert.equal(error.code, code);
        assert.match(error.message, message);
        return true;
    });
}

test('files that a listing shows late, or shows before they are whole, are waited for', async () => {
    const target = path.join(folder, 'late');
    mkdirSync(path.join(target, 'key=1'), { recursive: true });
    copyFileSync(whole, path.join(target, 'key=1/a.parquet'));
    writeFileSync(path.join(target, 'b.parquet'), 'PAR1');
    late(() => copyFileSync(whole, path.join(target, 'b.parquet')));
    // beside those of the server's own, which are none of the data
    writeFileSync(path.join(target, '_SUCCESS'), '');
    writeFileSync(path.join(target, '.c.parquet'), '');
    const files = await findWrittenFiles(target, 20, 10_000);
    assert.deepEqual(
        files.map((file) => [path.relative(target, file.path), file.rowCount]),
        [
            ['b.parquet', 10],
            ['key=1/a.parquet', 10],
        ],
    );
    late(() => {
        mkdirSync(path.join(folder, 'later'));
        copyFileSync(whole, path.join(folder, 'later/a.parquet'));
    });
    assert.equal((await findWrittenFiles(path.join(folder, 'later'), 10, 10_000)).length, 1);
});

test('files that never appear are told with what was written, and what was found', async () => {
    const target = path.join(folder, 'never');
    mkdirSync(target);
    copyFileSync(whole, path.join(target, 'a.parquet'));
    await assertMissing(
        findWrittenFiles(target, 30, 200),
        'engine.files-missing',
        /wrote 30 rows below .*never, and the 1 files that are seen there have 10$/,
    );
    // more than was written is as wrong
    await assertMissing(findWrittenFiles(target, 5, 0), 'engine.files-missing', /wrote 5 rows/);
    writeFileSync(path.join(target, 'b.parquet'), 'PAR1');
    await assertMissing(
        findWrittenFiles(target, 10, 200),
        'engine.files-missing',
        /have 10, as far as they can be read: .*b\.parquet/,
    );
    await assertMissing(
        findWrittenFiles(path.join(folder, 'nowhere'), 10, 200),
        'engine.lake-unreachable',
        /nothing is there: it writes to a disk of its own/,
    );
});
