import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
    add,
    compare,
    cumulativeShares,
    type Decimal,
    decimal,
    decimalOf,
    divide,
    formatDecimal,
    isZero,
    multiply,
    negate,
    type RoundingMode,
    rescale,
    roundTo,
    subtract,
    sumDecimals,
    tryDecimal,
} from '../../src/kernel/decimal.ts';
import { AssertionError, GridtallyError } from '../../src/kernel/errors.ts';

const decimals = fc
    .record({ units: fc.bigInt(-(10n ** 24n), 10n ** 24n), scale: fc.integer({ min: 0, max: 12 }) })
    .map(({ units, scale }) => decimalOf(units, scale));
const modes = fc.constantFrom<RoundingMode>('half-even', 'half-up');
const digitCounts = fc.integer({ min: -6, max: 12 });

function assertEqual(actual: Decimal, expected: Decimal): void {
    assert.equal(compare(actual, expected), 0, `${formatDecimal(actual)} = ${formatDecimal(expected)}`);
}

test('a number is read as it stands and written back with the same digits', () => {
    for (const text of ['0', '-1', '12.340', '0.000001', '-0.5', '123456789012345678901234567890.12']) {
        assert.equal(formatDecimal(decimal(text)), text);
    }
    assert.deepEqual(decimal('12.340'), { units: 12340n, scale: 3 });
    assert.equal(formatDecimal(decimal('-0.00')), '0.00');
    assert.equal(formatDecimal(decimal('007.5')), '7.5');
});

test('a text that engines read differently is refused', () => {
    const refused = [
        '',
        ' 1',
        '1 ',
        '+1',
        '.5',
        '5.',
        '1_000',
        '2.5e3',
        '1,5',
        'NaN',
        'Infinity',
        '0x10',
        '--1',
        '1.2.3',
        '1\n',
        '١',
    ];
    for (const text of refused) {
        assert.equal(tryDecimal(text), undefined, JSON.stringify(text));
        assert.throws(
            () => decimal(text),
            (error) => error instanceof GridtallyError && error.code === 'decimal.invalid',
        );
    }
});

test('every number survives being written and read', () => {
    fc.assert(fc.property(decimals, (d) => assert.deepEqual(decimal(formatDecimal(d)), d)));
});

test('zeros at the end are dropped or added down to the decimals asked for', () => {
    const written = [0, 2, 4].map((minScale) => formatDecimal(decimal('1.500'), { minScale }));
    assert.deepEqual(written, ['1.5', '1.50', '1.5000']);
    assert.equal(formatDecimal(decimal('100'), { minScale: 0 }), '100');
    assert.equal(formatDecimal(decimal('-0.125'), { minScale: 2 }), '-0.125');
    assert.equal(formatDecimal(decimal('0.000'), { minScale: 0 }), '0');
});

test('sums and products obey the laws of arithmetic exactly', () => {
    fc.assert(
        fc.property(decimals, decimals, decimals, (a, b, c) => {
            assertEqual(add(a, b), add(b, a));
            assertEqual(add(add(a, b), c), add(a, add(b, c)));
            assertEqual(subtract(add(a, b), b), a);
            assertEqual(multiply(a, add(b, c)), add(multiply(a, b), multiply(a, c)));
            assertEqual(sumDecimals([a, b, c]), add(a, add(b, c)));
            assert.ok(isZero(add(a, negate(a))));
        }),
    );
    assert.equal(formatDecimal(add(decimal('0.1'), decimal('0.2'))), '0.3');
    assert.equal(formatDecimal(multiply(decimal('1.25'), decimal('-0.004'))), '-0.00500');
    assert.equal(formatDecimal(sumDecimals([])), '0');
});

test('numbers order by value and not by scale', () => {
    const sorted = ['1.50', '-2', '1.5', '10', '-2.01']
        .map(decimal)
        .sort(compare)
        .map((d) => formatDecimal(d));
    assert.deepEqual(sorted, ['-2.01', '-2', '1.50', '1.5', '10']);
});

