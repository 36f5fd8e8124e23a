// test limit: 900 s
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import type { BillingInputs } from '../../src/billing/rating-dimensions.ts';
import { LAKE_TABLES } from '../../src/contracts/lake-tables.ts';
import type { TariffStructure } from '../../src/contracts/tariff-structure.ts';
import { duckdbEngine } from '../../src/engine/duckdb/duckdb-engine.ts';
import type { Engine, EngineRow, EngineSession, EngineValue, StepProgress } from '../../src/engine/engine.ts';
import { joinRowGroups } from '../../src/engine/parquet/join-row-groups.ts';
import { readFooter } from '../../src/engine/parquet/parquet-footer.ts';
import { sparkEngine } from '../../src/engine/spark/spark-engine.ts';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import { billsOf, openTestLake, type TestLake, writeTable } from '../billing/billing-world.ts';
import { BANDS, worldOf } from '../billing/random-world.ts';
import { makeScratchFolder, removeScratchFolder } from '../store/scratch-home.ts';
import { SPARK_SKIP } from './spark-cache.ts';
import { type SparkServer, sharedSparkServer } from './spark-server.ts';

const skip = SPARK_SKIP;

let server: Pick<SparkServer, 'address' | 'end'>;
let folder: string;
let engines: { readonly duckdb: Engine; readonly spark: Engine };

before(async () => {
    if (skip) return;
    server = await sharedSparkServer();
    folder = makeScratchFolder();
    engines = {
        duckdb: duckdbEngine({ memoryLimit: '500MB', threads: 2, spillFolder: path.join(folder, 'spill') }),
        spark: sparkEngine({ address: server.address }),
    };
});

after(async () => {
    await engines?.spark.close();
    await engines?.duckdb.close();
    await server?.end();
    if (folder) await removeScratchFolder(folder);
});

/** The same work in a session of each engine; gives what each answered, DuckDB's first. */
async function onBoth<T>(work: (session: EngineSession, name: string) => Promise<T>): Promise<[T, T]> {
    const answers: T[] = [];
    for (const [name, engine] of Object.entries(engines)) {
        const session = await engine.openSession();
        try {
            answers.push(await work(session, name));
        } finally {
            await session.close();
        }
    }
    const [first, second] = answers;
    assert.ok(first !== undefined && second !== undefined);
    return [first, second];
}

async function assertSame<T>(work: (session: EngineSession, name: string) => Promise<T>): Promise<T> {
    const [duckdb, spark] = await onBoth(work);
    assert.deepEqual(spark, duckdb);
    return duckdb;
}

const COLUMNS = [
    { name: 'no', type: 'integer' },
    { name: 'small', type: 'smallint' },
    { name: 'large', type: 'bigint' },
    { name: 'kwh', type: 'decimal(18,6)' },
    { name: 'total', type: 'decimal(38,6)' },
    { name: 'day', type: 'date' },
    { name: 'seen_at', type: 'timestamp' },
    { name: 'is_on', type: 'boolean' },
    { name: 'text', type: 'string' },
] as const;

const ROWS: readonly (readonly EngineValue[])[] = [
    [
        1,
        -2,
        9007199254740993n,
        '-0.000001',
        '12345678901234567890123456789012.000001',
        '2013-03-31',
        '2013-03-31T00:59:59.999999Z',
        true,
        "it's; --",
    ],
    [2, 32767, -1n, '999999999999.999999', '-0.5', '1969-12-31', '1969-12-31T23:59:59.5Z', false, ''],
    [3, null, null, null, null, null, null, null, null],
    [4, 0, 0n, '0', '0', '2024-02-29', '2024-02-29T12:00:00Z', true, 'ä\n"€'],
];

test('rows go in and come out alike on both engines', { skip }, async () => {
    const rows = await assertSame(async (session) => {
        await session.registerRows('given', COLUMNS, ROWS);
        return session.rows('select * from given order by no nulls last');
    });
    assert.deepEqual(Object.values(rows[0] ?? {}), ROWS[0]);
    assert.deepEqual(Object.values(rows[2] ?? {}), ROWS[2]);
    assert.equal(rows[1]?.seen_at, '1969-12-31T23:59:59.5Z');
    await assertSame(async (session) => {
        await session.registerRows('given', COLUMNS, []);
        return session.rows('select * from given');
    });
});

