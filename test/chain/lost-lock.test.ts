import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openCommit } from '../../src/lake/catalogue.ts';
import type { Lake } from '../../src/lake/lake.ts';
import { oneAtATime } from '../../src/lake/waiting-lock.ts';
import { type ChainWorld, openChainWorld } from './chain-world.ts';

let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC' });
});

after(() => world.end());

async function commits(kind: string): Promise<number> {
    const [row] = await world.workspace.db.query<{ n: number }>(
        'select count(*) as n from commits where kind = $1',
        [kind],
    );
    return row?.n ?? 0;
}

/** As a restart of the database does, or a cut on the way to it. */
async function cutHolder(lake: Lake): Promise<void> {
    const [holder, ...others] = await lake.db.lockHolders('release waiting');
    assert.ok(holder !== undefined && others.length === 0, 'one holds the lock');
    await lake.db.query('select pg_terminate_backend($1::int, 5000)', [Number(holder.split(' ')[0])]);
    assert.equal((await lake.db.lockHolders('release waiting')).size, 0);
}

test('work that lost its lock commits nothing, and begins anew under another', async () => {
    let attempts = 0;
    let other: Promise<void> | undefined;
    const commit = (lake: Lake, kind: string) =>
        lake.db.transaction(async (tx) => {
            await openCommit(tx, lake, kind);
        });
    await oneAtATime(world.workspace.lake, async (lake) => {
        attempts += 1;
        if (attempts === 1) {
            await cutHolder(lake);
            // another process takes it, and does its work in between
            other = oneAtATime(world.workspace.lake, (theirs) => commit(theirs, 'theirs'));
            await other;
        }
        await commit(lake, 'ours');
    });
    await other;
    assert.deepEqual([attempts, await commits('ours'), await commits('theirs')], [2, 1, 1]);
});

test('a commit that asked for its lock before it was lost is awaited by who takes the lock', async () => {
    const { lake } = world.workspace;
    let seen = Number.NaN;
    let other: Promise<void> | undefined;
    await oneAtATime(lake, (inUse) =>
        inUse.db.transaction(async (tx) => {
            await openCommit(tx, inUse, 'asked');
            await cutHolder(inUse);
            other = oneAtATime(lake, async () => {
                seen = await commits('asked');
            });
            const isAhead = await Promise.race([other.then(() => true), sleep(300, false)]);
            assert.equal(isAhead, false, 'the other waits');
        }),
    );
    await other;
    assert.equal(seen, 1);
});

test('work that loses its lock again and again says so', async () => {
    let attempts = 0;
    await assert.rejects(
        oneAtATime(world.workspace.lake, async (lake) => {
            attempts += 1;
            await cutHolder(lake);
            await lake.db.transaction((tx) => openCommit(tx, lake, 'never'));
        }),
        { code: 'lake.overtaken' },
    );
    assert.deepEqual([attempts, await commits('never')], [3, 0]);
});
