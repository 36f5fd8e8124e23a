import { matchReadings } from '../ingest/match-readings.ts';
import { looksForMoves } from '../ingest/moved-payloads.ts';
import { type Ingest, parsePending } from '../ingest/parse-pending.ts';
import { replay } from '../ingest/replay.ts';
import { assert } from '../kernel/errors.ts';
import { crashPoint } from '../kernel/faults.ts';
import { useLake } from '../lake/lake-use.ts';
import { contractOfNumber, type RegisteredContract } from '../parsers/feed-registration.ts';
import type { Database } from '../store/database.ts';
import { migrate } from '../store/migrations.ts';
import { type Chain, feedsOf, refreshAll, refreshReadings } from './chain.ts';
import {
    believeUntil,
    copyNews,
    type Epoch,
    enterReplay,
    type Judgement,
    joinJudgements,
    nextEpochs,
} from './rebuild-replay.ts';
import { type SwapCounts, swapLake } from './rebuild-swap.ts';

export interface RebuildOutcome extends SwapCounts {
    /** Payloads that were read again. */
    readonly payloads: number;
    /** Channel-days that the refresh afterwards changed, because the lake had other content than its raw store gives. */
    readonly changedChannelDays: number;
}

export interface RebuildProgress {
    readonly done: number;
    readonly total: number;
}

const REBUILD_LOCK = 'rebuild from raw';

/**
 * Makes the lake anew from raw segments, the contracts that they were judged by, and the registrations in the order in which they were believed,
 * beside the one that is there, and swaps it in by one commit. Until then everything reads and writes the old one; what came meanwhile
 * is brought along before the swap. The new one is prepared in a schema of its own, which `openSchema` opens: killed at any point, the old lake
 * stands, and the next rebuild begins anew.
 */
export async function rebuildFromRaw(
    chain: Chain,
    openSchema: (schema: string) => Promise<Database>,
    onProgress: (progress: RebuildProgress) => void = () => {},
): Promise<RebuildOutcome> {
    const main = chain.lake.db;
    const schema = `${main.schema}_rebuilt`;
    return main.withLock(REBUILD_LOCK, 'exclusive', () =>
        // so that a sweep leaves the files alone that no commit names yet
        useLake(chain.lake, async (lake) => {
            await main.query(`drop schema if exists ${schema} cascade`);
            const db = await openSchema(schema);
            try {
                await migrate(db);
                const rebuilt: Chain = { ...chain, lake: { ...lake, db }, raw: { ...chain.raw, db } };
                const counts = await replayAndSwap({ ...chain, lake }, rebuilt, onProgress);
                const { changedChannelDays } = await refreshAll({ ...chain, lake });
                return { ...counts, changedChannelDays };
            } finally {
                await db.close();
                await main.query(`drop schema if exists ${schema} cascade`);
            }
        }),
    );
}

async function replayAndSwap(
    chain: Chain,
    rebuilt: Chain,
    onProgress: (progress: RebuildProgress) => void,
): Promise<SwapCounts & { readonly payloads: number }> {
    let payloads = 0;
    for (;;) {
        await copyNews(rebuilt.lake.db, chain.lake.db.schema);
        const epochs = await nextEpochs(rebuilt.lake.db, chain.lake.db.schema);
        const total = epochs.reduce((sum, epoch) => sum + segmentCount(epoch), 0);
        let done = 0;
        for (const epoch of epochs) {
            payloads += await replayEpoch(rebuilt, chain.lake.db.schema, epoch);
            done += segmentCount(epoch);
            onProgress({ done, total });
            crashPoint('append');
        }
        // its open tables are those of the home, which publishes them after the swap
        await refreshReadings(rebuilt);
        crashPoint('commit');
        const swapped = await swapLake(chain.lake, rebuilt.lake.db.schema);
        if (swapped !== undefined) return { ...swapped, payloads };
    }
}

/** Judges what was judged while one belief about meters held, by the contracts of then, after readings have followed that belief. */
async function replayEpoch(rebuilt: Chain, schema: string, epoch: Epoch): Promise<number> {
    const { lake, raw, home } = rebuilt;
    await believeUntil(lake.db, schema, epoch.to);
    const feeds = await feedsOf(rebuilt);
    await matchReadings(lake, feeds);
    const contracts = await contractsOf(lake.db, epoch.judgements);
    const inOrder = new Set(
        [...contracts.values()].filter(({ contract }) => looksForMoves(contract)).map(({ feedId }) => feedId),
    );
    let payloads = 0;
    for (const judgement of joinJudgements(epoch.judgements, (feedId) => inOrder.has(feedId))) {
        const known = contracts.get(`${judgement.feedId} ${judgement.contractNo}`);
        const place = { lake, rawFolder: raw.folder, scratchFolder: home.scratchFolder };
        payloads += await judgeAgain({ ...place, feeds: known ? [known] : [] }, judgement);
    }
    await matchReadings(lake, feeds);
    return payloads;
}

/** By feed and contract. */
async function contractsOf(
    db: Database,
    judgements: readonly Judgement[],
): Promise<Map<string, RegisteredContract>> {
    const contracts = new Map<string, RegisteredContract>();
    for (const { feedId, contractNo } of judgements) {
        const key = `${feedId} ${contractNo}`;
        if (contracts.has(key)) continue;
        const known = await contractOfNumber(db, feedId, contractNo);
        assert(known, `contract ${contractNo} of feed ${feedId} is kept`);
        contracts.set(key, known);
    }
    return contracts;
}

function segmentCount({ judgements }: Epoch): number {
    return judgements.reduce((sum, { segmentNos }) => sum + segmentNos.length, 0);
}

async function judgeAgain(ingest: Ingest, judgement: Judgement): Promise<number> {
    const { db } = ingest.lake;
    const { segmentNos } = judgement;
    if (judgement.isReplay) {
        await replay({ ...ingest, segmentNos });
        await enterReplay(db, judgement);
        return 0;
    }
    await db.query('update segments set parsed_at = null where segment_no = any($1)', [segmentNos]);
    return (await parsePending(ingest)).payloads;
}
