import { EDIT_RANK, isEditFeed } from '../contracts/edit-feed.ts';
import { deliveringFeeds, knownFeed } from '../ingest/delivering-feeds.ts';
import { foreseeMatch, type MatchCounts, matchReadings } from '../ingest/match-readings.ts';
import { type PayloadRefused, refusalsOf } from '../ingest/parse-commit.ts';
import { type KnownFeed, type ParseTotals, parsePending } from '../ingest/parse-pending.ts';
import { type ReplayTotals, replay } from '../ingest/replay.ts';
import { planReplay, type ReplayPlan } from '../ingest/replay-plan.ts';
import { GridtallyError } from '../kernel/errors.ts';
import type { PlannedDayMarks } from '../lake/day-mark-plan.ts';
import { currentMarkPlan } from '../lake/day-marks.ts';
import type { Lake } from '../lake/lake.ts';
import { currentPlan, NOTHING, type RefreshProgress, type RefreshResult, refresh } from '../lake/refresh.ts';
import type { RefreshPlan } from '../lake/refresh-plan.ts';
import type { FeedPrecedence, FeedStandings } from '../lake/refresh-state.ts';
import type { RegisterFeed } from '../lake/register-reads.ts';
import { type IncomingPayload, type RawStore, receive } from '../raw/receive.ts';
import { type LoadResult, loadMasterData } from '../registry/load-master-data.ts';
import type { MasterDataKind } from '../registry/master-data-kind.ts';
import type { Home } from '../store/home.ts';
import { publishOpen } from './open-tables.ts';
import { newlyQuarantined, type QuarantinedRow, quarantineVersion } from './quarantined-rows.ts';

/** What the steps of the chain share. */
export interface Chain {
    readonly home: Home;
    readonly lake: Lake;
    readonly raw: RawStore;
}

export interface ReceiveTotals {
    readonly payloads: number;
    readonly repeats: number;
    readonly bytes?: number;
}

export interface IngestResult {
    readonly received: ReceiveTotals;
    readonly parsed: ParseTotals;
    /** Payloads that had been received before, and were refused then: a repeat is not parsed again. */
    readonly refusedBefore: readonly PayloadRefused[];
    /** Of the rows that were quarantined, the first of each rule. */
    readonly quarantinedFirst: readonly QuarantinedRow[];
}

export interface IngestProgress {
    readonly stage: 'receive' | 'parse';
    readonly done: number;
    readonly total?: number;
}

/** Receives deliveries of one feed and parses whatever has been received and not parsed. */
export async function ingest(
    chain: Chain,
    feedName: string,
    payloads: Iterable<IncomingPayload> | AsyncIterable<IncomingPayload>,
    onProgress: (progress: IngestProgress) => void = () => {},
): Promise<IngestResult> {
    const feed = await knownFeed(chain.lake.db, chain.home.folder, feedName, chain.lake.clock);
    const received = { payloads: 0, repeats: 0 };
    const fresh = new Set<number>();
    const repeated = new Set<number>();
    const source = {
        feedId: feed.feedId,
        name: feedName,
        repeatWindowDays: feed.contract.delivery.repeatWindowDays,
    };
    for await (const receipt of receive(chain.raw, source, payloads)) {
        received.payloads += 1;
        if (receipt.isRepeat) received.repeats += 1;
        (receipt.isRepeat ? repeated : fresh).add(receipt.sequence);
        onProgress({ stage: 'receive', done: received.payloads });
    }
    const quarantine = await quarantineVersion(chain.lake);
    const parsed = await parseReceived(chain, onProgress);
    const quarantinedFirst = parsed.quarantined > 0 ? await newlyQuarantined(chain, quarantine) : [];
    const refusedBefore = await refusalsOf(
        chain.lake.db,
        [...repeated].filter((sequence) => !fresh.has(sequence)),
    );
    return { received, parsed, refusedBefore, quarantinedFirst };
}

/** Parses every received payload that no process has parsed. */
export async function parseReceived(
    chain: Chain,
    onProgress: (progress: IngestProgress) => void = () => {},
): Promise<ParseTotals> {
    const feeds = await feedsOf(chain);
    const totals = await parsePending(
        { lake: chain.lake, rawFolder: chain.raw.folder, scratchFolder: chain.home.scratchFolder, feeds },
        ({ payloads }) => onProgress({ stage: 'parse', done: payloads }),
    );
    // a load that committed after these rows looked for their meter, and before they began to wait, missed them
    await matchReadings(chain.lake, feeds);
    return totals;
}

/** What a replay of all feeds, or of one, would look at. Throws `feed.unknown`. */
export async function planReplayOf(chain: Chain, feedName?: string): Promise<ReplayPlan[]> {
    return planReplay(chain.lake.db, await feedsToReplay(chain, feedName));
}

/** Judges again by the present contracts what older ones refused or quarantined. Throws `feed.unknown`. */
export async function replayFaulty(
    chain: Chain,
    feedName?: string,
    onProgress: (totals: ReplayTotals) => void = () => {},
): Promise<ReplayTotals> {
    const feeds = await feedsToReplay(chain, feedName);
    const totals = await replay(
        { lake: chain.lake, rawFolder: chain.raw.folder, scratchFolder: chain.home.scratchFolder, feeds },
        onProgress,
    );
    await matchReadings(chain.lake, await feedsOf(chain));
    return totals;
}

