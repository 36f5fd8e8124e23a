import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fixedClock, systemClock } from '../../src/kernel/clock.ts';
import { AssertionError } from '../../src/kernel/errors.ts';
import { bucketNo, channelNo, feedName, isFeedName, meterId } from '../../src/kernel/ids.ts';

test('an identifier of the outside world is kept as it is, but neither empty nor in blanks', () => {
    assert.equal(meterId('MAC 000 002'), 'MAC 000 002');
    for (const text of ['', ' ', ' A1', 'A1\n']) assert.throws(() => meterId(text), AssertionError);
});

test('channels count from 1 and buckets from 0', () => {
    assert.equal(channelNo(1), 1);
    assert.equal(bucketNo(0), 0);
    for (const n of [0, -1, 1.5, Number.NaN]) assert.throws(() => channelNo(n), AssertionError);
    assert.throws(() => bucketNo(-1), AssertionError);
});

test('the name of a feed is fit to be part of a file name', () => {
    assert.equal(feedName('lcl'), 'lcl');
    assert.ok(isFeedName('head-end_2'));
    for (const text of ['', 'LCL', '../x', 'a b', '2fast', '-x', 'a'.repeat(64)]) {
        assert.ok(!isFeedName(text), text);
        assert.throws(() => feedName(text), AssertionError);
    }
});

test('a fixed clock stands still and the system clock tells the time', () => {
    assert.equal(fixedClock(1234).now(), 1234);
    const before = Date.now();
    const now = systemClock.now();
    assert.ok(before <= now && now <= Date.now());
});
