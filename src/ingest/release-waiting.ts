import { LAKE_TABLES } from '../contracts/lake-tables.ts';
import type { EngineSession } from '../engine/engine.ts';
import { crashPoint } from '../kernel/faults.ts';
import { marketDayOf } from '../kernel/market-day.ts';
import { commitVersions } from '../lake/append.ts';
import { distinctPaths, liveFiles, openCommit, retireFiles, WHOLE_TABLE } from '../lake/catalogue.ts';
import { registrationVersion } from '../lake/dimension-snapshot.ts';
import type { Lake } from '../lake/lake.ts';
import type { ComingReadings } from '../lake/refresh-state.ts';
import { requireRetired } from '../lake/waiting-lock.ts';
import type { Transaction } from '../store/database.ts';
import { lateFaults } from './late-faults.ts';
import { appendWhole } from './parse-commit.ts';
import { waitingReason } from './parse-outputs.ts';
import type { KnownFeed } from './parse-pending.ts';
import { openParseSession, type ParseSession } from './parse-session.ts';
import { foreseePlaced, writePlaced, writePlacedReads, writeWaiting } from './placed-rows.ts';
import { addCounts, type SegmentStats } from './replay-plan.ts';
import { writeWhole } from './whole-table.ts';

/** Rows that stopped waiting, and those that wait on. */
export interface ReleaseCounts {
    readonly released: number;
    /** By what their channel tells. */
    readonly quarantined: number;
    readonly waiting: number;
}

/** What waits, and by which registrations and contracts it was last looked at. */
interface WaitingState {
    readonly rows: number;
    readonly version: number;
    /** The registrations and contracts of now. */
    readonly registration: string;
    readonly isLookedAt: boolean;
}

/**
 * Moves waiting rows whose meter is registered by now into `reading_versions` or `register_versions`, with the sequence that they were received under, or
 * into `quarantined_rows`, where their channel shows that they are wrong: as had they come after the registration. Rows keep waiting, under the reason that holds
 * now, where the meter is unknown or not valid then. Does nothing where neither the rows nor the registrations or contracts are others than at the last look. The caller holds
 * the lock `release waiting`.
 */
export async function releaseWaiting(lake: Lake, feeds: readonly KnownFeed[]): Promise<ReleaseCounts> {
    const state = await waitingState(lake, feeds);
    if (state === undefined || state.isLookedAt)
        return { released: 0, quarantined: 0, waiting: state?.rows ?? 0 };
    const files = await liveFiles(lake, 'waiting_rows');
    const session = await openParseSession(lake);
    try {
        const { renamed, ...counts } = await matchWaiting(session, feeds, distinctPaths(files));
        if (counts.released + counts.quarantined + renamed === 0) {
            await lake.db.transaction((tx) => recordLook(tx, state, 0));
            return counts;
        }
        await commitReleased(lake, session, state, { ...counts, fileIds: files.map((f) => f.fileId) });
        return counts;
    } finally {
        await session.close();
    }
}

/**
 * What `releaseWaiting` would add, without adding it; undefined where it would do nothing. Leaves the rows as the session's table
 * `released`.
 */
export async function foreseeRelease(
    lake: Lake,
    session: ParseSession,
    feeds: readonly KnownFeed[],
): Promise<ComingReadings | undefined> {
    const state = await waitingState(lake, feeds);
    if (state === undefined || state.isLookedAt) return undefined;
    const { released } = await matchWaiting(
        session,
        feeds,
        distinctPaths(await liveFiles(lake, 'waiting_rows')),
    );
    if (released === 0) return undefined;
    const wereVersions = await placeReleased(lake, session.engine);
    const coming = await foreseePlaced(lake, session.engine, { wereVersions });
    await session.engine.run('alter table placed rename to released');
    return coming;
}

/** True where rows wait that were not looked at by the present registrations and contracts. */
export async function hasUnseenWaiting(lake: Lake, feeds: readonly KnownFeed[]): Promise<boolean> {
    return (await waitingState(lake, feeds))?.isLookedAt === false;
}

/** Rows that wait now. */
export async function countWaiting(lake: Lake): Promise<number> {
    return (await waitingRows(lake))?.rows ?? 0;
}

/** Undefined where nothing waits. */
async function waitingState(lake: Lake, feeds: readonly KnownFeed[]): Promise<WaitingState | undefined> {
    // a contract says what the meter column identifies
    const contracts = feeds.map(({ feedId, contractNo }) => `${feedId}:${contractNo}`).sort();
    const registration = [await registrationVersion(lake.db), ...contracts].join(' ');
    const row = await waitingRows(lake);
    if (row === undefined) return undefined;
    const isLookedAt = row.inputs.registration === registration && row.inputs.version === row.version;
    return { rows: row.rows, version: row.version, registration, isLookedAt };
}

