import { instantText, intersect, merge, type Period, subtract } from '../kernel/period.ts';
import type { BillGap } from './bill-document.ts';
import type { PeriodGrid } from './period-grid.ts';
import type { ChannelGap } from './quantity-sums.ts';
import type { BillingInputs, RatingChannel } from './rating-dimensions.ts';
import type { PlannedStay } from './rating-plan.ts';

export interface Completeness {
    /** Intervals of the stay in which some channel is installed, each channel counted. */
    readonly expectedCount: number;
    readonly missingCount: number;
    readonly gaps: readonly BillGap[];
    readonly isComplete: boolean;
}

/**
 * What the readings of a stay lack. A missing interval is known from the lake (`missing`), lies beyond what the lake
 * expects yet (`not-yet-read`), or in days on which no meter is installed (`no-meter`, not counted as an interval).
 */
export function completenessOf(
    planned: PlannedStay,
    presentCount: number,
    channelGaps: readonly ChannelGap[],
    grid: PeriodGrid,
    horizonTo: BillingInputs['horizonTo'],
): Completeness {
    const stay = { from: grid.startOf(planned.stay.from), to: grid.startOf(planned.stay.to) };
    const installed = planned.point.channels.flatMap((channel) => {
        const period = intersect(stay, validityOf(channel));
        return period ? [{ channel, period }] : [];
    });
    let expectedCount = 0;
    const gaps: BillGap[] = [];
    for (const { channel, period } of installed) {
        expectedCount += grid.countIntervals(period.from, period.to, channel.intervalMinutes);
        const known = channelGaps.filter(
            (gap) => gap.channelNo === channel.channelNo && intersect(period, gap),
        );
        gaps.push(
            ...joinGaps(known).map((gap) => billGap('missing', channel.meterId, gap, gap.missingCount)),
        );
        for (const rest of beyondExpectation(period, channel, grid, horizonTo)) {
            const count = grid.countIntervals(rest.from, rest.to, channel.intervalMinutes);
            if (count > 0) gaps.push(billGap('not-yet-read', channel.meterId, rest, count));
        }
    }
    for (const hole of holesOf(
        stay,
        installed.map(({ period }) => period),
    ))
        gaps.push(billGap('no-meter', null, hole, 0));
    const listedCount = gaps
        .filter((gap) => gap.kind === 'missing')
        .reduce((count, gap) => count + gap.missingCount, 0);
    // one channel's reading outside its validity must not hide another one's gap
    const missingCount = Math.max(expectedCount - presentCount, listedCount);
    const readBeyond = expectedCount - presentCount <= listedCount;
    const said = gaps.filter((gap) => gap.kind !== 'not-yet-read' || !readBeyond).sort(compareGaps);
    return { expectedCount, missingCount, gaps: said, isComplete: missingCount === 0 && said.length === 0 };
}

function validityOf(channel: RatingChannel): Period {
    return {
        from: channel.validFromMs ?? Number.NEGATIVE_INFINITY,
        to: channel.validToMs ?? Number.POSITIVE_INFINITY,
    };
}

/** Parts of a period that the lake does not expect readings for: before a newcomer's first day, after the newest day. */
function beyondExpectation(
    period: Period,
    channel: RatingChannel,
    grid: PeriodGrid,
    horizonTo: BillingInputs['horizonTo'],
): Period[] {
    const days = grid.days;
    const startOrEdge = (date: string): number => {
        const index = days.findIndex((day) => day >= date);
        return index < 0 ? Number.POSITIVE_INFINITY : (grid.dayStarts[index] ?? 0);
    };
    const from = channel.expectedFrom === null ? Number.NEGATIVE_INFINITY : startOrEdge(channel.expectedFrom);
    const to = horizonTo === null ? Number.NEGATIVE_INFINITY : startOrEdge(horizonTo);
    return from < to ? subtract(period, { from, to }) : [period];
}

function holesOf(stay: Period, installed: readonly Period[]): Period[] {
    let holes = [stay];
    for (const part of merge(installed)) holes = holes.flatMap((hole) => subtract(hole, part));
    return holes.filter((hole) => hole.from < hole.to);
}

/** Gaps that abut across midnight are one. */
function joinGaps(gaps: readonly ChannelGap[]): ChannelGap[] {
    const joined: ChannelGap[] = [];
    for (const gap of gaps) {
        const last = joined.at(-1);
        if (last?.to === gap.from) {
            joined[joined.length - 1] = {
                ...last,
                to: gap.to,
                missingCount: last.missingCount + gap.missingCount,
            };
        } else joined.push(gap);
    }
    return joined;
}

function billGap(
    kind: BillGap['kind'],
    meterId: string | null,
    period: Period,
    missingCount: number,
): BillGap {
    return {
        kind,
        meterId,
        missingCount,
        periodFrom: instantText(period.from),
        periodTo: instantText(period.to),
    };
}

function compareGaps(a: BillGap, b: BillGap): number {
    if (a.periodFrom !== b.periodFrom) return a.periodFrom < b.periodFrom ? -1 : 1;
    return (a.meterId ?? '') < (b.meterId ?? '') ? -1 : 1;
}
