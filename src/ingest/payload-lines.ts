import path from 'node:path';
import type { FeedContract } from '../contracts/feed-contract.ts';
import { sqlText } from '../engine/sql-text.ts';
import { decompressed } from '../kernel/compression.ts';
import { makeFolderDurably, removeFiles } from '../kernel/durable.ts';
import { assert } from '../kernel/errors.ts';
import { ScratchFile } from '../kernel/scratch.ts';
import type { Lake } from '../lake/lake.ts';
import { contractOfNumber } from '../parsers/feed-registration.ts';
import { filterLines } from '../parsers/line-filter.ts';
import { spoolRecords } from '../parsers/record-spool.ts';
import type { FoundPayload } from '../raw/find-payload.ts';
import { payloadBytes } from '../raw/segment-reader.ts';
import { registerPayloads } from './parse-batch.ts';
import { judgeSpool } from './parse-outputs.ts';
import { openParseSession, type ParseSession } from './parse-session.ts';

/** A record of a payload as its contract reads it. */
export interface PayloadLine {
    readonly sequence: number;
    readonly lineNo: number;
    readonly text: string;
    readonly meterKey: string;
    readonly registerKey: string;
    /** UTC epoch milliseconds; null where the stamp is none. */
    readonly periodFrom: number | null;
    readonly kwh: string | null;
    readonly quality: string | null;
    /** Blank where the row is right, by the registrations of today. */
    readonly faults: string;
}

export interface LinePlace {
    readonly lake: Lake;
    readonly scratchFolder: string;
}

/** The parsed payloads of one feed and contract whose lines are read together. */
interface ReadingGroup {
    readonly feedId: number;
    readonly contract: FeedContract;
    readonly payloads: readonly FoundPayload[];
}

/**
 * Reads payloads again, each by the contract version that it was parsed by, and gives their records of the meters or metering points
 * named. Of a format with a record to a line, only lines that hold a name are typed. Payloads that nobody has parsed give none.
 */
export async function readLinesAgain(
    place: LinePlace,
    payloads: readonly FoundPayload[],
    names: readonly string[],
): Promise<PayloadLine[]> {
    const groups = await groupsOf(place.lake, payloads);
    if (groups.length === 0 || names.length === 0) return [];
    const session = await openParseSession(place.lake);
    try {
        const lines: PayloadLine[] = [];
        for (const group of groups) lines.push(...(await readGroup(place, session, group, names)));
        return lines;
    } finally {
        await session.close();
    }
}

async function groupsOf(lake: Lake, payloads: readonly FoundPayload[]): Promise<ReadingGroup[]> {
    const byContract = Map.groupBy(payloads, ({ feedId, contractNo }) => `${feedId} ${contractNo}`);
    const groups: ReadingGroup[] = [];
    for (const ofContract of byContract.values()) {
        const { feedId, contractNo } = ofContract[0] ?? { feedId: 0, contractNo: null };
        if (contractNo === null) continue;
        const known = await contractOfNumber(lake.db, feedId, contractNo);
        assert(known, `contract ${contractNo} of feed ${feedId} is kept`);
        groups.push({ feedId, contract: known.contract, payloads: ofContract });
    }
    return groups;
}

async function readGroup(
    { lake, scratchFolder }: LinePlace,
    session: ParseSession,
    { feedId, contract, payloads }: ReadingGroup,
    names: readonly string[],
): Promise<PayloadLine[]> {
    await makeFolderDurably(scratchFolder);
    const spoolPath = path.join(scratchFolder, `lines-${process.pid}-${Date.now().toString(36)}.txt`);
    const sink = new ScratchFile(spoolPath);
    try {
        const isByLine = readsLineByLine(contract);
        const filtered = payloads.map(({ payload }) => {
            const chunks = decompressed(payloadBytes(payload));
            return isByLine ? filterLines(chunks, names) : { chunks, lineNoOf: (n: number) => n };
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
        const options = { feedId, bucketSize: lake.bucketSize };
        await judgeSpool(session, contract, { kind: 'spool', path: spoolPath }, options);
        return await typedLines(session, names, (payloadNo, n) => filtered[payloadNo]?.lineNoOf(n) ?? n);
    } finally {
        await removeFiles([spoolPath]);
    }
}

/** Whether a name that a record holds stands in the record's line as it is. In JSON it may be escaped, and in quotes doubled. */
function readsLineByLine({ layout }: FeedContract): boolean {
    return layout.format === 'delimited' && layout.quoting === 'none';
}

async function typedLines(
    session: ParseSession,
    names: readonly string[],
    lineNoOf: (payloadNo: number, n: number) => number,
): Promise<PayloadLine[]> {
    const rows = await session.engine.rows(
        `select payload_no, sequence, line_no, text, meter_key, register_key, epoch_ms(make_timestamptz(period_us)) as period_ms,
            cast(kwh as varchar) as kwh, quality, faults
         from parsed where meter_key in (${names.map(sqlText).join(', ')}) order by payload_no, line_no, period_us`,
    );
    return rows.map((row) => ({
        sequence: Number(row.sequence),
        lineNo: lineNoOf(Number(row.payload_no), Number(row.line_no)),
        text: String(row.text ?? ''),
        meterKey: String(row.meter_key),
        registerKey: String(row.register_key),
        periodFrom: row.period_ms === null ? null : Number(row.period_ms),
        kwh: row.kwh === null ? null : String(row.kwh),
        quality: row.quality === null ? null : String(row.quality),
        faults: String(row.faults),
    }));
}
