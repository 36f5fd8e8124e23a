import { sha256Hex } from '../kernel/hash.ts';

/**
 * A repeatable stream of numbers: Chris Doty-Humphrey's sfc32 (PractRand), in whole 32-bit arithmetic only, so that every
 * platform gives the same numbers. Not for secrets.
 */
export class RandomStream {
    #a: number;
    #b: number;
    #c: number;
    #counter = 1;

    /** @param state three words of 32 bits */
    constructor(state: readonly [number, number, number]) {
        [this.#a, this.#b, this.#c] = state;
        for (let i = 0; i < 12; i += 1) this.next();
    }

    /** A whole number from 0 to 2^32 − 1. */
    next(): number {
        const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
        this.#counter = (this.#counter + 1) | 0;
        this.#a = this.#b ^ (this.#b >>> 9);
        this.#b = (this.#c + (this.#c << 3)) | 0;
        this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
        return sum >>> 0;
    }

    /** From 0 up to but not including 1, in steps of 2^−32. */
    unit(): number {
        return this.next() / 4_294_967_296;
    }

    /** A whole number from `low` to `high`, both included. */
    between(low: number, high: number): number {
        return low + Math.floor(this.unit() * (high - low + 1));
    }

    /** True with the given probability; draws one number whatever the probability is. */
    chance(probability: number): boolean {
        return this.unit() < probability;
    }

    pick<T>(choices: readonly [T, ...(readonly T[])]): T {
        return choices[this.between(0, choices.length - 1)] ?? choices[0];
    }

    /** A count whose mean is `mean`: its whole part, and one more with the probability of the rest. */
    count(mean: number): number {
        const whole = Math.floor(mean);
        return whole + (this.chance(mean - whole) ? 1 : 0);
    }

    /** A new array with the same members in another order (Fisher and Yates). */
    shuffled<T>(members: readonly T[]): T[] {
        const result = [...members];
        for (let i = result.length - 1; i > 0; i -= 1) {
            const j = this.between(0, i);
            const other = result[j] as T;
            result[j] = result[i] as T;
            result[i] = other;
        }
        return result;
    }
}

/** The stream of one purpose: streams of other names or seeds have nothing to do with it. */
export function randomStream(seed: string, ...name: readonly (string | number)[]): RandomStream {
    const digest = sha256Hex([seed, ...name].join('\u0000'));
    const word = (index: number) => Number.parseInt(digest.slice(index * 8, index * 8 + 8), 16) | 0;
    return new RandomStream([word(0), word(1), word(2)]);
}
