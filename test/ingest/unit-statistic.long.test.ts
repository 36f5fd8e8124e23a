// test limit: 600 s
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REFERENCE_DAYS } from '../../src/ingest/shift-statistic.ts';
import { movedUnit } from '../../src/ingest/unit-statistic.ts';
import { LCL_SKIP } from '../chain/lcl-files.ts';
import { CHANGES, readHomes } from './lcl-homes.ts';

const median = (list: readonly number[]) => {
    const sorted = list.toSorted((a, b) => a - b);
    const middle = sorted.length >> 1;
    return sorted.length % 2 === 1
        ? (sorted[middle] ?? 0)
        : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
};

/** Energy of each day of a home; NaN where the day is not complete. */
function daysOf(home: Float64Array): number[] {
    return Array.from({ length: 365 }, (_, day) =>
        CHANGES.includes(day)
            ? Number.NaN
            : home.subarray(day * 48, day * 48 + 48).reduce((a, b) => a + b, 0),
    );
}

/** Shares of days on which the homes' energy times `factor` counts as of another unit, and on which that is the one given; `bad` days before each one had that factor too. */
function shareMoved(homes: readonly number[][], factor: number, unit?: string, bad = 0) {
    let [days, moved, named] = [0, 0, 0];
    for (let day = 29; day < 365; day += 1) {
        const past = Array.from({ length: REFERENCE_DAYS }, (_, i) => day - REFERENCE_DAYS + i);
        const kwhOn = (home: readonly number[], d: number) =>
            (home[d] ?? Number.NaN) * (d < day && d >= day - bad ? factor : 1);
        const known = homes.flatMap((home) => {
            const before = past.map((d) => kwhOn(home, d)).filter((kwh) => !Number.isNaN(kwh));
            const usual = before.length > 0 ? median(before) : 0;
            return usual > 0 ? [{ home, usual }] : [];
        });
        const ratioOn = (d: number) =>
            known.flatMap(({ home, usual }) =>
                kwhOn(home, d) > 0 ? [Math.log10(kwhOn(home, d) / usual)] : [],
            );
        if (ratioOn(day).length < 10) continue;
        const usual = past.map(ratioOn).filter((ratios) => ratios.length >= 10);
        const logRatio = median(ratioOn(day)) + Math.log10(factor);
        const found = movedUnit({ logRatio, usual: usual.map(median) }, ['kWh'], 30);
        days += 1;
        if (found) moved += 1;
        if (found && found.unit === unit) named += 1;
    }
    return { moved: moved / days, named: named / days, days };
}

test('days of Low Carbon London: no false alarm, and every other unit is named', { skip: LCL_SKIP }, (t) => {
    const homes = readHomes().map(daysOf);
    const groups = Array.from({ length: 4 }, (_, g) => homes.filter((_h, i) => i % 4 === g));
    const whole = shareMoved(homes, 1);
    assert.ok(whole.days > 300);
    assert.equal(whole.moved, 0);
    for (const group of groups) {
        const { moved, days } = shareMoved(group, 1);
        assert.ok(moved === 0 && days > 300, `${moved} of ${days} days`);
    }
    for (const [factor, unit] of [
        [1000, 'Wh'],
        [0.001, 'MWh'],
    ] as const) {
        for (const bad of [0, 1, 5, 10]) assert.equal(shareMoved(homes, factor, unit, bad).named, 1);
        for (const group of groups) assert.ok(shareMoved(group, factor, unit).named > 0.99);
    }
    const kW = [homes, ...groups].map((some) => shareMoved(some, 2, 'kW').named);
    t.diagnostic(
        `kW for kWh of half-hours found on ${kW.map((share) => `${Math.round(share * 100)} %`).join(', ')} of the days`,
    );
    for (const share of kW) assert.ok(share > 0.95, String(kW));
});

test('a change is named by the nearest unit, and none where nothing fits or little is known', () => {
    const usual = Array.from({ length: 14 }, (_, i) => 0.05 * Math.sin(i));
    const unitOf = (ratio: number, unit: 'kWh' | 'Wh' | 'MWh' | 'kW', minutes = 15) =>
        movedUnit({ logRatio: Math.log10(ratio), usual }, [unit], minutes)?.unit;
    assert.deepEqual(
        [1000, 0.001, 4, 1, 30, 2, 1e6].map((ratio) => unitOf(ratio, 'kWh')),
        ['Wh', 'MWh', 'kW', undefined, undefined, undefined, undefined],
    );
    assert.equal(unitOf(1e6, 'MWh'), 'Wh');
    assert.equal(unitOf(0.001, 'Wh'), 'kWh');
    assert.equal(unitOf(0.25, 'kW'), 'kWh');
    // an hour at one kW is one kWh: nobody can tell
    assert.equal(unitOf(1, 'kW', 60), undefined);
    const wild = usual.map((u) => u * 8);
    assert.equal(movedUnit({ logRatio: Math.log10(4), usual: wild }, ['kWh'], 15), undefined);
    assert.equal(movedUnit({ logRatio: 3, usual: wild }, ['kWh'], 15)?.unit, 'Wh');
    assert.equal(movedUnit({ logRatio: 3, usual: usual.slice(0, 9) }, ['kWh'], 15), undefined);
});
