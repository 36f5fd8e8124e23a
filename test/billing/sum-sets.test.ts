import assert from 'node:assert/strict';
import { test } from 'node:test';
import { periodGrid } from '../../src/billing/period-grid.ts';
import { openPriceBook } from '../../src/billing/price-book.ts';
import { RatingFaults } from '../../src/billing/rating-faults.ts';
import type { RatedPoint, RatingPlan } from '../../src/billing/rating-plan.ts';
import { classifySlots, type SlotClasses } from '../../src/billing/slot-classes.ts';
import { planSumSets, type SumSet } from '../../src/billing/sum-sets.ts';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import { zoneOf } from '../../src/kernel/zone.ts';

const ZONE = zoneOf('Europe/London');
const GRID = periodGrid(ZONE, { from: calendarDate('2013-03-30'), to: calendarDate('2013-04-02') });
const DAYS = 3;
const CALENDARS = 40;

/** Calendar n has one half-hour of its own, the n-th of the day. */
const PRICES = openPriceBook({
    agreements: [],
    tariffVersions: [],
    calendarVersions: Array.from({ length: CALENDARS }, (_, n) => ({
        calendarId: `C${n}`,
        validFrom: null,
        validTo: null,
        definition: {
            rules: [
                { band: 'own', localTimes: [{ from: clockText(n), to: clockText(n + 1) }] },
                { band: 'other' },
            ],
        },
    })),
    holidays: [],
    priceSeries: [],
});

function clockText(halfHour: number): string {
    return `${String(halfHour >> 1).padStart(2, '0')}:${halfHour % 2 === 0 ? '00' : '30'}`;
}

/** One metering point for each list of calendars; the tariff of calendar n has number n. */
function plan(calendarsOfPoints: readonly (readonly number[])[], isByDay = false): RatingPlan {
    const points = calendarsOfPoints.map(
        (tariffNos, pointNo): RatedPoint => ({
            pointNo,
            meteringPointId: `MP${pointNo}`,
            stays: [],
            channels: [10, 20].map((first) => ({
                channelNo: first * 1000 + pointNo,
                meteringPointId: `MP${pointNo}`,
                meterId: `M${pointNo}`,
                flow: 'to_customer',
                intervalMinutes: 30,
                validFromMs: null,
                validToMs: null,
                expectedFrom: null,
            })),
            isByDay,
            tariffNos,
        }),
    );
    return {
        points,
        staysByAccount: new Map(),
        versionsByTariff: new Map(
            Array.from({ length: CALENDARS }, (_, n) => [
                n,
                [
                    {
                        tariffVersionNo: n,
                        tariffNo: n,
                        tariffId: `T${n}`,
                        validFrom: null,
                        validTo: null,
                        structure: { currency: 'GBP', charges: [bandedBy(`C${n}`)], taxes: [] },
                    },
                ],
            ]),
        ),
    };
}

function bandedBy(calendarId: string) {
    return {
        id: 'energy',
        label: 'Energy',
        group: 'energy',
        kind: 'energy-bands',
        calendarId,
        pricePerKwhByBand: { own: '0.1', other: '0.3' },
        rounding: { mode: 'half-even', amountDigits: 2, scope: 'line' },
    } as const;
}

function setsOf(of: RatingPlan): { sets: SumSet[]; slots: SlotClasses } {
    const slots = classifySlots(of, GRID, ZONE, PRICES, new RatingFaults());
    return { sets: planSumSets(of, slots), slots };
}

/** Every channel is in one set, and what a sum class says of it holds in each of its slots. */
function assertExact(of: RatingPlan, { sets, slots }: { sets: SumSet[]; slots: SlotClasses }): void {
    const channelNos = sets.flatMap((set) => [...set.pointByChannel.keys()]);
    const expected = of.points.flatMap((point) => point.channels.map((channel) => channel.channelNo));
    assert.deepEqual(
        channelNos.sort((a, b) => a - b),
        expected.sort((a, b) => a - b),
    );
    for (const set of sets) {
        for (const point of set.pointByChannel.values()) {
            assert.equal(point.isByDay, set.isByDay);
            const run = slots.runOf(point);
            for (const [index, slot] of slots.slots.entries()) {
                const first = set.firstSlots[set.classOfSlot[index] ?? -1] ?? -1;
                assert.equal(run.classNo(first), run.classNo(index));
                if (set.isByDay) assert.equal(slots.slots[first]?.dayNo, slot.dayNo);
            }
        }
    }
}

test('tariffs of a few calendars are one set, and no class of it mixes prices', () => {
    const of = plan([[0], [1], [2], [0, 1], [0]]);
    const found = setsOf(of);
    assertExact(of, found);
    assert.equal(found.sets.length, 1);
    // each calendar's own half-hour, and all others
    assert.equal(found.sets[0]?.firstSlots.length, 4);
});

test('where calendars would cut the day into too many classes there are more sets', () => {
    const of = plan(Array.from({ length: CALENDARS }, (_, n) => [n]));
    const found = setsOf(of);
    assertExact(of, found);
    assert.deepEqual(
        found.sets.map((set) => set.firstSlots.length),
        [24, 18],
    );
});

test('a metering point whose own tariffs have more classes than a set should is a set all the same', () => {
    const all = Array.from({ length: CALENDARS }, (_, n) => n);
    const of = plan([all, [0]]);
    const found = setsOf(of);
    assertExact(of, found);
    assert.deepEqual(
        found.sets.map((set) => set.firstSlots.length),
        [CALENDARS + 1, 2],
    );
});

test('tariffs of more metering points than a call can have arguments are one set', () => {
    const many = plan([[0], ...Array.from({ length: 200_000 }, () => [1])]);
    const of = { ...many, points: many.points.map((p) => ({ ...p, channels: p.channels.slice(0, 1) })) };
    const { sets } = setsOf(of);
    assert.deepEqual(
        sets.map((set) => set.pointByChannel.size),
        [of.points.length],
    );
});

test('metering points that are summed by day have classes for each day, on days of 46 half-hours too', () => {
    const byDay = plan([[0], [1]], true);
    const whole = plan([[0]]);
    const of: RatingPlan = {
        ...byDay,
        points: [
            ...byDay.points,
            ...whole.points.map((point) => ({
                ...point,
                pointNo: 9,
                channels: point.channels.map((channel) => ({ ...channel, channelNo: channel.channelNo + 9 })),
            })),
        ],
    };
    const found = setsOf(of);
    assert.equal(found.slots.slots.length, DAYS * 48 - 2);
    assertExact(of, found);
    assert.deepEqual(
        found.sets.map((set) => [set.isByDay, set.firstSlots.length]),
        [
            [true, DAYS * 3],
            [false, 2],
        ],
    );
});
