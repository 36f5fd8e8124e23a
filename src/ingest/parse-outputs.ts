import type { FeedContract, FeedKind } from '../contracts/feed-contract.ts';
import { LAKE_TABLES, type VersionTable } from '../contracts/lake-tables.ts';
import type { EngineSession, WrittenFile } from '../engine/engine.ts';
import { calendarDate, dateOfEpochDay } from '../kernel/calendar-date.ts';
import { makeFolderDurably, removeFiles, syncWrittenFiles } from '../kernel/durable.ts';
import { crashPoint } from '../kernel/faults.ts';
import type { NewFile } from '../lake/catalogue.ts';
import { freshFolder, type Lake } from '../lake/lake.ts';
import type { PayloadRefusal } from '../parsers/payload-verdict.ts';
import { type RefusedBatchPayload, refuseByForm } from './form-limit.ts';
import { isRightButLate, lateFaults } from './late-faults.ts';
import { judgeMoves } from './moved-payloads.ts';
import { judgedRows, type RecordSource, type UnknownMeter } from './parse-batch.ts';
import type { ParseSession } from './parse-session.ts';
import { knownCodes, knownStamps, type PlainSource, plainRows } from './plain-rows.ts';
import { writeWhole } from './whole-table.ts';

/** What became of the rows of one segment. records = versions + quarantined + waiting. */
export interface SegmentCounts {
    readonly segmentNo: number;
    readonly records: number;
    readonly versions: number;
    readonly waiting: number;
    readonly quarantined: number;
    /** Values with more than six decimals, rounded half-even. */
    readonly rounded: number;
    /** Numbers beside a quality that says that there is no value. */
    readonly unused: number;
    readonly quarantinedByRule: Readonly<Record<string, number>>;
}

export interface ParsedBatch {
    readonly table: VersionTable;
    /** Of that table. */
    readonly versionFiles: readonly NewFile[];
    readonly waitingFiles: readonly NewFile[];
    readonly quarantinedFiles: readonly NewFile[];
    readonly counts: readonly SegmentCounts[];
    /** Feed-registered channels with a reading before the day from which they were expected to read. */
    readonly earlierDays: readonly { readonly channelNo: number; readonly firstDayNo: number }[];
}

export interface OutputOptions {
    readonly feedId: number;
    readonly bucketSize: number;
}

/** What rows of each table say beside what all versions say. */
const MEASURED: Readonly<Record<VersionTable, string>> = {
    reading_versions: 'make_timestamptz(period_us) as period_from, minutes as interval_minutes, kwh',
    register_versions: 'make_timestamptz(period_us) as read_at, kwh as index_kwh',
};

const VERSION_SELECT = (o: OutputOptions, table: VersionTable = 'reading_versions') => `
    make_date(cast(market_day_no as integer)) as market_day, cast(channel_no // ${o.bucketSize} as integer) as bucket, channel_no,
    ${MEASURED[table]}, quality, source_code,
    cast(${o.feedId} as smallint) as feed_id, version_stamp, sequence, cast(ordinal as bigint) as ordinal,
    make_timestamptz(received_us) as received_at`;

const WAITING_SELECT = (o: OutputOptions) => `
    cast(${o.feedId} as smallint) as feed_id, sequence, cast(ordinal as bigint) as ordinal,
    make_timestamptz(received_us) as received_at, meter_key, register_key, make_timestamptz(period_us) as period_from,
    minutes as interval_minutes, kwh, quality, source_code, version_stamp,
    ${waitingReason('meter_key', 'register_key')} as reason, text as original_text,
    line_no, export_field, minutes_field, is_rounded`;

/** Why a row without a channel waits, from the session's `channel_map`. */
export function waitingReason(meterKey: string, registerKey: string): string {
    return `case when (${meterKey}, ${registerKey}) in (select (external_key, register_key) from channel_map) then 'waiting.outside-validity'
        else 'waiting.meter-unknown' end`;
}

/** What a look at all rows of a batch shows, beside the table `parsed`. */
export interface JudgedSpool {
    readonly unknown: readonly UnknownMeter[];
    /** Payloads that are refused for their rows, which are no longer in `parsed`. */
    readonly refused: readonly RefusedBatchPayload[];
    /** Payloads that come in although something about them is odd. */
    readonly flagged: readonly RefusedBatchPayload[];
}

/** Types a spool into the session's table `parsed`, takes out what is refused as a whole, and tells the meters that nobody registered. */
export async function judgeSpool(
    session: ParseSession,
    lake: Lake,
    contract: FeedContract,
    source: RecordSource & { kind: 'spool' },
    options: OutputOptions,
): Promise<JudgedSpool> {
    const { engine } = session;
    const byForm = await judgeAlone(session, contract, source, options);
    const moved = await judgeMoves(engine, lake, contract, options.feedId);
    const refused = [...byForm, ...moved.refused];
    return { unknown: await unknownMeters(engine, contract), refused, flagged: moved.flagged };
}