async function feedsToReplay(chain: Chain, feedName: string | undefined): Promise<KnownFeed[]> {
    const feeds = await feedsOf(chain);
    // by a contract that is faulty now nothing is judged, as nothing of it is parsed
    if (feedName === undefined) return feeds.filter(({ refusal }) => refusal === undefined);
    const named = feeds.filter(({ contract }) => contract.feed === feedName);
    const refusal = named[0]?.refusal;
    if (refusal !== undefined) throw refusal;
    if (named.length > 0) return named;
    const names = feeds.map(({ contract }) => contract.feed).join(', ') || 'none';
    throw new GridtallyError(
        'feed.unknown',
        `No feed named ${feedName} has delivered to this home; there are: ${names}.`,
    );
}

export async function feedsOf(chain: Chain): Promise<KnownFeed[]> {
    return deliveringFeeds(chain.lake.db, chain.home.folder, chain.lake.clock);
}

/** What a load did to readings; nothing where it is not of metering points. */
export interface LoadOutcome extends LoadResult, Omit<MatchCounts, 'waiting'> {
    readonly stillWaiting: number;
}

/** Loads master data and brings readings to the channels that are theirs by it. */
export async function load(
    chain: Chain,
    options: {
        readonly kind: MasterDataKind;
        readonly file: string;
        readonly seriesId?: string;
        readonly holidaySet?: string;
        readonly intervalMinutes?: number;
    },
): Promise<LoadOutcome> {
    const result = await loadMasterData(chain.lake.db, {
        ...options,
        zone: chain.lake.zone,
        currency: chain.home.currency,
        bucketSize: chain.home.bucketSize,
        clock: chain.lake.clock,
    });
    if (options.kind !== 'metering-points') {
        return { ...result, released: 0, quarantined: 0, moved: 0, displaced: 0, stillWaiting: 0 };
    }
    const { waiting, ...matched } = await matchReadings(chain.lake, await feedsOf(chain));
    return { ...result, ...matched, stillWaiting: waiting };
}

/** Reads the feeds again only where there are more of them than the last time. */
function feedsReader(chain: Chain): () => Promise<KnownFeed[]> {
    let known: { readonly feeds: KnownFeed[]; readonly count: number } | undefined;
    return async () => {
        const [row] = await chain.lake.db.query<{ count: number }>(
            'select count(*)::int as count from feeds',
        );
        const count = row?.count ?? 0;
        if (known?.count !== count) known = { feeds: await feedsOf(chain), count };
        return known.feeds;
    };
}

/** What decides between versions. Between those of intervals feeds of registers decide nothing: one that is new makes nothing stale. */
export function precedenceOf(feeds: readonly KnownFeed[]): FeedStandings {
    return {
        intervals: feeds.filter(({ contract }) => contract.kind === 'interval').map(standingOf),
        registers: registerFeedsOf(feeds),
    };
}

/** What decides between reads of registers, with what files call a meter; of all feeds, as a contract's kind may have been another. */
export function registerFeedsOf(feeds: readonly KnownFeed[]): RegisterFeed[] {
    return feeds.map((feed) => ({ ...standingOf(feed), identifies: feed.contract.reading.identifies }));
}

/** By which a feed's versions win or lose, of whichever kind they are. */
export function standingOf({ feedId, contract }: KnownFeed): FeedPrecedence {
    return {
        feedId,
        rank: isEditFeed(contract.feed) ? EDIT_RANK : contract.precedence.rank,
        newestAlways: contract.precedence.newestAlways,
        isBackfill: contract.delivery.isBackfill,
    };
}

/** What `refreshAll` would do now, with the readings that it would first bring to their channels. */
export async function planRefreshOf(chain: Chain): Promise<RefreshPlan> {
    const feeds = await feedsOf(chain);
    return currentPlan(chain.lake, precedenceOf(feeds), await foreseeMatch(chain.lake, feeds));
}

/** The marks beside other days that a refresh would make by this plan: those that are stale now, and those that look at days to be rebuilt. */
export async function planMarksOf(chain: Chain, plan: RefreshPlan): Promise<PlannedDayMarks[]> {
    return currentMarkPlan(chain.lake, plan.rebuilds);
}

/** Brings readings to their channels and rebuilds what is stale, until nothing is; then publishes the open tables. */
export async function refreshAll(
    chain: Chain,
    onProgress?: (progress: RefreshProgress) => void,
): Promise<RefreshResult> {
    const total = await refreshReadings(chain, onProgress);
    await publishOpen(chain, { bills: 'none' });
    return total;
}

/** The same without the open tables. */
export async function refreshReadings(
    chain: Chain,
    onProgress?: (progress: RefreshProgress) => void,
): Promise<RefreshResult> {
    const readFeeds = feedsReader(chain);
    // what a load that was cut off, or a registration by a feed, left to do
    await matchReadings(chain.lake, await readFeeds());
    const total = { ...NOTHING };
    for (;;) {
        const result = await refresh(chain.lake, async () => precedenceOf(await readFeeds()), onProgress);
        for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += result[name];
        const feeds = await readFeeds();
        const { released, moved, displaced } = await matchReadings(chain.lake, feeds, { isRefreshed: true });
        if (released + moved + displaced === 0) return total;
    }
}
