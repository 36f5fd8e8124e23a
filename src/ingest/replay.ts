import { crashPoint } from '../kernel/faults.ts';
import { commitVersions } from '../lake/append.ts';
import { openCommit, retireFiles, WHOLE_TABLE } from '../lake/catalogue.ts';
import type { Lake } from '../lake/lake.ts';
import { oneAtATime, requireRetired } from '../lake/waiting-lock.ts';
import { nextJudgedAt } from '../registry/known-time.ts';
import type { Transaction } from '../store/database.ts';
import {
    appendWhole,
    enterFlagged,
    enterRefused,
    type PayloadRefused,
    type RefusedPayload,
} from './parse-commit.ts';
import { judgeSpool, matchAgain, type ParsedBatch, unknownMeters, writeParsed } from './parse-outputs.ts';
import {
    BATCH_BYTES,
    BATCH_SEGMENTS,
    extend,
    type Ingest,
    type KnownFeed,
    type LocatedPayload,
    locatePayloads,
    note,
    refusedPayload,
    registerLocated,
    registerUnknown,
    whereComputable,
    withSpool,
} from './parse-pending.ts';
import { openParseSession, type ParseSession } from './parse-session.ts';
import {
    addCounts,
    claimFaultySegments,
    type FaultySegment,
    type SegmentStats,
    type StandingRefusal,
    standingRefusals,
} from './replay-plan.ts';
import {
    heldSequences,
    holdQuarantined,
    keepForReplay,
    type SupersededRows,
    supersede,
} from './replay-rows.ts';

export interface ReplayTotals {
    segments: number;
    /** Payloads that were refused and came in, and those that the new contract refuses too. */
    payloadsAdmitted: number;
    payloadsRefusedAgain: number;
    /** Entries of `quarantined_rows` whose place was taken. */
    rowsLookedAt: number;
    /** What came of them and of the admitted payloads. */
    versions: number;
    waiting: number;
    quarantined: number;
    /** The first of those that are refused again. */
    refusals: PayloadRefused[];
}

/**
 * Judges again, by the feed's present contract, what an older one refused or quarantined, and brings in what is right now under the
 * sequence of its receipt. A batch of segments is one transaction: rows, counts, history and the mark that the segments are judged become
 * visible together, so a segment is judged once by each contract, whoever dies or works beside. Rewriting `quarantined_rows` is for
 * one process at a time.
 */
export async function replay(
    ingest: Ingest,
    onProgress: (totals: ReplayTotals) => void = () => {},
): Promise<ReplayTotals> {
    const totals: ReplayTotals = {
        segments: 0,
        payloadsAdmitted: 0,
        payloadsRefusedAgain: 0,
        rowsLookedAt: 0,
        versions: 0,
        waiting: 0,
        quarantined: 0,
        refusals: [],
    };
    const session = await openParseSession(ingest.lake);
    try {
        for (const feed of ingest.feeds) {
            const next = (lake: Lake) => replayNextBatch({ ...ingest, lake }, session, feed, totals);
            const inTurn = () => oneAtATime(ingest.lake, next);
            while (await inTurn()) onProgress(totals);
        }
        return totals;
    } finally {
        await session.close();
    }
}

async function replayNextBatch(
    ingest: Ingest,
    session: ParseSession,
    feed: KnownFeed,
    totals: ReplayTotals,
): Promise<boolean> {
    return ingest.lake.db.transaction(async (tx) => {
        const limits = { segments: BATCH_SEGMENTS, bytes: BATCH_BYTES, within: ingest.segmentNos };
        const segments = await claimFaultySegments(tx, feed, limits);
        if (segments.length === 0) return false;
        const judged = await judgeAgain(ingest, session, feed, segments, tx);
        crashPoint('append');
        await commitReplay(tx, ingest.lake, feed, segments, judged);
        addTotals(totals, segments.length, judged);
        return true;
    });
}

