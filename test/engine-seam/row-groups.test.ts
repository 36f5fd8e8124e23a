import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { duckdbEngine } from '../../src/engine/duckdb/duckdb-engine.ts';
import {
    areInOrder,
    readOwnFiles,
    sharedValues,
    withTextsOf,
} from '../../src/engine/duckdb/own-row-groups.ts';
import type { EngineSession } from '../../src/engine/engine.ts';
import {
    numberOf,
    readStruct,
    structOf,
    structsOf,
    writeStruct,
} from '../../src/engine/parquet/compact-protocol.ts';
import { canJoin, joinRowGroups } from '../../src/engine/parquet/join-row-groups.ts';
import {
    readFooter,
    rowGroupCount,
    rowGroupSpans,
    soleValues,
} from '../../src/engine/parquet/parquet-footer.ts';
import { GridtallyError } from '../../src/kernel/errors.ts';
import { randomNumbers } from '../random-numbers.ts';
import { arrayBuffer, sharedRowGroups } from './shared-row-groups.ts';

/** Field of the footer. */
const ROW_GROUP_LIST = 4;

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

/** A file with row groups of 2,048 rows unless told. */
async function writeRows(
    session: EngineSession,
    name: string,
    query: string,
    rowGroupRows = 2048,
): Promise<string> {
    const file = path.join(folder, name);
    await session.run(
        `copy (${query}) to '${file}' (format parquet, compression zstd, row_group_size ${rowGroupRows})`,
    );
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

test('places of pages are told anew, and those of what is not there are not', async () => {
    await within(async (session) => {
        const file = await writeRows(session, 'placed.parquet', rowsBetween(0, 9000));
        const footer = readFooter(file);
        // as other writers do: 0 where there is no dictionary, an ordinal, and the places of an index of pages
        for (const [ordinal, group] of structsOf(footer, ROW_GROUP_LIST).entries()) {
            group.set(7, { type: 4, value: ordinal });
            for (const chunk of structsOf(group, 1)) {
                const metaData = structOf(chunk, 3);
                assert.ok(metaData);
                if (!metaData.has(11)) metaData.set(11, { type: 6, value: 0 });
                chunk.set(4, { type: 6, value: 12_345 });
                chunk.set(6, { type: 6, value: 12_345 });
            }
        }
        const target = path.join(folder, 'placed-again.parquet');
        assert.equal(await joinRowGroups(target, [{ file, footer, places: [3, 4, 0] }]), 2048 + 808 + 2048);
        const numbers = await numbersIn(session, target);
        assert.deepEqual([numbers[0], numbers[2048], numbers[2856]], [6144, 8192, 0]);
        const { row_groups: groups } = parquetMetadata(arrayBuffer(readFileSync(target)));
        assert.deepEqual(
            groups.map(({ ordinal }) => ordinal),
            [0, 1, 2],
        );
        let end = 4;
        for (const { columns, file_offset: at } of groups) {
            if (at !== undefined) assert.equal(Number(at), end);
            for (const chunk of columns) {
                const of = chunk.meta_data;
                assert.ok(of);
                const first = Number(of.dictionary_page_offset) || Number(of.data_page_offset);
                assert.equal(first, end);
                assert.ok(Number(chunk.file_offset) === 0 || Number(chunk.file_offset) >= end);
                assert.deepEqual(
                    [chunk.offset_index_offset, chunk.column_index_offset],
                    [undefined, undefined],
                );
                end += Number(of.total_compressed_size);
            }
        }
    });
});

test('files with other columns, or whose row groups are not in one piece, are not joined', async () => {
    await within(async (session) => {
        const query = 'select 1 as a, 2 as b';
        const like = readFooter(await writeRows(session, 'like.parquet', query));
        const others = ['select 1 as a', 'select 1 as a, 2 as c', 'select 1 as a, cast(2 as bigint) as b'];
        for (const [n, other] of others.entries()) {
            const footer = readFooter(await writeRows(session, `other-${n}.parquet`, other));
            assert.equal(canJoin([like, footer]), false, other);
        }
        assert.equal(canJoin([like, like]), true);
        assert.equal(canJoin([]), false);
        const pieces = readFooter(await writeRows(session, 'pieces.parquet', query));
        const [chunk] = structsOf(structsOf(pieces, ROW_GROUP_LIST)[0] ?? new Map(), 1);
        const metaData = chunk && structOf(chunk, 3);
        assert.ok(chunk && metaData);
        const size = numberOf(metaData, 7) ?? 0;
        metaData.set(7, { type: 6, value: size - 1 });
        assert.equal(canJoin([like, pieces]), false, 'a gap');
        metaData.set(7, { type: 6, value: size });
        assert.equal(canJoin([like, pieces]), true);
        chunk.set(1, { type: 8, value: Buffer.from('elsewhere.parquet') });
        assert.equal(canJoin([like, pieces]), false, 'pages in another file');
    });
});

const SLOTS_OF_DAY = [
    { name: 'day', type: 'date' },
    { name: 'no', type: 'integer' },
    { name: 'slot', type: 'integer' },
    { name: 'round', type: 'integer' },
];

test('a part is taken over but for the row groups of what changes, round after round, and is what it would be if written whole', async () => {
    const CHANNELS = 2000;
    const PER_CHANNEL = 96;
    const random = randomNumbers(11);
    await within(async (session) => {
        const first = path.join(folder, 'first.parquet');
        // every 50th channel comes later
        await writeRows(
            session,
            path.basename(first),
            `select date '2024-05-01' as day, cast(i // ${PER_CHANNEL} as integer) as no, cast(i % ${PER_CHANNEL} as integer) as slot, 0 as round
               from range(${CHANNELS * PER_CHANNEL}) as r(i) where i // ${PER_CHANNEL} % 50 <> 7`,
            24_576,
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
            await session.registerFiles('previous', SLOTS_OF_DAY, [file]);
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
                    rowGroupRows: 24_576,
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

const NO = [{ name: 'no', type: 'integer' }];
const PART = {
    by: [{ column: 'no', width: 1_000_000 }],
    parts: [[0]],
    order: 'no, slot',
    rowGroupRows: 24_576,
} as const;

/** Writes a part into a folder of its own; the query reads its previous file by the view `previous`. */
async function writeChanged(
    session: EngineSession,
    name: string,
    query: string,
    { file, changed }: { readonly file: string; readonly changed: readonly number[] },
) {
    const target = path.join(folder, name);
    mkdirSync(target);
    const own = { files: [[file]], view: 'previous', changed: async () => [changed] };
    const [written] = await session.writeParts(query, target, { ...PART, own });
    return written;
}

test('a channel in two row groups, those at the edges of one, and those beside it are replaced once and whole', async () => {
    const file = path.join(folder, 'edges.parquet');
    await within(async (session) => {
        // 100 rows each: of nine row groups each but the first begins within a channel
        await writeRows(
            session,
            path.basename(file),
            'select cast(i // 100 * 2 as integer) as no, cast(i % 100 as integer) as slot, 0 as round from range(200000) as r(i)',
            24_576,
        );
        const columns = [...NO, { name: 'slot', type: 'integer' }, { name: 'round', type: 'integer' }];
        await session.registerFiles('previous', columns, [file]);
        const spans = rowGroupSpans(readFooter(file), 'no') ?? [];
        assert.deepEqual(
            spans.slice(0, 2).map(({ low, high }) => [low, high]),
            [
                [0, 490],
                [490, 982],
            ],
        );
        const sets = spans.flatMap(({ low, high }) => [
            [low - 1],
            [low],
            [low + 2],
            [high - 2],
            [high],
            [high + 1],
        ]);
        for (const [n, changed] of [...sets, [490, 982], []].entries()) {
            await session.registerRows(
                'changed',
                NO,
                changed.map((no) => [no]),
            );
            const written = await writeChanged(
                session,
                `edge-${n}`,
                `select p.* from previous as p left join changed as c on c.no = p.no where c.no is null
                 union all select no, cast(s.i as integer), 1 from changed, range(90) as s(i) where no >= 0`,
                { file, changed },
            );
            assert.ok(written);
            const [found] = await session.rows(
                `select count(*) as n, count(distinct (no, slot)) as kept, cast(coalesce(sum(round), 0) as bigint) as fresh from '${written.path}'`,
            );
            const were = changed.filter((no) => no % 2 === 0 && no >= 0 && no < 4000).length;
            const are = changed.filter((no) => no >= 0).length;
            const rows = 200_000 - were * 100 + are * 90;
            assert.deepEqual(
                [found?.n, found?.kept, found?.fresh].map(Number),
                [rows, rows, are * 90],
                `${changed}`,
            );
            assert.ok(sharedRowGroups(file, written.path) >= 3, `${changed}`);
            assert.deepEqual(readdirSync(path.dirname(written.path)), [path.basename(written.path)]);
        }
    });
});

test('a part whose previous file has other columns than the query gives is written whole', async () => {
    await within(async (session) => {
        const file = path.join(folder, 'earlier.parquet');
        await writeRows(
            session,
            path.basename(file),
            'select cast(i as integer) as no, cast(0 as bigint) as slot from range(100000) as r(i)',
            24_576,
        );
        await session.registerFiles('previous', [...NO, { name: 'slot', type: 'integer' }], [file]);
        const query = 'select * from previous where no <> 5';
        const written = await writeChanged(session, 'later', query, { file, changed: [5] });
        assert.ok(written);
        assert.equal(written.rowCount, 99_999);
        const [found] = await session.rows(
            `select count(distinct no) as n, typeof(any_value(slot)) as type from '${written.path}'`,
        );
        assert.deepEqual([Number(found?.n), found?.type], [99_999, 'INTEGER']);
        assert.deepEqual(readdirSync(path.dirname(written.path)), [path.basename(written.path)]);
    });
});

test('pages that cannot be read are told by the file that has them, and leave nothing on the way', async () => {
    await within(async (session) => {
        const file = path.join(folder, 'damaged.parquet');
        await writeRows(
            session,
            path.basename(file),
            'select cast(i as integer) as no, hash(i) as slot from range(100000) as r(i)',
            24_576,
        );
        const bytes = readFileSync(file);
        bytes.fill(0xa5, 100, 50_000);
        writeFileSync(file, bytes);
        await session.registerFiles('previous', [...NO, { name: 'slot', type: 'ubigint' }], [file]);
        const query = 'select * from previous where no <> 5';
        const failing = writeChanged(session, 'of-damaged', query, { file, changed: [5] });
        await assert.rejects(failing, (error) => {
            assert.ok(error instanceof GridtallyError, String(error));
            assert.equal(error.code, 'engine.failed');
            assert.doesNotMatch(error.message, /\.before/);
            return true;
        });
        assert.equal(
            readdirSync(path.join(folder, 'of-damaged')).some((name) => /before|fresh/.test(name)),
            false,
        );
    });
});

/** Of each kind of value that a row group may have alone: some in all row groups, some in each another one. */
const SHARED = [
    { name: 'no', type: 'integer' },
    { name: 'slot', type: 'integer' },
    { name: 'day', type: 'date' },
    { name: 'minutes', type: 'smallint' },
    { name: 'big', type: 'bigint' },
    { name: 'kwh', type: 'decimal(18,6)' },
    { name: 'quality', type: 'string' },
    { name: 'code', type: 'string' },
    { name: 'mixed', type: 'string' },
    { name: 'long', type: 'string' },
    { name: 'nothing', type: 'decimal(38,6)' },
    { name: 'flags', type: 'string' },
    { name: 'seen_at', type: 'timestamp' },
];
const sharedRows = (from: number, to: number, code: string) => `
select cast(i // 96 as integer) as no, cast(i % 96 as integer) as slot, date '2024-03-31' as day, cast(-15 as smallint) as minutes,
       -9007199254740991 as big, cast(2.5 as decimal(18, 6)) as kwh, 'it''s' as quality, '${code}' as code, if(i % 2 = 0, 'even', null) as mixed,
       repeat('x', 400) as long, cast(null as decimal(38, 6)) as nothing, cast(null as varchar) as flags, timestamptz '2024-03-31 00:00:00Z' as seen_at
  from range(${from}, ${to}) as r(i)`;

test('what all rows of previous files have alike is not read, and stays exact beside rows that have it otherwise', async () => {
    await within(async (session) => {
        const files = [
            await writeRows(session, 'shared-a.parquet', sharedRows(0, 49_152, 'A'), 24_576),
            await writeRows(session, 'shared-b.parquet', sharedRows(49_152, 60_000, 'B'), 24_576),
        ];
        const own = readOwnFiles(files, 'no');
        assert.ok(own && areInOrder(own));
        // a decimal is not told as text, of instants files have several forms, a long text may be a beginning
        assert.deepEqual(Object.fromEntries(sharedValues(own, SHARED)), {
            day: 'make_date(19813)',
            minutes: '-15',
            big: '-9007199254740991',
            quality: "'it''s'",
            nothing: 'null',
            flags: 'null',
        });
        const few = { quality: ['other'], code: ['C'], mixed: ['odd'] };
        assert.deepEqual(withTextsOf(own, few), { quality: ['other', "it's"], code: ['C', 'A', 'B'] });

        await session.materialise(
            'computed',
            `select * replace ('other' as quality, 'C' as code, 'odd' as mixed, 7 as minutes, 1.5 as nothing, 'flag' as flags, date '2024-03-31' as day)
               from (${sharedRows(0, 60_000, 'A')}) where no % 3 = 1`,
        );
        await session.registerFiles('previous', SHARED, files);
        const query = `select p.* from previous as p left join (select distinct no from computed) as c on c.no = p.no where c.no is null
            union all select * from (select ${SHARED.map((c) => `cast(${c.name} as ${session.typeName(c.type)}) as ${c.name}`).join(', ')} from computed order by no, slot)`;
        const expected = (
            await session.rows(`select count(*) as n, count(nothing) as filled from (${query})`)
        )[0];
        const target = path.join(folder, 'shared');
        mkdirSync(target);
        const [written] = await session.writeParts(query, target, {
            ...PART,
            own: { files: [files], view: 'previous', changed: async () => [undefined] },
            fewTexts: async () => few,
        });
        assert.ok(written);
        await session.registerFiles('written', SHARED, [written.path]);
        const [found] = await session.rows(
            `select (select count(*) from written) as n, (select count(nothing) from written) as filled,
                    (select count(*) from (select * from written except all (${query}))) as other`,
        );
        assert.deepEqual(found, { ...expected, other: 0n });
        // the next round finds several values in a row group, and reads them
        const next = readOwnFiles([written.path], 'no');
        assert.ok(next);
        assert.deepEqual([...sharedValues(next, SHARED).keys()], ['day', 'big']);
    });
});

test('the text that an enumeration had alone is told, and of several none', async () => {
    await within(async (session) => {
        const target = path.join(folder, 'few');
        mkdirSync(target);
        const few = { quality: ['measured'], code: ['A', 'B'], text: ['x'.repeat(300)] };
        const [written] = await session.writeParts(
            `select cast(i as integer) as no, 0 as slot, 'measured' as quality, 'A' as code, repeat('x', 300) as text from range(60000) as r(i)`,
            target,
            { ...PART, fewTexts: async () => few },
        );
        const own = readOwnFiles([written?.path ?? ''], 'no');
        assert.ok(own);
        const columns = ['quality', 'code', 'text'].map((name) => ({ name, type: 'string' }));
        assert.deepEqual([...sharedValues(own, columns)], [['quality', "'measured'"]]);
        assert.deepEqual(withTextsOf(own, { quality: ['estimated'], code: [] }), {
            quality: ['estimated', 'measured'],
        });
    });
});

test('a file without statistics of a column, or of another writer, is read', async () => {
    await within(async (session) => {
        const file = await writeRows(session, 'untold.parquet', sharedRows(0, 4096, 'A'), 2048);
        const footer = readFooter(file);
        assert.deepEqual(soleValues(footer, 'quality'), ["it's", "it's"]);
        assert.equal(soleValues(footer, 'slot'), undefined);
        assert.equal(soleValues(footer, 'no such column'), undefined);
        const statisticsOf = (column: string) => {
            for (const group of structsOf(footer, ROW_GROUP_LIST))
                for (const chunk of structsOf(group, 1)) {
                    const metaData = structOf(chunk, 3);
                    const path = metaData?.get(3)?.value;
                    const name = typeof path === 'object' && 'items' in path ? String(path.items[0]) : '';
                    if (metaData && name === column) return { metaData, statistics: structOf(metaData, 12) };
                }
            return assert.fail(column);
        };
        // of another writer a bound may be the beginning of a text; nulls that are not counted, no statistics at all
        statisticsOf('quality').statistics?.delete(7);
        assert.deepEqual(soleValues(footer, 'quality'), ["it's", "it's"]);
        footer.set(6, { type: 8, value: Buffer.from('parquet-mr version 1.16.0') });
        assert.equal(soleValues(footer, 'quality'), undefined);
        statisticsOf('minutes').statistics?.delete(3);
        assert.equal(soleValues(footer, 'minutes'), undefined);
        statisticsOf('day').metaData.delete(12);
        assert.equal(soleValues(footer, 'day'), undefined);
    });
});
