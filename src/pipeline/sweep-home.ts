import { type SweepResult, sweep } from '../lake/sweep.ts';
import { forgetIdentities } from '../raw/forget-identities.ts';
import { type Chain, feedsOf } from './chain.ts';
import { publishOpen } from './open-tables.ts';

export interface HomeSweep extends SweepResult {
    /** Deliveries whose repeats are no longer recognised, because the window of their feed is over. */
    readonly forgottenIdentities: number;
}

const DAY_MS = 86_400_000;

/** Removes what nobody needs any more: files of the lake, and what repeats of old deliveries were compared with. */
export async function sweepHome(
    chain: Chain,
    options: {
        /** What was replaced within so many days stays; as the home's settings say unless told. */
        readonly keepDays?: number;
        readonly onWait?: (steps: number) => void;
    },
): Promise<HomeSweep> {
    let forgottenIdentities = 0;
    for (const { feedId, contract } of await feedsOf(chain)) {
        const { repeatWindowDays } = contract.delivery;
        const feed = { feedId, name: contract.feed, repeatWindowDays };
        forgottenIdentities += await forgetIdentities(chain.raw, feed);
    }
    // what the logs do not say yet was replaced only now, for those who read by them
    await publishOpen(chain, { bills: 'all' });
    const { onWait, keepDays = chain.home.retention.replacedDays } = options;
    const swept = await sweep(chain.lake, {
        retiredBefore: chain.lake.clock.now() - keepDays * DAY_MS,
        ...(onWait === undefined ? {} : { onWait }),
    });
    return { ...swept, forgottenIdentities };
}
