import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { enterSegment, type RawStore } from './receive.ts';
import { listPayloads, payloadBytes, type SegmentDamage } from './segment-reader.ts';

export interface RawVerification {
    readonly segments: number;
    readonly payloads: number;
    readonly bytes: number;
    readonly damaged: readonly SegmentDamage[];
    /** Segments that the catalogue names and the disk lacks. */
    readonly missing: readonly string[];
    /** Segments on disk that the catalogue did not name: never acknowledged, or the catalogue lost rows. */
    readonly unknown: readonly string[];
    /** Of those, how many were entered from their headers. */
    readonly entered: number;
}

/**
 * Reads and re-hashes every payload, and compares the disk with the catalogue. With `rebuild` the rows of
 * segments that the catalogue lacks are made from their headers; receiving waits meanwhile.
 */
export async function verifyRaw(
    store: RawStore,
    options: { readonly rebuild: boolean; readonly onProgress?: (segments: number, of: number) => void },
): Promise<RawVerification> {
    return store.db.withLock('receive', 'exclusive', async () => {
        const paths = listSegments(store.folder);
        const known = new Set((await store.db.query<{ path: string }>('select path from segments')).map((row) => row.path));
        const found = { segments: paths.length, payloads: 0, bytes: 0, damaged: [] as SegmentDamage[], unknown: [] as string[], entered: 0 };
        for (const [i, relative] of paths.entries()) {
            const result = await verifySegment(path.join(store.folder, relative));
            found.payloads += result.headers.length;
            found.bytes += result.headers.reduce((sum, h) => sum + h.length, 0);
            found.damaged.push(...result.damaged);
            if (!known.has(relative)) {
                found.unknown.push(relative);
                if (options.rebuild && (await enter(store, relative, result.headers))) found.entered += 1;
            }
            options.onProgress?.(i + 1, paths.length);
        }
        const present = new Set(paths);
        return { ...found, missing: [...known].filter((p) => !present.has(p)).sort() };
    });
}

async function enter(store: RawStore, relative: string, headers: Awaited<ReturnType<typeof verifySegment>>['headers']): Promise<boolean> {
    const feed = headers[0]?.feed;
    if (feed === undefined) return false;
    await store.db.query('insert into feeds (name) values ($1) on conflict (name) do nothing', [feed]);
    const rows = await store.db.query<{ feedId: number }>('select feed_id as "feedId" from feeds where name = $1', [feed]);
    const highest = headers.reduce((max, h) => Math.max(max, h.sequence), 0);
    await store.db.query(`select setval('payload_sequence', greatest($1, (select last_value from payload_sequence)))`, [highest]);
    await enterSegment(store, rows[0]?.feedId ?? 0, headers, path.join(store.folder, relative));
    return true;
}

async function verifySegment(segmentPath: string) {
    const { payloads, damage } = await listPayloads(segmentPath);
    const damaged: SegmentDamage[] = damage ? [damage] : [];
    for (const payload of payloads) {
        const hash = createHash('sha256');
        for await (const chunk of payloadBytes(payload)) hash.update(chunk);
        if (hash.digest('hex') !== payload.header.sha256) {
            const what = `payload ${payload.header.sequence} (${payload.header.sourceKey}) does not have its SHA-256`;
            damaged.push({ segmentPath, offset: payload.from, what });
        }
    }
    return { headers: payloads.map((p) => p.header), damaged };
}

function listSegments(folder: string): string[] {
    if (!existsSync(folder)) return [];
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.segment'))
        .sort();
}
