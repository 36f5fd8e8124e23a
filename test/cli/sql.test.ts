import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { EngineSession } from '../../src/engine/engine.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { withPublishedViews } from '../../src/pipeline/published-views.ts';
import { type ChainWorld, openChainWorld, readingsCsv } from '../chain/chain-world.ts';
import { runCommand } from './run-command.ts';

const FROM = Date.parse('2013-05-01T00:00:00Z');
let world: ChainWorld;
let secret: string;

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC' });
    secret = path.join(world.folder, 'secret.csv');
    writeFileSync(secret, 'word\nhush\n');
    await world.ingest('generic-csv', { 'a.csv': readingsCsv([{ meter: 'A', at: FROM, kwh: '1.5' }]) });
    await world.load('customers', 'c.csv', 'customer_id,name,joined_on\nC1,Ada,2013-01-01\n');
    await refreshAll(world.workspace);
});

after(() => world.end());

async function sql(query: string, ...args: string[]): Promise<{ code: number; value: unknown }> {
    const { code, out } = await runCommand(world.homeFolder, 'sql', query, ...args, '--json');
    return { code, value: JSON.parse(out) };
}

async function refusal(query: string, ...args: string[]): Promise<Record<string, string>> {
    const { code, value } = await sql(query, ...args);
    const { error } = value as { error: Record<string, string> };
    return { status: String(code), ...error };
}

/** Works in a session as the command does: with its views, and confined. */
function confined<T>(work: (session: EngineSession) => Promise<T>): Promise<T> {
    return withPublishedViews(world.workspace, { showsIdentity: false }, async (session) => {
        await session.confine();
        return work(session);
    });
}

test('every kind of query is answered, on views whose rows are in files and in the database', async () => {
    await confined(async (session) => {
        for (const [query, value] of [
            ['select meter_id, kwh from reads_interval', [{ meter_id: 'A', kwh: '1.500000' }]],
            ['with c as (select customer_id from customers) from c', [{ customer_id: 'C1' }]],
            ['values (1)', [{ col0: 1 }]],
            ['(select 1 as n) union all select 2 order by n', [{ n: 1 }, { n: 2 }]],
        ] as const)
            assert.deepEqual(await session.rows(query), value);
        for (const query of [
            'show tables',
            'describe reads_daily',
            'summarize customers',
            'table reads_15min',
            'explain select 1',
            'explain analyze select * from reads_daily',
        ])
            assert.ok((await session.rows(query)).length > 0, query);
    });
    assert.deepEqual(
        await sql('select count(*) as n from reads_interval', '--as-of', new Date().toISOString()),
        { code: 0, value: [{ n: 1 }] },
    );
});

/** What the command answers, in this process: with the query given, and confined. */
function asked(query: string): Promise<unknown[]> {
    return withPublishedViews(world.workspace, { showsIdentity: false, query }, async (session) => {
        await session.confine();
        return session.rows(query);
    });
}

test('what asks for the tables themselves is told all of them', async () => {
    for (const query of [
        'show tables',
        'describe',
        'describe;',
        'pragma show_tables',
        'select distinct table_name from duckdb_columns()',
        'from sqlite_temp_master',
        'select table_name from information_schema.tables',
    ]) {
        const text = JSON.stringify(await asked(query));
        for (const table of ['reads_interval', 'waiting_rows', 'customers', 'bill_lines', 'agreements'])
            assert.ok(text.includes(table), `${query}: ${table}`);
    }
});

