import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { duckdbEngine } from '../../src/engine/duckdb/duckdb-engine.ts';
import type { EngineSession } from '../../src/engine/engine.ts';
import { readStruct, writeStruct } from '../../src/engine/parquet/compact-protocol.ts';
import { canJoin, joinRowGroups } from '../../src/engine/parquet/join-row-groups.ts';
import { readFooter, rowGroupCount, rowGroupSpans } from '../../src/engine/parquet/parquet-footer.ts';
import { randomNumbers } from '../random-numbers.ts';
import { arrayBuffer, sharedRowGroups } from './shared-row-groups.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'gridtally-row-groups-'));
const engine = duckdbEngine({ memoryLimit: '500MB', threads: 1, spillFolder: path.join(folder, 'spill') });
after(async () => {
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
});

async function within<T>(work: (session: EngineSession) => Promise<T>): Promise<T> {
    const session = await engine.openSession();
    try {
        return await work(session);
    } finally {
        await session.close();
    }
}

/** Columns of every type that the lake has, some with nulls, some of few values (which have a dictionary and a Bloom filter). */
const rowsBetween = (from: number, to: number) => `
select cast(i as integer) as no, i * 1000003 as big, cast(i as decimal(18, 6)) / 8 as kwh, make_timestamptz(i * 900000000) as at,
       date '2024-01-01' + cast(i % 40 as integer) as day, cast(i % 3 as smallint) as quality, if(i % 7 = 0, null, 'text ' || i % 11) as flags,
       if(i % 5 = 0, null, [i, i + 1]) as list, i % 2 = 0 as is_even, i / 7.0 as share
  from range(${from}, ${to}) as r(i)`;

/** A file with row groups of 2,048 rows. */
async function writeRows(session: EngineSession, name: string, query: string): Promise<string> {
    const file = path.join(folder, name);
    await session.run(`copy (${query}) to '${file}' (format parquet, compression zstd, row_group_size 2048)`);
    return file;
}

const numbersIn = async (session: EngineSession, file: string) =>
    (await session.rows(`select no from read_parquet('${file}')`)).map(({ no }) => Number(no));

test('a footer is written again as it was read, byte for byte', async () => {
    await within(async (session) => {
        for (const [n, query] of [
            rowsBetween(0, 0),
            rowsBetween(0, 1),
            rowsBetween(0, 50_000),
            `select ${Array.from({ length: 40 }, (_, i) => `no as c${i}`).join(', ')} from (${rowsBetween(-3000, 3000)})`,
        ].entries()) {
            const bytes = readFileSync(await writeRows(session, `footer-${n}.parquet`, query));
            const length = bytes.readUInt32LE(bytes.length - 8);
            const footer = bytes.subarray(bytes.length - 8 - length, bytes.length - 8);
            assert.ok(writeStruct(readStruct(footer)).equals(footer));
        }
    });
});

test('row groups of several files are a file of their rows, in any order, for readers that know nothing of each other', async () => {
    await within(async (session) => {
        const random = randomNumbers(7);
        const pick = (n: number) => Math.floor(random() * n);
        const files = [
            await writeRows(session, 'a.parquet', rowsBetween(0, 20_000)),
            await writeRows(session, 'b.parquet', rowsBetween(100_000, 103_000)),
            await writeRows(session, 'none.parquet', rowsBetween(0, 0)),
        ];
        for (let round = 0; round < 10; round += 1) {
            const picked = Array.from({ length: 1 + pick(4) }, () => {
                const file = files[pick(files.length)] ?? '';
                const footer = readFooter(file);
                const places = [...Array(rowGroupCount(footer)).keys()].filter(() => random() < 0.6);
                return { file, footer, places };
            });
            assert.ok(canJoin(picked.map(({ footer }) => footer)));
            const target = path.join(folder, `joined-${round}.parquet`);
            await joinRowGroups(target, picked);
            const expected: number[] = [];
            for (const { file, places } of picked) {
                const numbers = await numbersIn(session, file);
                for (const place of places) expected.push(...numbers.slice(place * 2048, (place + 1) * 2048));
            }
            assert.deepEqual(await numbersIn(session, target), expected);
            // all columns, against the same rows made anew
            const rows = `(${rowsBetween(0, 20_000)} union all ${rowsBetween(100_000, 103_000)})`;
            const [differing] = await session.rows(
                `select count(*) as n from read_parquet('${target}') as f left join ${rows} as r on r.no = f.no where f is distinct from r`,
            );
            assert.equal(Number(differing?.n), 0);
            const file = arrayBuffer(readFileSync(target));
            assert.equal(Number(parquetMetadata(file).num_rows), expected.length);
            const read = await parquetReadObjects({ file, columns: ['no'], compressors: zstd() });
            assert.deepEqual(
                read.map(({ no }) => no),
                expected,
            );
        }
    });
});

/** What `hyparquet` has not by itself. */
function zstd() {
    const { zstdDecompressSync } = process.getBuiltinModule('node:zlib');
    return { ZSTD: (bytes: Uint8Array) => new Uint8Array(zstdDecompressSync(bytes)) };
}

