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

export interface EnergyChange {
    /** Decimal logarithm of the energy of a day, as a multiple of that of the days before: the median of the channels. */
    readonly logRatio: number;
    /** The same of each of the days before. */
    readonly usual: readonly number[];
}

export interface UnitFinding {
    /** The unit that values seem to have. */
    readonly unit: EnergyUnit;
    /** Times as much energy as before. */
    readonly ratio: number;
    /** The change by the spread of the days before. */
    readonly statistic: number;
}

/** Undefined: no other unit fits better than the contract's, the change is within what is usual, or there are too few days before. */
export function movedUnit(
    { logRatio, usual }: EnergyChange,
    unit: EnergyUnit,
    intervalMinutes: number,
): UnitFinding | undefined {
    if (usual.length < REFERENCE_DAYS_MIN) return undefined;
    const mean = usual.reduce((a, b) => a + b, 0) / usual.length;
    const spread = Math.sqrt(usual.reduce((sum, u) => sum + (u - mean) ** 2, 0) / usual.length);
    const statistic = Math.abs(logRatio - mean) / Math.max(spread, SPREAD_MIN);
    const sizes: Readonly<Record<EnergyUnit, number>> = {
        Wh: 0.001,
        kWh: 1,
        MWh: 1000,
        kW: intervalMinutes / 60,
    };
    const steps = (Object.keys(sizes) as EnergyUnit[])
        .map((other) => ({ other, step: Math.log10(sizes[unit] / sizes[other]) }))
        .filter(({ step }) => step !== 0)
        .map(({ other, step }) => ({ other, step: Math.abs(step), distance: Math.abs(logRatio - step) }));
    const [best] = steps.toSorted((a, b) => a.distance - b.distance);
    if (!best || best.distance > Math.min(best.step * STEP_SHARE, DISTANCE_MAX)) return undefined;
    if (statistic <= UNIT_THRESHOLD) return undefined;
    return { unit: best.other, ratio: 10 ** logRatio, statistic };
}
