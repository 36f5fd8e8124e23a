import { type DraftOutcome, draftBills } from '../billing/draft-bills.ts';
import type { BillingInputs } from '../billing/rating-dimensions.ts';
import { readRatingDimensions } from '../billing/registered-dimensions.ts';
import { addDays, type DatePeriod } from '../kernel/calendar-date.ts';
import { distinctPaths, liveFiles } from '../lake/catalogue.ts';
import { partitionText } from '../lake/lake.ts';
import { useLake } from '../lake/lake-use.ts';
import { newestMarketDay } from '../lake/refresh-state.ts';
import { channelDirectory } from '../registry/channel-directory.ts';
import type { Chain } from './chain.ts';

/** Drafts the bills of a period (local days, half-open) from what is published and believed now. */
export async function draftPeriod(chain: Chain, period: DatePeriod): Promise<DraftOutcome> {
    const { db, bulkEngine, clock } = chain.lake;
    return useLake(chain.lake, () =>
        draftBills({ db, engine: bulkEngine, clock }, () => readBillingInputs(chain, period)),
    );
}

/** Everything at one moment: a refresh that commits meanwhile is seen whole or not at all. */
async function readBillingInputs(chain: Chain, period: DatePeriod): Promise<BillingInputs> {
    const { lake, home } = chain;
    return lake.db.transaction(
        async (tx) => {
            const intervals = await liveFiles(lake, 'reads_interval', period, tx);
            const gaps = await liveFiles(lake, 'reading_gaps', period, tx);
            const horizon = lake.horizon ?? (await newestMarketDay(lake, tx));
            const newest = await tx.query<{ commitNo: number }>(
                'select coalesce(max(commit_no), 0) as "commitNo" from commits',
            );
            return {
                period,
                zone: lake.zone,
                currency: home.currency,
                dimensions: await readRatingDimensions(tx, { period, zone: lake.zone }),
                channels: await channelDirectory(tx),
                readsIntervalFiles: distinctPaths(intervals),
                gapFiles: distinctPaths(gaps),
                horizonTo: horizon === undefined ? null : addDays(horizon, 1),
                lakeCommitNo: newest[0]?.commitNo ?? 0,
                partitionVersions: Object.fromEntries(
                    [...gaps, ...intervals].map((file) => [partitionText(file), file.addedVersion]),
                ),
            };
        },
        { isolation: 'repeatable read', readOnly: true },
    );
}
