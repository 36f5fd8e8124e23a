import assert from 'node:assert/strict';
import test from 'node:test';
import { HALF_HOUR, hideStretches, STRETCHES, stretchErrors } from '../../bench/hidden-stretches.ts';

const YEAR = { from: Date.UTC(2013, 1, 1), to: Date.UTC(2013, 11, 24) };

test('stretches of a home are as many of each length as told, apart from each other, and the same for a seed', () => {
    const stretches = hideStretches(['A', 'B'], YEAR, 7);
    assert.deepEqual(hideStretches(['A', 'B'], YEAR, 7), stretches);
    assert.notDeepEqual(hideStretches(['A', 'B'], YEAR, 8), stretches);
    for (const home of ['A', 'B']) {
        const own = stretches.filter((one) => one.home === home).sort((a, b) => a.from - b.from);
        for (const { length, count } of STRETCHES)
            assert.equal(own.filter((one) => one.length === length).length, count);
        own.forEach(({ from, length }, i) => {
            const end = from + length * HALF_HOUR;
            assert.ok(from > YEAR.from && end < (own[i + 1]?.from ?? YEAR.to));
        });
    }
});

test('errors are those of stretches that are told whole: two off by half a kWh in a half-hour, one of which evens itself out', () => {
    const stretches = [0, 10, 20, 30].map((slot) => ({ home: 'A', from: slot * HALF_HOUR, length: 4 }));
    const estimates = new Map([
        ...[2.5, 2.5, 2.5, 2.5].map((kwh, i): [number, number] => [i, kwh]),
        ...[2.5, 1.5, 2.5, 1.5].map((kwh, i): [number, number] => [10 + i, kwh]),
        ...[9, 9, 9].map((kwh, i): [number, number] => [20 + i, kwh]),
        ...[9, 9, 9, 9].map((kwh, i): [number, number] => [30 + i, kwh]),
    ]);
    const found = stretchErrors(
        stretches,
        // of the last one nobody knows
        (_, at) => (at / HALF_HOUR === 31 ? undefined : 2),
        (_, at) => estimates.get(at / HALF_HOUR),
    );
    assert.deepEqual(
        found.map(({ length, stretches: count, told }) => [length, count, told]),
        [
            [1, 0, 0],
            [4, 4, 2],
            [12, 0, 0],
            [48, 0, 0],
            [336, 0, 0],
        ],
    );
    const { meanAbsoluteError, meanKwh, sumError, bias } = found[1] ?? {};
    assert.deepEqual([meanAbsoluteError, meanKwh, sumError, bias], [0.5, 2, 0.125, 0.125]);
});
