import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import {
    addDays,
    calendarDate,
    dateOfEpochDay,
    daysBetween,
    epochDayOf,
    listDays,
    month,
    monthPeriod,
    monthText,
    tryCalendarDate,
    utcDateOf,
    weekday,
} from '../../src/kernel/calendar-date.ts';
import { AssertionError, GridtallyError } from '../../src/kernel/errors.ts';

function isDateFault(error: unknown): boolean {
    return error instanceof GridtallyError && error.code === 'time.date-invalid';
}

test('a day that does not exist or has another shape is refused', () => {
    const refused = ['2013-02-29', '2013-04-31', '2013-13-01', '2013-00-10', '2013-01-00', '1900-02-29'];
    for (const text of [
        ...refused,
        '2013-5-1',
        '20130501',
        '2013-05-01 ',
        ' 2013-05-01',
        '2013-05-01T00',
        '',
        '02013-05-01',
    ]) {
        assert.equal(tryCalendarDate(text), undefined, text);
        assert.throws(() => calendarDate(text), isDateFault);
    }
    assert.equal(calendarDate('2012-02-29'), '2012-02-29');
    assert.equal(calendarDate('2000-02-29'), '2000-02-29');
    assert.equal(calendarDate('0000-01-01'), '0000-01-01');
});

test('every day of eight hundred years is written and counted as the engine itself does', () => {
    for (let no = -135_140; no < 157_054; no += 1) {
        const date = dateOfEpochDay(no);
        assert.equal(date, new Date(no * 86_400_000).toISOString().slice(0, 10));
        assert.equal(epochDayOf(date), no);
    }
});

test('days count and order as in the ISO calendar', () => {
    const anyDay = fc.integer({ min: -719_528, max: 2_932_896 });
    fc.assert(
        fc.property(anyDay, fc.integer({ min: -3000, max: 3000 }), (epochDay, days) => {
            const date = dateOfEpochDay(epochDay);
            const plain = Temporal.PlainDate.from(date);
            assert.equal(epochDayOf(calendarDate(date)), epochDay);
            assert.equal(weekday(date), plain.dayOfWeek);
            assert.equal(month(date), plain.month);
            const other = plain.add({ days });
            fc.pre(other.year >= 0 && other.year <= 9999);
            assert.equal(addDays(date, days), other.toString());
            assert.equal(daysBetween(date, addDays(date, days)), days);
        }),
    );
    assert.throws(() => addDays(calendarDate('9999-12-31'), 1), AssertionError);
});

test('the UTC date of an instant before 1970 is the day that it lies in', () => {
    assert.equal(utcDateOf(-1), '1969-12-31');
    assert.equal(utcDateOf(0), '1970-01-01');
    assert.equal(utcDateOf(86_399_999), '1970-01-01');
});

test('a month runs from its first day up to the first day of the next', () => {
    assert.deepEqual(monthPeriod('2013-05'), { from: '2013-05-01', to: '2013-06-01' });
    assert.deepEqual(monthPeriod('2013-12'), { from: '2013-12-01', to: '2014-01-01' });
    assert.equal(listDays(monthPeriod('2012-02')).length, 29);
    assert.equal(listDays(monthPeriod('2013-02')).at(-1), '2013-02-28');
    assert.equal(monthText(calendarDate('2013-02-28')), '2013-02');
    for (const text of ['2013-13', '2013-5', '2013', '2013-05-01', '2013-05-01-01']) {
        assert.throws(() => monthPeriod(text), isDateFault, text);
    }
});

test('an empty or reversed date period has no days', () => {
    const day = calendarDate('2013-05-01');
    assert.deepEqual(listDays({ from: day, to: day }), []);
    assert.deepEqual(listDays({ from: addDays(day, 1), to: day }), []);
});
