import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { duckdbEngine } from '../../src/engine/duckdb/duckdb-engine.ts';
import type { Engine, EngineSession, FewTexts } from '../../src/engine/engine.ts';
import { sqlText } from '../../src/engine/sql-text.ts';
import { textsOfReadings } from '../../src/lake/curation-job.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'gridtally-sessions-'));
const engine = duckdbEngine({ memoryLimit: '500MB', threads: 2, spillFolder: path.join(folder, 'spill') });

after(async () => {
    await engine.close();
    rmSync(folder, { recursive: true });
});

async function within<T>(work: (session: EngineSession) => Promise<T>, on: Engine = engine): Promise<T> {
    const session = await on.openSession();
    try {
        return await work(session);
    } finally {
        await session.close();
    }
}

/** Instances that are made while `work` runs. */
async function instancesMade(work: () => Promise<unknown>): Promise<number> {
    const create = DuckDBInstance.create;
    let made = 0;
    DuckDBInstance.create = (...args) => {
        made += 1;
        return create.apply(DuckDBInstance, args);
    };
    try {
        await work();
        return made;
    } finally {
        DuckDBInstance.create = create;
    }
}

const SETTINGS = `select current_setting('disabled_optimizers') as optimizers, current_setting('preserve_insertion_order') as is_ordered,
    current_setting('TimeZone') as zone`;
const TABLES =
    'select count(*) as n from duckdb_tables() union all select count(*) from duckdb_views() where not internal';

test('a session finds nothing of the one before it, although they share an instance', async () => {
    const fresh = await within((session) => session.rows(SETTINGS));
    const made = await instancesMade(async () => {
        const before = await engine.openSession({ joinsAsWritten: true });
        await before.run("set TimeZone = 'Asia/Tokyo'");
        await before.materialise('left_over', 'select 1 as a');
        await before.run('create temp view also_left as select 2 as a');
        await assert.rejects(before.writeUnordered('select nothing', path.join(folder, 'none.parquet')));
        await before.close();
        await within(async (session) => {
            assert.deepEqual(await session.rows(SETTINGS), fresh);
            const left = await session.rows(TABLES);
            assert.deepEqual(
                left.map(({ n }) => Number(n)),
                [0, 0],
            );
        });
    });
    assert.equal(made, 0);
});

test('nobody has the instance of a session that was confined', async () => {
    const file = path.join(folder, 'one.parquet');
    await within((session) => session.writeFile('select 1 as a', file));
    const made = await instancesMade(async () => {
        await within(async (session) => {
            await session.confine();
            await assert.rejects(session.rows(`select * from '${file}'`), { code: 'sql.refused' });
        });
        await within(async (session) => {
            assert.deepEqual(await session.rows(`select * from '${file}'`), [{ a: 1 }]);
        });
    });
    assert.equal(made, 1);
});

test('sessions that are open at once have an instance each, and an instance has so many and no more', async () => {
    const own = duckdbEngine({ memoryLimit: '500MB', threads: 1, spillFolder: path.join(folder, 'own') });
    try {
        const atOnce = await instancesMade(async () => {
            const sessions = await Promise.all([1, 2, 3].map(() => own.openSession()));
            for (const session of sessions) await session.close();
        });
        assert.equal(atOnce, 3);
        const oneByOne = await instancesMade(async () => {
            for (let n = 0; n < 101; n += 1) await within((session) => session.run('select 1'), own);
        });
        assert.equal(oneByOne, 1);
        // their footers are held as long as the instance lives
        const withFooters = await instancesMade(async () => {
            for (let n = 0; n < 20; n += 1) {
                const session = await own.openSession({ opensFilesAgain: true });
                await session.run('select 1');
                await session.close();
            }
        });
        assert.ok(withFooters >= 3, `${withFooters} instances`);
        const [footers] = await within(
            (session) => session.rows(`select current_setting('parquet_metadata_cache') as are_kept`),
            own,
        );
        assert.deepEqual(footers, { are_kept: false });
    } finally {
        await own.close();
    }
});

test('parts are the same files, whether each is computed for itself or all are computed once', async () => {
    const query = `select cast(i % 8 as integer) as no, i * 7919 % 1009 as value from range(2000) as r(i) where i % 8 <> 5`;
    await within(async (session) => {
        const write = async (name: string, numbers: readonly number[], ownFiles?: readonly string[][]) => {
            const target = path.join(folder, name);
            mkdirSync(target);
            const parts = numbers.map((n) => [n]);
            const by = [{ column: 'no' }];
            const own = ownFiles && { files: ownFiles, view: '', changed: async () => [] };
            const wish = { by, parts, order: 'value, no', ...(own ? { own } : {}) };
            const files = await session.writeParts(query, target, wish);
            return Promise.all(
                files.map(async (file) => file && (await session.rows(`select * from '${file.path}'`))),
            );
        };
        const each = [...(await write('first', [0, 1, 5, 7])), ...(await write('second', [2]))];
        const once = await write('all', [0, 1, 5, 7, 2]);
        assert.deepEqual(once, each);
        assert.deepEqual(await write('alone', [0, 1, 5, 7, 2], [[], [], [], [], []]), each);
        assert.deepEqual(
            once.map((rows) => rows?.length),
            [250, 250, undefined, 250, 250],
        );
    });
});

