import { type DraftOutcome, draftBills } from '../billing/draft-bills.ts';
import type { BillingInputs, MarkTable } from '../billing/rating-dimensions.ts';
import { readRatingDimensions } from '../billing/registered-dimensions.ts';
import { addDays, type CalendarDate, type DatePeriod } from '../kernel/calendar-date.ts';
import { distinctPaths, liveFiles, pathsOfOtherDays } from '../lake/catalogue.ts';
import { type PartitionKey, partitionText } from '../lake/lake.ts';
import { useLake } from '../lake/lake-use.ts';
import { newestMarketDay } from '../lake/refresh-state.ts';
import { channelDirectory } from '../registry/channel-directory.ts';
import type { Transaction } from '../store/database.ts';
import { type Chain, feedsOf, planRefreshOf, registerFeedsOf } from './chain.ts';
import { publishOpen } from './open-tables.ts';
import { registerHolds } from './register-holds.ts';

export interface PeriodDraft extends DraftOutcome {
    /** Partitions of the period that a refresh would have made anew before: what they lack is in no bill. */
    readonly stalePartitions: number;
    /** The newest market day with a reading; null: there is none. Beyond it nothing but standing charges is due. */
    readonly newestMarketDay: CalendarDate | null;
}

/** Drafts the bills of a period (local days, half-open) from what is published and believed now; then publishes the open tables. */
export async function draftPeriod(chain: Chain, period: DatePeriod): Promise<PeriodDraft> {
    const { db, bulkEngine, clock } = chain.lake;
    const { rebuilds } = await planRefreshOf(chain);
    const stale = rebuilds.filter(({ marketDay }) => marketDay >= period.from && marketDay < period.to);
    const outcome = await useLake(chain.lake, () =>
        draftBills({ db, engine: bulkEngine, clock }, () => readBillingInputs(chain, period)),
    );
    await publishOpen(chain, { bills: period });
    const newest = (await newestMarketDay(chain.lake)) ?? null;
    return { ...outcome, stalePartitions: stale.length, newestMarketDay: newest };
}

/** Everything at one moment: a refresh that commits meanwhile is seen whole or not at all. */
async function readBillingInputs(chain: Chain, period: DatePeriod): Promise<BillingInputs> {
    const { lake, home } = chain;
    const feeds = registerFeedsOf(await feedsOf(chain));
    return lake.db.transaction(
        async (tx) => {
            const intervals = await liveFiles(lake, 'reads_interval', period, tx);
            const gaps = await liveFiles(lake, 'reading_gaps', period, tx);
            const held = await heldPartitions(tx, period);
            const marks = async (table: MarkTable) => {
                if (held.size === 0) return [];
                const files = await liveFiles(lake, table, period, tx);
                return distinctPaths(files.filter((file) => held.has(partitionText(file))));
            };
            const channels = await channelDirectory(tx);
            const horizon = lake.horizon ?? (await newestMarketDay(lake, tx));
            const newest = await tx.query<{ commitNo: number }>(
                'select coalesce(max(commit_no), 0) as "commitNo" from commits',
            );
            return {
                period,
                zone: lake.zone,
                currency: home.currency,
                dimensions: await readRatingDimensions(tx, { period, zone: lake.zone }),
                channels,
                readsIntervalFiles: distinctPaths(intervals),
                filesOfOtherDays: await pathsOfOtherDays(intervals, period, tx),
                gapFiles: distinctPaths(gaps),
                markFiles: {
                    reading_marks: await marks('reading_marks'),
                    day_marks: await marks('day_marks'),
                },
                registerHolds: await registerHolds(lake, tx, { channels, feeds, period }),
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

/** Partitions of the period with a mark whose severity is `hold`, as the catalogue counts them. */
async function heldPartitions(tx: Transaction, period: DatePeriod): Promise<Set<string>> {
    const rows = await tx.query<PartitionKey>(
        `select distinct market_day as "marketDay", bucket from partitions
          where market_day >= $1 and market_day < $2 and stats @> '{"marks": [{"severity": "hold"}]}'`,
        [period.from, period.to],
    );
    return new Set(rows.map(partitionText));
}
