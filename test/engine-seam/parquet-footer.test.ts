import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { parquetRowCount } from '../../src/engine/parquet/parquet-footer.ts';

async function withFile(query: string, work: (file: string) => void): Promise<void> {
    const folder = mkdtempSync(path.join(tmpdir(), 'gridtally-footer-'));
    const instance = await DuckDBInstance.create(':memory:');
    try {
        const file = path.join(folder, 'rows.parquet');
        const connection = await instance.connect();
        await connection.run(`copy (${query}) to '${file}' (format parquet, row_group_size 2048)`);
        connection.closeSync();
        work(file);
    } finally {
        instance.closeSync();
        rmSync(folder, { recursive: true, force: true });
    }
}

const EVERY_TYPE = `
select i, i % 2 = 0 as is_even, i::decimal(18, 6) as d, i::varchar as t, [i, i] as l, {a: i, b: i::double} as s,
       map {'k': i} as m, make_timestamptz(i) as at
  from range(ROWS) as r(i)`;

for (const rows of [0, 1, 2048, 300_001])
    test(`the footer of a file of ${rows} rows says so, whatever columns it has`, async () => {
        await withFile(EVERY_TYPE.replace('ROWS', String(rows)), (file) => {
            assert.equal(parquetRowCount(file), rows);
        });
    });

test('a file of so many columns that the schema is a long list has its rows counted too', async () => {
    const columns = Array.from({ length: 40 }, (_, n) => `i as c${n}`);
    await withFile(`select ${columns.join(', ')} from range(70000) as r(i)`, (file) => {
        assert.equal(parquetRowCount(file), 70_000);
    });
});

test('a file that is cut off, or is another, is a broken assumption', async () => {
    await withFile('select 1 as a', (file) => {
        const whole = readFileSync(file);
        for (const bytes of [
            whole.subarray(0, -1),
            whole.subarray(0, 5),
            Buffer.from('no rows at all PAR2'),
        ]) {
            writeFileSync(file, bytes);
            assert.throws(() => parquetRowCount(file), /is whole|ends as a Parquet file/);
        }
    });
});
