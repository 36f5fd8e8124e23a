import { CHANNEL_SNAPSHOT, LAKE_TABLES, type LakeTable } from '../contracts/lake-tables.ts';
import type { EngineSession } from '../engine/engine.ts';
import type { LinePlace } from '../ingest/payload-lines.ts';
import { countRecords } from '../ingest/payload-records.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { instantText } from '../kernel/period.ts';
import { distinctPaths, type LiveFile, liveFiles } from '../lake/catalogue.ts';
import { dimensionSnapshot, isValid } from '../lake/dimension-snapshot.ts';
import type { Lake } from '../lake/lake.ts';
import { useLake } from '../lake/lake-use.ts';
import { findDeliveries } from '../raw/find-delivery.ts';
import type { FoundPayload } from '../raw/find-payload.ts';
import {
    type RestingDay,
    requireAccounted,
    type TouchedBill,
    type TouchedDay,
    type TouchedRead,
    type TracedFile,
} from '../trace/traced-file.ts';
import { type Chain, feedsOf, registerFeedsOf } from './chain.ts';
import { registerResting, registerTouchedReads } from './file-estimates.ts';

export interface FileQuestion {
    /** A receipt id, a path, or a source key. */
    readonly named: string;
    /** So many channel-days of each file are listed; all are counted. */
    readonly daysMax: number;
}

/**
 * Everything that the payloads meant have touched: versions, quarantined and waiting rows, partitions, daily totals, and bills made of those
 * days. Throws `trace.file-unknown` and `trace.does-not-add-up`.
 */
export async function traceFiles(chain: Chain, question: FileQuestion): Promise<TracedFile[]> {
    const { db } = chain.lake;
    const found = await findDeliveries(db, chain.raw.folder, question.named);
    if (found.length === 0) {
        const message = `no payload was received as ${JSON.stringify(question.named)}`;
        throw new GridtallyError('trace.file-unknown', message);
    }
    return useLake(chain.lake, async (lake) => {
        const session = await lake.engine.openSession();
        try {
            const traced: TracedFile[] = [];
            const place = { lake, scratchFolder: chain.home.scratchFolder };
            const feeds = registerFeedsOf(await feedsOf(chain));
            for (const one of found) {
                await registerTouched(session, lake, one);
                await registerTouchedReads(session, lake, one.payload.header.sequence, feeds);
                await registerResting(session, lake);
                traced.push(await traceFile(session, place, one, question));
            }
            return traced;
        } finally {
            await session.close();
        }
    });
}

async function traceFile(
    session: EngineSession,
    place: LinePlace,
    found: FoundPayload,
    { daysMax }: FileQuestion,
): Promise<TracedFile> {
    const { lake } = place;
    const { header } = found.payload;
    const [counts] = await session.rows(COUNTS);
    const n = (name: string) => Number(counts?.[name] ?? 0);
    const days = await touchedDays(session, daysMax);
    const [refusal] = await lake.db.query<{ ruleId: string; message: string; contractNo: number }>(
        `select rule_id as "ruleId", message, contract_no as "contractNo" from refused_payloads
          where sequence = $1 and superseded_by is null`,
        [header.sequence],
    );
    const partitions = await session.rows(
        `select cast(market_day as varchar) as market_day, bucket, count(*) as n from touched
          where is_inside group by all order by 1, 2`,
    );
    const file: TracedFile = {
        receiptId: `r${header.sequence}`,
        feed: header.feed,
        sourceKey: header.sourceKey,
        sha256: header.sha256,
        bytes: header.length,
        receivedAt: instantText(header.receivedAt),
        acknowledgedAt: instantText(found.acknowledgedAt),
        state: found.parsedContractNo === null ? 'not-parsed' : refusal === undefined ? 'parsed' : 'refused',
        contractNo: refusal?.contractNo ?? found.contractNos[0] ?? null,
        refusal: refusal === undefined ? null : { ruleId: refusal.ruleId, message: refusal.message },
        records: (await countRecords(place, found)) ?? 0,
        versions: n('versions'),
        winning: n('winning'),
        registerReads: n('register_reads'),
        quarantined: n('quarantined'),
        waiting: n('waiting'),
        displaced: n('displaced'),
        partitions: partitions.map((row) => ({
            marketDay: String(row.market_day),
            bucket: Number(row.bucket),
            versions: Number(row.n),
        })),
        days,
        dayCount: n('days'),
        reads: await touchedReads(session, daysMax),
        restingDays: await restingDays(session, daysMax),
        restingDayCount: n('resting_days'),
        bills: await touchedBills(session, lake),
    };
    requireAccounted(file);
    return file;
}

