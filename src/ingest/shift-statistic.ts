/**
 * Whether a day's profile has moved against the days before it. All arrays are energy by interval of the local day, of
 * the same channels; a day has the same number of intervals as the others. Pure and deterministic.
 */

/** Days of a payload that are looked at, from its first one: later ones would add little. */
export const SHIFT_DAYS_MAX = 7;
/** Days before the payload that it is compared with, and how many there must be. */
export const REFERENCE_DAYS = 28;
export const REFERENCE_DAYS_MIN = 10;
/** Of fewer channels a day says too little: of single homes of Low Carbon London one shifted day in ten was told from the others. */
export const MOVED_CHANNELS_MIN = 10;
/**
 * Above this the profile counts as moved. Chosen on Low Carbon London (docs/feeds.md): no false alarm in the 353 days of its 60 homes
 * together.
 */
export const SHIFT_THRESHOLD = 4;
/** Days beside each other resemble each other, so that seven say less than seven times as much as one. */
const DAY_CORRELATION = 0.2;
/** A spread of gains below this is as good as none. */
const SPREAD_MIN = 0.001;

export interface ShiftFinding {
    /** Intervals by which the stamps seem to be late (positive) or early. */
    readonly lag: number;
    readonly statistic: number;
    readonly days: number;
}

/**
 * The lag that fits best, and the statistic that says whether there was a move at all, the greatest of all lags. For each lag the gain of a day is how much more it correlates with the mean of the
 * reference days moved by the lag than with that mean as it is; it is measured in standard deviations of the gains of the reference days
 * themselves, each against the mean of the others, and the days of the payload are taken together. Undefined: too few days.
 */
export function profileShift(
    days: readonly (readonly number[])[],
    reference: readonly (readonly number[])[],
    intervalMinutes: number,
): ShiftFinding | undefined {
    const past = reference.flatMap((day) => shares(day) ?? []);
    const present = days.slice(0, SHIFT_DAYS_MAX).flatMap((day) => shares(day) ?? []);
    if (past.length < REFERENCE_DAYS_MIN || present.length === 0) return undefined;
    const total = past[0]?.map((_, slot) => past.reduce((sum, day) => sum + (day[slot] ?? 0), 0)) ?? [];
    const hour = Math.round(60 / intervalMinutes);
    const lags = [...new Set([-hour, -1, 1, hour])];
    const n = present.length;
    const findings = lags.map((lag) => {
        const usual = past.map((day) =>
            gain(
                day,
                total.map((sum, i) => sum - (day[i] ?? 0)),
                lag,
                hour,
            ),
        );
        const mean = meanOf(usual);
        const spread = Math.sqrt(meanOf(usual.map((g) => (g - mean) ** 2)));
        const gained = meanOf(present.map((day) => gain(day, total, lag, hour)));
        const score = ((gained - mean) / Math.max(spread, SPREAD_MIN)) * n;
        return { lag, gained, statistic: score / Math.sqrt(n * (1 + (n - 1) * DAY_CORRELATION)) };
    });
    const [best] = findings.toSorted((x, y) => y.gained - x.gained || x.lag - y.lag);
    if (!best) return undefined;
    // a day that no lag fits better has not moved, however odd it is
    const statistic = best.gained > 0 ? Math.max(...findings.map((f) => f.statistic)) : 0;
    return { lag: best.lag, statistic, days: n };
}

function meanOf(list: readonly number[]): number {
    return list.reduce((a, b) => a + b, 0) / list.length;
}

/** How much better a day fits the profile moved by the lag; the hour at both ends is left out, as it would come from other days. */
function gain(day: readonly number[], profile: readonly number[], lag: number, edge: number): number {
    const inner = day.slice(edge, day.length - edge);
    const moved = profile.slice(edge - lag, profile.length - edge - lag);
    return correlation(inner, moved) - correlation(inner, profile.slice(edge, profile.length - edge));
}

function correlation(a: readonly number[], b: readonly number[]): number {
    const n = a.length;
    const meanA = a.reduce((x, y) => x + y, 0) / n;
    const meanB = b.reduce((x, y) => x + y, 0) / n;
    let [ab, aa, bb] = [0, 0, 0];
    for (let i = 0; i < n; i += 1) {
        const [x, y] = [(a[i] ?? 0) - meanA, (b[i] ?? 0) - meanB];
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0;
}

/** A day's energy by interval as shares of its sum, so that a cold day resembles a mild one; none of a day without energy. */
function shares(day: readonly number[]): number[][] | undefined {
    const sum = day.reduce((a, b) => a + b, 0);
    return sum > 0 ? [day.map((kwh) => kwh / sum)] : undefined;
}
