import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import { zoneOf } from '../../src/kernel/zone.ts';
import { listHolidays, townDays } from '../../src/simulate/town-calendar.ts';

function holidaysOf(year: number): string[] {
    const holidays = listHolidays(calendarDate(`${year}-01-01`), calendarDate(`${year + 1}-01-01`));
    return holidays.map((holiday) => holiday.date);
}

test('holidays follow Easter and fall on the right Mondays', () => {
    assert.deepEqual(holidaysOf(2013), [
        '2013-01-01',
        '2013-03-29',
        '2013-04-01',
        '2013-05-06',
        '2013-08-26',
        '2013-12-25',
        '2013-12-26',
    ]);
    // Easter Sunday on 2008-03-23 and 2038-04-25: nearly the earliest and the latest there can be.
    assert.ok(holidaysOf(2008).includes('2008-03-24'));
    assert.ok(holidaysOf(2038).includes('2038-04-26'));
});

test('weekends and holidays are free days, and wall hours skip what the clock skips', () => {
    const days = townDays(zoneOf('Europe/London'), calendarDate('2013-03-28'), calendarDate('2013-04-03'));
    assert.deepEqual(
        days.map((day) => day.isFree),
        [false, true, true, true, true, false],
    );
    assert.deepEqual(days[3]?.wallHours.slice(0, 3), [0, 2, 3]);
    assert.equal(days[3]?.wallHours.length, 23);
});
