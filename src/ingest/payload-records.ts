import { decompressed } from '../kernel/compression.ts';
import { assert } from '../kernel/errors.ts';
import { contractOfNumber } from '../parsers/feed-registration.ts';
import { spoolRecords } from '../parsers/record-spool.ts';
import type { FoundPayload } from '../raw/find-payload.ts';
import { payloadBytes } from '../raw/segment-reader.ts';
import { type LinePlace, readLinesAgain } from './payload-lines.ts';

const LF = 0x0a;

/**
 * How many records a payload has, by the contracts by which it was judged: read again, or taken from what was counted then where it stands alone in
 * its segment. Undefined where nobody has parsed it; none where it is refused.
 */
export async function countRecords(place: LinePlace, found: FoundPayload): Promise<number | undefined> {
    const { payload, segmentNo, feedId, parsedContractNo, contractNos } = found;
    if (parsedContractNo === null) return undefined;
    if (payload.header.payloadCount === 1) {
        const [segment] = await place.lake.db.query<{ records: number }>(
            `select (parse_stats ->> 'records')::bigint as records from segments where segment_no = $1`,
            [segmentNo],
        );
        return segment?.records;
    }
    const [only, ...others] = contractNos;
    if (only === undefined) return 0;
    const known = await contractOfNumber(place.lake.db, feedId, only);
    assert(known, `contract ${only} of feed ${feedId} is kept`);
    // in a wide file a line is many records, and a replay may have made one of them many
    const isCounted = others.length === 0 && known.contract.columns.every(({ role }) => role !== 'cell');
    if (!isCounted) return (await readLinesAgain(place, [found], 'all')).length;
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