test('columns of few texts are the same texts in the files, and a text that was not told is an error', async () => {
    const many = Array.from({ length: 40 }, (_, i) => `code ${i}`);
    for (const codes of [['A', "it's", 'Ü', ''], many]) {
        const code = `([${codes.map(sqlText).join(', ')}, null])[1 + i % ${codes.length + 1}]`;
        const query = `select cast(i % 6 as integer) as no, i as value, ${code} as code, cast(null as varchar) as none from range(2000) as r(i)`;
        await within(async (session) => {
            const write = async (numbers: readonly number[], fewTexts: () => Promise<FewTexts>) => {
                const target = mkdtempSync(path.join(folder, 'few-texts-'));
                const parts = numbers.map((n) => [n]);
                const wish = { by: [{ column: 'no' }], parts, order: 'value desc', fewTexts };
                const files = await session.writeParts(query, target, wish);
                return session.rows(
                    `select * from read_parquet([${files.map((file) => sqlText(file?.path ?? '')).join(', ')}])`,
                );
            };
            for (const numbers of [
                [0, 3],
                [0, 1, 2, 3, 4, 5],
            ]) {
                const texts = await write(numbers, async () => ({}));
                assert.ok(texts.length > 600 && new Set(texts.map((row) => row.code)).size > codes.length);
                assert.deepEqual(await write(numbers, async () => ({ code: codes, none: [] })), texts);
                await assert.rejects(
                    write(numbers, async () => ({ code: codes.slice(1) })),
                    new RegExp(`Could not convert string '${codes[0]}'`),
                );
            }
        });
    }
});

test('a job tells the texts of its versions with a value as long as they are few', async () => {
    await within(async (session) => {
        const told = async (codes: number) => {
            await session.materialise(
                'partition_versions',
                `select 1.0 as kwh, 'measured' as quality, concat('code ', i) as source_code from range(${codes}) as r(i)
                  union all select null, 'withdrawn', 'W'`,
            );
            const { quality, source_code: sourceCode } = await textsOfReadings(session, {
                rebuilds: [],
            } as never);
            return [quality?.join(), sourceCode?.length];
        };
        assert.deepEqual(await told(0), ['', 0]);
        assert.deepEqual(await told(64), ['measured', 64]);
        assert.deepEqual(await told(65), [undefined, undefined]);
    });
});

test('texts are not asked for where most rows lie in files already', async () => {
    await within(async (session) => {
        const target = mkdtempSync(path.join(folder, 'own-'));
        const own = { files: [[]], view: '', changed: async () => [undefined] };
        const wish = { by: [{ column: 'no' }], parts: [[0]], order: 'no', own };
        const fewTexts = () => assert.fail('asked');
        const [file] = await session.writeParts(`select 0 as no, 'A' as code`, target, { ...wish, fewTexts });
        assert.equal(file?.rowCount, 1);
    });
});

test('a part that most of its rows have a file for keeps its order as long as few row groups hold a value, and is sorted again then', async () => {
    await within(async (session) => {
        let round = 0;
        const COLUMNS = [
            { name: 'no', type: 'bigint' },
            { name: 'round', type: 'integer' },
        ] as const;
        /** A twentieth of the rows is replaced by others, which come last. */
        const replaceSome = async (file: string): Promise<string> => {
            const target = path.join(folder, `round-${round}`);
            mkdirSync(target);
            const isReplaced = `no % 20 = ${round}`;
            round += 1;
            await session.registerFiles('previous', COLUMNS, [file]);
            const files = await session.writeParts(
                `select * from previous where not ${isReplaced}
                  union all select * from (select no, ${round} as round from '${file}' where ${isReplaced} order by no)`,
                target,
                {
                    by: [{ column: 'no', width: ROWS }],
                    parts: [[0]],
                    order: 'no',
                    rowGroupRows: 24_576,
                    own: { files: [[file]], view: 'previous', changed: async () => [undefined] },
                },
            );
            return files[0]?.path ?? '';
        };
        const disorder = async (file: string) => {
            const later = `select no < lag(no) over (order by file_row_number) as is_back from read_parquet('${file}', file_row_number = true)`;
            const [row] = await session.rows(`select count(*) filter (is_back) as n from (${later})`);
            return Number(row?.n);
        };
        const ROWS = 1_000_000;
        let file = path.join(folder, 'sorted.parquet');
        await session.writeFile(`select i as no, 0 as round from range(${ROWS}) as r(i)`, file);
        const backs: number[] = [];
        for (let i = 0; i < 8; i += 1) {
            file = await replaceSome(file);
            backs.push(await disorder(file));
        }
        const [sums] = await session.rows(
            `select count(*) as n, count(distinct no) as numbers, cast(sum(round) as bigint) as rounds from '${file}'`,
        );
        assert.deepEqual(sums, { n: 1_000_000n, numbers: 1_000_000n, rounds: 1_800_000n });
        assert.deepEqual(backs.slice(0, 2), [1, 2]);
        assert.ok(backs.indexOf(0) >= 3, `sorted again in some round after the third: ${backs}`);
    });
});

test('a column that only later files have is null in earlier ones, and where all lack it', async () => {
    await within(async (session) => {
        const file = (name: string) => path.join(folder, `${name}.parquet`);
        await session.writeFile('select 1 as no', file('early'));
        await session.writeFile(`select 2 as no, 'x' as text`, file('late'));
        const columns = [
            { name: 'no', type: 'integer' },
            { name: 'text', type: 'string', isLater: true },
        ] as const;
        const read = async (...names: string[]) => {
            await session.registerFiles('read', columns, names.map(file));
            return (await session.rows('select no, text from read order by no')).map(({ no, text }) => [
                no,
                text,
            ]);
        };
        assert.deepEqual(await read('early', 'late'), [
            [1, null],
            [2, 'x'],
        ]);
        assert.deepEqual(await read('early'), [[1, null]]);
        await assert.rejects(
            session.registerFiles('read', [{ name: 'text', type: 'string' }], [file('early')]),
            /text/,
        );
    });
});
