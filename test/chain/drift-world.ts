import { knownFeed } from '../../src/ingest/delivering-feeds.ts';
import type { KnownFeed } from '../../src/ingest/parse-pending.ts';
import { parseReceived } from '../../src/pipeline/chain.ts';
import { type IncomingPayload, receive } from '../../src/raw/receive.ts';
import { type ChainWorld, type handClock, type ReadingRow, readingsCsv } from './chain-world.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const FROM = Date.parse('2013-06-03T00:00:00Z');

/** A device that delivers what it has every four hours of its own clock. */
export interface Device {
    readonly meter: string;
    readonly feed?: string;
    readonly minutes?: number;
    /** How far its clock is ahead. */
    readonly aheadMinutes?: number;
    /** How long its nth delivery is under way. */
    readonly pathMinutes?: (n: number) => number;
    readonly deliveries?: number;
    /** Adds to each delivery the interval that is still to come, without a measured value. */
    readonly comesNext?: 'E' | 'N';
}

/** What one device sends at once: intervals whose last one ends where its clock says that it is now. */
export interface Delivery {
    readonly feed: string;
    readonly receivedAt: number;
    readonly rows: readonly ReadingRow[];
}

const DELIVERIES = 12;

export function deliveriesOf(device: Device): Delivery[] {
    const { meter, feed = 'generic-csv', minutes = 30, aheadMinutes = 0 } = device;
    const { pathMinutes = () => 2, deliveries = DELIVERIES, comesNext } = device;
    return Array.from({ length: deliveries }, (_, n) => {
        const stampedEnd = FROM + (n + 1) * 4 * HOUR;
        const count = (4 * HOUR) / (minutes * MINUTE);
        const rows: ReadingRow[] = Array.from({ length: count }, (_, i) => ({
            meter,
            minutes,
            kwh: `${n}.${i}`,
            at: stampedEnd - (count - i) * minutes * MINUTE,
        }));
        const kwh = comesNext === 'E' ? { kwh: '5' } : {};
        if (comesNext) rows.push({ meter, minutes, at: stampedEnd, quality: comesNext, ...kwh });
        const receivedAt = stampedEnd + Math.round((pathMinutes(n) - aheadMinutes) * MINUTE);
        return { feed, receivedAt, rows };
    });
}

/** Files of one feed that are received together. */
export interface Batch {
    readonly feed: string;
    readonly receivedAt: number;
    readonly files: readonly { readonly name: string; readonly rows: readonly ReadingRow[] }[];
}

/** Deliveries in the order of receipt, those of an instant together in one file. */
export function inOrder(deliveries: readonly Delivery[]): Batch[] {
    const sorted = [...deliveries].sort((a, b) => a.receivedAt - b.receivedAt);
    const groups = Map.groupBy(sorted, ({ feed, receivedAt }) => `${feed} ${receivedAt}`);
    return [...groups.values()].map((group) => ({
        feed: group[0]?.feed ?? '',
        receivedAt: group[0]?.receivedAt ?? 0,
        files: [{ name: `${group[0]?.receivedAt}.csv`, rows: group.flatMap(({ rows }) => rows) }],
    }));
}

/** Receives each batch when it comes, whatever the order, and parses all of them. */
export async function deliver(
    world: ChainWorld,
    clock: ReturnType<typeof handClock>,
    batches: readonly Batch[],
): Promise<void> {
    const { workspace } = world;
    const feeds = new Map<string, KnownFeed>();
    for (const { feed: name, receivedAt, files } of batches) {
        clock.at = receivedAt;
        const feed = feeds.get(name) ?? (await knownFeed(workspace.db, workspace.home.folder, name, clock));
        feeds.set(name, feed);
        const source = {
            feedId: feed.feedId,
            name,
            repeatWindowDays: feed.contract.delivery.repeatWindowDays,
        };
        const payloads = files.map(
            (file): IncomingPayload => ({
                sourceKey: file.name,
                bytes: Buffer.from(readingsCsv(file.rows)),
            }),
        );
        for await (const _ of receive(workspace.raw, source, payloads));
    }
    await parseReceived(workspace);
}
