import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FeedContract } from '../../src/contracts/feed-contract.ts';
import { shippedContracts } from '../../src/parsers/feed-catalogue.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Real readings beside the checkout, which are not part of it. */
export const LCL_FOLDER = path.join(ROOT, '..', 'shared', 'data', 'lcl');

export function shipped(feed: string): FeedContract {
    const found = shippedContracts().get(feed);
    if (found === undefined) throw new Error(`${feed} is not shipped`);
    return found.contract;
}

export function shippedText(feed: string): string {
    return readFileSync(path.join(ROOT, 'feeds', `${feed}.odcs.yaml`), 'utf8');
}

/** A contract of three columns: id, at, kwh and, optionally, note (the last). */
export function small(layout: Partial<FeedContract['layout']> = {}): FeedContract {
    const lcl = shipped('lcl');
    return {
        ...lcl,
        feed: 'small',
        layout: { ...lcl.layout, maxLineBytes: 1000, ...layout },
        columns: [
            { name: 'id', role: 'meter', required: true },
            { name: 'tag', role: 'register', required: false },
            { name: 'at', role: 'stamp', required: true },
            { name: 'kwh', role: 'value', required: true },
            { name: 'note', role: 'ignored', required: false },
        ],
    };
}

/** A sink in memory. */
export function memorySink() {
    let bytes: Buffer = Buffer.alloc(0);
    return {
        get size() {
            return bytes.length;
        },
        append(more: Uint8Array) {
            bytes = Buffer.concat([bytes, more]);
        },
        truncate(size: number) {
            bytes = Buffer.from(bytes.subarray(0, size));
        },
        /** Records as lists of fields. */
        get records(): string[][] {
            const lines = bytes.toString('utf8').split('\n');
            if (lines.pop() !== '') throw new Error('the last record has no end');
            return lines.map((line) => line.split('\x1f'));
        },
    };
}

export function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
    const sorted = [0, ...places.map((p) => p % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
    // Copies, so that chunks begin at any alignment of their own memory.
    return sorted
        .slice(1)
        .map((end, i) =>
            Buffer.concat([Buffer.alloc(i % 4), bytes.subarray(sorted[i], end)]).subarray(i % 4),
        );
}