async function waitingRows({ db }: Pick<Lake, 'db'>) {
    const rows = await db.query<{ rows: number; version: number; inputs: Record<string, unknown> }>(
        `select row_count as rows, version, inputs from partitions where table_name = 'waiting_rows' and row_count > 0`,
    );
    return rows[0];
}

/** Rows that began to wait meanwhile were not looked at: then the version recorded is not the present one. */
async function recordLook(tx: Transaction, state: WaitingState, appended: number): Promise<void> {
    const seen = state.version + appended;
    await tx.query(
        `update partitions set inputs = jsonb_build_object('registration', $1::text, 'version',
                case when version = $2 then version end)
          where table_name = 'waiting_rows'`,
        [state.registration, seen],
    );
}

/**
 * The session's table `matched`: every waiting row with its channel, or with the rules that it breaks for that, or with why it waits now. Counts new
 * reasons as `renamed`. A row that an earlier version of the program let wait, or that was a version, has no line to quarantine: it waits.
 */
async function matchWaiting(
    session: ParseSession,
    feeds: readonly KnownFeed[],
    paths: readonly string[],
): Promise<ReleaseCounts & { readonly renamed: number }> {
    const { engine } = session;
    await engine.registerFiles('waiting', LAKE_TABLES.waiting_rows, paths);
    await engine.run(
        `create or replace temp table matched as
         select w.*, cast(null as integer) as channel_no, '' as reason_now, '' as rules, '' as fields from waiting as w where false`,
    );
    const late = lateFaults('w', 'c', 'interval_minutes');
    for (const feed of feeds) {
        await session.prepare(feed.contract);
        await engine.run(
            `insert into matched
             select w.* exclude (own_channel_no, late_rules, late_fields), case when late_rules = '' then own_channel_no end as channel_no,
                case when late_rules = '' then ${waitingReason('w.meter_key', 'w.register_key')} else 'waiting.interval-length' end as reason_now,
                case when line_no is null then '' else late_rules end as rules, case when line_no is null then '' else late_fields end as fields
             from (select w.*, c.channel_no as own_channel_no, ${late.rules} as late_rules, ${late.fields} as late_fields
                   from waiting as w left join channel_map as c
                      on c.external_key = w.meter_key and c.register_key = w.register_key
                      and epoch_us(w.period_from) >= c.valid_from_us and epoch_us(w.period_from) < c.valid_to_us
                   where w.feed_id = ${feed.feedId}) as w`,
        );
    }
    // of an interval that a payload names more than once, what comes in alone has the ordinal of a row that came alone
    await engine.run(
        `update matched set ordinal = 0 where channel_no is not null and ordinal <> 0
            and (feed_id, sequence, meter_key, register_key, period_from) in (
                select (feed_id, sequence, meter_key, register_key, period_from) from matched where ordinal <> 0
                group by feed_id, sequence, meter_key, register_key, period_from
                having count(channel_no) = 1 and count(*) filter (where rules <> '') > 0)`,
    );
    const counts = await engine.rows(
        `select count(channel_no) as released, count(*) filter (where rules <> '') as quarantined, count(*) filter (where ${KEPT}) as waiting,
            count(*) filter (where ${KEPT} and reason <> reason_now) as renamed
         from matched`,
    );
    const n = (name: string) => Number(counts[0]?.[name] ?? 0);
    const [released, quarantined] = [n('released'), n('quarantined')];
    return { released, quarantined, waiting: n('waiting'), renamed: n('renamed') };
}

const KEPT = "channel_no is null and rules = ''";

async function commitReleased(
    lake: Lake,
    session: ParseSession,
    state: WaitingState,
    counts: ReleaseCounts & { readonly fileIds: readonly number[] },
): Promise<void> {
    const { engine } = session;
    const { released, quarantined, waiting, fileIds } = counts;
    const wereVersions = await placeReleased(lake, engine);
    const versions = released === 0 ? [] : await writePlaced(lake, engine, { wereVersions });
    const reads = released === 0 ? [] : await writePlacedReads(lake, engine);
    const names = LAKE_TABLES.waiting_rows
        .map((c) => (c.name === 'reason' ? 'reason_now as reason' : c.name))
        .join(', ');
    const kept = await writeWaiting(lake, engine, `select ${names} from matched where ${KEPT}`);
    const faulty = await writeWhole(lake, engine, 'quarantined_rows', {
        rows: `select feed_id, sequence, line_no, rules as rule_ids, fields, original_text, received_at from matched where rules <> ''`,
        order: 'sequence nulls last, line_no nulls last, fields nulls last',
    });
    const faults = await faultsBySequence(engine);
    await lake.db.transaction(async (tx) => {
        // before partitions, as parsing takes them
        await countFaults(tx, faults);
        const commitNo = await openCommit(tx, lake, 'release', { released });
        await commitVersions(tx, lake, commitNo, versions);
        await commitVersions(tx, lake, commitNo, reads, 'register_versions');
        await appendWhole(tx, lake, 'quarantined_rows', commitNo, faulty);
        const retired = await retireFiles(tx, 'waiting_rows', commitNo, [WHOLE_TABLE], fileIds);
        requireRetired(retired, fileIds.length, 'waiting rows');
        await tx.query(`update partitions set row_count = row_count - $1 where table_name = 'waiting_rows'`, [
            released + quarantined + waiting,
        ]);
        await appendWhole(tx, lake, 'waiting_rows', commitNo, kept);
        await recordLook(tx, state, kept.length);
        crashPoint('append');
    });
}

