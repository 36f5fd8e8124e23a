import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeFolderDurably } from '../../src/kernel/durable.ts';
import { insertFiles, openCommit, WHOLE_TABLE } from '../../src/lake/catalogue.ts';
import { freshFolder, type Lake } from '../../src/lake/lake.ts';
import { useLake } from '../../src/lake/lake-use.ts';
import { type SweepResult, sweep } from '../../src/lake/sweep.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { type ChainWorld, openChainWorld, publishedContent, readingsCsv } from './chain-world.ts';

const HOUR = 3_600_000;
const FROM = Date.parse('2013-05-01T00:00:00Z');
let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC' });
    await deliver('1.5');
});

after(() => world.end());

async function deliver(kwh: string): Promise<void> {
    const version = Math.round(Number(kwh) * 10);
    const rows = Array.from({ length: 24 }, (_, i) => ({
        meter: 'A',
        at: FROM + i * HOUR,
        minutes: 60,
        kwh,
        version,
    }));
    await world.ingest('generic-csv', { [`${kwh}.csv`]: readingsCsv(rows) });
    await refreshAll(world.workspace);
}

interface WaitingSweep {
    readonly result: Promise<SweepResult>;
    isDone(): boolean;
}

/** Begins a sweep of all that was ever replaced, and comes back when it waits for others. */
async function waitingSweep(): Promise<WaitingSweep> {
    let isDone = false;
    const waits = Promise.withResolvers<void>();
    const result = sweep(world.workspace.lake, {
        retiredBefore: Date.now() + HOUR,
        onWait: () => waits.resolve(),
    });
    const ended = result.then(() => {
        isDone = true;
        throw new Error('the sweep waited for nobody');
    });
    ended.catch(() => {});
    await Promise.race([waits.promise, ended]);
    return { result, isDone: () => isDone };
}

async function writeRows(lake: Lake) {
    const folder = freshFolder(lake, 'changed_channel_days');
    await makeFolderDurably(folder);
    const session = await lake.engine.openSession();
    try {
        return await session.writeFile(
            `select date '2013-05-01' as market_day, 0 as channel_no, cast(1 as bigint) as old_digest_1,
                cast(1 as bigint) as old_digest_2, cast(1 as bigint) as new_digest_1, cast(1 as bigint) as new_digest_2`,
            path.join(folder, 'rows.parquet'),
        );
    } finally {
        await session.close();
    }
}

async function name(lake: Lake, file: { path: string; rowCount: number; byteCount: number }): Promise<void> {
    await lake.db.transaction(async (tx) => {
        const commitNo = await openCommit(tx, lake, 'test');
        const parts = [{ ...WHOLE_TABLE, rowCount: file.rowCount }];
        await insertFiles(tx, lake, 'changed_channel_days', commitNo, [{ ...file, parts }], () => 1);
    });
}

test('a file that a live writer has yet to name is kept, however old it looks, and however long it takes', async () => {
    const { lake } = world.workspace;
    const written = await useLake(lake, async (inUse) => {
        const file = await writeRows(inUse);
        utimesSync(file.path, new Date(0), new Date(0));
        const sweeping = await waitingSweep();
        await sleep(300);
        assert.equal(sweeping.isDone(), false);
        await name(inUse, file);
        return { file, sweeping };
    });
    assert.equal((await written.sweeping.result).orphanFiles, 0);
    assert.ok(existsSync(written.file.path));
});

test('steps that begin after a sweep are not held up by it, nor it by them', async () => {
    const { lake } = world.workspace;
    const written = Promise.withResolvers<void>();
    const isToEnd = Promise.withResolvers<void>();
    const first = useLake(lake, async (inUse) => {
        await writeRows(inUse);
        written.resolve();
        await isToEnd.promise;
    });
    await written.promise;
    const sweeping = await waitingSweep();
    await useLake(lake, async () => {
        isToEnd.resolve();
        await first;
        assert.equal((await sweeping.result).orphanFiles, 1);
    });
});

test('what a process left that was killed is removed, and not before it was', async () => {
    const user = spawn(process.execPath, [path.join(import.meta.dirname, 'lake-user.ts'), world.homeFolder], {
        stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [file = ''] = (await once(createInterface(user.stdout), 'line')) as string[];
    assert.ok(existsSync(file));
    utimesSync(file, new Date(0), new Date(0));
    const sweeping = await waitingSweep();
    await sleep(300);
    assert.deepEqual([existsSync(file), sweeping.isDone()], [true, false]);
    user.kill('SIGKILL');
    assert.equal((await sweeping.result).orphanFiles, 1);
    assert.equal(existsSync(file), false);
});

test('a query reads files to its end that were replaced and swept after it began', async () => {
    const { lake } = world.workspace;
    const seen = () => world.query('select sum(kwh) as kwh from reads_15min');
    const sweeping = await world.withViews(async (session) => {
        await deliver('2.5');
        const started = await waitingSweep();
        await sleep(100);
        assert.deepEqual(await session.rows('select sum(kwh) as kwh from reads_15min'), [
            { kwh: '36.000000' },
        ]);
        assert.deepEqual(await seen(), [{ kwh: '60.000000' }]);
        assert.equal(started.isDone(), false);
        return started;
    });
    assert.ok((await sweeping.result).retiredFiles > 0);
    assert.equal((await sweep(lake, { retiredBefore: Date.now() + HOUR })).retiredFiles, 0);
    assert.deepEqual(await seen(), [{ kwh: '60.000000' }]);
});

test('a writer that lost its connection, and with it its lock, names no file that is gone', async () => {
    const { lake } = world.workspace;
    const outcomes = { named: 0, refused: 0 };
    for (let round = 0; round < 12; round += 1) {
        await useLake(lake, async (inUse) => {
            const file = await writeRows(inUse);
            await loseLocks(lake);
            // in every other round the sweep has ended before the commit begins, else they meet
            const sweeping = sweep(lake, { retiredBefore: 0 });
            if (round % 2 === 0) await sweeping;
            const isNamed = await name(inUse, file).then(
                () => true,
                (error: { code: string }) => {
                    assert.equal(error.code, 'lake.files-gone');
                    return false;
                },
            );
            outcomes[isNamed ? 'named' : 'refused'] += 1;
            assert.equal((await sweeping).orphanFiles, isNamed ? 0 : 1);
            assert.equal(existsSync(file.path), isNamed);
        });
    }
    assert.ok(outcomes.refused >= 6, JSON.stringify(outcomes));
});

/** Ends every connection that holds a lock of those who use the lake, as a restart of the server does. */
async function loseLocks(lake: Lake): Promise<void> {
    for (const holder of await lake.db.lockHolders('lake in use'))
        await lake.db.query('select pg_terminate_backend($1, 5000)', [Number(holder.split(' ')[0])]);
    assert.equal((await lake.db.lockHolders('lake in use')).size, 0);
}

test('a commit that would name a file that is gone is refused, and names nothing', async () => {
    const { lake } = world.workspace;
    const content = await publishedContent(world);
    const named = () => lake.db.query('select count(*) as n from lake_files');
    const before = await named();
    await useLake(lake, async (inUse) => {
        const file = await writeRows(inUse);
        rmSync(file.path);
        await assert.rejects(name(inUse, file), {
            code: 'lake.files-gone',
            message: /1 of 1 files were swept/,
        });
    });
    assert.deepEqual(await named(), before);
    assert.deepEqual(await publishedContent(world), content);
});
