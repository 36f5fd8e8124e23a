// test limit: 600 s
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { profileShift, REFERENCE_DAYS, SHIFT_THRESHOLD } from '../../src/ingest/shift-statistic.ts';
import { LCL_SKIP } from '../chain/lcl-files.ts';
import { CHANGES, readHomes } from './lcl-homes.ts';

/** A day of the homes together as it would be stamped `lag` half-hours too late; undefined where too few homes are complete. */
function dayOf(homes: readonly Float64Array[], day: number, lag: number): number[] | undefined {
    if (CHANGES.includes(day)) return undefined;
    const from = day * 48 - lag;
    const whole = homes
        .map((home) => home.subarray(from, from + 48))
        .filter((d) => d.length === 48 && !d.some(Number.isNaN));
    if (whole.length < homes.length / 2) return undefined;
    return Array.from({ length: 48 }, (_, slot) => whole.reduce((sum, d) => sum + (d[slot] ?? 0), 0));
}

/** Share of payloads of `count` days whose profile counts as moved, by how much they were moved. */
function shareMoved(
    homes: readonly Float64Array[],
    count: number,
    lag: number,
): { share: number; payloads: number } {
    const regular = Array.from({ length: 365 }, (_, day) => dayOf(homes, day, 0));
    let [moved, payloads] = [0, 0];
    for (let day = 28; day + count < 365; day += 1) {
        const days = Array.from({ length: count }, (_, i) => dayOf(homes, day + i, lag));
        const reference = regular.slice(day - REFERENCE_DAYS, day);
        if (days.includes(undefined)) continue;
        payloads += 1;
        const found = profileShift(
            days.flatMap((d) => (d ? [d] : [])),
            reference.flatMap((d) => (d ? [d] : [])),
            30,
        );
        if (found && found.statistic > SHIFT_THRESHOLD) moved += 1;
    }
    return { share: moved / payloads, payloads };
}

test('days of Low Carbon London: few false alarms, and what is moved by an hour is found in a few days', {
    skip: LCL_SKIP,
}, (t) => {
    const homes = readHomes();
    assert.equal(homes.length, 60);
    const figures: Record<string, Record<string, number>> = {};
    const percent = (share: number) => Math.round(share * 1000) / 10;
    for (const count of [1, 3, 7]) {
        const of = (lag: number) => percent(shareMoved(homes, count, lag).share);
        figures[count] = Object.fromEntries([0, -2, -1, 1, 2].map((lag) => [`${lag * 30} min`, of(lag)]));
    }
    t.diagnostic(JSON.stringify(figures));
    const groups = Array.from({ length: 6 }, (_, g) => homes.filter((_h, i) => i % 6 === g));
    const alarms = groups.map((group) => shareMoved(group, 1, 0).share);
    const hours = groups.map((group) => shareMoved(group, 7, 2).share);
    const mean = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) / list.length;
    t.diagnostic(
        `ten homes: ${percent(mean(alarms))} % false alarms a day, ${percent(mean(hours))} % of weeks an hour late found`,
    );
    assert.ok((figures[1]?.['0 min'] ?? 100) <= 0.5 && (figures[7]?.['0 min'] ?? 100) <= 3);
    assert.ok((figures[7]?.['60 min'] ?? 0) >= 80 && (figures[7]?.['-60 min'] ?? 0) >= 80);
});

test('the statistic says by how much, and nothing where there is nothing to compare with', () => {
    const day = (shift: number, seed: number) =>
        Array.from(
            { length: 48 },
            (_, i) => 2 + Math.sin(((i - shift) / 48) * 4 * Math.PI) + 0.1 * Math.sin(i * (seed + 1) * 2.3),
        );
    const past = Array.from({ length: 14 }, (_, seed) => day(0, seed));
    for (const lag of [-2, -1, 1, 2]) {
        const found = profileShift([day(lag, 20), day(lag, 21)], past, 30);
        assert.equal(found?.lag, lag);
        assert.ok((found?.statistic ?? 0) > SHIFT_THRESHOLD);
        assert.deepEqual(profileShift([day(lag, 20), day(lag, 21)], past, 30), found);
    }
    assert.ok((profileShift([day(0, 20)], past, 30)?.statistic ?? 100) < SHIFT_THRESHOLD);
    assert.equal(profileShift([day(1, 20)], past.slice(0, 9), 30), undefined);
    assert.equal(profileShift([Array.from({ length: 48 }, () => 0)], past, 30), undefined);
});
