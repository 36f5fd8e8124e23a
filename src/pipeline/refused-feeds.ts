import type { GridtallyError } from '../kernel/errors.ts';
import { homeContracts } from '../parsers/feed-catalogue.ts';
import { unparsedPayloads } from '../raw/segment-queue.ts';
import { type Chain, feedsOf } from './chain.ts';

/** A feed whose contract file is faulty or gone: nothing of it is parsed until that is mended. */
export interface RefusedFeed {
    readonly feed: string;
    /** Received, and waiting to be parsed. */
    readonly payloadsUnparsed: number;
    readonly error: GridtallyError;
}

/** Every such feed of the home, in the order of their names. */
export async function refusedFeeds(chain: Chain): Promise<RefusedFeed[]> {
    const errors = new Map(homeContracts(chain.home.folder).refused);
    for (const { contract, refusal } of await feedsOf(chain)) {
        if (refusal !== undefined) errors.set(contract.feed, refusal);
    }
    if (errors.size === 0) return [];
    const unparsed = await unparsedPayloads(chain.lake.db);
    return [...errors]
        .map(([feed, error]) => ({ feed, payloadsUnparsed: unparsed.get(feed) ?? 0, error }))
        .sort((a, b) => (a.feed < b.feed ? -1 : 1));
}

/** Payloads that are received and in no reading yet: another process is at them, or one that was ended has left them. */
export interface UnparsedFeed {
    readonly feed: string;
    readonly payloads: number;
}

/** Of every feed that is not refused, in the order of their names. `refused` are those of `refusedFeeds`, where they are known. */
export async function unparsedFeeds(chain: Chain, refused?: readonly RefusedFeed[]): Promise<UnparsedFeed[]> {
    const unparsed = await unparsedPayloads(chain.lake.db);
    if (unparsed.size === 0) return [];
    for (const { feed } of refused ?? (await refusedFeeds(chain))) unparsed.delete(feed);
    return [...unparsed]
        .map(([feed, payloads]) => ({ feed, payloads }))
        .sort((a, b) => (a.feed < b.feed ? -1 : 1));
}
