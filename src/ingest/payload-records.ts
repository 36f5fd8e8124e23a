import { decompressed } from '../kernel/compression.ts';
import { assert } from '../kernel/errors.ts';
import type { Lake } from '../lake/lake.ts';
import { contractOfNumber } from '../parsers/feed-registration.ts';
import { spoolRecords } from '../parsers/record-spool.ts';
import type { FoundPayload } from '../raw/find-payload.ts';
import { payloadBytes } from '../raw/segment-reader.ts';

const LF = 0x0a;

/**
 * How many records a parsed payload has, by the contract that it was parsed by: read again, or taken from what was counted then where it stands
 * alone in its segment. Undefined where nobody has parsed it.
 */
export async function countRecords(
    lake: Lake,
    { payload, segmentNo, feedId, contractNo }: FoundPayload,
): Promise<number | undefined> {
    if (contractNo === null) return undefined;
    if (payload.header.payloadCount === 1) {
        const [segment] = await lake.db.query<{ records: number }>(
            `select (parse_stats ->> 'records')::bigint as records from segments where segment_no = $1`,
            [segmentNo],
        );
        return segment?.records;
    }
    const known = await contractOfNumber(lake.db, feedId, contractNo);
    if (known === undefined) return undefined;
    const counter = lineCounter();
    const chunks = decompressed(payloadBytes(payload));
    await spoolRecords([{ ordinal: 0, chunks }], known.contract, counter);
    return counter.lines();
}

/** A sink that keeps nothing: a spooled record is one line. A payload that is refused takes all of its own back. */
function lineCounter() {
    let size = 0;
    let lines = 0;
    return {
        get size() {
            return size;
        },
        append(bytes: Uint8Array) {
            size += bytes.length;
            for (const byte of bytes) if (byte === LF) lines += 1;
        },
        truncate(to: number) {
            assert(to === 0, 'one payload is counted at a time');
            size = 0;
            lines = 0;
        },
        lines: () => lines,
    };
}
