import { createHash } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Database } from '../store/database.ts';
import { type FoundPayload, findPayloads } from './find-payload.ts';
import { payloadIdentity } from './segment-format.ts';
import { listPayloads } from './segment-reader.ts';

// what one source key may have brought: later ones are found by their receipts
const FOUND_MAX = 100;

/**
 * The payloads that a person means: by receipt (`r12`), by the path of a file that was delivered (its name and bytes), or by source key, for which
 * the headers of all segments are read, newest first. Newest last; at most a hundred.
 */
export async function findDeliveries(
    db: Pick<Database, 'query'>,
    rawFolder: string,
    named: string,
): Promise<FoundPayload[]> {
    const [, receipt] = /^r(\d{1,15})$/.exec(named) ?? [];
    if (receipt !== undefined) return findPayloads(db, rawFolder, [Number(receipt)]);
    const isFile = existsSync(named) && statSync(named).isFile();
    if (!isFile) return bySourceKey(db, rawFolder, named, () => true);
    const sha256 = await sha256Of(named);
    const sequences = await byIdentity(db, path.basename(named), sha256);
    if (sequences.length > 0) return findPayloads(db, rawFolder, sequences);
    // its identity may be forgotten, as it is past the window of its feed
    return bySourceKey(db, rawFolder, path.basename(named), (found) => found === sha256);
}

async function sha256Of(file: string): Promise<string> {
    const content = createHash('sha256');
    for await (const chunk of createReadStream(file, { highWaterMark: 4 << 20 })) content.update(chunk);
    return content.digest('hex');
}

async function byIdentity(db: Pick<Database, 'query'>, sourceKey: string, sha256: string): Promise<number[]> {
    const feeds = await db.query<{ feed: string }>('select name as feed from feeds');
    const rows = await db.query<{ sequence: number }>(
        'select sequence from payload_identities where identity = any($1) order by 1 limit $2',
        [feeds.map(({ feed }) => payloadIdentity({ feed, sourceKey, sha256 })), FOUND_MAX],
    );
    return rows.map(({ sequence }) => sequence);
}

async function bySourceKey(
    db: Pick<Database, 'query'>,
    rawFolder: string,
    sourceKey: string,
    isMeant: (sha256: string) => boolean,
): Promise<FoundPayload[]> {
    const segments = await db.query<{ path: string }>('select path from segments order by segment_no desc');
    const sequences: number[] = [];
    for (const segment of segments) {
        const { payloads } = await listPayloads(path.join(rawFolder, segment.path));
        for (const { header } of payloads)
            if (header.sourceKey === sourceKey && isMeant(header.sha256)) sequences.push(header.sequence);
        if (sequences.length >= FOUND_MAX) break;
    }
    return findPayloads(db, rawFolder, sequences.slice(0, FOUND_MAX));
}
