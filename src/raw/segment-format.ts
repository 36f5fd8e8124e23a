import { hash } from 'node:crypto';
import { assert } from '../kernel/errors.ts';
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
    /** Payloads in this segment, so that one cut off between two payloads is told from a whole one. */
    readonly payloadCount: number;
    /** Bytes of the payload as received. */
    readonly length: number;
    readonly sha256: string;
}

const CHECK_DIGITS = 16;
const CHECKED_LINE = /^(\{.*),"check":"([0-9a-f]{16})"\}$/;

/** The header line with its line feed; padded to `size` bytes where that is given. */
export function headerLine(header: PayloadHeader, size?: number): Buffer {
    const { sequence, feed, sourceKey, payloadCount, length, sha256 } = header;
    const receivedAt = instantText(header.receivedAt);
    const json = JSON.stringify({
        gridtally: 1,
        sequence,
        feed,
        sourceKey,
        receivedAt,
        payloadCount,
        length,
        sha256,
    });
    const members = json.slice(0, -1);
    const line = `${members},"check":"${checkOf(members)}"}`;
    if (size === undefined) return Buffer.from(`${line}\n`);
    const padded = Buffer.alloc(size, ' ');
    assert(
        padded.write(line) === Buffer.byteLength(line) && Buffer.byteLength(line) < size,
        'a header fits its place',
    );
    padded[size - 1] = 0x0a;
    return padded;
}

/** Bytes to keep free for the header of a payload whose length and hash are not known yet. */
export function reservedSize(sourceKey: string): number {
    return 512 + Buffer.byteLength(JSON.stringify(sourceKey));
}

/** `undefined` where the line is no header or one that was changed: the segment is damaged there. */
export function parseHeader(line: string): PayloadHeader | undefined {
    const [, members = '', check] = CHECKED_LINE.exec(line.trimEnd()) ?? [];
    if (check === undefined || checkOf(members) !== check) return undefined;
    const { gridtally, receivedAt, ...header } = JSON.parse(`${members}}`);
    return gridtally === 1 ? { ...header, receivedAt: parseInstant(receivedAt) } : undefined;
}

/** First 16 bytes of SHA-256 over feed, source key and the payload's SHA-256: what makes two deliveries the same. */
export function payloadIdentity(header: Pick<PayloadHeader, 'feed' | 'sourceKey' | 'sha256'>): Buffer {
    const parts = [header.feed, header.sourceKey, header.sha256];
    return hash('sha256', parts.map((part) => `${part}\0`).join(''), 'buffer').subarray(0, 16);
}

function checkOf(members: string): string {
    return hash('sha256', members, 'hex').slice(0, CHECK_DIGITS);
}
