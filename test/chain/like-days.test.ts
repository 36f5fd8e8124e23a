import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EstimationPolicy } from '../../src/contracts/estimation-policy.ts';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import { likeDaysBefore } from '../../src/lake/like-days.ts';

type LikePolicy = Pick<EstimationPolicy, 'lookBackDays' | 'likeDaysLookedAt' | 'likeDaysBy'>;

const POLICY: LikePolicy = { lookBackDays: 28, likeDaysLookedAt: 5, likeDaysBy: 'kind' };
const before = (day: string, holidays: readonly string[] = [], policy = POLICY) =>
    likeDaysBefore(calendarDate(day), policy, new Set(holidays));

test('like days are weekdays, Saturdays, or Sundays, the nearest first', () => {
    // a Tuesday
    assert.deepEqual(before('2024-02-06'), [
        '2024-02-05',
        '2024-02-02',
        '2024-02-01',
        '2024-01-31',
        '2024-01-30',
    ]);
    assert.deepEqual(before('2024-02-10'), ['2024-02-03', '2024-01-27', '2024-01-20', '2024-01-13']);
    assert.deepEqual(before('2024-02-11'), ['2024-02-04', '2024-01-28', '2024-01-21', '2024-01-14']);
});

test('a holiday is like Sundays, and no weekday is like it', () => {
    const holidays = ['2024-02-05', '2024-01-03'];
    assert.deepEqual(before('2024-02-06', holidays)[0], '2024-02-02');
    assert.deepEqual(before('2024-02-05', holidays), [
        '2024-02-04',
        '2024-01-28',
        '2024-01-21',
        '2024-01-14',
    ]);
    assert.deepEqual(before('2024-02-04', holidays), [
        '2024-01-28',
        '2024-01-21',
        '2024-01-14',
        '2024-01-07',
    ]);
});

test('no more days and none further back than the policy says', () => {
    assert.equal(before('2024-02-06', [], { ...POLICY, likeDaysLookedAt: 2 }).length, 2);
    assert.deepEqual(before('2024-02-10', [], { ...POLICY, lookBackDays: 7 }), ['2024-02-03']);
});

test('by the day of the week a Tuesday is like the Tuesdays of the last four weeks, but for holidays, which are Sundays', () => {
    const policy: LikePolicy = { ...POLICY, likeDaysBy: 'weekday' };
    const tuesdays = ['2024-01-30', '2024-01-23', '2024-01-16', '2024-01-09'];
    assert.deepEqual(before('2024-02-06', [], policy), tuesdays);
    assert.deepEqual(before('2024-02-06', ['2024-01-23', '2024-02-05'], policy), [
        '2024-01-30',
        '2024-01-16',
        '2024-01-09',
    ]);
    assert.deepEqual(before('2024-02-06', ['2024-02-06', '2024-01-31'], { ...policy, lookBackDays: 9 }), [
        '2024-02-04',
        '2024-01-31',
        '2024-01-28',
    ]);
});
