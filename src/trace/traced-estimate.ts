import { compareText } from '../kernel/text-order.ts';
import type { GapEstimate, PublishedEstimate } from '../lake/published-estimates.ts';
import type { ChannelNaming, TracedInterval } from './traced-version.ts';

/** Puts what was estimated here where no version gives a value; in the order of channel and interval. */
export function withEstimates(
    intervals: readonly TracedInterval[],
    estimates: readonly PublishedEstimate[],
    naming: (channelNo: number) => ChannelNaming,
    inputsOf?: (estimate: PublishedEstimate) => readonly TracedInterval[],
): TracedInterval[] {
    const told = (one: PublishedEstimate) => ({
        kwh: one.kwh,
        quality: 'estimated',
        estimate: one.estimate,
        ...(inputsOf === undefined ? {} : { inputs: inputsOf(one) }),
    });
    const found = new Map(estimates.map((one) => [keyOf(one), one]));
    const estimated = intervals.map((interval): TracedInterval => {
        const published = interval.kwh === null ? found.get(keyOf(interval)) : undefined;
        found.delete(keyOf(interval));
        if (published === undefined) return interval;
        return { ...interval, ...told(published) };
    });
    const others = [...found.values()].map(
        (one): TracedInterval => ({
            ...naming(one.channelNo),
            channelNo: one.channelNo,
            marketDay: one.marketDay,
            periodFrom: one.periodFrom,
            minutes: one.minutes,
            versions: [],
            ...told(one),
        }),
    );
    return [...estimated, ...others].sort(
        (a, b) => a.channelNo - b.channelNo || compareText(a.periodFrom, b.periodFrom),
    );
}

function keyOf({ channelNo, periodFrom }: { channelNo: number; periodFrom: string }): string {
    return `${channelNo} ${periodFrom}`;
}

/** How a value was estimated, as a sentence without its end. */
export function estimateText(estimate: GapEstimate): string {
    const gap = `gap ${estimate.gapFrom} to ${estimate.gapTo}`;
    return `estimated here, ${estimate.method}, ${estimate.confidence} confidence: ${basisText(estimate)}; ${gap}`;
}

function basisText({ advance, ...estimate }: GapEstimate): string {
    if (advance === null) return valuesText(estimate.method, estimate);
    const { advanceKwh, measuredKwh, readFrom, readTo, shape } = advance;
    const rest = `what the register counted and no interval measured, ${advanceKwh} less ${measuredKwh} kWh from ${readFrom} to ${readTo}`;
    if (shape === null) return `even share of ${rest}`;
    return `share of ${rest}, by the shape of ${shape} (${valuesText(shape, estimate)})`;
}

function valuesText(method: string, estimate: Omit<GapEstimate, 'advance'>): string {
    if (method === 'linear') {
        const { kwhBefore, kwhAfter, beforeFrom, afterFrom } = estimate;
        const ends = beforeFrom === null ? '' : `, measured from ${beforeFrom} and from ${afterFrom}`;
        return `a line from ${kwhBefore} to ${kwhAfter}${ends}`;
    }
    if (method === 'load-shape') {
        const { annualKwh, shapeClass } = estimate;
        const share =
            annualKwh === null ? 'the' : `share of an annual consumption of ${annualKwh} kWh by the`;
        return `${share} load shape of class ${shapeClass}`;
    }
    return `mean of ${estimate.valueCount ?? 0} or more values of like days, ${estimate.firstSourceDay} to ${estimate.lastSourceDay}`;
}