/** What can be said of records without the lake: makes `parsed`, and tells which payloads are refused for the form of their rows. */
async function judgeAlone(
    session: ParseSession,
    contract: FeedContract,
    source: RecordSource & { kind: 'spool' },
    options: OutputOptions,
): Promise<RefusedBatchPayload[]> {
    await typeSpool(session, contract, source, options);
    return refuseByForm(session.engine, contract);
}

/**
 * After a failure of a value: the refusal of records on which the engine gives up whatever is in the lake, or undefined where they alone can be computed.
 * Needs a prepared session; leaves its tables as they come.
 */
export async function refusalOfValues(
    session: ParseSession,
    contract: FeedContract,
    source: RecordSource & { kind: 'spool' },
    options: OutputOptions,
): Promise<PayloadRefusal | undefined> {
    try {
        await judgeAlone(session, contract, source, options);
        return undefined;
    } catch (error) {
        if (!session.engine.isFailureOfValue(error)) throw error;
        return { ruleId: 'file.not-computable', message: (error as Error).message };
    }
}

/** Makes the session's table `parsed`: a row for each record, by what its contract says of rows alone. */
export async function typeSpool(
    session: ParseSession,
    contract: FeedContract,
    source: RecordSource & { kind: 'spool' },
    options: OutputOptions & { readonly keepsText?: boolean },
): Promise<void> {
    const { engine } = session;
    await engine.materialise(
        'judged',
        judgedRows(contract, source, { ...options, ...offsetOption(session) }),
    );
    const isRefused = contract.reading.repeatedInPayload === 'refuse';
    // a repeat is refused whether or not the channel is known yet that says what else is wrong
    const mayRepeat = (faults: string) => (isRefused ? isRightButLate(faults) : `${faults} = ''`);
    await engine.materialise(
        'repeats',
        `select payload_no, meter_key, register_key, period_us from judged where ${mayRepeat('faults')}
         group by payload_no, meter_key, register_key, period_us having count(*) > 1`,
    );
    await engine.materialise(
        'parsed',
        `select j.* exclude (faults, fault_fields), case when r.payload_no is null then 0 else j.line_no end as ordinal,
            ${isRefused ? "case when r.payload_no is not null then 'row.repeated' else j.faults end" : 'j.faults'} as faults,
            ${isRefused ? "case when r.payload_no is not null then '' else j.fault_fields end" : 'j.fault_fields'} as fault_fields
         from judged as j left join repeats as r on r.payload_no = j.payload_no and r.meter_key = j.meter_key
            and r.register_key = j.register_key and r.period_us = j.period_us and ${mayRepeat('j.faults')}`,
    );
    await engine.run('drop table judged');
}

/** After a registration: gives the rows of `parsed` that had no channel the one that they have now, and judges them by it. */
export async function matchAgain(engine: EngineSession): Promise<void> {
    const late = lateFaults('p', 'c', 'minutes');
    await engine.materialise(
        'matched',
        `select p.* exclude (channel_no, faults, fault_fields), coalesce(p.channel_no, c.channel_no) as channel_no,
            case when p.faults = '' then ${late.rules} else p.faults end as faults,
            case when p.faults = '' then ${late.fields} else p.fault_fields end as fault_fields
         from parsed as p left join channel_map as c on p.channel_no is null and c.external_key = p.meter_key
            and c.register_key = p.register_key and p.period_us >= c.valid_from_us and p.period_us < c.valid_to_us`,
    );
    await engine.run('drop table parsed');
    await engine.run('alter table matched rename to parsed');
}

/** Splits the rows of `parsed` by outcome and writes each part. Nothing is committed here. */
export async function writeParsed(
    session: ParseSession,
    lake: Lake,
    options: OutputOptions & { readonly kind: FeedKind },
): Promise<ParsedBatch> {
    const { engine } = session;
    const table = options.kind === 'register' ? 'register_versions' : 'reading_versions';
    return {
        table,
        versionFiles: await writeVersions(engine, lake, options, table),
        waitingFiles: await writeWhole(lake, engine, 'waiting_rows', {
            rows: `select ${WAITING_SELECT(options)}, line_no as place from parsed where faults = '' and channel_no is null`,
            order: IN_PLACE,
        }),
        quarantinedFiles: await writeWhole(lake, engine, 'quarantined_rows', {
            rows: `select cast(${options.feedId} as smallint) as feed_id, sequence, line_no, faults as rule_ids, fault_fields as fields,
                text as original_text, make_timestamptz(received_us) as received_at, line_no as place
                from parsed where faults <> ''`,
            order: IN_PLACE,
        }),
        counts: await segmentCounts(engine),
        earlierDays: await earlierDays(
            engine,
            "select channel_no, market_day_no from parsed where faults = '' and channel_no is not null",
        ),
    };
}

