import path from 'node:path';
import type { FeedContract } from '../contracts/feed-contract.ts';
import { messageOf } from '../contracts/row-messages.ts';
import type { EngineSession } from '../engine/engine.ts';
import { decompressed } from '../kernel/compression.ts';
import { removeFiles } from '../kernel/durable.ts';
import { ScratchFile, scratchName } from '../kernel/scratch.ts';
import type { Lake } from '../lake/lake.ts';
import { contractOf, homeContracts } from '../parsers/feed-catalogue.ts';
import type { PayloadRefusal } from '../parsers/payload-verdict.ts';
import { spoolRecords } from '../parsers/record-spool.ts';
import type { Home } from '../store/home.ts';
import { registerPayloads } from './parse-batch.ts';
import { judgeSpool, refusalOfValues } from './parse-outputs.ts';
import { openParseSession } from './parse-session.ts';

export interface FilePreview {
    readonly refused?: PayloadRefusal;
    /** It would come in, with this odd about it. */
    readonly flagged?: readonly PayloadRefusal[];
    readonly records: number;
    readonly accepted: number;
    /** Rows that are right and would find no channel. */
    readonly waiting: number;
    /** Rows of meters or registers that are not registered: they wait, or are accepted where the feed registers them for these or other rows. */
    readonly unknownMeters: number;
    /** Rows of meters that are registered, but not at that time: they wait. */
    readonly outsideValidity: number;
    /** Numbers in rows whose quality says that there is no value: the row comes in without it. */
    readonly unusedValues: number;
    readonly stamps: string;
    readonly unit: string;
    readonly unknownMeter: string;
    readonly faultsByRule: Readonly<Record<string, number>>;
    /** What each of these rules says, and the contract where it decides. */
    readonly messages: Readonly<Record<string, string>>;
    /** The first rows as they would be typed. */
    readonly sample: readonly {
        line: number;
        meter: string;
        register: string;
        periodFrom: string;
        minutes: number;
        kwh: string | null;
        quality: string;
    }[];
    /** The first rows that would be quarantined. */
    readonly faults: readonly { line: number; rules: string; fields: string; text: string }[];
}

/** Reads a file as its feed would, typing every row, and says what would become of it. Changes nothing. */
export async function previewFile(
    place: { readonly lake: Lake; readonly home: Home },
    feedName: string,
    open: () => AsyncIterable<Buffer>,
): Promise<FilePreview> {
    const { contract } = contractOf(feedName, homeContracts(place.home.folder));
    const { stamp, unit, unknownMeter } = contract.reading;
    const clock =
        stamp.clock.kind === 'local'
            ? `local time of ${stamp.clock.zone}`
            : stamp.clock.kind === 'fixed'
              ? `UTC${stamp.clock.offsetMinutes >= 0 ? '+' : ''}${stamp.clock.offsetMinutes / 60} h`
              : 'UTC';
    const head = { stamps: `${stampText(contract)}, ${clock}`, unit, unknownMeter };
    const judged = await parseAside(place, contract, open, (engine) => describeParsed(engine, contract));
    if ('refused' in judged) return { ...head, ...NOTHING, refused: judged.refused };
    return { ...head, ...judged.seen, ...(judged.flagged.length > 0 ? { flagged: judged.flagged } : {}) };
}

/** What parsing a file has made of it. */
export type ParsedAside<T> =
    | { readonly refused: PayloadRefusal }
    | { readonly seen: T; readonly flagged: readonly PayloadRefusal[] };

/** Parses a file by a contract as a delivery would be, and lets `look` see its rows in the table `parsed`; nothing is kept. */
export async function parseAside<T>(
    place: { readonly lake: Lake; readonly home: Home },
    contract: FeedContract,
    open: () => AsyncIterable<Buffer>,
    look: (engine: EngineSession) => Promise<T>,
): Promise<ParsedAside<T>> {
    const { lake, home } = place;
    const spoolPath = path.join(home.scratchFolder, scratchName('check'));
    const sink = new ScratchFile(spoolPath);
    const session = await openParseSession(lake);
    try {
        const [spooled] = await spoolRecords([{ ordinal: 0, chunks: decompressed(open()) }], contract, sink);
        sink.close();
        if (spooled && !spooled.verdict.ok) return { refused: spooled.verdict.refused };
        await registerPayloads(session, [
            { payloadNo: 0, sequence: 0, segmentNo: 0, receivedAt: lake.clock.now() },
        ]);
        await session.prepare(contract);
        const source = { kind: 'spool', path: spoolPath } as const;
        const options = { feedId: await feedIdOf(lake, contract.feed), bucketSize: lake.bucketSize };
        const judged = await judgeSpool(session, lake, contract, source, options).catch(async (error) => {
            if (!session.engine.isFailureOfValue(error)) throw error;
            const refused = await refusalOfValues(session, contract, source, options);
            if (refused === undefined) throw error;
            return { refused: [{ payloadNo: 0, refused }], flagged: [] };
        });
        const [whole] = judged.refused;
        if (whole) return { refused: whole.refused };
        return {
            seen: await look(session.engine),
            flagged: judged.flagged.map(({ refused }) => refused),
        };
    } finally {
        await session.close();
        await removeFiles([spoolPath]);
    }
}

