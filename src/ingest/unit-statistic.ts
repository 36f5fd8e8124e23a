/**
 * Whether the energy of many channels has changed together by what lies between two units. Pure and deterministic.
 */
import type { EnergyUnit } from '../contracts/feed-contract.ts';
import { REFERENCE_DAYS_MIN } from './shift-statistic.ts';

/** How many times the spread of usual days the change must be. */
export const UNIT_THRESHOLD = 4;
/** A spread below this, of decimal logarithms, is as good as none. */
const SPREAD_MIN = 0.02;
/** How far beside the step between two units a change may lie: a third of the step, and at most by a factor of three. */
const STEP_SHARE = 1 / 3;
const DISTANCE_MAX = 0.5;
/** Of values that are spread normally, the standard deviation by the median of the distances from their median. */
const DEVIATION_BY_MEDIAN = 1.4826;

export interface EnergyChange {
    /** Decimal logarithm of the energy of a day, as a multiple of that of the days before: the median of the channels. */
    readonly logRatio: number;
    /** The same of each of the days before. */
    readonly usual: readonly number[];
}

export interface UnitFinding {
    /** The unit that values seem to have, and the one that they were taken for. */
    readonly unit: EnergyUnit;
    readonly takenFor: EnergyUnit;
    /** Times as much energy as before. */
    readonly ratio: number;
    /** The change by the spread of the days before. */
    readonly statistic: number;
}

/**
 * Medians throughout, so that days of the wrong unit among those before, as long as they are fewer than half, change little. Undefined: no other
 * unit fits better, the change is within what is usual, or there are too few days before.
 * @param takenFor the units that values may have been taken for
 */
export function movedUnit(
    { logRatio, usual }: EnergyChange,
    takenFor: readonly EnergyUnit[],
    intervalMinutes: number,
): UnitFinding | undefined {
    if (usual.length < REFERENCE_DAYS_MIN) return undefined;
    const middle = median(usual);
    const spread = DEVIATION_BY_MEDIAN * median(usual.map((u) => Math.abs(u - middle)));
    const statistic = Math.abs(logRatio - middle) / Math.max(spread, SPREAD_MIN);
    if (statistic <= UNIT_THRESHOLD) return undefined;
    const sizes = { Wh: 0.001, kWh: 1, MWh: 1000, kW: intervalMinutes / 60 } as const;
    const steps = takenFor.flatMap((base) =>
        (Object.keys(sizes) as EnergyUnit[]).map((unit) => ({
            unit,
            takenFor: base,
            step: Math.log10(sizes[base] / sizes[unit]),
        })),
    );
    const [best] = steps
        .filter(({ step }) => step !== 0)
        .toSorted((a, b) => Math.abs(logRatio - a.step) - Math.abs(logRatio - b.step));
    if (!best) return undefined;
    const mayBeOff = Math.min(Math.abs(best.step) * STEP_SHARE, DISTANCE_MAX);
    if (Math.abs(logRatio - best.step) > mayBeOff) return undefined;
    return { unit: best.unit, takenFor: best.takenFor, ratio: 10 ** logRatio, statistic };
}

function median(list: readonly number[]): number {
    const sorted = list.toSorted((a, b) => a - b);
    const half = sorted.length / 2;
    return ((sorted[Math.floor(half)] ?? 0) + (sorted[Math.ceil(half) - 1] ?? 0)) / 2;
}
