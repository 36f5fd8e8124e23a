import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { isUnfinishedName, removeFiles } from '../kernel/durable.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { enterSegment, RECEIVE_LOCK } from './segment-catalogue.ts';
import type { PayloadHeader } from './segment-format.ts';
import { changedPayload, inspectSegment, payloadBytes, type SegmentDamage } from './segment-reader.ts';
import type { RawStore } from './segment-writer.ts';

export interface RawVerification {
    readonly segments: number;
    readonly payloads: number;
    readonly bytes: number;
    readonly damaged: readonly SegmentDamage[];
    /** Segments that the catalogue names and the disk lacks. */
    readonly missing: readonly string[];
    /** Segments on disk that the catalogue did not name: never acknowledged, or the catalogue lost rows. */
    readonly unknown: readonly string[];
    /** Of those, how many were entered from their headers. A damaged one never is. */
    readonly entered: number;
}

export interface RawVerificationOptions {
    readonly rebuild: boolean;
    readonly onProgress?: (segments: number, of: number) => void;
}

interface CataloguedSegment {
    readonly path: string;
    readonly payloadCount: number;
    readonly payloadBytes: number;
}

interface CheckedSegment {
    readonly headers: readonly PayloadHeader[];
    readonly damaged: readonly SegmentDamage[];
}

/** A write that has not been published after so long belongs to a process that is gone. */
const UNFINISHED_MS = 24 * 3_600_000;

/**
 * Reads and re-hashes every payload while receiving goes on, and compares the disk with the catalogue. With `rebuild` the rows of
 * segments that the catalogue lacks are made from their headers, and remains of writes that ended a day ago are removed;
 * receiving waits for that alone.
 */
export async function verifyRaw(store: RawStore, options: RawVerificationOptions): Promise<RawVerification> {
    // In this order every file of the first list that was being received is committed before the second is read.
    const paths = await listFiles(store.folder, (name) => name.endsWith('.segment'));
    const catalogued = await store.db.withLock(RECEIVE_LOCK, 'exclusive', () => cataloguedSegments(store));
    const checked = new Map<string, CheckedSegment>();
    const count = { payloads: 0, bytes: 0 };
    for (const [i, relative] of paths.entries()) {
        const segment = await checkSegment(store, relative, catalogued.get(relative));
        checked.set(relative, segment);
        count.payloads += segment.headers.length;
        count.bytes += segment.headers.reduce((sum, { length }) => sum + length, 0);
        options.onProgress?.(i + 1, paths.length);
    }
    const unknown = paths.filter((relative) => !catalogued.has(relative));
    const whole = unknown.filter((relative) => checked.get(relative)?.damaged.length === 0);
    if (options.rebuild) await rebuildCatalogue(store, whole, checked);
    return {
        segments: paths.length,
        ...count,
        damaged: [...checked.values()].flatMap(({ damaged }) => damaged),
        missing: [...catalogued.keys()].filter((known) => !existsSync(path.join(store.folder, known))).sort(),
        unknown,
        entered: options.rebuild ? whole.length : 0,
    };
}

async function cataloguedSegments(store: RawStore): Promise<Map<string, CataloguedSegment>> {
    const rows = await store.db.query<CataloguedSegment>(
        'select path, payload_count as "payloadCount", payload_bytes as "payloadBytes" from segments',
    );
    return new Map(rows.map((row) => [row.path, row]));
}

async function checkSegment(
    store: RawStore,
    relative: string,
    catalogued: CataloguedSegment | undefined,
): Promise<CheckedSegment> {
    const segmentPath = path.join(store.folder, relative);
    const { payloads, damage } = await inspectSegment(segmentPath);
    const damaged = damage === undefined ? [] : [damage];
    for (const payload of payloads) {
        if (!(await hasItsBytes(payload))) damaged.push(changedPayload(payload));
    }
    const headers = payloads.map(({ header }) => header);
    if (damage === undefined && catalogued !== undefined) {
        const bytes = headers.reduce((sum, { length }) => sum + length, 0);
        if (headers.length !== catalogued.payloadCount || bytes !== catalogued.payloadBytes) {
            damaged.push({
                segmentPath,
                offset: 0,
                what: 'the segment is not the one that the catalogue names',
            });
        }
    }
    return { headers, damaged };
}

async function hasItsBytes(payload: Parameters<typeof payloadBytes>[0]): Promise<boolean> {
    try {
        for await (const _chunk of payloadBytes(payload));
        return true;
    } catch (error) {
        if (error instanceof GridtallyError && error.code === 'raw.segment-damaged') return false;
        throw error;
    }
}

async function rebuildCatalogue(
    store: RawStore,
    paths: readonly string[],
    checked: ReadonlyMap<string, CheckedSegment>,
): Promise<void> {
    await store.db.withLock(RECEIVE_LOCK, 'exclusive', async () => {
        for (const relative of paths)
            await enterFromHeaders(store, relative, checked.get(relative)?.headers ?? []);
    });
    const unfinished = await listFiles(store.folder, isUnfinishedName);
    const now = Date.now();
    const old: string[] = [];
    for (const relative of unfinished) {
        const file = path.join(store.folder, relative);
        const found = await stat(file).catch(() => undefined);
        if (found !== undefined && now - found.mtimeMs > UNFINISHED_MS) old.push(file);
    }
    await removeFiles(old);
}

async function enterFromHeaders(
    store: RawStore,
    relative: string,
    headers: readonly PayloadHeader[],
): Promise<void> {
    const feed = headers[0]?.feed;
    if (feed === undefined) return;
    const highest = headers.reduce((max, { sequence }) => Math.max(max, sequence), 0);
    await store.db.transaction(async (tx) => {
        await tx.query('insert into feeds (name) values ($1) on conflict (name) do nothing', [feed]);
        const [row] = await tx.query<{ feedId: number }>(
            'select feed_id as "feedId" from feeds where name = $1',
            [feed],
        );
        // Later receipts must not get a number that a payload on disk has.
        await tx.query(
            `select setval('payload_sequence', $1) from payload_sequence where last_value < $1 or not is_called`,
            [highest],
        );
        await enterSegment(tx, { feedId: row?.feedId ?? 0, path: relative, headers });
    });
}

/** Paths in the folder, sorted. */
async function listFiles(folder: string, isWanted: (name: string) => boolean): Promise<string[]> {
    if (!existsSync(folder)) return [];
    const found = await readdir(folder, { recursive: true });
    return found.filter((relative) => isWanted(path.basename(relative))).sort();
}
