import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AssertionError, GridtallyError } from '../../src/kernel/errors.ts';
import {
    abuts,
    contains,
    covers,
    durationMs,
    instantText,
    intersect,
    isEmpty,
    merge,
    overlaps,
    type Period,
    parseInstant,
    period,
    subtract,
} from '../../src/kernel/period.ts';

/** Small enough that a period can be compared with the set of its instants. */
const LAST = 12;
const periods = fc
    .tuple(fc.integer({ min: 0, max: LAST }), fc.integer({ min: 0, max: LAST }))
    .map(([a, b]) => period(Math.min(a, b), Math.max(a, b)));

function instantsOf(...all: Period[]): number[] {
    const instants = Array.from({ length: LAST + 1 }, (_, instant) => instant);
    return instants.filter((instant) => all.some((p) => contains(p, instant)));
}

test('the first instant is in a period and the last is not', () => {
    const p = period(10, 20);
    assert.deepEqual(
        [9, 10, 19, 20].map((instant) => contains(p, instant)),
        [false, true, true, false],
    );
    assert.equal(durationMs(p), 10);
    assert.ok(isEmpty(period(5, 5)));
    assert.throws(() => period(2, 1), AssertionError);
    assert.throws(() => period(0.5, 1), AssertionError);
});

test('periods that only touch abut and do not overlap', () => {
    assert.ok(abuts(period(1, 2), period(2, 3)) && abuts(period(2, 3), period(1, 2)));
    assert.ok(!overlaps(period(1, 2), period(2, 3)));
    assert.ok(!abuts(period(1, 3), period(2, 4)));
});

test('operations on periods are those on the sets of their instants', () => {
    fc.assert(
        fc.property(periods, periods, (a, b) => {
            const inA = instantsOf(a);
            const inB = new Set(instantsOf(b));
            const common = inA.filter((instant) => inB.has(instant));
            const shared = intersect(a, b);
            assert.deepEqual(shared === undefined ? [] : instantsOf(shared), common);
            assert.equal(overlaps(a, b), common.length > 0);
            assert.equal(covers(b, a), common.length === inA.length);
            const rests = subtract(a, b);
            assert.deepEqual(
                instantsOf(...rests),
                inA.filter((instant) => !inB.has(instant)),
            );
            assert.ok(rests.every((rest) => !isEmpty(rest)));
        }),
    );
});

test('merged periods have the same instants and are apart from each other', () => {
    fc.assert(
        fc.property(fc.array(periods), (all) => {
            const merged = merge(all);
            assert.deepEqual(instantsOf(...merged), instantsOf(...all));
            for (const [index, next] of merged.entries()) {
                const previous = merged[index - 1];
                assert.ok(!isEmpty(next) && (previous === undefined || previous.to < next.from));
            }
        }),
    );
});

test('an instant shows milliseconds only where it has them', () => {
    assert.equal(instantText(Date.UTC(2013, 4, 1)), '2013-05-01T00:00:00Z');
    assert.equal(instantText(Date.UTC(2013, 4, 1) + 50), '2013-05-01T00:00:00.050Z');
    assert.equal(parseInstant('2013-05-01T00:00:00.05Z'), Date.UTC(2013, 4, 1) + 50);
});

test('every instant survives being written and read', () => {
    const instants = fc.integer({ min: Date.UTC(1970, 0, 1), max: Date.UTC(2100, 11, 31) });
    fc.assert(fc.property(instants, (instant) => assert.equal(parseInstant(instantText(instant)), instant)));
});

test('an instant that is not in UTC, not complete or not real is refused', () => {
    const refused = [
        '2013-05-01',
        '2013-05-01T00:00Z',
        '2013-05-01 00:00:00Z',
        '2013-05-01T00:00:00',
        '2013-05-01T00:00:00+00:00',
        '2013-05-01T24:00:00Z',
        '2013-05-01T23:60:00Z',
        '2013-05-01T23:59:60Z',
        '2013-02-29T00:00:00Z',
        '2013-05-01T00:00:00.0001Z',
        '2013-05-01T00:00:00Z ',
    ];
    for (const text of refused) {
        assert.throws(
            () => parseInstant(text),
            (error) => error instanceof GridtallyError && error.code === 'time.instant-invalid',
            text,
        );
    }
});