test('a file of one engine is read by the other, value by value', { skip }, async () => {
    const files: Record<string, string> = {};
    await onBoth(async (session, name) => {
        await session.registerRows('given', COLUMNS, ROWS);
        const written = await session.writeFile(
            'select * from given order by no desc nulls last',
            path.join(folder, `${name}.parquet`),
        );
        assert.equal(written.rowCount, 4);
        files[name] = written.path;
        return name;
    });
    for (const file of Object.values(files)) {
        await assertSame(async (session) => {
            await session.registerFiles('seen', COLUMNS, [file]);
            const rows = await session.rows('select * from seen order by no nulls last');
            assert.deepEqual(
                rows.map((row) => row.no),
                [1, 2, 3, 4],
            );
            return rows;
        });
        await assertSame(async (session) => {
            await session.registerFiles('seen', COLUMNS, [...Object.values(files), file]);
            return session.rows('select no, count(*) as n from seen group by no order by no nulls last');
        });
    }
    await assertSame(async (session) => {
        await session.registerFiles('seen', COLUMNS, []);
        return session.rows('select * from seen');
    });
});

test('parts of a query are one sorted file each, on both engines', { skip }, async () => {
    const columns = [
        { name: 'day', type: 'date' },
        { name: 'no', type: 'integer' },
        { name: 'kwh', type: 'decimal(18,6)' },
    ];
    const rows = Array.from({ length: 600 }, (_, i) => [
        `2013-05-0${1 + (i % 3)}`,
        (i * 7919) % 64,
        `${i}.5`,
    ]);
    await assertSame(async (session, name) => {
        await session.registerRows('given', columns, rows);
        const target = path.join(folder, `parts-${name}`);
        mkdirSync(target);
        const parts = ['2013-05-01', '2013-05-02', '2013-05-09'].flatMap((day) =>
            [0, 1, 2, 3].map((bucket) => [day, bucket]),
        );
        const files = await session.writeParts('select * from given where no < 48', target, {
            by: [{ column: 'day' }, { column: 'no', width: 16 }],
            parts,
            order: 'no desc nulls last, kwh nulls last',
        });
        const seen: [string, number, EngineRow[]][] = [];
        for (const [i, file] of files.entries()) {
            if (file === undefined) continue;
            await session.registerFiles('seen', columns, [file.path]);
            const inFile = await session.rows('select * from seen');
            assert.equal(inFile.length, file.rowCount);
            seen.push([String(parts[i]), file.rowCount, inFile]);
        }
        assert.equal(seen.length, 6, 'no file for a part without rows');
        const numbers = seen[0]?.[2].map((row) => Number(row.no)) ?? [];
        assert.deepEqual(
            numbers,
            numbers.toSorted((a, b) => b - a),
        );
        return seen;
    });
});

test('a file of row groups of others has the same rows for both engines', { skip }, async () => {
    const columns = [
        { name: 'no', type: 'integer' },
        { name: 'read_at', type: 'timestamp' },
        { name: 'kwh', type: 'decimal(18,6)' },
        { name: 'flag', type: 'string' },
    ];
    const [file, joined] = [path.join(folder, 'whole.parquet'), path.join(folder, 'joined.parquet')];
    const session = await engines.duckdb.openSession();
    try {
        // four row groups
        await session.run(
            `copy (select cast(i as integer) as no, make_timestamptz(i * 900000000) as read_at, cast(i * 0.125 as decimal(18, 6)) as kwh,
                    if(i % 3 = 0, null, 'flag ' || i % 5) as flag from range(90000) as r(i))
               to '${file}' (format parquet, compression zstd, row_group_size 24576)`,
        );
    } finally {
        await session.close();
    }
    const footer = readFooter(file);
    const rows = await joinRowGroups(joined, [
        { file, footer, places: [2, 3] },
        { file, footer, places: [0] },
    ]);
    const [answer] = await assertSame(async (of) => {
        await of.registerFiles('joined', columns, [joined]);
        const sums = await of.rows(
            `select count(*) as n, cast(sum(no) as bigint) as numbers, cast(sum(kwh) as decimal(38, 6)) as kwh, min(read_at) as low, max(read_at) as high, count(flag) as flags from joined`,
        );
        const found = await of.rows(
            `select * from joined where no in (7, 60000, 30000) and flag = 'flag 2' order by no`,
        );
        return [...sums, ...found];
    });
    assert.equal(Number(answer?.n), rows);
});

