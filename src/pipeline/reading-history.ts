import { LAKE_TABLES } from '../contracts/lake-tables.ts';
import type { EngineRow, EngineSession } from '../engine/engine.ts';
import { sqlText } from '../engine/sql-text.ts';
import type { PayloadLine } from '../ingest/payload-lines.ts';
import { addDays } from '../kernel/calendar-date.ts';
import { assert, GridtallyError } from '../kernel/errors.ts';
import { marketDayOf } from '../kernel/market-day.ts';
import { instantText, type Period } from '../kernel/period.ts';
import { distinctPaths, liveFiles } from '../lake/catalogue.ts';
import type { Lake } from '../lake/lake.ts';
import { useLake } from '../lake/lake-use.ts';
import { type PublishedEstimate, readPublishedEstimates } from '../lake/published-estimates.ts';
import { decideReadsAgain } from '../lake/register-history.ts';
import { type DecidedVersion, decideAgain } from '../lake/version-history.ts';
import { type NamedChannels, namedChannels } from '../registry/named-channels.ts';
import { withEstimates } from '../trace/traced-estimate.ts';
import {
    type ChannelNaming,
    type SourceLine,
    type TracedInterval,
    traceIntervals,
} from '../trace/traced-version.ts';
import { type Chain, feedsOf, precedenceOf } from './chain.ts';
import { readSourceLines, type SourceLines, type WantedRow } from './source-lines.ts';

export interface HistoryQuestion {
    /** Outside identifier of a meter or a metering point. */
    readonly meter: string;
    readonly registerId?: string;
    /** Intervals that begin in it, half-open. */
    readonly period: Period;
}

/** A row that is no version: it waits for a meter, or broke a rule. */
export interface UnplacedRow extends SourceLine {
    /** Null where its stamp is none. */
    readonly periodFrom: string | null;
    readonly registerId: string;
    readonly kwh: string | null;
    readonly quality: string | null;
    /** Rules or reason, by id. */
    readonly why: string;
}

export interface ReadingHistory {
    readonly meter: string;
    readonly periodFrom: string;
    readonly periodTo: string;
    readonly intervals: readonly TracedInterval[];
    /** Of its registers, in which an index stands where an interval has its energy. */
    readonly registerReads: readonly TracedInterval[];
    readonly waiting: readonly UnplacedRow[];
    readonly quarantined: readonly UnplacedRow[];
}

/**
 * Everything that was received about a meter's intervals and what became of it. Reads version files of the partitions concerned, and the
 * payloads that the rows came from. Throws `trace.meter-unknown` where neither a registration nor a row has the name.
 */
export async function readingHistory(chain: Chain, question: HistoryQuestion): Promise<ReadingHistory> {
    return useLake(chain.lake, async (lake) => {
        const inUse = { ...chain, lake };
        const named = await namedChannels(lake.db, question.meter, question.registerId);
        const session = await lake.engine.openSession();
        try {
            const delivering = await feedsOf(inUse);
            const { channels } = named;
            const { period } = question;
            const feeds = precedenceOf(delivering);
            const asked = { channels, feeds: feeds.intervals, period };
            const versions = await decideAgain(session, lake, asked);
            const registers = { channels, feeds: feeds.registers, period };
            const reads = await decideReadsAgain(session, lake, registers);
            const names = allNames(named, question.meter);
            const waiting = await waitingRows(session, inUse, names, question);
            const quarantined = await quarantinedRows(session, inUse, names);
            if (named.channels.length + waiting.length + quarantined.length === 0) throw unknown(question);
            const unplaced = new Set([...waiting, ...quarantined].map(({ sequence }) => sequence));
            const wanted = wantedRows([...versions, ...reads], named);
            const sources = await readSourceLines(inUse, wanted, names, unplaced);
            return {
                meter: question.meter,
                periodFrom: instantText(question.period.from),
                periodTo: instantText(question.period.to),
                intervals: withEstimates(
                    traceWithLines(versions, named, sources),
                    await estimatesWithin(session, lake, named, question.period),
                    namingBy(named),
                ),
                registerReads: traceWithLines(reads, named, sources),
                waiting: waiting.map((row) => waitingRow(row, sources)),
                quarantined: quarantined.flatMap((row) => quarantinedRow(row, names, question, sources)),
            };
        } finally {
            await session.close();
        }
    });
}