const IN_PLACE = 'sequence nulls last, place nulls last';

function offsetOption(session: ParseSession): { fixedOffsetUs?: number } {
    return session.fixedOffsetUs === undefined ? {} : { fixedOffsetUs: session.fixedOffsetUs };
}

// below this many rows a partition, one file for all partitions is cheaper to write and to read than many
const SPLIT_FROM_ROWS = 50_000;

async function writeVersions(
    engine: EngineSession,
    lake: Lake,
    options: OutputOptions,
    table: VersionTable,
): Promise<NewFile[]> {
    const parts = await engine.rows(
        `select market_day_no, cast(channel_no // ${options.bucketSize} as integer) as bucket, count(*) as row_count
         from parsed where faults = '' and channel_no is not null group by all`,
    );
    if (parts.length === 0) return [];
    const rowCount = parts.reduce((sum, part) => sum + Number(part.row_count), 0);
    const query = `select ${VERSION_SELECT(options, table)} from parsed where faults = '' and channel_no is not null
         order by market_day_no nulls last, channel_no nulls last, period_us nulls last, sequence nulls last, ordinal nulls last`;
    const folder = freshFolder(lake, table);
    await makeFolderDurably(folder);
    if (rowCount / parts.length >= SPLIT_FROM_ROWS) {
        const files = await engine.writePartitioned(query, folder, ['market_day', 'bucket']);
        await syncWrittenFiles(
            files.map((f) => f.path),
            lake.folder,
        );
        return files.map((f) => partitionFile(f));
    }
    const file = await engine.writeFile(query, `${folder}/versions.parquet`);
    crashPoint('parse');
    await syncWrittenFiles([file.path], lake.folder);
    return [
        {
            ...file,
            parts: parts.map((p) => ({
                marketDay: dateOfEpochDay(Number(p.market_day_no)),
                bucket: Number(p.bucket),
                rowCount: Number(p.row_count),
            })),
        },
    ];
}

function partitionFile(f: WrittenFile & { keys: Readonly<Record<string, string>> }): NewFile {
    const marketDay = (f.keys.market_day ?? '') as NewFile['parts'][number]['marketDay'];
    return {
        path: f.path,
        rowCount: f.rowCount,
        byteCount: f.byteCount,
        parts: [{ marketDay, bucket: Number(f.keys.bucket), rowCount: f.rowCount }],
    };
}

async function segmentCounts(engine: EngineSession): Promise<SegmentCounts[]> {
    const rows = await engine.rows(
        `select segment_no, count(*) as records, count(*) filter (where faults = '' and channel_no is not null) as versions,
            count(*) filter (where faults = '' and channel_no is null) as waiting, count(*) filter (where faults <> '') as quarantined,
            count(*) filter (where faults = '' and is_rounded) as rounded,
            count(*) filter (where faults = '' and is_unused) as unused
         from parsed group by segment_no`,
    );
    const rules = await engine.rows(
        `select segment_no, split_part(faults, ' ', 1) as rule, count(*) as n from parsed where faults <> '' group by all`,
    );
    return rows.map((row) => ({
        segmentNo: Number(row.segment_no),
        records: Number(row.records),
        versions: Number(row.versions),
        waiting: Number(row.waiting),
        quarantined: Number(row.quarantined),
        rounded: Number(row.rounded),
        unused: Number(row.unused),
        quarantinedByRule: Object.fromEntries(
            rules.filter((r) => r.segment_no === row.segment_no).map((r) => [String(r.rule), Number(r.n)]),
        ),
    }));
}

/**
 * Meters of right rows of the session's table `parsed` that have no channel at any time. A value that would be quarantined once
 * its meter is registered as the contract says is no reason to register it.
 */
export async function unknownMeters(engine: EngineSession, contract: FeedContract): Promise<UnknownMeter[]> {
    const counts = contract.reading.flow === 'from_customer' ? 'true' : 'p.export_field is null';
    const rows = await engine.rows(
        `select p.meter_key, p.register_key, arg_min(p.minutes, coalesce(p.line_no, 0)) as minutes, min(p.market_day_no) as first_day_no
         from parsed as p left join channel_map as c on c.external_key = p.meter_key and c.register_key = p.register_key
         where faults = '' and p.channel_no is null and c.channel_no is null and ${counts} group by 1, 2 order by 1, 2`,
    );
    return rows.map((row) => ({
        externalId: String(row.meter_key),
        registerId: String(row.register_key),
        intervalMinutes: Number(row.minutes),
        firstDayNo: Number(row.first_day_no),
    }));
}

