import { randomNumbers } from '../test/random-numbers.ts';

export const HALF_HOUR = 1_800_000;

/** Half-hours in a row whose values are kept back. */
export interface HiddenStretch {
    readonly home: string;
    /** First instant, UTC epoch milliseconds. */
    readonly from: number;
    /** Half-hours. */
    readonly length: number;
}

/** How many stretches of which length, in half-hours, each home has: from one half-hour to a week. */
export const STRETCHES: readonly { readonly length: number; readonly count: number }[] = [
    { length: 336, count: 4 },
    { length: 48, count: 10 },
    { length: 12, count: 20 },
    { length: 4, count: 40 },
    { length: 1, count: 40 },
];

/** Of each home, at random places between two instants; the same for a seed. Each has a half-hour on either side that is in no other. */
export function hideStretches(
    homes: readonly string[],
    { from, to }: { readonly from: number; readonly to: number },
    seed: number,
): HiddenStretch[] {
    const random = randomNumbers(seed);
    const slots = (to - from) / HALF_HOUR;
    return homes.flatMap((home) => {
        const isTaken = new Uint8Array(slots + 1);
        return STRETCHES.flatMap(({ length, count }) =>
            Array.from({ length: count }, (): HiddenStretch => {
                for (;;) {
                    const first = 1 + Math.floor(random() * (slots - length - 1));
                    if (isTaken.subarray(first - 1, first + length + 1).includes(1)) continue;
                    isTaken.fill(1, first, first + length);
                    return { home, from: from + first * HALF_HOUR, length };
                }
            }),
        );
    });
}

/** How far off the estimates of stretches of one length are. */
export interface StretchError {
    readonly length: number;
    readonly stretches: number;
    /** Of these, those of which every half-hour was measured in truth and has an estimate; the errors are of them. */
    readonly told: number;
    /** Mean absolute error of a half-hour, kWh. */
    readonly meanAbsoluteError: number;
    /** Mean energy of a half-hour, kWh. */
    readonly meanKwh: number;
    /** Absolute error of the energy of a stretch, over all stretches and their energy. */
    readonly sumError: number;
    /** Estimates less truth, over all stretches and their energy. */
    readonly bias: number;
}

/** Values in kWh; undefined: there is none. */
export function stretchErrors(
    stretches: readonly HiddenStretch[],
    truthOf: (home: string, at: number) => number | undefined,
    estimateOf: (home: string, at: number) => number | undefined,
): StretchError[] {
    return STRETCHES.map(({ length }) => {
        const ofLength = stretches.filter((stretch) => stretch.length === length);
        const sums = { told: 0, absolute: 0, energy: 0, sumAbsolute: 0, difference: 0 };
        for (const { home, from } of ofLength) {
            const instants = Array.from({ length }, (_, i) => from + i * HALF_HOUR);
            const truth = valuesAt(instants, (at) => truthOf(home, at));
            const estimates = valuesAt(instants, (at) => estimateOf(home, at));
            if (truth === undefined || estimates === undefined) continue;
            const errors = estimates.map((kwh, i) => kwh - (truth[i] ?? 0));
            const difference = total(errors);
            sums.told += 1;
            sums.absolute += total(errors.map(Math.abs));
            sums.energy += total(truth);
            sums.sumAbsolute += Math.abs(difference);
            sums.difference += difference;
        }
        return {
            length,
            stretches: ofLength.length,
            told: sums.told,
            meanAbsoluteError: sums.absolute / (sums.told * length),
            meanKwh: sums.energy / (sums.told * length),
            sumError: sums.sumAbsolute / sums.energy,
            bias: sums.difference / sums.energy,
        };
    }).reverse();
}

function valuesAt(
    instants: readonly number[],
    tellAt: (at: number) => number | undefined,
): number[] | undefined {
    const found = instants.map(tellAt).filter((value) => value !== undefined);
    return found.length === instants.length ? found : undefined;
}

function total(values: readonly number[]): number {
    return values.reduce((sum, value) => sum + value, 0);
}