test('a partitioned write keeps its columns, and says which file is which', { skip }, async () => {
    const columns = [
        { name: 'day', type: 'date' },
        { name: 'bucket', type: 'integer' },
    ];
    const rows = Array.from({ length: 40 }, (_, i) => [`2013-05-0${1 + (i % 2)}`, i % 3]);
    await assertSame(async (session, name) => {
        await session.registerRows('given', columns, rows);
        const target = path.join(folder, `partitioned-${name}`);
        const files = await session.writePartitioned('select * from given', target, ['day', 'bucket']);
        await session.registerFiles(
            'seen',
            columns,
            files.map((file) => file.path),
        );
        const counts = new Map<string, number>();
        for (const { keys, rowCount } of files) {
            const key = `${keys.day} ${keys.bucket}`;
            counts.set(key, (counts.get(key) ?? 0) + rowCount);
        }
        return {
            counts: [...counts].sort(),
            rows: await session.rows(
                'select day, bucket, count(*) as n from seen group by 1, 2 order by 1 nulls last, 2 nulls last',
            ),
        };
    });
});

test('bills are the same, and held alike, whichever engine sums', { skip }, async () => {
    const lake = openTestLake();
    try {
        for (const seed of [3, 11]) {
            const { inputs: unmarked } = await worldOf(lake, structures(), seed);
            const inputs = { ...unmarked, ...(await holdsOf(lake)) };
            const onDuckdb = await billsOf(lake, inputs);
            const onSpark = await billsOf({ ...lake, engine: engines.spark } as TestLake, inputs);
            // as a refresh leaves files: nothing is asked of readings that are of the period alone
            const whole = { ...inputs, ...(await ofPeriodAlone(lake, inputs, seed)) };
            assert.deepEqual(await billsOf(lake, whole), onDuckdb);
            assert.deepEqual(await billsOf({ ...lake, engine: engines.spark } as TestLake, whole), onDuckdb);
            assert.ok(onDuckdb.length >= 4);
            const holds = onDuckdb.flatMap((bill) => bill.sections.flatMap((section) => section.holds ?? []));
            assert.deepEqual([...new Set(holds.map(({ ruleId }) => ruleId))].sort(), [
                'vee.high-low',
                'vee.prolonged-estimate',
                'vee.spike',
            ]);
            assert.ok(onDuckdb.some((bill) => !bill.isHeld));
            assert.deepEqual(onSpark, onDuckdb);
        }
    } finally {
        await lake.end();
    }
});

/** The readings of the period in a file of their own, and no others. */
async function ofPeriodAlone(
    lake: TestLake,
    { readsIntervalFiles, period }: BillingInputs,
    seed: number,
): Promise<Pick<BillingInputs, 'readsIntervalFiles' | 'filesOfOtherDays'>> {
    const session = await lake.engine.openSession();
    try {
        await session.registerFiles('all_reads', LAKE_TABLES.reads_interval, readsIntervalFiles);
        const { path: file, rowCount } = await session.writeFile(
            `select * from all_reads where market_day >= date '${period.from}' and market_day < date '${period.to}'
              order by channel_no, period_from`,
            path.join(folder, `period-${seed}.parquet`),
        );
        assert.ok(rowCount > 0);
        return { readsIntervalFiles: [file], filesOfOtherDays: new Set() };
    } finally {
        await session.close();
    }
}