test('`show tables` lists what is published, each name once, as docs/tables.md does, and nothing that it is made of', async () => {
    const docs = readFileSync(path.join(import.meta.dirname, '../../docs/tables.md'), 'utf8');
    const published = [...docs.matchAll(/^### `(\w+)`$/gm)].map(([, name]) => ({ name }));
    assert.ok(published.length > 20);
    published.sort((a, b) => ((a.name ?? '') < (b.name ?? '') ? -1 : 1));
    for (const query of ['show tables', ' SHOW TABLES; ', 'describe'])
        assert.deepEqual(await sql(query), { code: 0, value: published });
    for (const { name } of published) await asked(`select * from ${name} limit 1`);
});

test('a name that is nearly one of a table is answered with that of the table', async () => {
    const { code, message } = await refusal('from reads_dayly');
    assert.equal(code, 'sql.failed');
    assert.match(message ?? '', /Did you mean/);
    const query = 'select * from customers join reads_interva using (meter_id)';
    await assert.rejects(asked(query), /Did you mean/);
});

test('a query is shown the tables that it names, however it writes them', async () => {
    for (const [query, value] of [
        ['with c as (select customer_id from customers) from c', [{ customer_id: 'C1' }]],
        ['select "METER_ID" as id from "Reads_Daily" where kwh is not null', [{ id: 'A' }]],
        ["select kwh from query_table('reads_hourly') where kwh is not null", [{ kwh: '1.500000' }]],
        ['select cast(count(*) as integer) as n from channels', [{ n: 1 }]],
        ['select cast(count(*) as integer) as n from reading_versions', [{ n: 1 }]],
        ['select 1 as one', [{ one: 1 }]],
    ] as const)
        assert.deepEqual(await asked(query), value, query);
});

test('what is no query is refused, and nothing of it is done', async () => {
    const target = path.join(world.folder, 'out.csv');
    await confined(async (session) => {
        for (const [statement, kind] of [
            [`copy (select 1) to '${target}'`, 'copy'],
            ['delete from tariffs', 'delete'],
            ['drop table customers', 'drop'],
            ['insert into tariffs (plan_id) values (1)', 'insert'],
            ['insert into reads_daily select * from reads_daily', 'insert'],
            ['update reads_hourly set kwh = 0', 'update'],
            [
                'merge into tariffs as t using tariffs as s on s.plan_id = t.plan_id when matched then delete',
                'merge',
            ],
            [`attach '${target}'`, 'attach'],
            ['set threads = 1', 'set'],
            ['call pragma_version()', 'call'],
            ['explain analyze delete from tariffs', 'delete'],
            [`explain (format json) copy (select 1) to '${target}'`, 'copy'],
        ] as const)
            await assert.rejects(session.rows(statement), {
                code: 'sql.refused',
                message: new RegExp(`kind ${kind}$|file system operations are disabled`),
            });
        assert.equal((await session.rows('select * from customers')).length, 1);
    });
    assert.ok(!existsSync(target));
});

test('no file of the machine is read but those of the views', async () => {
    const { db, folder } = world.workspace.lake;
    const [file] = await db.query<{ path: string }>('select path from lake_files order by file_id limit 1');
    const published = path.dirname(path.join(folder, file?.path ?? ''));
    const around = path.relative(published, secret);
    const queries = [
        `select * from read_csv('${secret}')`,
        `select * from '${secret}'`,
        `select * from read_csv('${published}/${around}')`,
        `select * from read_text('${secret}')`,
        `select * from glob('${world.folder}/*')`,
        `select count(*) from read_parquet('${world.homeFolder}/lake/**/*.parquet')`,
        `explain analyze select * from read_csv('${secret}')`,
    ];
    await confined(async (session) => {
        for (const query of queries)
            await assert.rejects(session.rows(query), { code: 'sql.refused', message: /^(?!.*hush)/s });
    });
    const { status, code, remedy } = await refusal(queries[0] ?? '');
    assert.deepEqual([status, code], ['1', 'sql.refused']);
    assert.match(remedy ?? '', /select, with, from, values/);
});

test('a table of the database is read page by page, none of its rows lost or doubled', async () => {
    const points = [1, 2, 3, 4, 5].map((n) => `P${n},M${n},30,2013-05-01`).join('\n');
    await world.load(
        'metering-points',
        'p.csv',
        `metering_point_id,meter_id,interval_minutes,valid_from\n${points}\n`,
    );
    const regions = [1, 2, 3, 4, 5].map((n) => `P${n},region,east${n}`).join('\n');
    await world.load('attributes', 'a.csv', `metering_point_id,attribute,value\n${regions}\n`);
    for (const pageRows of [1, 2, 5, 6]) {
        const views = { showsIdentity: false, pageRows };
        const rows = await withPublishedViews(world.workspace, views, (session) =>
            session.rows('select value from metering_point_attributes'),
        );
        assert.deepEqual(
            rows.map((row) => row.value),
            ['east1', 'east2', 'east3', 'east4', 'east5'],
        );
    }
});

test('who asks for a name of a customer is told how to see it', async () => {
    assert.match((await refusal('select name from customers')).remedy ?? '', /--show-identity/);
    assert.deepEqual(await sql('select name from customers', '--show-identity'), {
        code: 0,
        value: [{ name: 'Ada' }],
    });
    assert.doesNotMatch((await refusal('select nope from customers')).remedy ?? '', /--show-identity/);
    const columns = async (...args: string[]) => {
        const { value } = await sql('select column_name from (describe customers)', ...args);
        return (value as { column_name: string }[]).map((row) => row.column_name);
    };
    assert.deepEqual(await columns(), ['customer_id', 'plan_id', 'joined_on']);
    assert.deepEqual(await columns('--show-identity'), [
        'customer_id',
        'name',
        'email',
        'address',
        'plan_id',
        'joined_on',
    ]);
});

test('an instant that is still to come is wrong usage', async () => {
    const { status, code, message } = await refusal('select 1', '--as-of', '2099-01-01T00:00:00Z');
    assert.deepEqual([status, code], ['2', 'usage.invalid']);
    assert.match(message ?? '', /2099-01-01T00:00:00Z is still to come/);
});