interface SequenceFaults {
    readonly sequence: number;
    readonly rule: string;
    readonly rows: number;
    readonly rounded: number;
}

async function faultsBySequence(engine: EngineSession): Promise<SequenceFaults[]> {
    const rows = await engine.rows(
        `select sequence, split_part(rules, ' ', 1) as rule, count(*) as n, count(*) filter (where is_rounded) as rounded
         from matched where rules <> '' group by 1, 2 order by 1, 2`,
    );
    return rows.map((row) => ({
        sequence: Number(row.sequence),
        rule: String(row.rule),
        rows: Number(row.n),
        rounded: Number(row.rounded),
    }));
}

/** Brings the counts of the segments to what they were had the rows been quarantined when they came; how many waited then stays told. */
async function countFaults(tx: Transaction, faults: readonly SequenceFaults[]): Promise<void> {
    if (faults.length === 0) return;
    const places = await tx.query<{ sequence: number; segmentNo: number }>(
        `select q as sequence, s.segment_no as "segmentNo" from unnest($1::bigint[]) as q
          cross join lateral (select segment_no from segments where first_sequence <= q order by first_sequence desc limit 1) as s`,
        [[...new Set(faults.map((f) => f.sequence))]],
    );
    const segmentOf = new Map(places.map((place) => [place.sequence, place.segmentNo]));
    const bySegment = Map.groupBy(faults, (f) => segmentOf.get(f.sequence));
    const segments = await tx.query<{ segmentNo: number; stats: SegmentStats }>(
        `select segment_no as "segmentNo", parse_stats as stats from segments
          where segment_no = any($1) order by segment_no for update`,
        [[...bySegment.keys()]],
    );
    const changed = segments.map(({ segmentNo, stats }) => {
        const own = bySegment.get(segmentNo) ?? [];
        const quarantinedByRule = { ...stats.quarantinedByRule };
        for (const { rule, rows } of own) addCounts(quarantinedByRule, { [rule]: rows });
        const sum = (of: (f: SequenceFaults) => number) => own.reduce((total, f) => total + of(f), 0);
        return {
            quarantined: stats.quarantined + sum((f) => f.rows),
            rounded: stats.rounded - sum((f) => f.rounded),
            quarantinedByRule,
        };
    });
    await tx.query(
        `update segments s set parse_stats = s.parse_stats || t.stats::jsonb
           from unnest($1::bigint[], $2::text[]) as t(segment_no, stats) where s.segment_no = t.segment_no`,
        [segments.map((s) => s.segmentNo), changed.map((stats) => JSON.stringify(stats))],
    );
}

/** Makes the session's tables `placed`, of readings, and `placed_reads`, of registers. Gives whether some of its rows were versions once: they have no text. */
async function placeReleased(lake: Lake, engine: EngineSession): Promise<boolean> {
    const instants = await engine.rows(
        'select distinct epoch_ms(period_from) as instant_ms from matched where channel_no is not null',
    );
    await engine.registerRows(
        'released_days',
        [
            { name: 'instant_ms', type: 'bigint' },
            { name: 'market_day', type: 'date' },
        ],
        instants.map((row) => [Number(row.instant_ms), marketDayOf(lake.zone, Number(row.instant_ms))]),
    );
    await engine.materialise(
        'placed',
        `select d.market_day, cast(m.channel_no // ${lake.bucketSize} as integer) as bucket, m.channel_no, m.period_from,
            m.interval_minutes, m.kwh, m.quality, m.source_code, m.feed_id, m.version_stamp, m.sequence, m.ordinal, m.received_at
         from matched as m inner join released_days as d on d.instant_ms = epoch_ms(m.period_from)
         where m.channel_no is not null and m.interval_minutes > 0`,
    );
    await engine.materialise(
        'placed_reads',
        `select d.market_day, cast(m.channel_no // ${lake.bucketSize} as integer) as bucket, m.channel_no, m.period_from as read_at,
            m.kwh as index_kwh, m.quality, m.source_code, m.feed_id, m.version_stamp, m.sequence, m.ordinal, m.received_at
         from matched as m inner join released_days as d on d.instant_ms = epoch_ms(m.period_from)
         where m.channel_no is not null and m.interval_minutes = 0`,
    );
    const were = await engine.rows(
        'select count(*) as n from matched where channel_no is not null and original_text is null',
    );
    return Number(were[0]?.n) > 0;
}
