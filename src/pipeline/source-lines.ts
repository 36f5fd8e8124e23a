import { type PayloadLine, readKnownLines } from '../ingest/payload-lines.ts';
import { instantText } from '../kernel/period.ts';
import { type FoundPayload, findPayloads } from '../raw/find-payload.ts';
import type { SourceLine } from '../trace/traced-version.ts';
import type { FeedStanding } from '../trace/version-reasons.ts';
import { type Chain, feedsOf, standingOf } from './chain.ts';

/** A received row, as it is known again in its payload. */
export interface ReceivedRow {
    readonly feedId: number;
    readonly sequence: number;
    readonly ordinal: number;
    /** UTC epoch milliseconds. */
    readonly periodFrom: number;
    readonly receivedAt: number;
}

/** Payloads that were read again, and what in them a row came from. */
export interface SourceLines {
    standing(feedId: number): FeedStanding;
    /** `names`: what the row's file may call its meter. Without a line where the payload has no such row. */
    lineOf(row: ReceivedRow, registerId: string, names: ReadonlySet<string>): SourceLine;
    /** Rows of a line; of several, or none, where a line has more than one reading or names another meter. */
    rowsAt(sequence: number, lineNo: number): readonly PayloadLine[];
    sourceOf(row: Omit<ReceivedRow, 'ordinal' | 'periodFrom'>, line?: PayloadLine): SourceLine;
}

/** A row whose line is asked for, with its register, and what its file may call its meter. */
export interface WantedRow {
    readonly row: ReceivedRow;
    readonly registerId: string;
    readonly names: ReadonlySet<string>;
}

/**
 * Reads payloads again for the rows of the meters or metering points named: those of the rows that are wanted and of the sequences that are to be read
 * as a whole. Without any, none.
 */
export async function readSourceLines(
    chain: Chain,
    wanted: readonly WantedRow[],
    names: readonly string[],
    wholeSequences: ReadonlySet<number> = new Set(),
): Promise<SourceLines> {
    const sequences = new Set([...wanted.map(({ row }) => row.sequence), ...wholeSequences]);
    const found = await findPayloads(chain.lake.db, chain.raw.folder, [...sequences]);
    const place = { lake: chain.lake, scratchFolder: chain.home.scratchFolder };
    const ofSequence = Map.groupBy(wanted, ({ row }) => row.sequence);
    const lines = await readKnownLines(
        place,
        found,
        names,
        (sequence, read) => !wholeSequences.has(sequence) && hasEach(ofSequence.get(sequence) ?? [], read),
    );
    const feeds = await feedStandings(chain);
    const payloads = new Map(found.map((one) => [one.payload.header.sequence, one]));
    const bySlot = Map.groupBy(lines, (line) => slotText(line.sequence, line.periodFrom, line.registerKey));
    const standing = (feedId: number) =>
        feeds.get(feedId) ?? { feed: `feed ${feedId}`, rank: 0, newestAlways: false };
    const sourceOf: SourceLines['sourceOf'] = ({ feedId, sequence, receivedAt }, line) =>
        sourceLine(standing(feedId).feed, sequence, receivedAt, payloads.get(sequence), line);
    return {
        standing,
        sourceOf,
        rowsAt: (sequence, lineNo) =>
            lines.filter((line) => line.sequence === sequence && line.lineNo === lineNo),
        lineOf: (row, registerId, ofRow) => {
            const ofSlot = bySlot.get(slotText(row.sequence, row.periodFrom, registerId)) ?? [];
            const line = ownLine(
                ofSlot.filter(({ meterKey }) => ofRow.has(meterKey)),
                row.ordinal,
            );
            return sourceOf(row, line);
        },
    };
}

/** Of rows whose payload names their interval once. Which of several lines is meant is seen only beside all of them. */
function hasEach(wanted: readonly WantedRow[], lines: readonly PayloadLine[]): boolean {
    const right = lines.filter(({ faults }) => faults === '');
    const bySlot = Map.groupBy(right, (line) => slotText(line.sequence, line.periodFrom, line.registerKey));
    return wanted.every(({ row, registerId, names }) => {
        const ofSlot = bySlot.get(slotText(row.sequence, row.periodFrom, registerId)) ?? [];
        return row.ordinal === 0 && ofSlot.some(({ meterKey }) => names.has(meterKey));
    });
}

/**
 * Where a payload names an interval more than once, `ordinal` is the line; of what a replay brought beside the one that had come in alone, it is how
 * far the line lies from that one.
 */
function ownLine(candidates: readonly PayloadLine[], ordinal: number): PayloadLine | undefined {
    const right = candidates.filter(({ faults }) => faults === '');
    const [parsed, ...others] = right.filter(({ isReplayed }) => !isReplayed);
    if (ordinal === 0) return parsed ?? right[0] ?? candidates[0];
    const base = parsed !== undefined && others.length === 0 ? parsed.lineNo : 0;
    const at = (line: number) => candidates.find(({ lineNo }) => lineNo === line);
    return at(ordinal + base) ?? at(ordinal);
}

function slotText(sequence: number, periodFrom: number | null, registerId: string): string {
    return `${sequence} ${periodFrom} ${registerId}`;
}

function sourceLine(
    feed: string,
    sequence: number,
    receivedAt: number,
    found: FoundPayload | undefined,
    line: PayloadLine | undefined,
): SourceLine {
    return {
        feed,
        sourceKey: found?.payload.header.sourceKey ?? null,
        line: line?.lineNo ?? null,
        text: line?.text ?? null,
        receiptId: `r${sequence}`,
        receivedAt: instantText(receivedAt),
        ...(found === undefined ? {} : { lineKwh: line?.kwh ?? null }),
    };
}

/** Every feed by number, with what decides between feeds. */
async function feedStandings(chain: Chain): Promise<Map<number, FeedStanding>> {
    const feeds = await feedsOf(chain);
    return new Map(
        feeds.map((feed) => {
            const { feedId, rank, newestAlways } = standingOf(feed);
            return [feedId, { feed: feed.contract.feed, rank, newestAlways }];
        }),
    );
}
