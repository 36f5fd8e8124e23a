import type { FeedContract } from '../contracts/feed-contract.ts';
import type { PayloadPiece } from '../parsers/line-filter.ts';
import { linesOfBlocks, type PayloadOutline } from '../raw/payload-outline.ts';
import type { StoredPayload } from '../raw/segment-reader.ts';

/** Blocks that follow each other, from `first` to before `end`. */
export interface BlockRange {
    readonly first: number;
    readonly end: number;
}

/**
 * The header and the blocks that hold the lines of these meters if the payload's lines are sorted by meter, as the first lines of its blocks are. Undefined where these
 * are not. Nobody knows of the lines between: who asks must see whether all is found that was received.
 */
export function piecesOfMeters(
    payload: StoredPayload,
    outline: PayloadOutline,
    contract: FeedContract,
    meters: readonly string[],
): PayloadPiece[] | undefined {
    const keys = metersOfBlocks(outline, contract);
    if (keys === undefined) return undefined;
    const header = Buffer.from(`${outline.firstLines[0]}\n`);
    const ranges = joinRanges(meters.map((meter) => rangeOf(keys, meter)));
    const pieces = ranges.map((range) => linesOfBlocks(payload, outline, range));
    // the first block has the header
    if (ranges[0]?.first === 0) return pieces;
    return [{ chunks: [header], firstLineNo: 1 }, ...pieces.filter(({ firstLineNo }) => firstLineNo > 1)];
}

/** Of each block but the first the meter of its first line, or of the one before where no line begins; undefined where they are not sorted, or one is unknown. */
function metersOfBlocks(
    { firstLines, lineStarts }: PayloadOutline,
    contract: FeedContract,
): string[] | undefined {
    const { delimiter } = contract.layout;
    const name = contract.columns.find(({ role }) => role === 'meter')?.name ?? '';
    const at = (firstLines[0] ?? '').split(delimiter).indexOf(name);
    if (at < 0) return undefined;
    const keys: string[] = [];
    for (const [i, line] of firstLines.slice(1).entries()) {
        const last = keys.at(-1) ?? '';
        const key = lineStarts[i + 1] === -1 ? last : line.split(delimiter)[at];
        if (key === undefined || key < last || (key === '' && lineStarts[i + 1] !== -1)) return undefined;
        keys.push(key);
    }
    return keys;
}

/** `keys[i]` is that of block `i + 1`: lines of a meter may begin before the first block that begins with it, and end in the last. */
function rangeOf(keys: readonly string[], meter: string): BlockRange {
    const from = keys.findIndex((key) => key >= meter);
    const after = keys.findIndex((key) => key > meter);
    return { first: from < 0 ? keys.length : from, end: (after < 0 ? keys.length : after) + 1 };
}

function joinRanges(ranges: readonly BlockRange[]): BlockRange[] {
    const joined: BlockRange[] = [];
    for (const range of ranges.toSorted((a, b) => a.first - b.first)) {
        const last = joined.at(-1);
        if (last === undefined || range.first > last.end) joined.push(range);
        else joined.splice(-1, 1, { first: last.first, end: Math.max(last.end, range.end) });
    }
    return joined;
}
