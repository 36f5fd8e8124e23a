import { assert } from './errors.ts';

/**
 * How a number exactly between two neighbours is rounded: `half-even` to the even one (no bias in sums),
 * `half-up` away from zero (commercial rounding; −0.5 becomes −1). Every other number goes to the nearer one.
 */
export type RoundingMode = 'half-even' | 'half-up';

export const ROUNDING_MODES: readonly RoundingMode[] = ['half-even', 'half-up'];

/** The whole number nearest to dividend ÷ divisor; a tie goes as the mode says. The divisor is not zero. */
export function roundedQuotient(dividend: bigint, divisor: bigint, mode: RoundingMode): bigint {
    const truncated = dividend / divisor;
    const remainder = dividend % divisor;
    if (remainder === 0n) return truncated;
    const twice = magnitude(remainder) * 2n;
    const size = magnitude(divisor);
    const isAwayFromZero = twice === size ? mode === 'half-up' || truncated % 2n !== 0n : twice > size;
    if (!isAwayFromZero) return truncated;
    return dividend < 0n === divisor < 0n ? truncated + 1n : truncated - 1n;
}

const POWERS: bigint[] = Array.from({ length: 64 }, (_, exponent) => 10n ** BigInt(exponent));

/** 10^exponent for a whole exponent from zero. */
export function pow10(exponent: number): bigint {
    assert(Number.isInteger(exponent) && exponent >= 0, `exponent ${exponent} is a whole number from zero`);
    return POWERS[exponent] ?? 10n ** BigInt(exponent);
}

function magnitude(n: bigint): bigint {
    return n < 0n ? -n : n;
}
