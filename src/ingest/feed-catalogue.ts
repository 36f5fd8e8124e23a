import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../kernel/clock.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { readContract } from '../parsers/contract.ts';
import type { Database } from '../store/database.ts';
import type { KnownFeed } from './parse-pending.ts';

const SHIPPED = fileURLToPath(new URL('../../feeds/', import.meta.url));
const ENDING = '.odcs.yaml';

/** Contract files by feed name: the shipped ones, over which a home's own (`<home>/feeds`) win. */
export function contractFiles(homeFolder: string): Map<string, string> {
    const files = new Map<string, string>();
    for (const folder of [SHIPPED, path.join(homeFolder, 'feeds')]) {
        if (!existsSync(folder)) continue;
        for (const name of readdirSync(folder)) {
            if (name.endsWith(ENDING)) files.set(name.slice(0, -ENDING.length), path.join(folder, name));
        }
    }
    return files;
}

/**
 * The feed with the contract now in force; a text that was never in force before is kept as the feed's
 * next contract. Throws `feed.unknown` or `feed.contract-invalid`.
 */
export async function knownFeed(
    db: Database,
    homeFolder: string,
    name: string,
    clock: Clock,
): Promise<KnownFeed> {
    const files = contractFiles(homeFolder);
    const file = files.get(name);
    if (file === undefined) {
        throw new GridtallyError('feed.unknown', `there is no feed ${name}`, {
            remedy: `Feeds of this home: ${[...files.keys()].sort().join(', ')}. Another one needs a contract in ${path.join(homeFolder, 'feeds')}.`,
        });
    }
    const text = readFileSync(file, 'utf8');
    const contract = readContract(text, file);
    return db.transaction(async (tx) => {
        await tx.query('insert into feeds (name) values ($1) on conflict (name) do nothing', [name]);
        const feeds = await tx.query<{ feedId: number }>(
            'select feed_id as "feedId" from feeds where name = $1 for update',
            [name],
        );
        const feedId = feeds[0]?.feedId ?? 0;
        const newest = await tx.query<{ contractNo: number; sha256: string }>(
            `select contract_no as "contractNo", content_sha256 as sha256 from feed_contracts
              where feed_id = $1 order by contract_no desc limit 1`,
            [feedId],
        );
        const last = newest[0];
        if (last?.sha256 === contract.sha256) return { feedId, contractNo: last.contractNo, contract };
        const contractNo = (last?.contractNo ?? 0) + 1;
        await tx.query(
            `insert into feed_contracts (feed_id, contract_no, contract_version, content_sha256, content, known_from)
             values ($1, $2, $3, $4, $5, to_timestamp($6 / 1000.0))`,
            [feedId, contractNo, contract.version, contract.sha256, text, clock.now()],
        );
        return { feedId, contractNo, contract };
    });
}

/** Every feed that ever delivered to this home, by the contract in force. */
export async function deliveringFeeds(db: Database, homeFolder: string, clock: Clock): Promise<KnownFeed[]> {
    const rows = await db.query<{ name: string }>('select name from feeds order by feed_id');
    const feeds: KnownFeed[] = [];
    for (const row of rows) feeds.push(await knownFeed(db, homeFolder, row.name, clock));
    return feeds;
}
