import { assert, GridtallyError } from './errors.ts';
import { pow10, type RoundingMode, roundedQuotient } from './rounding.ts';

export type { RoundingMode } from './rounding.ts';

/**
 * An exact number: `units / 10^scale`. Energy, prices and money are these and never floats.
 * The scale is a count of decimals (zero or more) and says nothing about the value: 1.5 and 1.50 are
 * equal to `compare`, but not to `deepEqual`.
 */
export interface Decimal {
    readonly units: bigint;
    readonly scale: number;
}

const STRICT_NUMBER = /^-?\d+(\.\d+)?$/;

export const ZERO: Decimal = Object.freeze({ units: 0n, scale: 0 });

/**
 * Reads `-12.340` as it stands, keeping its decimals (scale 3). No blanks, plus sign, exponent, digit
 * separator or bare point is accepted, because engines disagree about all of them.
 * @throws GridtallyError `decimal.invalid`
 */
export function decimal(text: string): Decimal {
    const parsed = tryDecimal(text);
    if (parsed === undefined) {
        throw new GridtallyError(
            'decimal.invalid',
            `not a decimal number: ${JSON.stringify(text.slice(0, 60))}`,
        );
    }
    return parsed;
}

/** As `decimal`, with `undefined` for a text that is not a number. */
export function tryDecimal(text: string): Decimal | undefined {
    if (!STRICT_NUMBER.test(text)) return undefined;
    const point = text.indexOf('.');
    if (point < 0) return { units: BigInt(text), scale: 0 };
    return { units: BigInt(text.slice(0, point) + text.slice(point + 1)), scale: text.length - point - 1 };
}

/** The number `units / 10^scale`; scale is a whole number from zero. */
export function decimalOf(units: bigint, scale: number): Decimal {
    assert(Number.isInteger(scale) && scale >= 0, `scale ${scale} is a whole number from zero`);
    return { units, scale };
}

/**
 * The exact text, such as `-0.050`. Without options it has all decimals of the scale, so that `decimal` reads
 * back the same object. With `minScale`, zeros at the end go as far as `minScale` decimals, and are added up
 * to it: 1.500 is `1.5` with 0, `1.50` with 2 and `1.5000` with 4.
 */
export function formatDecimal(d: Decimal, options: { readonly minScale?: number } = {}): string {
    const { units, scale } = options.minScale === undefined ? d : withShortestScale(d, options.minScale);
    const isNegative = units < 0n;
    const digits = (isNegative ? -units : units).toString().padStart(scale + 1, '0');
    const sign = isNegative ? '-' : '';
    if (scale === 0) return sign + digits;
    return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** a + b, exactly; the scale is the larger of both. */
export function add(a: Decimal, b: Decimal): Decimal {
    if (a.scale === b.scale) return { units: a.units + b.units, scale: a.scale };
    if (a.scale < b.scale) return add(b, a);
    return { units: a.units + b.units * pow10(a.scale - b.scale), scale: a.scale };
}

/** a − b, exactly; the scale is the larger of both. */
export function subtract(a: Decimal, b: Decimal): Decimal {
    return add(a, negate(b));
}

/** a × b, exactly; the scale is the sum of both. */
export function multiply(a: Decimal, b: Decimal): Decimal {
    return { units: a.units * b.units, scale: a.scale + b.scale };
}

export function negate(d: Decimal): Decimal {
    return { units: -d.units, scale: d.scale };
}

/**
 * −1, 0 or 1 as a is less than, equal to or greater than b by value, whatever their scales; fit for `sort`.
 */
export function compare(a: Decimal, b: Decimal): -1 | 0 | 1 {
    const difference = subtract(a, b).units;
    if (difference === 0n) return 0;
    return difference < 0n ? -1 : 1;
}

export function isZero(d: Decimal): boolean {
    return d.units === 0n;
}

/** The exact sum; zero for none. */
export function sumDecimals(decimals: Iterable<Decimal>): Decimal {
    let sum = ZERO;
    for (const d of decimals) sum = add(sum, d);
    return sum;
}

/**
 * d rounded to `digits` decimals, with exactly that scale (1.5 to 3 digits is 1.500). Negative digits round
 * before the point: −1 to whole tens, with scale zero.
 */
export function roundTo(d: Decimal, digits: number, mode: RoundingMode): Decimal {
    return divide(d, { units: 1n, scale: 0 }, digits, mode);
}

/** a ÷ b rounded once, from the exact quotient, to `digits` decimals as in `roundTo`; b is not zero. */
export function divide(a: Decimal, b: Decimal, digits: number, mode: RoundingMode): Decimal {
    assert(!isZero(b), 'the divisor is not zero');
    assert(Number.isInteger(digits), `digits ${digits} is a whole number`);
    const shift = b.scale + digits - a.scale;
    const dividend = shift > 0 ? a.units * pow10(shift) : a.units;
    const divisor = shift < 0 ? b.units * pow10(-shift) : b.units;
    const units = roundedQuotient(dividend, divisor, mode);
    return digits >= 0 ? { units, scale: digits } : { units: units * pow10(-digits), scale: 0 };
}

/** The same value with `scale` decimals; asserts that nothing but zeros is cut off. */
export function rescale(d: Decimal, scale: number): Decimal {
    assert(Number.isInteger(scale) && scale >= 0, `scale ${scale} is a whole number from zero`);
    if (scale >= d.scale) return { units: d.units * pow10(scale - d.scale), scale };
    const factor = pow10(d.scale - scale);
    assert(d.units % factor === 0n, `${formatDecimal(d)} has no more than ${scale} decimals`);
    return { units: d.units / factor, scale };
}

/**
 * Rounds shares so that they add up to the rounded total: out_i = round(cum_i) − round(cum_{i−1}), where
 * cum_i is the exact sum of the first i shares. Each result is at most one unit of the last digit away from
 * its share. The order of the shares matters: callers fix it, so that the same shares give the same
 * results.
 */
export function cumulativeShares(shares: readonly Decimal[], digits: number, mode: RoundingMode): Decimal[] {
    let exact = ZERO;
    let rounded = roundTo(ZERO, digits, mode);
    return shares.map((share) => {
        exact = add(exact, share);
        const before = rounded;
        rounded = roundTo(exact, digits, mode);
        return subtract(rounded, before);
    });
}

function withShortestScale(d: Decimal, minScale: number): Decimal {
    let { units, scale } = d;
    while (scale > minScale && units % 10n === 0n) {
        units /= 10n;
        scale -= 1;
    }
    return scale < minScale ? rescale({ units, scale }, minScale) : { units, scale };
}