function unknown({ meter, registerId }: HistoryQuestion): GridtallyError {
    const register = registerId === undefined ? '' : ` with register ${JSON.stringify(registerId)}`;
    return new GridtallyError(
        'trace.meter-unknown',
        `nothing is known of a meter or metering point ${JSON.stringify(meter)}${register}`,
    );
}

function allNames({ namesOf }: NamedChannels, ...more: readonly string[]): string[] {
    return [...new Set([...more, ...[...namesOf.values()].flatMap((names) => [...names])])];
}

interface WaitingRow {
    readonly feedId: number;
    readonly sequence: number;
    readonly ordinal: number;
    readonly meterKey: string;
    readonly registerKey: string;
    readonly periodFrom: number;
    readonly kwh: string | null;
    readonly quality: string;
    readonly reason: string;
    readonly receivedAt: number;
}

async function waitingRows(
    session: EngineSession,
    { lake }: Chain,
    names: readonly string[],
    { period, registerId }: HistoryQuestion,
): Promise<WaitingRow[]> {
    const files = await liveFiles(lake, 'waiting_rows');
    await session.registerFiles('waiting_rows', LAKE_TABLES.waiting_rows, distinctPaths(files));
    const rows = await session.rows(
        `select *, epoch_ms(period_from) as period_ms, epoch_ms(received_at) as received_ms from waiting_rows
          where meter_key in (${names.map(sqlText).join(', ')}) and period_from >= timestamptz '${instantText(period.from)}'
            and period_from < timestamptz '${instantText(period.to)}'
            ${registerId === undefined ? '' : `and register_key = ${sqlText(registerId)}`}
          order by register_key, period_from, sequence, ordinal`,
    );
    return rows.map((row) => ({
        feedId: Number(row.feed_id),
        sequence: Number(row.sequence),
        ordinal: Number(row.ordinal),
        meterKey: String(row.meter_key),
        registerKey: String(row.register_key),
        periodFrom: Number(row.period_ms),
        kwh: textOrNull(row, 'kwh'),
        quality: String(row.quality),
        reason: String(row.reason),
        receivedAt: Number(row.received_ms),
    }));
}

interface QuarantinedRow {
    readonly feedId: number;
    readonly sequence: number;
    readonly lineNo: number;
    readonly rules: string;
    /** Columns that broke them; of a cell of a wide file its own stands first. */
    readonly fields: string;
    readonly text: string;
    readonly receivedAt: number;
}

/** Rows whose text has one of the names: whether it names the meter is seen when the payload is read again. */
async function quarantinedRows(
    session: EngineSession,
    { lake }: Chain,
    names: readonly string[],
): Promise<QuarantinedRow[]> {
    const files = await liveFiles(lake, 'quarantined_rows');
    await session.registerFiles('quarantined_rows', LAKE_TABLES.quarantined_rows, distinctPaths(files));
    const rows = await session.rows(
        `select *, epoch_ms(received_at) as received_ms from quarantined_rows
          where ${names.map((name) => `contains(original_text, ${sqlText(name)})`).join(' or ')} order by sequence, line_no`,
    );
    return rows.map((row) => ({
        feedId: Number(row.feed_id),
        sequence: Number(row.sequence),
        lineNo: Number(row.line_no),
        rules: String(row.rule_ids),
        fields: String(row.fields),
        text: String(row.original_text),
        receivedAt: Number(row.received_ms),
    }));
}

function textOrNull(row: EngineRow, name: string): string | null {
    return row[name] === null || row[name] === undefined ? null : String(row[name]);
}

