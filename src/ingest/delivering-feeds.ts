import type { Clock } from '../kernel/clock.ts';
import { contractOf } from '../parsers/feed-catalogue.ts';
import { registerContract } from '../parsers/feed-registration.ts';
import type { Database } from '../store/database.ts';
import type { KnownFeed } from './parse-pending.ts';

/**
 * The feed with the contract now in force; a changed text becomes the feed's next contract. Throws
 * `feed.unknown` or `feed.contract-invalid`.
 */
export async function knownFeed(
    db: Database,
    homeFolder: string,
    name: string,
    clock: Clock,
): Promise<KnownFeed> {
    const { contract, text } = contractOf(name, homeFolder);
    return registerContract(db, contract, text, clock);
}

/** Every feed that ever delivered to this home, by the contract in force. */
export async function deliveringFeeds(db: Database, homeFolder: string, clock: Clock): Promise<KnownFeed[]> {
    const rows = await db.query<{ name: string }>('select name from feeds order by feed_id');
    const feeds: KnownFeed[] = [];
    for (const row of rows) feeds.push(await knownFeed(db, homeFolder, row.name, clock));
    return feeds;
}
