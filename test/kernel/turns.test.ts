import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inTurns } from '../../src/kernel/turns.ts';

test('so many are under way at a time, and an item is asked for when there is room', async () => {
    const asked: number[] = [];
    function* items() {
        for (let n = 0; n < 10; n++) {
            asked.push(n);
            yield n;
        }
    }
    let underWay = 0;
    let most = 0;
    const done: number[] = [];
    await inTurns(items(), 3, async (n) => {
        underWay += 1;
        most = Math.max(most, underWay);
        assert.ok(asked.length <= done.length + 3, `${asked.length} asked for, ${done.length} done`);
        await sleep(1);
        underWay -= 1;
        done.push(n);
    });
    assert.equal(most, 3);
    assert.deepEqual(
        done.sort((a, b) => a - b),
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    );
});

test('after a failure none begins, and the first one is thrown when those under way have ended', async () => {
    const begun: number[] = [];
    let ended = 0;
    const work = async (n: number) => {
        begun.push(n);
        await sleep(n === 1 ? 1 : 10);
        ended += 1;
        if (n < 2) throw new Error(`item ${n}`);
    };
    await assert.rejects(inTurns([0, 1, 2, 3, 4], 3, work), /item 1/);
    assert.deepEqual([begun, ended], [[0, 1, 2], 3]);
});

test('so it is where what gives the items fails', async () => {
    let ended = 0;
    function* items() {
        yield 1;
        throw new Error('no more');
    }
    const work = async () => {
        await sleep(5);
        ended += 1;
    };
    await assert.rejects(inTurns(items(), 2, work), /no more/);
    assert.equal(ended, 1);
});
