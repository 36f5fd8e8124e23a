import path from 'node:path';
import type { FeedContract } from '../contracts/feed-contract.ts';
import { sqlText } from '../engine/sql-text.ts';
import { decompressed } from '../kernel/compression.ts';
import { makeFolderDurably, removeFiles } from '../kernel/durable.ts';
import { assert } from '../kernel/errors.ts';
import { ScratchFile, scratchName } from '../kernel/scratch.ts';
import type { Lake } from '../lake/lake.ts';
import { contractOfNumber } from '../parsers/feed-registration.ts';
import { filterLines, filterPieces } from '../parsers/line-filter.ts';
import { spoolRecords } from '../parsers/record-spool.ts';
import type { FoundPayload } from '../raw/find-payload.ts';
import { findOutlines, type PayloadOutline } from '../raw/payload-outline.ts';
import { payloadBytes } from '../raw/segment-reader.ts';
import { registerPayloads } from './parse-batch.ts';
import { typeSpool } from './parse-outputs.ts';
import { openParseSession, type ParseSession } from './parse-session.ts';
import { piecesOfMeters } from './sorted-blocks.ts';

/** A record of a payload as its contract reads it. */
export interface PayloadLine {
    readonly sequence: number;
    readonly lineNo: number;
    /** Of a wide file, the column; else blank. A row that is at fault as a whole has none either. */
    readonly cell: string;
    readonly text: string;
    readonly meterKey: string;
    readonly registerKey: string;
    /** UTC epoch milliseconds; null where the stamp is none. */
    readonly periodFrom: number | null;
    readonly kwh: string | null;
    readonly quality: string | null;
    /** Blank where the row is right, by the registrations of today. */
    readonly faults: string;
    /** Read by a later contract than that by which the payload was parsed, which found something wrong with it. */
    readonly isReplayed: boolean;
}

export interface LinePlace {
    readonly lake: Lake;
    readonly scratchFolder: string;
}

/** The parsed payloads of one feed and contract whose lines are read together. */
interface ReadingGroup {
    readonly feedId: number;
    readonly contractNo: number;
    readonly contract: FeedContract;
    readonly payloads: readonly FoundPayload[];
}

/**
 * Reads payloads again, each by the contracts by which it was judged, and gives their records of the meters or metering points named, or all:
 * as they came in, where they did. Of a format with a record to a line, only lines that hold a name are typed. Payloads that are refused, or that
 * nobody has parsed, give none.
 */
export async function readLinesAgain(
    place: LinePlace,
    payloads: readonly FoundPayload[],
    names: readonly string[] | 'all',
): Promise<PayloadLine[]> {
    return readWithOutlines(place, payloads, names, new Map());
}

/**
 * The same, for rows of which some are known to be there: of a large payload whose lines seem to be sorted by meter, only the blocks in which the names' lines
 * would be are read, and the whole payload where `hasAll` misses one of its rows among these lines.
 */
export async function readKnownLines(
    place: LinePlace,
    payloads: readonly FoundPayload[],
    names: readonly string[],
    hasAll: (sequence: number, lines: readonly PayloadLine[]) => boolean,
): Promise<PayloadLine[]> {
    const sequences = payloads.map(({ payload }) => payload.header.sequence);
    const outlines = await findOutlines(place.lake.db, sequences);
    const lines = await readWithOutlines(place, payloads, names, outlines);
    const bySequence = Map.groupBy(lines, ({ sequence }) => sequence);
    const isMissed = (sequence: number) =>
        outlines.has(sequence) && !hasAll(sequence, bySequence.get(sequence) ?? []);
    const missed = new Set(sequences.filter(isMissed));
    if (missed.size === 0) return lines;
    const whole = payloads.filter(({ payload }) => missed.has(payload.header.sequence));
    const others = lines.filter(({ sequence }) => !missed.has(sequence));
    return [...others, ...(await readLinesAgain(place, whole, names))];
}

async function readWithOutlines(
    place: LinePlace,
    payloads: readonly FoundPayload[],
    names: readonly string[] | 'all',
    outlines: ReadonlyMap<number, PayloadOutline>,
): Promise<PayloadLine[]> {
    const groups = await groupsOf(place.lake, payloads);
    if (groups.length === 0 || names.length === 0) return [];
    const session = await openParseSession(place.lake);
    try {
        const lines: PayloadLine[][] = [];
        for (const group of groups)
            lines.push(await readGroup(place, session, { ...group, outlines }, names));
        return asTheyCameIn(lines);
    } finally {
        await session.close();
    }
}

/** By sequence. */
interface Outlines {
    readonly outlines: ReadonlyMap<number, PayloadOutline>;
}

/** In the order of contracts, which is that of judgements. */
async function groupsOf(lake: Lake, payloads: readonly FoundPayload[]): Promise<ReadingGroup[]> {
    const judged = payloads.flatMap((payload) =>
        payload.contractNos.map((contractNo) => ({ payload, contractNo })),
    );
    const byContract = Map.groupBy(
        judged.toSorted((a, b) => a.contractNo - b.contractNo),
        ({ payload, contractNo }) => `${payload.feedId} ${contractNo}`,
    );
    const groups: ReadingGroup[] = [];
    for (const ofContract of byContract.values()) {
        const [first] = ofContract;
        assert(first, 'a group has a member');
        const { feedId } = first.payload;
        const known = await contractOfNumber(lake.db, feedId, first.contractNo);
        assert(known, `contract ${first.contractNo} of feed ${feedId} is kept`);
        groups.push({ ...known, payloads: ofContract.map(({ payload }) => payload) });
    }
    return groups;
}

