// test limit: 120 s
import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { type ChainWorld, openChainWorld, readingsCsv } from '../chain/chain-world.ts';
import { runWorker } from './worker-run.ts';
import type { WorkerStep } from './worker-step.ts';

// A kill inside a stage must find the stage at work: what it has made by then is looked for on disk.
let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC' });
    const file = path.join(world.folder, 'day.csv');
    const at = Date.parse('2013-06-01T00:00:00Z');
    writeFileSync(
        file,
        readingsCsv(Array.from({ length: 48 }, (_, i) => ({ meter: 'A', at: at + i * 1_800_000, kwh: '1' }))),
    );
    const delivery = { feed: 'generic-csv', sourceKey: 'day.csv', path: file, rows: 48 };
    const end = await run([{ kind: 'receive', groups: [[delivery]] }], '');
    assert.equal(end.how, 'done', end.output);
});

after(() => world.end());

function run(steps: readonly WorkerStep[], crash: string): ReturnType<typeof runWorker> {
    const compileCache = path.join(world.folder, 'compiled');
    return runWorker({ home: world.homeFolder, steps, crash, forget: '', compileCache });
}

/** Bytes of each file under the table's folder in the lake. */
function filesOf(table: string): number[] {
    const folder = path.join(world.homeFolder, 'lake', table);
    if (!existsSync(folder)) return [];
    return readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => statSync(path.join(entry.parentPath, entry.name)).size);
}

const spools = () =>
    readdirSync(world.workspace.home.scratchFolder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name.includes('spool'))
        .map((entry) => statSync(path.join(entry.parentPath, entry.name)).size);

async function crashed(step: 'parse' | 'refresh', crash: string): Promise<void> {
    const end = await run([{ kind: step }], crash);
    assert.equal(end.how, 'crashed', end.output);
}

test('the first pass of parse is where a payload has been read and nothing of it is written', async () => {
    await crashed('parse', 'parse:1');
    const left = spools();
    assert.ok(left.length === 1 && left.every((size) => size > 48 * 40), `${left}`);
    assert.deepEqual(filesOf('reading_versions'), []);
});

test('the second one is where a file of its rows is written and nothing is appended', async () => {
    await crashed('parse', 'parse:2');
    assert.equal(filesOf('reading_versions').length, 1);
    assert.ok(filesOf('reading_versions').every((size) => size > 0));
    assert.deepEqual(await world.query('select count(*) as n from reading_versions'), [{ n: 0n }]);
});

test('curate is where the intervals of a job have been decided and their files are written', async () => {
    const parsed = await run([{ kind: 'parse' }], '');
    assert.equal(parsed.how, 'done', parsed.output);
    assert.deepEqual(filesOf('reads_interval'), []);
    await crashed('refresh', 'curate:1');
    assert.equal(filesOf('reads_interval').length, 1);
    assert.deepEqual(await world.query('select count(*) as n from reads_interval'), [{ n: 0n }]);
    assert.equal((await refreshAll(world.workspace)).rebuilt, 1);
    assert.deepEqual(await world.query('select count(*) as n from reads_interval'), [{ n: 48n }]);
});
