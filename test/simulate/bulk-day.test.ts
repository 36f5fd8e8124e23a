import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sha256Hex } from '../../src/kernel/hash.ts';
import { bulkDay } from '../../src/simulate/bulk-day.ts';

const root = mkdtempSync(join(tmpdir(), 'gridtally-bulk-'));
after(() => rmSync(root, { recursive: true, force: true }));

function make(
    name: string,
    given: { seed?: string; date?: string; meters?: number; firstMeter?: number } = {},
) {
    return bulkDay({
        outFolder: join(root, name),
        seed: '1',
        meters: 2500,
        minutes: 15,
        date: '2013-05-14',
        marketZone: 'Europe/London',
        correctionsRate: 0.01,
        ...given,
    });
}

test('a bulk day holds every interval of every meter once, in order, and its corrections change values', () => {
    const day = make('whole');
    const [header, ...rows] = readFileSync(day.readingsPath, 'utf8').trimEnd().split('\n');
    assert.equal(header, 'meter_id,read_at,value,quality');
    assert.equal(rows.length, 2500 * 96);
    assert.equal(rows.length, day.rows);
    let milli = 0;
    rows.forEach((row, index) => {
        const meter = `M${String(Math.floor(index / 96) + 1).padStart(6, '0')}`;
        const at = new Date(Date.parse('2013-05-13T23:00:00Z') + (index % 96) * 900_000);
        const value = /^[^,]*,[^,]*,(\d\.\d{3}),A$/.exec(row)?.[1] ?? '';
        if (row !== `${meter},${at.toISOString().replace('.000', '')},${value},A`) assert.fail(row);
        milli += Number(value.replace('.', ''));
    });
    assert.equal((milli / 1000).toFixed(3), day.kwhDelivered);
    const values = new Map(rows.map((row) => [row.slice(0, 28), row.slice(29, 34)]));
    const corrections = readFileSync(day.correctionsPath, 'utf8').trimEnd().split('\n').slice(1);
    assert.equal(corrections.length, day.correctionRows);
    assert.ok(Math.abs(corrections.length - rows.length * 0.01) < rows.length * 0.001);
    for (const row of corrections) {
        const [meter, stamp, value = '', quality, version] = row.split(',');
        const before = values.get(`${meter},${stamp}`) ?? '';
        assert.ok(before !== '' && Number(value) > Number(before), row);
        assert.deepEqual([quality, version], ['A', '1']);
        milli += Math.round((Number(value) - Number(before)) * 1000);
    }
    assert.equal(new Set(corrections.map((row) => row.slice(0, 28))).size, corrections.length);
    assert.equal((milli / 1000).toFixed(3), day.kwhCorrected);
    const points = readFileSync(day.meteringPointsPath, 'utf8').trimEnd().split('\n');
    assert.equal(points.length, 2501);
    assert.equal(points[2500], 'MP0002500,M002500,1,to_customer,15,2013-05-14,');
});

test('a bulk day depends on its seed only, and has 92 quarter-hours when the clock goes forward', () => {
    const hash = (day: { readingsPath: string; correctionsPath: string }) =>
        sha256Hex(readFileSync(day.readingsPath)) + sha256Hex(readFileSync(day.correctionsPath));
    const first = make('first', { meters: 100 });
    assert.equal(hash(make('second', { meters: 100 })), hash(first));
    assert.notEqual(hash(make('third', { meters: 100, seed: '2' })), hash(first));
    assert.equal(make('short', { meters: 10, date: '2013-03-31' }).rows, 920);
});

test('a bulk day of no meters or too many corrections is refused', () => {
    assert.throws(() => make('none', { meters: 0 }), { code: 'usage.invalid' });
    const options = { outFolder: root, seed: '1', meters: 1, minutes: 15, date: '2013-05-14' } as const;
    assert.throws(() => bulkDay({ ...options, correctionsRate: 2 }), { code: 'usage.invalid' });
});

test('a bulk day may be of meters that follow those of another file', () => {
    const first = make('first file', { meters: 2 });
    const next = make('next file', { meters: 2, firstMeter: 3 });
    const ids = ({ readingsPath, meteringPointsPath }: ReturnType<typeof make>) => {
        const column = (file: string, i: number) => [
            ...new Set(
                readFileSync(file, 'utf8')
                    .trimEnd()
                    .split('\n')
                    .slice(1)
                    .map((row) => row.split(',')[i]),
            ),
        ];
        return [column(readingsPath, 0), column(meteringPointsPath, 0)];
    };
    assert.deepEqual(ids(first), [
        ['M000001', 'M000002'],
        ['MP0000001', 'MP0000002'],
    ]);
    assert.deepEqual(ids(next), [
        ['M000003', 'M000004'],
        ['MP0000003', 'MP0000004'],
    ]);
    const [long, points] = ids(make('long names', { meters: 2, firstMeter: 999_999 }));
    assert.deepEqual(long, ['M00999999', 'M01000000']);
    assert.deepEqual(points, ['MP0999999', 'MP1000000']);
    assert.throws(() => make('too many', { meters: 2, firstMeter: 99_999_999 }), { code: 'usage.invalid' });
});