/** 0 for a feed that has never delivered: nothing of it is in the lake. */
async function feedIdOf(lake: Lake, name: string): Promise<number> {
    const rows = await lake.db.query<{ id: number }>('select feed_id as id from feeds where name = $1', [
        name,
    ]);
    return rows[0]?.id ?? 0;
}

function stampText({ kind, columns, reading }: FeedContract): string {
    const { format, marks } = reading.stamp;
    if (kind === 'register') return `${format}, the instant of the read`;
    const cells = columns.filter(({ role }) => role === 'cell');
    const [first, last] = [cells[0], cells.at(-1)];
    if (!first || !last) return `${format}, interval ${marks}`;
    const range = `${cells.length} columns ${first.name} to ${last.name}`;
    return first.cell?.kind === 'period'
        ? `${format}, one row a day, ${range}: periods of ${reading.intervalMinutes} minutes counted from the start of the day`
        : `${format}, one row a day, ${range}: time at the ${marks} of the interval`;
}

type Description = Pick<
    FilePreview,
    | 'records'
    | 'accepted'
    | 'waiting'
    | 'unknownMeters'
    | 'outsideValidity'
    | 'unusedValues'
    | 'faultsByRule'
    | 'messages'
    | 'sample'
    | 'faults'
>;

const NOTHING: Description = {
    records: 0,
    accepted: 0,
    waiting: 0,
    unknownMeters: 0,
    outsideValidity: 0,
    unusedValues: 0,
    faultsByRule: {},
    messages: {},
    sample: [],
    faults: [],
};

async function describeParsed(engine: EngineSession, contract: FeedContract): Promise<Description> {
    const registers = contract.reading.unknownMeter === 'register';
    if (registers) await judgeAsRegistered(engine, contract);
    const [counts] = await engine.rows(
        `with named as (select distinct external_key, register_key from channel_map)
         select count(*) as records, count(*) filter (where faults = '') as right_rows,
            count(*) filter (where faults = '' and channel_no is null and n.external_key is null) as unknown_meters,
            count(*) filter (where faults = '' and channel_no is null and n.external_key is null and ${needsMeter(contract)}) as unregistered,
            count(*) filter (where faults = '' and channel_no is null and n.external_key is not null) as outside_validity,
            count(*) filter (where faults = '' and is_unused) as unused_values
         from parsed as p left join named as n on n.external_key = p.meter_key and n.register_key = p.register_key`,
    );
    const [unknownMeters, outsideValidity] = [
        Number(counts?.unknown_meters),
        Number(counts?.outside_validity),
    ];
    const waiting = outsideValidity + (registers ? Number(counts?.unregistered) : unknownMeters);
    const rules = await engine.rows(
        `select split_part(faults, ' ', 1) as rule, count(*) as n from parsed where faults <> '' group by 1 order by 1`,
    );
    const sample = await engine.rows(
        `select line_no, meter_key, register_key, make_timestamptz(period_us) as period_from, minutes, kwh, quality
         from parsed where faults = '' order by line_no limit 5`,
    );
    const faults = await engine.rows(
        `select line_no, faults, fault_fields, text from parsed where faults <> '' order by line_no limit 20`,
    );
    return {
        records: Number(counts?.records),
        accepted: Number(counts?.right_rows) - waiting,
        waiting,
        unknownMeters,
        outsideValidity,
        unusedValues: Number(counts?.unused_values),
        faultsByRule: Object.fromEntries(rules.map((r) => [String(r.rule), Number(r.n)])),
        messages: Object.fromEntries(rules.map((r) => [String(r.rule), messageOf(String(r.rule), contract)])),
        sample: sample.map((r) => ({
            line: Number(r.line_no),
            meter: String(r.meter_key),
            register: String(r.register_key),
            periodFrom: String(r.period_from),
            minutes: Number(r.minutes),
            kwh: r.kwh === null ? null : String(r.kwh),
            quality: String(r.quality),
        })),
        faults: faults.map((r) => ({
            line: Number(r.line_no),
            rules: String(r.faults),
            fields: String(r.fault_fields),
            text: String(r.text),
        })),
    };
}

/** Rows that register no meter, as they would be quarantined by it. */
function needsMeter({ reading }: FeedContract): string {
    return reading.flow === 'from_customer' ? 'false' : 'export_field is not null';
}

/** Judges such rows of the table `parsed` as they would be once other rows have registered their meter. */
async function judgeAsRegistered(engine: EngineSession, contract: FeedContract): Promise<void> {
    await engine.run(
        `update parsed set faults = 'row.value-negative', fault_fields = export_field
          where faults = '' and channel_no is null and ${needsMeter(contract)}
            and (meter_key, register_key) not in (select (external_key, register_key) from channel_map)
            and (meter_key, register_key) in (
                select (meter_key, register_key) from parsed where faults = '' and channel_no is null and export_field is null)`,
    );
}
