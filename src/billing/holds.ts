import type { BillHold } from './bill-document.ts';
import type { HeldDay } from './quantity-sums.ts';
import type { PlannedStay } from './rating-plan.ts';

/** The days of a stay that fail a rule by which bills are held, together by meter and rule. */
export function holdsOf({ stay, point }: PlannedStay, held: readonly HeldDay[]): BillHold[] {
    const within = held.filter(({ day }) => day >= stay.from && day < stay.to);
    const meters = new Map(point.channels.map(({ channelNo, meterId }) => [channelNo, meterId]));
    const byRule = Map.groupBy(within, ({ channelNo, ruleId }) => `${channelNo} ${ruleId}`);
    return [...byRule.values()].flatMap((ofRule) => {
        const first = ofRule[0];
        if (first === undefined) return [];
        const meterId = meters.get(first.channelNo) ?? '';
        return [{ days: ofRule.map(({ day }) => day), meterId, ruleId: first.ruleId }];
    });
}