interface JudgedAgain {
    readonly parsed: ParsedBatch;
    readonly superseded: SupersededRows;
    /** Refusals that stood before, and those of the same payloads under the new contract. */
    readonly refusedBefore: readonly StandingRefusal[];
    readonly refused: readonly RefusedPayload[];
    readonly flagged: readonly RefusedPayload[];
}

async function judgeAgain(
    ingest: Ingest,
    session: ParseSession,
    feed: KnownFeed,
    segments: readonly FaultySegment[],
    tx: Transaction,
): Promise<JudgedAgain> {
    const { engine } = session;
    const refusedBefore = await standingRefusals(
        tx,
        segments.map((s) => s.segmentNo),
    );
    // a repeat has neither a refusal nor rows, so it is never among those that are judged again
    const located = await locatePayloads(ingest, segments);
    await registerLocated(session, located);
    await holdQuarantined(ingest.lake, engine, feed);
    const affected = await heldSequences(engine);
    for (const { sequence } of refusedBefore) affected.add(sequence);
    const stored = located.filter(({ payload }) => affected.has(payload.header.sequence));
    await registerLocated(session, stored);
    const before = refusedBefore.map((r) => r.sequence);
    return whereComputable({ ingest, session, feed, stored }, async (left, notComputable) => {
        const judged = await judgeStored(ingest, session, feed, { segments, before, stored: left });
        const wasRefused = ({ sequence }: RefusedPayload) => before.includes(sequence);
        return {
            ...judged,
            refusedBefore,
            refused: [...notComputable.filter(wasRefused), ...judged.refused],
            // one that came in keeps what it brought, and its rows in quarantine stay there
            flagged: [...notComputable.filter((one) => !wasRefused(one)), ...judged.flagged],
        };
    });
}

interface StoredAgain {
    readonly segments: readonly FaultySegment[];
    /** Receipts of those that were refused. */
    readonly before: readonly number[];
    readonly stored: readonly LocatedPayload[];
}

async function judgeStored(
    ingest: Ingest,
    session: ParseSession,
    feed: KnownFeed,
    { segments, before, stored }: StoredAgain,
): Promise<Omit<JudgedAgain, 'refusedBefore'>> {
    const { engine } = session;
    return withSpool(ingest, feed, stored, async (source, refusedNow) => {
        await session.prepare(feed.contract);
        const options = { feedId: feed.feedId, bucketSize: ingest.lake.bucketSize };
        const judged = await judgeSpool(session, ingest.lake, feed.contract, source, options);
        await keepForReplay(engine, before);
        const unknown = await unknownMeters(engine, feed.contract);
        if (feed.contract.reading.unknownMeter === 'register' && unknown.length > 0) {
            await registerUnknown(ingest, feed, unknown);
            await session.prepare(feed.contract);
            await matchAgain(engine);
        }
        const judgedBy = new Map(segments.map((s) => [s.segmentNo, s.judgedContractNo]));
        const superseded = await supersede(ingest.lake, engine, feed, judgedBy);
        const parsed = await writeParsed(session, ingest.lake, { ...options, kind: feed.contract.kind });
        await extend(ingest, parsed);
        // a payload whose right rows came in before is not refused for what the new contract says of the whole file
        const byRows = judged.refused.map((r) => refusedPayload(feed, stored[r.payloadNo], r.refused));
        const refused = [...refusedNow, ...byRows].filter((r) => before.includes(r.sequence));
        const flagged = judged.flagged.map((r) => refusedPayload(feed, stored[r.payloadNo], r.refused));
        return { parsed, superseded, refused, flagged };
    });
}

