import assert from 'node:assert/strict';
import { test } from 'node:test';
import { periodGrid } from '../../src/billing/period-grid.ts';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import { zoneOf } from '../../src/kernel/zone.ts';

const HOUR = 3_600_000;

function countsOf(month: number, day: number): number[] {
    const date = (m: number, d: number) =>
        calendarDate(`2013-${String(m).padStart(2, '0')}-${String(d).padStart(2, '0')}`);
    const period = { from: date(month, 1), to: date(month + 1, 1) };
    const grid = periodGrid(zoneOf('Australia/Lord_Howe'), period);
    const [start, changed, next, end] = [period.from, date(month, day), date(month, day + 1), period.to].map(
        (at) => grid.startOf(at),
    ) as [number, number, number, number];
    return [
        grid.countIntervals(start, end, 60),
        grid.countIntervals(changed, next, 60),
        grid.countIntervals(changed, next, 30),
        // what begins in the last half hour of the day would end in the next one
        grid.countIntervals(next - HOUR / 2, next, 60),
        grid.countIntervals(next - HOUR / 2, next + HOUR, 60),
    ];
}

test('where the clock moves by half an hour a day has as many whole hours as end within it', () => {
    assert.deepEqual(countsOf(4, 7), [30 * 24, 24, 49, 0, 1]);
    assert.deepEqual(countsOf(10, 6), [31 * 24 - 1, 23, 47, 0, 1]);
});