async function estimatesWithin(
    session: EngineSession,
    lake: Lake,
    { channels }: NamedChannels,
    { from, to }: Period,
): Promise<PublishedEstimate[]> {
    if (channels.length === 0 || from >= to) return [];
    const numbers = [...new Set(channels.map(({ channelNo }) => channelNo))];
    const days = { from: marketDayOf(lake.zone, from), to: addDays(marketDayOf(lake.zone, to - 1), 1) };
    const estimates = await readPublishedEstimates(session, lake, numbers, days);
    const [first, end] = [instantText(from), instantText(to)];
    return estimates.filter(({ periodFrom }) => first <= periodFrom && periodFrom < end);
}

function namingBy({ channels }: Pick<NamedChannels, 'channels'>): (channelNo: number) => ChannelNaming {
    const entries = new Map(channels.map((entry) => [entry.channelNo, entry]));
    return (channelNo) => {
        const entry = entries.get(channelNo);
        assert(entry, `channel ${channelNo} is believed to be somewhere`);
        const { meterId, meteringPointId, registerId } = entry;
        return { meterId, meteringPointId, registerId };
    };
}

/** What to ask for, so that `traceWithLines` finds the lines of these versions. */
export function wantedRows(
    versions: readonly DecidedVersion[],
    { channels, namesOf }: NamedChannels,
): WantedRow[] {
    const naming = namingBy({ channels });
    return versions.map((row) => ({
        row,
        registerId: naming(row.channelNo).registerId,
        names: namesOf.get(row.channelNo) ?? new Set<string>(),
    }));
}

/** Versions in the order of channel, interval and place, put together by interval, each with its line. */
export function traceWithLines(
    versions: readonly DecidedVersion[],
    named: NamedChannels,
    sources: SourceLines,
): TracedInterval[] {
    const wanted = new Map(wantedRows(versions, named).map((one) => [one.row, one]));
    return traceIntervals(versions, {
        standing: sources.standing,
        naming: namingBy(named),
        lineOf: (version) => {
            const { registerId = '', names = new Set<string>() } = wanted.get(version) ?? {};
            return sources.lineOf(version, registerId, names);
        },
    });
}

function waitingRow(row: WaitingRow, sources: SourceLines): UnplacedRow {
    const { quality, reason: why, registerKey: registerId } = row;
    const line = sources.lineOf(row, registerId, new Set([row.meterKey]));
    return { ...line, periodFrom: instantText(row.periodFrom), registerId, kwh: row.kwh, quality, why };
}

function quarantinedRow(
    row: QuarantinedRow,
    names: readonly string[],
    question: HistoryQuestion,
    sources: SourceLines,
): UnplacedRow[] {
    return recordsOf(row, sources.rowsAt(row.sequence, row.lineNo))
        .filter((line) => isAskedFor(line, names, question))
        .map((line) => ({
            ...sources.sourceOf(row, line),
            text: row.text,
            periodFrom: line.periodFrom === null ? null : instantText(line.periodFrom),
            registerId: line.registerKey,
            kwh: line.kwh,
            quality: line.quality,
            why: row.rules,
        }));
}

/** Those of a line that the entry is about: of a wide file one cell, unless the line was at fault as a whole. */
function recordsOf({ fields }: QuarantinedRow, lines: readonly PayloadLine[]): readonly PayloadLine[] {
    const own = lines.filter(({ cell }) => cell !== '' && `${fields} `.startsWith(`${cell} `));
    return own.length > 0 ? own : lines;
}

/** A row whose stamp is none may be of any time. */
function isAskedFor(
    line: PayloadLine,
    names: readonly string[],
    { period, registerId }: HistoryQuestion,
): boolean {
    if (!names.includes(line.meterKey)) return false;
    if (registerId !== undefined && line.registerKey !== registerId) return false;
    return line.periodFrom === null || (line.periodFrom >= period.from && line.periodFrom < period.to);
}