const COUNTS = `
select (select count(*) from touched where is_inside) as versions,
       (select count(*) from touched where not is_inside) as displaced,
       (select coalesce(sum(n), 0) from winning) as winning,
       (select count(*) from register_touched) as register_reads,
       (select count(*) from quarantined) as quarantined,
       (select count(*) from waiting) as waiting,
       (select count(*) from touched_days) as days,
       (select count(*) from (select distinct market_day, channel_no from resting)) as resting_days`;

/** Makes the session's tables of the payload's rows: `touched` (versions), `winning`, `quarantined`, `waiting` and `touched_days`. */
async function registerTouched(session: EngineSession, lake: Lake, found: FoundPayload): Promise<void> {
    const { sequence } = found.payload.header;
    const register = async (table: LakeTable, files: readonly LiveFile[]) =>
        session.registerFiles(`all_${table}`, LAKE_TABLES[table], distinctPaths(files));
    await register('reading_versions', await liveFiles(lake, 'reading_versions'));
    const channels = await dimensionSnapshot(lake, 'channels');
    await session.registerFiles('channels', CHANNEL_SNAPSHOT, [channels.path]);
    await session.materialise(
        'touched',
        `select v.market_day, v.bucket, v.channel_no, v.period_from, c.channel_no is not null as is_inside
           from all_reading_versions as v
           left join channels as c on c.channel_no = v.channel_no
            and ${isValid('c', 'v.period_from')}
          where v.sequence = ${sequence}`,
    );
    const [range] = await session.rows(
        `select cast(min(market_day) as varchar) as first, cast(max(market_day) + 1 as varchar) as "end" from touched`,
    );
    const wanted = new Set(
        (await session.rows('select distinct cast(market_day as varchar) as day, bucket from touched')).map(
            (row) => `${row.day} ${row.bucket}`,
        ),
    );
    const days =
        range?.first == null ? {} : { from: String(range.first) as never, to: String(range.end) as never };
    for (const table of ['reads_interval', 'reads_daily'] as const) {
        const files = await liveFiles(lake, table, days);
        await register(
            table,
            files.filter((file) => wanted.has(`${file.marketDay} ${file.bucket}`)),
        );
    }
    await session.materialise(
        'winning',
        `select market_day, channel_no, count(*) as n from all_reads_interval where sequence = ${sequence} group by all`,
    );
    for (const [name, table] of [
        ['quarantined', 'quarantined_rows'],
        ['waiting', 'waiting_rows'],
        ['register_touched', 'register_versions'],
    ] as const) {
        await register(table, await liveFiles(lake, table));
        await session.materialise(name, `select sequence from all_${table} where sequence = ${sequence}`);
    }
    await session.materialise(
        'touched_days',
        `select t.market_day, t.channel_no, t.versions, coalesce(w.n, 0) as winning, d.kwh
           from (select market_day, channel_no, count(*) as versions from touched where is_inside group by all) as t
           left join winning as w on w.market_day = t.market_day and w.channel_no = t.channel_no
           left join all_reads_daily as d on d.market_day = t.market_day and d.channel_no = t.channel_no`,
    );
}

const NAMED = '(select distinct channel_no, meter_id, metering_point_id, register_id from channels)';

async function touchedDays(session: EngineSession, daysMax: number): Promise<TouchedDay[]> {
    const rows = await session.rows(
        `select c.meter_id, c.register_id, cast(t.market_day as varchar) as market_day, t.versions, t.winning,
                cast(t.kwh as varchar) as kwh
           from touched_days as t inner join ${NAMED} as c on c.channel_no = t.channel_no
          order by t.market_day, t.channel_no limit ${daysMax}`,
    );
    return rows.map((row) => ({
        meterId: String(row.meter_id),
        registerId: String(row.register_id),
        marketDay: String(row.market_day),
        versions: Number(row.versions),
        winning: Number(row.winning),
        dayKwh: row.kwh === null ? null : String(row.kwh),
    }));
}