/** Marks of every table: twice of a rule and day, of rules that do not hold, of channels that nobody pays for, and of days beside the period. */
async function holdsOf(lake: TestLake): Promise<Pick<BillingInputs, 'markFiles' | 'registerHolds'>> {
    const readingMarks = [
        ['2013-10-02', 2, 'vee.spike', 1, 'hold', 3],
        ['2013-10-02', 2, 'vee.spike', 2, 'hold', 1],
        ['2013-10-30', 2, 'vee.spike', 1, 'hold', 1],
        ['2013-10-30', 2, 'vee.flat-line', 1, 'mark', 1],
        ['2013-10-03', 51, 'vee.zero', 1, 'hold', 1],
        ['2013-11-01', 2, 'vee.zero', 1, 'hold', 1],
    ];
    const dayMarks = [
        ['2013-10-09', 2, 'vee.high-low', 'hold', '1.5', '9.5', 3],
        ['2013-10-10', 4, 'vee.high-low', 'mark', '1.5', '9.5', 3],
    ];
    return {
        markFiles: {
            reading_marks: [await writeTable(lake, 'reading_marks', readingMarks)],
            day_marks: [await writeTable(lake, 'day_marks', dayMarks)],
        },
        registerHolds: [{ channelNo: 2, day: calendarDate('2013-10-11'), ruleId: 'vee.prolonged-estimate' }],
    };
}

/** Every kind of charge, with ties for both ways of rounding. */
function structures(): readonly [TariffStructure, TariffStructure, TariffStructure] {
    const line = { mode: 'half-even', amountDigits: 2, scope: 'line' } as const;
    const bands = Object.fromEntries(BANDS.map((band, i) => [band, `0.${i + 1}0050000`]));
    const of = (mode: 'half-even' | 'half-up'): TariffStructure => ({
        currency: 'GBP',
        taxes: [],
        charges: [
            {
                id: 'standing',
                label: 'Standing',
                group: 'energy',
                kind: 'subscription',
                pricePerDay: '0.48',
                rounding: line,
            },
            {
                id: 'flat',
                label: 'Levy',
                group: 'levy',
                kind: 'energy-flat',
                pricePerKwh: '0.00500000',
                rounding: { mode, amountDigits: 3, scope: 'interval' },
            },
            {
                id: 'tou',
                label: 'Energy',
                group: 'energy',
                kind: 'energy-bands',
                calendarId: 'CAL',
                pricePerKwhByBand: bands,
                rounding: { mode, amountDigits: 2, scope: 'interval' },
            },
            {
                id: 'dynamic',
                label: 'Dynamic',
                group: 'energy',
                kind: 'energy-series',
                seriesId: 'BAND',
                pricePerKwhByBand: bands,
                rounding: { mode, amountDigits: 4, scope: 'line' },
            },
            {
                id: 'spot',
                label: 'Spot',
                group: 'energy',
                kind: 'energy-series',
                seriesId: 'PRICE',
                rounding: { mode, amountDigits: 3, scope: 'interval' },
            },
        ],
    });
    return [of('half-even'), of('half-up'), of('half-even')];
}

test('what an engine cannot do is refused by name', { skip }, async () => {
    await assert.rejects(
        engines.spark.openSession({ needs: ['payload-files'] }),
        /the engine spark has no payload-files/,
    );
    await (await engines.duckdb.openSession({ needs: ['payload-files'] })).close();
});

test('a step that takes long tells how many of its tasks are done, by the name of what was asked for', {
    skip,
}, async () => {
    const told: StepProgress[] = [];
    const session = await engines.spark.openSession({ onProgress: (progress) => told.push(progress) });
    try {
        const tasks = 'select max(sha2(cast(id as string), 512)) as h from range(0, 6000000, 1, 16)';
        await session.materialise('slow_one', tasks);
    } finally {
        await session.close();
    }
    assert.ok(told.some(({ done, total }) => total >= 16 && done > 0 && done <= total));
    assert.deepEqual([...new Set(told.map(({ step }) => step))], ['compute slow_one']);
});

test('both engines leave nothing but files of rows', { skip }, () => {
    const left = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
        /_temporary/.test(name),
    );
    assert.deepEqual(left, []);
});
