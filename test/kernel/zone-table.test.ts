import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import { GridtallyError } from '../../src/kernel/errors.ts';
import { zoneOf } from '../../src/kernel/zone.ts';
import { localDays } from '../../src/kernel/zone-table.ts';

test('a change at midnight skips the first hour of a day and repeats the last hour of the day before', () => {
    const saoPaulo = zoneOf('America/Sao_Paulo');
    const spring = localDays(saoPaulo, calendarDate('2018-11-03'), calendarDate('2018-11-05'));
    const changes = spring.map((row) => [row.changeKind, row.changeFromLocalS, row.changeToLocalS]);
    assert.deepEqual(changes, [
        ['none', 0, 0],
        ['missing', 0, 3600],
    ]);
    const autumn = localDays(saoPaulo, calendarDate('2018-02-17'), calendarDate('2018-02-19'));
    const repeats = autumn.map((row) => [row.changeKind, row.changeFromLocalS, row.changeToLocalS]);
    assert.deepEqual(repeats, [
        ['repeated', 82_800, 86_400],
        ['none', 0, 0],
    ]);
});

test('a change seen on two dates has its part in the row of each', () => {
    const rows = localDays(
        zoneOf('America/St_Johns'),
        calendarDate('2010-11-06'),
        calendarDate('2010-11-08'),
    );
    const parts = rows.map((row) => [row.changeKind, row.changeFromLocalS, row.changeToLocalS]);
    assert.deepEqual(parts, [
        ['repeated', 82_860, 86_400],
        ['repeated', 0, 60],
    ]);
});

test('a day that a zone skipped is missing as a whole', () => {
    const [row] = localDays(zoneOf('Pacific/Apia'), calendarDate('2011-12-30'), calendarDate('2011-12-31'));
    assert.deepEqual([row?.changeKind, row?.changeFromLocalS, row?.changeToLocalS], ['missing', 0, 86_400]);
});

test('a table has the days from the first up to but not including the last', () => {
    const utc = zoneOf('UTC');
    const day = calendarDate('2013-05-01');
    const dates = localDays(utc, day, calendarDate('2013-05-03')).map((row) => row.localDate);
    assert.deepEqual(dates, ['2013-05-01', '2013-05-02']);
    assert.deepEqual(localDays(utc, day, day), []);
});

test('the table covers the known years from end to end, and no more', () => {
    const first = calendarDate('1970-01-01');
    const last = calendarDate('2101-01-01');
    const days = (Date.UTC(2101, 0, 1) - Date.UTC(1970, 0, 1)) / 86_400_000;
    assert.equal(localDays(zoneOf('Europe/London'), first, last).length, days);
    assert.throws(
        () => localDays(zoneOf('Europe/London'), calendarDate('1899-01-01'), calendarDate('1899-01-02')),
        (error) => error instanceof GridtallyError && error.code === 'time.out-of-range',
    );
});