async function touchedReads(session: EngineSession, readsMax: number): Promise<TouchedRead[]> {
    const rows = await session.rows(
        `select c.meter_id, c.register_id, epoch_ms(r.read_at) as read_ms, cast(r.kwh as varchar) as index_kwh, r.outcome
           from touched_reads as r inner join ${NAMED} as c on c.channel_no = r.channel_no
          order by r.channel_no, r.read_at, r.outcome limit ${readsMax}`,
    );
    return rows.map((row) => ({
        meterId: String(row.meter_id),
        registerId: String(row.register_id),
        readAt: instantText(Number(row.read_ms)),
        indexKwh: row.index_kwh === null ? null : String(row.index_kwh),
        outcome: String(row.outcome),
    }));
}

async function restingDays(session: EngineSession, daysMax: number): Promise<RestingDay[]> {
    const rows = await session.rows(
        `select c.meter_id, c.register_id, cast(r.market_day as varchar) as market_day,
                string_agg(distinct r.method, ' ' order by r.method) as methods, cast(sum(r.kwh) as varchar) as kwh
           from resting as r inner join ${NAMED} as c on c.channel_no = r.channel_no
          group by r.market_day, r.channel_no, c.meter_id, c.register_id
          order by r.market_day, r.channel_no limit ${daysMax}`,
    );
    return rows.map((row) => ({
        meterId: String(row.meter_id),
        registerId: String(row.register_id),
        marketDay: String(row.market_day),
        methods: String(row.methods).split(' '),
        kwh: String(row.kwh),
    }));
}

/** Days by metering point and by what leads to them, as runs of days beside each other; ends inclusive. */
const LEADING_DAYS = `
with channel_days as (
    select channel_no, market_day, case when winning > 0 then 'published' else 'other-versions' end as through from touched_days
    union select channel_no, market_day, 'other-versions' from touched where not is_inside
    union select channel_no, market_day, 'estimates' from resting
    union select r.channel_no, cast(d.day as date), 'advances' from touched_reads as r
           cross join lateral (select unnest(generate_series(r.first_day, r.last_day, interval 1 day)) as day) as d),
point_days as (
    select distinct c.metering_point_id, d.through, d.market_day
      from channel_days as d inner join ${NAMED} as c on c.channel_no = d.channel_no),
runs as (
    select *, cast(market_day - date '1970-01-01' as integer)
            - row_number() over (partition by metering_point_id, through order by market_day nulls last) as run_no
      from point_days)
select metering_point_id, through, cast(min(market_day) as varchar) as first, cast(max(market_day) as varchar) as last
  from runs group by metering_point_id, through, run_no order by 1, 2, 3`;

/** Bills with a section of a metering point on one of the days to which the payload leads. */
async function touchedBills(session: EngineSession, lake: Lake): Promise<TouchedBill[]> {
    const days = await session.rows(LEADING_DAYS);
    if (days.length === 0) return [];
    const column = (name: string) => days.map((row) => String(row[name]));
    return lake.db.query<TouchedBill>(
        `select b.bill_id as "billId", a.account_id as "accountId", b.state,
                array_agg(distinct t.metering_point_id order by t.metering_point_id) as "meteringPointIds",
                array_agg(distinct t.through order by t.through) as through
           from bills b join accounts a using (account_no)
                cross join lateral json_array_elements(b.document -> 'sections') as s (section)
                join unnest($1::text[], $2::text[], $3::date[], $4::date[]) as t (metering_point_id, through, first_day, last_day)
                  on t.metering_point_id = s.section ->> 'meteringPointId'
                 and t.first_day < (s.section ->> 'serviceTo')::date and t.last_day >= (s.section ->> 'serviceFrom')::date
          where b.period_from <= $6::date and b.period_to > $5::date
          group by b.bill_no, a.account_id order by 1`,
        [
            column('metering_point_id'),
            column('through'),
            column('first'),
            column('last'),
            column('first').sort()[0] ?? '',
            column('last').sort().at(-1) ?? '',
        ],
    );
}
