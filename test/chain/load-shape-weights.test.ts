import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LoadShapes } from '../../src/contracts/estimation-policy.ts';
import { addDays, type CalendarDate, calendarDate, weekday } from '../../src/kernel/calendar-date.ts';
import { marketDayPeriod } from '../../src/kernel/market-day.ts';
import { localTimeAt, zoneOf } from '../../src/kernel/zone.ts';
import { shapeWeights } from '../../src/lake/load-shapes.ts';

const values = (base: number) => Array.from({ length: 48 }, (_, i) => base + i * i);
const SHAPES: LoadShapes = {
    a: [
        { from: '04-01', weekday: values(1), saturday: values(20_000), sunday: values(300) },
        { from: '10-15', weekday: values(7000), saturday: values(5), sunday: values(60) },
    ],
};
const HOLIDAYS = new Set(['2024-12-25', '2023-05-01']);

/** A minute at a time. */
function minuteWeight(zone: ReturnType<typeof zoneOf>, day: CalendarDate, at: number): number {
    const ofYear = day.slice(5);
    const season = SHAPES.a?.[ofYear >= '04-01' && ofYear < '10-15' ? 0 : 1];
    const isSunday = weekday(day) === 7 || HOLIDAYS.has(day);
    const kind = isSunday ? 'sunday' : weekday(day) === 6 ? 'saturday' : 'weekday';
    return season?.[kind][Math.floor(localTimeAt(zone, at).secondOfDay / 1800)] ?? 0;
}

// clocks that move by an hour at one o'clock, at midnight, and by half an hour; and one that is three quarters off
for (const name of ['Europe/London', 'Asia/Beirut', 'Australia/Lord_Howe', 'Asia/Kathmandu']) {
    test(`weights of ${name} are the sum of those of their minutes, for every length of interval and day`, () => {
        const zone = zoneOf(name);
        const weights = shapeWeights({ loadShapes: SHAPES }, zone, HOLIDAYS);
        let year = 0;
        for (let day = calendarDate('2024-01-01'); day < '2025-01-01'; day = addDays(day, 1)) {
            const { from, to } = marketDayPeriod(zone, day);
            const isOdd = to - from !== 86_400_000 || day.endsWith('-25');
            // minutes of usual days are those of the half-hours
            const step = isOdd ? 60_000 : 1_800_000;
            const minutes: number[] = [];
            for (let at = from; at < to; at += step)
                minutes.push(minuteWeight(zone, day, at) * (step / 60_000));
            const whole = minutes.reduce((sum, one) => sum + one, 0);
            assert.equal(weights.dayOf('a', day), whole, day);
            year += whole;
            if (!isOdd) continue;
            for (const length of [5, 10, 15, 30, 60]) {
                const slots = weights.slotsOf('a', day, length);
                const count = Math.floor(minutes.length / length);
                const expected = Array.from({ length: count }, (_, i) =>
                    minutes.slice(i * length, (i + 1) * length).reduce((sum, one) => sum + one, 0),
                );
                assert.deepEqual(slots, expected, `${day} ${length}`);
            }
        }
        assert.equal(weights.yearOf('a', calendarDate('2024-06-30')), year);
    });
}

test('days of the year change take holidays of both years, and homes without shapes none', () => {
    const zone = zoneOf('UTC');
    const [first, last] = [calendarDate('2023-12-01'), calendarDate('2024-01-10')];
    assert.deepEqual(shapeWeights({ loadShapes: SHAPES }, zone, HOLIDAYS).holidaysOf(first, last), [
        '2023-05-01',
        '2024-12-25',
    ]);
    assert.deepEqual(shapeWeights({ loadShapes: {} }, zone, HOLIDAYS).holidaysOf(first, last), []);
});