/** A record stays as the first contract reads it that found nothing wrong with it, as `gridtally replay` brings it in. */
function asTheyCameIn(judgements: readonly (readonly PayloadLine[])[]): PayloadLine[] {
    const lines = new Map<string, PayloadLine[]>();
    for (const judgement of judgements) {
        const byLine = Map.groupBy(judgement, ({ sequence, lineNo }) => `${sequence} ${lineNo}`);
        for (const [line, records] of byLine) {
            const known = lines.get(line);
            lines.set(line, known === undefined ? records : judgedAgain(known, records));
        }
    }
    return [...lines.values()].flat();
}

/** Records of a line after a judgement: those of its records come in that take the place of one at fault. */
function judgedAgain(known: readonly PayloadLine[], records: readonly PayloadLine[]): PayloadLine[] {
    const atFault = known.filter(({ faults }) => faults !== '');
    const takesPlace = (record: PayloadLine, of: PayloadLine) => of.cell === '' || of.cell === record.cell;
    const coming = records.filter((record) => atFault.some((old) => takesPlace(record, old)));
    const isReplaced = (old: PayloadLine) => coming.some((record) => takesPlace(record, old));
    return [...known.filter((old) => old.faults === '' || !isReplaced(old)), ...coming];
}

async function readGroup(
    { lake, scratchFolder }: LinePlace,
    session: ParseSession,
    { feedId, contractNo, contract, payloads, outlines }: ReadingGroup & Outlines,
    names: readonly string[] | 'all',
): Promise<PayloadLine[]> {
    await makeFolderDurably(scratchFolder);
    const spoolPath = path.join(scratchFolder, scratchName('lines'));
    const sink = new ScratchFile(spoolPath);
    try {
        const needles = names !== 'all' && readsLineByLine(contract) ? names : undefined;
        const filtered = payloads.map(({ payload }) => {
            const outline = outlines.get(payload.header.sequence);
            const pieces = needles && outline && piecesOfMeters(payload, outline, contract, needles);
            if (pieces) return filterPieces(pieces, needles);
            const chunks = decompressed(payloadBytes(payload));
            return needles ? filterLines(chunks, needles) : { chunks, lineNoOf: (n: number) => n };
        });
        await spoolRecords(
            filtered.map(({ chunks }, ordinal) => ({ ordinal, chunks })),
            contract,
            sink,
        );
        sink.close();
        await registerPayloads(
            session,
            payloads.map(({ payload, segmentNo }, payloadNo) => ({
                payloadNo,
                sequence: payload.header.sequence,
                segmentNo,
                receivedAt: payload.header.receivedAt,
            })),
        );
        await session.prepare(contract);
        const options = { feedId, bucketSize: lake.bucketSize, keepsText: true };
        await typeSpool(session, contract, { kind: 'spool', path: spoolPath }, options);
        const lines = await typedLines(session, names);
        return lines.map(({ payloadNo, ...line }) => ({
            ...line,
            lineNo: filtered[payloadNo]?.lineNoOf(line.lineNo) ?? line.lineNo,
            isReplayed: payloads[payloadNo]?.parsedContractNo !== contractNo,
        }));
    } finally {
        await removeFiles([spoolPath]);
    }
}

/** Whether a name that a record holds stands in the record's line as it is. In JSON it may be escaped, and in quotes doubled. */
function readsLineByLine({ layout }: FeedContract): boolean {
    return layout.format === 'delimited' && layout.quoting === 'none';
}

/** Lines are counted in what was typed. */
async function typedLines(
    session: ParseSession,
    names: readonly string[] | 'all',
): Promise<(Omit<PayloadLine, 'isReplayed'> & { readonly payloadNo: number })[]> {
    const isNamed = names === 'all' ? 'true' : `meter_key in (${names.map(sqlText).join(', ')})`;
    const rows = await session.engine.rows(
        `select payload_no, sequence, line_no, text, meter_key, register_key, epoch_ms(make_timestamptz(period_us)) as period_ms,
            cast(kwh as varchar) as kwh, quality, faults, cell_name
         from parsed where ${isNamed} order by payload_no, line_no, period_us`,
    );
    return rows.map((row) => ({
        payloadNo: Number(row.payload_no),
        sequence: Number(row.sequence),
        lineNo: Number(row.line_no),
        text: String(row.text ?? ''),
        meterKey: String(row.meter_key),
        registerKey: String(row.register_key),
        periodFrom: row.period_ms === null ? null : Number(row.period_ms),
        kwh: row.kwh === null ? null : String(row.kwh),
        quality: row.quality === null ? null : String(row.quality),
        faults: String(row.faults),
        cell: String(row.cell_name),
    }));
}