async function earlierDays(engine: EngineSession, versions: string): Promise<ParsedBatch['earlierDays']> {
    const rows = await engine.rows(
        `select v.channel_no, min(v.market_day_no) as first_day_no from (${versions}) as v
         inner join (select channel_no, min(expected_day_no) as expected_day_no from channel_map where expected_day_no is not null group by 1) as c
            on c.channel_no = v.channel_no and v.market_day_no < c.expected_day_no
         group by v.channel_no`,
    );
    return rows.map((row) => ({ channelNo: Number(row.channel_no), firstDayNo: Number(row.first_day_no) }));
}

/**
 * Types one plain delimited payload straight from the raw store into one file of `reading_versions`.
 * Undefined: the payload has a row that is not plainly right, or an interval twice, and must go through
 * the spool, which knows rules, lines and order; what was written is removed.
 */
export async function parsePlain(
    session: ParseSession,
    lake: Lake,
    contract: FeedContract,
    source: PlainSource,
    options: OutputOptions & { readonly segmentNo: number },
): Promise<ParsedBatch | undefined> {
    const { engine } = session;
    const folder = freshFolder(lake, 'reading_versions');
    await makeFolderDurably(folder);
    const path = `${folder}/versions.parquet`;
    await engine.materialise('known_stamps', knownStamps(contract, source));
    await engine.materialise('known_codes', knownCodes(contract));
    const rows = `select *, cast(${source.sequence} as bigint) as sequence, cast(${source.receivedAt * 1000} as bigint) as received_us, 0 as ordinal
        from (${plainRows(contract, { ...source, ...offsetOption(session) })}) where is_right`;
    const [file, isAsReceived] = await Promise.all([
        writeIfPlain(engine, `select ${VERSION_SELECT(options)} from (${rows})`, path),
        source.isAsReceived(),
    ]);
    const parts = file === undefined ? [] : await writtenParts(engine, path);
    if (file === undefined || !isAsReceived || parts.some((part) => part.repeats > 0)) {
        await removeFiles([path]);
        return undefined;
    }
    crashPoint('parse');
    await syncWrittenFiles([path], lake.folder);
    const counts = {
        records: file.rowCount,
        versions: file.rowCount,
        waiting: 0,
        quarantined: 0,
        rounded: 0,
        unused: 0,
        quarantinedByRule: {},
    };
    return {
        table: 'reading_versions',
        versionFiles: [{ ...file, parts, hasEachIntervalOnce: true }],
        waitingFiles: [],
        quarantinedFiles: [],
        counts: [{ segmentNo: options.segmentNo, ...counts }],
        earlierDays: await earlierDays(
            engine,
            `select w.channel_no, cast(w.market_day - date '1970-01-01' as integer) as market_day_no from written_versions as w
             where w.channel_no in (select channel_no from channel_map where expected_day_no is not null)`,
        ),
    };
}

async function writeIfPlain(
    engine: EngineSession,
    query: string,
    path: string,
): Promise<WrittenFile | undefined> {
    try {
        return await engine.writeUnordered(query, path);
    } catch (error) {
        if (engine.isFailureOfValue(error)) return undefined;
        throw error;
    }
}

/**
 * Rows by partition, and how many of them name an interval again. Each run of 63 intervals of a channel sets its bits in one
 * number, which takes a quarter of counting distinct intervals. Where a clock moves by a part of an interval two
 * of them may share a bit: counted as a repeat, and the spool looks closely.
 */
async function writtenParts(
    engine: EngineSession,
    path: string,
): Promise<(NewFile['parts'][number] & { readonly repeats: number })[]> {
    await engine.registerFiles('written_versions', LAKE_TABLES.reading_versions, [path]);
    const slot = 'epoch_us(period_from) // 60000000 // interval_minutes';
    const parts = await engine.rows(
        `select cast(market_day as varchar) as market_day, bucket, cast(sum(row_count) as bigint) as row_count,
                cast(sum(row_count - slot_count) as bigint) as repeats
           from (select market_day, bucket, count(*) as row_count,
                        bit_count(bit_or(cast(1 as bigint) << cast(${slot} % 63 as bigint))) as slot_count
                   from written_versions group by market_day, bucket, channel_no, ${slot} // 63)
          group by market_day, bucket`,
    );
    return parts.map((p) => ({
        marketDay: calendarDate(String(p.market_day)),
        bucket: Number(p.bucket),
        rowCount: Number(p.row_count),
        repeats: Number(p.repeats),
    }));
}