test('ties go to the even digit or away from zero, as the mode says', () => {
    const cases: [string, number, string, string][] = [
        ['0.5', 0, '0', '1'],
        ['1.5', 0, '2', '2'],
        ['2.5', 0, '2', '3'],
        ['-0.5', 0, '0', '-1'],
        ['-2.5', 0, '-2', '-3'],
        ['-2.51', 0, '-3', '-3'],
        ['2.4999999', 0, '2', '2'],
        ['0.125', 2, '0.12', '0.13'],
        ['0.135', 2, '0.14', '0.14'],
        ['25', -1, '20', '30'],
        ['-35', -1, '-40', '-40'],
        ['49.999', -2, '0', '0'],
        ['50', -2, '0', '100'],
        ['1.5', 3, '1.500', '1.500'],
    ];
    for (const [text, digits, even, up] of cases) {
        assert.equal(formatDecimal(roundTo(decimal(text), digits, 'half-even')), even, `${text} half even`);
        assert.equal(formatDecimal(roundTo(decimal(text), digits, 'half-up')), up, `${text} half up`);
    }
});

test('a rounded quotient is at most half a unit of its last digit away from the exact one', () => {
    const divisors = decimals.filter((d) => !isZero(d));
    fc.assert(
        fc.property(decimals, divisors, digitCounts, modes, (a, b, digits, mode) => {
            const quotient = divide(a, b, digits, mode);
            assert.equal(quotient.scale, Math.max(0, digits));
            // |a - q·b| · 2 <= |b| · 10^-digits, multiplied out so that nothing is divided.
            const error = magnitude(subtract(a, multiply(quotient, b)));
            const unit = digits >= 0 ? decimalOf(1n, digits) : decimalOf(10n ** BigInt(-digits), 0);
            assert.ok(compare(multiply(error, decimal('2')), multiply(magnitude(b), unit)) <= 0);
        }),
    );
});

test('rounding is symmetric about zero and leaves a rounded number as it is', () => {
    fc.assert(
        fc.property(decimals, digitCounts, modes, (d, digits, mode) => {
            const rounded = roundTo(d, digits, mode);
            assert.deepEqual(roundTo(negate(d), digits, mode), negate(rounded));
            assert.deepEqual(roundTo(rounded, digits, mode), rounded);
        }),
    );
});

test('a division is rounded once, from the exact quotient', () => {
    assert.equal(formatDecimal(divide(decimal('1'), decimal('3'), 6, 'half-even')), '0.333333');
    assert.equal(formatDecimal(divide(decimal('-2'), decimal('0.003'), 2, 'half-up')), '-666.67');
    assert.equal(formatDecimal(divide(decimal('1.005'), decimal('1'), 2, 'half-even')), '1.00');
    assert.throws(() => divide(decimal('1'), decimal('0.00'), 2, 'half-up'), AssertionError);
});

test('a change of scale is exact or refused', () => {
    assert.deepEqual(rescale(decimal('1.500'), 1), { units: 15n, scale: 1 });
    assert.deepEqual(rescale(decimal('-1.5'), 3), { units: -1500n, scale: 3 });
    assert.throws(() => rescale(decimal('1.25'), 1), AssertionError);
    assert.throws(() => decimalOf(1n, -1), AssertionError);
});

test('rounded shares add up to the rounded total and none is more than a unit off', () => {
    fc.assert(
        fc.property(fc.array(decimals), fc.integer({ min: 0, max: 6 }), modes, (shares, digits, mode) => {
            const out = cumulativeShares(shares, digits, mode);
            assert.equal(out.length, shares.length);
            assertEqual(sumDecimals(out), roundTo(sumDecimals(shares), digits, mode));
            for (const [index, share] of shares.entries()) {
                const error = magnitude(subtract(out[index] ?? decimal('999'), share));
                assert.ok(compare(error, decimalOf(1n, digits)) <= 0);
            }
        }),
    );
    const thirds = cumulativeShares(['3.335', '3.335', '3.335'].map(decimal), 2, 'half-even');
    assert.deepEqual(
        thirds.map((d) => formatDecimal(d)),
        ['3.34', '3.33', '3.33'],
    );
});

test('a hundred thousand multiplications and additions give the sum of the series', () => {
    const price = decimal('0.00000002');
    let sum = decimal('0');
    for (let n = 1; n <= 100_000; n++) sum = add(sum, multiply(decimalOf(BigInt(n), 6), price));
    // 100,000 · 100,001 / 2 · 2 · 10^-14
    assert.equal(formatDecimal(sum), '0.00010000100000');
});

function magnitude(d: Decimal): Decimal {
    return d.units < 0n ? negate(d) : d;
}