async function commitReplay(
    tx: Transaction,
    lake: Lake,
    feed: KnownFeed,
    segments: readonly FaultySegment[],
    { parsed, superseded, refusedBefore, refused, flagged }: JudgedAgain,
): Promise<void> {
    const commitNo = await openCommit(tx, lake, 'replay', { segments: segments.length });
    await commitVersions(tx, lake, commitNo, parsed.versionFiles, parsed.table);
    await appendWhole(tx, lake, 'waiting_rows', commitNo, parsed.waitingFiles);
    const { retired, kept, history } = superseded;
    if (retired.length > 0) {
        const fileIds = retired.map((file) => file.fileId);
        const gone = await retireFiles(tx, 'quarantined_rows', commitNo, [WHOLE_TABLE], fileIds);
        requireRetired(gone, fileIds.length, 'quarantined rows');
        const rows = retired.reduce((sum, file) => sum + file.rowCount, 0);
        await tx.query(
            `update partitions set row_count = row_count - $1 where table_name = 'quarantined_rows'`,
            [rows],
        );
    }
    await appendWhole(tx, lake, 'quarantined_rows', commitNo, [...kept, ...parsed.quarantinedFiles]);
    await appendWhole(tx, lake, 'replayed_rows', commitNo, history);
    await tx.query(
        'update refused_payloads set superseded_by = $1 where sequence = any($2) and superseded_by is null',
        [feed.contractNo, refusedBefore.map((r) => r.sequence)],
    );
    await enterRefused(tx, lake, feed.feedId, refused);
    await enterFlagged(tx, lake, feed.feedId, flagged);
    const after = segments.map((segment) => statsAfter(segment, parsed, superseded, refused));
    await tx.query(
        `insert into segment_replays (segment_no, contract_no, commit_no, replayed_at, stats_before)
         select segment_no, $1, $2, to_timestamp($3 / 1000.0), parse_stats from segments where segment_no = any($4)`,
        [feed.contractNo, commitNo, await nextJudgedAt(tx, lake.clock), segments.map((s) => s.segmentNo)],
    );
    await tx.query(
        `update segments s set parse_stats = s.parse_stats || t.stats::jsonb
           from unnest($1::bigint[], $2::text[]) as t(segment_no, stats) where s.segment_no = t.segment_no`,
        [segments.map((s) => s.segmentNo), after.map((stats) => JSON.stringify(stats))],
    );
    crashPoint('append');
}

function statsAfter(
    { segmentNo, stats }: FaultySegment,
    parsed: ParsedBatch,
    superseded: SupersededRows,
    refused: readonly RefusedPayload[],
): SegmentStats {
    const came = parsed.counts.find((c) => c.segmentNo === segmentNo);
    const gone = superseded.counts.find((c) => c.segmentNo === segmentNo);
    const quarantinedByRule = { ...stats.quarantinedByRule };
    addCounts(quarantinedByRule, gone?.byRule ?? {}, -1);
    addCounts(quarantinedByRule, came?.quarantinedByRule ?? {});
    return {
        records: stats.records - (gone?.rows ?? 0) + (came?.records ?? 0),
        versions: stats.versions + (came?.versions ?? 0),
        waiting: stats.waiting + (came?.waiting ?? 0),
        quarantined: stats.quarantined - (gone?.rows ?? 0) + (came?.quarantined ?? 0),
        rounded: stats.rounded + (came?.rounded ?? 0),
        unused: (stats.unused ?? 0) + (came?.unused ?? 0),
        quarantinedByRule,
        refused: refused.filter((r) => r.segmentNo === segmentNo).length,
    };
}

function addTotals(totals: ReplayTotals, segments: number, judged: JudgedAgain): void {
    totals.segments += segments;
    totals.payloadsAdmitted += judged.refusedBefore.length - judged.refused.length;
    totals.payloadsRefusedAgain += judged.refused.length;
    totals.rowsLookedAt += judged.superseded.counts.reduce((sum, c) => sum + c.rows, 0);
    for (const counts of judged.parsed.counts) {
        totals.versions += counts.versions;
        totals.waiting += counts.waiting;
        totals.quarantined += counts.quarantined;
    }
    note(totals.refusals, judged.refused);
}