test('statistics and Bloom filters of row groups go along, so that values are found and others are not looked for', async () => {
    await within(async (session) => {
        const file = await writeRows(session, 'few.parquet', rowsBetween(0, 20_000));
        const footer = readFooter(file);
        const target = path.join(folder, 'some.parquet');
        await joinRowGroups(target, [
            { file, footer, places: [7, 8] },
            { file, footer, places: [2] },
        ]);
        const spans = [2, 7, 8].map((place) => ({
            rowCount: 2048,
            low: place * 2048,
            high: place * 2048 + 2047,
        }));
        assert.deepEqual(rowGroupSpans(readFooter(target), 'no'), [spans[1], spans[2], spans[0]]);
        assert.equal(rowGroupSpans(readFooter(target), 'flags'), undefined);
        for (const value of ['text 3', 'text 99']) {
            const excluded = await session.rows(
                `select row_group_id, bloom_filter_excludes as is_out from parquet_bloom_probe('${target}', 'flags', '${value}')`,
            );
            assert.deepEqual(
                excluded.map(({ is_out }) => is_out),
                Array(3).fill(value === 'text 99'),
            );
            const [found] = await session.rows(
                `select count(*) as n from '${target}' where flags = '${value}'`,
            );
            assert.equal(Number(found?.n) > 0, value === 'text 3');
        }
    });
});

test('files with other columns, or whose row groups are not in one piece, are not joined', async () => {
    await within(async (session) => {
        const like = readFooter(await writeRows(session, 'like.parquet', 'select 1 as a, 2 as b'));
        const others = ['select 1 as a', 'select 1 as a, 2 as c', 'select 1 as a, cast(2 as bigint) as b'];
        for (const [n, query] of others.entries()) {
            const other = readFooter(await writeRows(session, `other-${n}.parquet`, query));
            assert.equal(canJoin([like, other]), false, query);
        }
        assert.equal(canJoin([like, like]), true);
        assert.equal(canJoin([]), false);
    });
});

test('a part is taken over but for the row groups of what changes, round after round, and is what it would be if written whole', async () => {
    const CHANNELS = 2000;
    const PER_CHANNEL = 96;
    const columns = [
        { name: 'day', type: 'date' },
        { name: 'no', type: 'integer' },
        { name: 'slot', type: 'integer' },
        { name: 'round', type: 'integer' },
    ];
    const random = randomNumbers(11);
    await within(async (session) => {
        const first = path.join(folder, 'first.parquet');
        // every 50th channel comes later
        await session.writeFile(
            `select date '2024-05-01' as day, cast(i // ${PER_CHANNEL} as integer) as no, cast(i % ${PER_CHANNEL} as integer) as slot, 0 as round
               from range(${CHANNELS * PER_CHANNEL}) as r(i) where i // ${PER_CHANNEL} % 50 <> 7`,
            first,
        );
        await session.run(`create temp table truth as select * from '${first}'`);
        let file = first;
        let taken = 0;
        for (let round = 1; round <= 15; round += 1) {
            const count = round % 5 === 0 ? 400 : 1 + Math.floor(random() * 3);
            const changed = Array.from({ length: count }, () => Math.floor(random() * CHANNELS));
            await session.registerRows(
                'changed',
                [{ name: 'no', type: 'integer' }],
                [...new Set(changed)].map((no) => [no]),
            );
            // of some channels all rows go, and most have others
            await session.materialise(
                'computed',
                `select date '2024-05-01' as day, no, cast(s.i as integer) as slot, ${round} as round from changed, range(${PER_CHANNEL}) as s(i) where no % 4 > 0`,
            );
            await session.registerFiles('previous', columns, [file]);
            const target = path.join(folder, `round-${round}`);
            mkdirSync(target);
            const [written] = await session.writeParts(
                `select p.* from previous as p left join changed as c on c.no = p.no where c.no is null
                 union all select * from (select * from computed order by no, slot)`,
                target,
                {
                    by: [{ column: 'day' }, { column: 'no', width: 16_384 }],
                    parts: [['2024-05-01', 0]],
                    order: 'no, slot',
                    own: { files: [[file]], view: 'previous', changed: async () => [changed] },
                },
            );
            assert.ok(written);
            await session.run(
                `create or replace temp table truth as select t.* from truth as t left join changed as c on c.no = t.no where c.no is null union all select * from computed`,
            );
            const [sums] = await session.rows(
                `select (select count(*) from truth) as expected, count(*) as n,
                        (select count(*) from (select * from truth except all select day, no, slot, round from '${written.path}')) as missing from '${written.path}'`,
            );
            assert.deepEqual([Number(sums?.n), Number(sums?.missing)], [Number(sums?.expected), 0]);
            assert.equal(written.rowCount, Number(sums?.expected));
            assert.equal(written.byteCount, statSync(written.path).size);
            // what the query reads is the whole file again
            assert.equal(
                (await session.rows('select count(*) as n from previous'))[0]?.n,
                (await session.rows(`select count(*) as n from '${file}'`))[0]?.n,
            );
            taken += sharedRowGroups(file, written.path);
            file = written.path;
        }
        assert.ok(taken > 20, `${taken} row groups were taken over`);
    });
});
