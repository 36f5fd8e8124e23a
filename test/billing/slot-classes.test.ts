import assert from 'node:assert/strict';
import { test } from 'node:test';
import { periodGrid } from '../../src/billing/period-grid.ts';
import { openPriceBook } from '../../src/billing/price-book.ts';
import { RatingFaults } from '../../src/billing/rating-faults.ts';
import type { RatedPoint, RatingPlan } from '../../src/billing/rating-plan.ts';
import { classifySlots, type SlotClasses } from '../../src/billing/slot-classes.ts';
import type { Charge, Rounding } from '../../src/contracts/tariff-structure.ts';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import { zoneOf } from '../../src/kernel/zone.ts';

const ZONE = zoneOf('Europe/London');
const PERIOD = { from: calendarDate('2013-03-01'), to: calendarDate('2013-04-01') };
const GRID = periodGrid(ZONE, PERIOD);
const PRICES = openPriceBook({
    agreements: [],
    tariffVersions: [],
    calendarVersions: ['evening', 'night'].map((calendarId) => ({
        calendarId,
        validFrom: null,
        validTo: null,
        definition: {
            rules: [
                {
                    band: 'low',
                    localTimes: [
                        calendarId === 'night'
                            ? { from: '00:00', to: '07:00' }
                            : { from: '17:00', to: '19:00' },
                    ],
                },
                { band: 'high' },
            ],
        },
    })),
    holidays: [],
    priceSeries: [],
});
// 31 days of half-hours, and the clock goes forward once
const SLOTS = 31 * 48 - 2;

function banded(calendarId: string, low: string, scope: Rounding['scope'] = 'line'): Charge {
    return {
        id: 'energy',
        label: 'Energy',
        group: 'energy',
        kind: 'energy-bands',
        calendarId,
        pricePerKwhByBand: { low, high: '0.3' },
        rounding: { mode: 'half-even', amountDigits: 2, scope },
    };
}

/** One point for each tariff, and one more that changes from the first to the second. */
function planOf(charges: readonly Charge[]): RatingPlan {
    const tariffNos = charges.map((_, i) => i + 1);
    const point = (pointNo: number, nos: readonly number[]): RatedPoint => ({
        pointNo,
        meteringPointId: `MP${pointNo}`,
        stays: [],
        channels: [
            {
                channelNo: pointNo,
                meteringPointId: `MP${pointNo}`,
                meterId: `M${pointNo}`,
                flow: 'to_customer',
                intervalMinutes: 30,
                validFromMs: null,
                validToMs: null,
                expectedFrom: null,
            },
        ],
        isByDay: nos.length > 1,
        tariffNos: nos,
    });
    return {
        points: [...tariffNos.map((no, i) => point(i, [no])), point(charges.length, [1, 2])],
        staysByAccount: new Map(),
        versionsByTariff: new Map(
            charges.map((charge, i) => [
                i + 1,
                [
                    {
                        tariffVersionNo: 100 + i,
                        tariffNo: i + 1,
                        tariffId: `T${i + 1}`,
                        validFrom: null,
                        validTo: null,
                        structure: { currency: 'GBP', charges: [charge], taxes: [] },
                    },
                ],
            ]),
        ),
    };
}

function classify(plan: RatingPlan): SlotClasses {
    const faults = new RatingFaults();
    const classes = classifySlots(plan, GRID, ZONE, PRICES, faults);
    faults.settle(plan.staysByAccount);
    assert.deepEqual(faults.unrated, []);
    return classes;
}

/** For a point, the band of a tariff's charge in each slot of the period, found as the engine finds it. */
function bandsOf(found: SlotClasses, point: RatedPoint, tariffNo: number): (string | null | undefined)[] {
    const classOfSlot = new Map(found.slotRows);
    return found.slots.map((slot) => {
        const classNo = classOfSlot.get(slot.at / 300_000 - found.runOf(point).slotOrigin);
        return found.classes[classNo ?? -1]?.byTariff.get(tariffNo)?.bands.get('energy');
    });
}

test('hundreds of tariffs that change at the same times are one run of slots, and each point finds its own bands in it', () => {
    const charges = Array.from({ length: 300 }, (_, i) =>
        banded(i % 3 === 0 ? 'evening' : 'night', `0.1${i}`),
    );
    const plan = planOf(charges);
    const found = classify(plan);
    // one run for each calendar, and one for the point that has a tariff of either
    assert.equal(found.slotRows.length, 3 * SLOTS);
    assert.equal(new Set(found.slotRows.map(([key]) => key)).size, found.slotRows.length);
    assert.equal(found.classes.length, 2 + 2 + 3);
    for (const point of plan.points) {
        for (const tariffNo of point.tariffNos) {
            const isEvening = (tariffNo - 1) % 3 === 0;
            const expected = found.slots.map(({ minuteOfDay }) =>
                (isEvening ? minuteOfDay >= 17 * 60 && minuteOfDay < 19 * 60 : minuteOfDay < 7 * 60)
                    ? 'low'
                    : 'high',
            );
            assert.deepEqual(bandsOf(found, point, tariffNo), expected);
        }
    }
});

test('tariffs that are priced by interval share no slots, because each has its own prices there', () => {
    const found = classify(planOf([0, 1, 2].map((i) => banded('night', `0.1${i}`, 'interval'))));
    assert.equal(found.slotRows.length, 4 * SLOTS);
    assert.deepEqual(
        [1, 2, 3].map((tariffNo) => found.keyOffsetsByTariff.get(tariffNo)?.length),
        [2, 2, 1],
    );
});
