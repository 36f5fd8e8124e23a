import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { runCommand } from '../cli/run-command.ts';
import { type ChainWorld, openChainWorld, readingsCsv, variedContract } from './chain-world.ts';

const FROM = Date.parse('2013-05-01T00:00:00Z');
let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC' });
    const rows = [1, 2].map((n) => ({ meter: 'A', at: FROM + n * 1_800_000, kwh: `${n}.5` }));
    await world.ingest('generic-csv', { 'a.csv': readingsCsv(rows) });
    await refreshAll(world.workspace);
});

after(() => world.end());

const run = (...args: string[]) => runCommand(world.homeFolder, ...args);

async function json(...args: string[]): Promise<{ code: number; value: unknown }> {
    const { code, out } = await run(...args, '--json');
    return { code, value: JSON.parse(out) };
}

test('a query prints one JSON document: decimals and whole numbers beyond exactness as strings', async () => {
    const query = `select sum(kwh) as kwh, count(*) as n, 9007199254740993 as large from reads_interval`;
    assert.deepEqual(await json('sql', query), {
        code: 0,
        value: [{ kwh: '4.000000', n: 2, large: '9007199254740993' }],
    });
    assert.deepEqual(await json('sql', 'select * from bills'), { code: 0, value: [] });
});

test('a query that is none, or more than one, is refused', async () => {
    for (const [query, message] of [
        ['select nope from reads_15min', /"nope" not found/],
        ['select 1; select 2', /one statement is expected, and there are 2/],
        ['selec 1', /syntax error at or near "selec"/],
    ] as const) {
        const { code, value } = await json('sql', query);
        assert.equal(code, 1);
        const { error } = value as { error: { code: string; message: string } };
        assert.equal(error.code, 'sql.failed');
        assert.match(error.message, message);
    }
});

test('wrong usage exits with 2, tells the option, and is one JSON document too', async () => {
    for (const [args, message] of [
        [['sql', 'select 1', '--as-of', 'yesterday'], /--as-of .* YYYY-MM-DDThh:mm:ssZ/],
        [['sweep', '--keep-days', 'x'], /--keep-days .* whole number/],
        [['status', '--bogus'], /unknown option '--bogus'/],
        [['sql', ' '], /the query is empty/],
        [['nothing'], /unknown command 'nothing'/],
    ] as const) {
        const { code, out, said } = await run(...args, '--json');
        assert.equal(code, 2);
        const { error } = JSON.parse(out) as { error: { code: string; message: string } };
        assert.equal(error.code, 'usage.invalid');
        assert.match(error.message, message);
        assert.match(said, message);
    }
});

test('commands that find nothing to do say so, and exit with 0', async () => {
    assert.deepEqual(await json('refresh', '--plan'), {
        code: 0,
        value: { marks: [], rebuilds: [], upToDate: 1, unparsed: [] },
    });
    assert.deepEqual(await json('sweep'), {
        code: 0,
        value: { retiredFiles: 0, orphanFiles: 0, bytes: 0, removed: [], forgottenIdentities: 0 },
    });
    const { code, out } = await run('compact');
    assert.deepEqual([code, out], [0, 'nothing to join\n']);
    const sound = await json('verify', 'raw');
    assert.deepEqual([sound.code, (sound.value as { isSound: boolean }).isSound], [0, true]);
});

test('a feed whose sender names its deliveries takes one file under a key, once whatever the file is called', async () => {
    world.contract('keyed', variedContract('generic-csv', 'keyed', { sourceKey: 'idempotencyKey' }));
    const rows = readingsCsv([{ meter: 'K', at: FROM, kwh: '7.5' }]);
    const files = ['one.csv', 'two.csv'].map((name) => path.join(world.homeFolder, name));
    for (const file of files) writeFileSync(file, rows);
    const [one = '', two = ''] = files;
    const received = async (...args: string[]) => {
        const { code, value } = await json('ingest', ...args);
        return [code, (value as { received?: object }).received];
    };
    assert.deepEqual(await received(one, '--feed', 'keyed', '--key', 'k1'), [0, { payloads: 1, repeats: 0 }]);
    assert.deepEqual(await received(two, '--feed', 'keyed', '--key', 'k1'), [0, { payloads: 1, repeats: 1 }]);
    assert.deepEqual(await received(two, '--feed', 'keyed', '--key', 'k2'), [0, { payloads: 1, repeats: 0 }]);
    const names = await world.query(`select source_key from payloads where feed = 'keyed' order by 1`);
    assert.deepEqual(names, [{ source_key: 'k1' }, { source_key: 'k2' }]);
    for (const [args, message] of [
        [[one, '--feed', 'keyed'], /give one file and its --key/],
        [[...files, '--feed', 'keyed', '--key', 'k3'], /give one file and its --key/],
        [[one, '--feed', 'generic-csv', '--key', 'k3'], /sourceKey: fileName/],
    ] as const) {
        const { code, value } = await json('ingest', ...args);
        assert.equal(code, 2);
        assert.match((value as { error: { message: string } }).error.message, message);
    }
});
