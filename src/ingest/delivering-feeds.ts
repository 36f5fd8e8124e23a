import type { Clock } from '../kernel/clock.ts';
import { assert, GridtallyError } from '../kernel/errors.ts';
import { type ContractCatalogue, contractOf, homeContracts } from '../parsers/feed-catalogue.ts';
import { currentContract, registerContract } from '../parsers/feed-registration.ts';
import type { Database } from '../store/database.ts';
import type { KnownFeed } from './parse-pending.ts';

/**
 * The feed with the contract now in force; a changed text becomes the feed's next contract. Throws
 * `feed.unknown`, `feed.contract-invalid` or `yaml.invalid`.
 */
export async function knownFeed(
    db: Database,
    homeFolder: string,
    name: string,
    clock: Clock,
): Promise<KnownFeed> {
    return feedIn(db, homeContracts(homeFolder), name, clock);
}

/**
 * Every feed that ever delivered to this home, by the contract in force. One whose contract file is faulty or gone has its last
 * contract and a `refusal`: what it delivered before stands, and what was not parsed waits for the file to be mended.
 */
export async function deliveringFeeds(db: Database, homeFolder: string, clock: Clock): Promise<KnownFeed[]> {
    const catalogue = homeContracts(homeFolder);
    const rows = await db.query<{ name: string }>('select name from feeds order by feed_id');
    const feeds: KnownFeed[] = [];
    for (const { name } of rows) {
        try {
            feeds.push(await feedIn(db, catalogue, name, clock));
        } catch (error) {
            if (!(error instanceof GridtallyError) || !CONTRACT_FAULTS.has(error.code)) throw error;
            const last = await currentContract(db, name);
            assert(last !== undefined, `the feed ${name} has a contract`);
            feeds.push({ ...last, refusal: error });
        }
    }
    return feeds;
}

const CONTRACT_FAULTS: ReadonlySet<string> = new Set([
    'feed.unknown',
    'feed.contract-invalid',
    'yaml.invalid',
]);

async function feedIn(
    db: Database,
    catalogue: ContractCatalogue,
    name: string,
    clock: Clock,
): Promise<KnownFeed> {
    const { contract, text } = contractOf(name, catalogue);
    return registerContract(db, contract, text, clock);
}
