import { createHash } from 'node:crypto';
import { instantText, parseInstant } from '../kernel/period.ts';

/**
 * A segment is a file of payloads: before each stands one line of JSON (its header), after each a line
 * feed. A header may be padded with blanks, so that it can be written over once length and hash are known.
 */
export interface PayloadHeader {
    readonly sequence: number;
    readonly feed: string;
    readonly sourceKey: string;
    /** UTC epoch milliseconds. */
    readonly receivedAt: number;
    /** Bytes of the payload as received. */
    readonly length: number;
    readonly sha256: string;
}

/** The header line with its line feed; padded to `size` bytes where that is given. */
export function headerLine(header: PayloadHeader, size?: number): Buffer {
    const text = JSON.stringify({ gridtally: 1, ...header, receivedAt: instantText(header.receivedAt) });
    const bare = Buffer.from(text);
    if (size === undefined) return Buffer.concat([bare, Buffer.from('\n')]);
    return Buffer.concat([bare, Buffer.alloc(size - 1 - bare.length, ' '), Buffer.from('\n')]);
}

/** Bytes to keep free for the header of a payload whose length and hash are not known yet. */
export function reservedSize(sourceKey: string): number {
    return 512 + Buffer.byteLength(JSON.stringify(sourceKey));
}

/** Undefined where the line is no header: the segment is damaged there. */
export function parseHeader(line: string): PayloadHeader | undefined {
    try {
        const value = JSON.parse(line);
        if (value.gridtally !== 1 || typeof value.sha256 !== 'string' || !Number.isSafeInteger(value.length)) return undefined;
        return {
            sequence: value.sequence,
            feed: value.feed,
            sourceKey: value.sourceKey,
            receivedAt: parseInstant(value.receivedAt),
            length: value.length,
            sha256: value.sha256,
        };
    } catch {
        return undefined;
    }
}

/** First 16 bytes of SHA-256 over feed, source key and the payload's SHA-256: what makes two deliveries the same. */
export function payloadIdentity(header: Pick<PayloadHeader, 'feed' | 'sourceKey' | 'sha256'>): Buffer {
    const hash = createHash('sha256');
    for (const part of [header.feed, header.sourceKey, header.sha256]) hash.update(part).update('\0');
    return hash.digest().subarray(0, 16);
}
