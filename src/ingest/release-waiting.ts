import { LAKE_TABLES } from '../contracts/lake-tables.ts';
import type { EngineSession } from '../engine/engine.ts';
import { assert } from '../kernel/errors.ts';
import { crashPoint } from '../kernel/faults.ts';
import { marketDayOf } from '../kernel/market-day.ts';
import { commitVersions } from '../lake/append.ts';
import { distinctPaths, liveFiles, openCommit, retireFiles, WHOLE_TABLE } from '../lake/catalogue.ts';
import { registrationVersion } from '../lake/channel-snapshot.ts';
import type { Lake } from '../lake/lake.ts';
import type { ComingReadings } from '../lake/refresh-state.ts';
import type { Transaction } from '../store/database.ts';
import { appendWhole } from './parse-commit.ts';
import { waitingReason } from './parse-outputs.ts';
import type { KnownFeed } from './parse-pending.ts';
import { openParseSession, type ParseSession } from './parse-session.ts';
import { foreseePlaced, writePlaced, writePlacedReads, writeWaiting } from './placed-rows.ts';

/** Rows that stopped waiting, and those that wait on. */
export interface ReleaseCounts {
    readonly released: number;
    readonly waiting: number;
}

/** What waits, and by which registrations it was last looked at. */
interface WaitingState {
    readonly rows: number;
    readonly version: number;
    readonly registration: string;
    readonly isLookedAt: boolean;
}

/**
 * Moves waiting rows whose meter is registered by now into `reading_versions` or `register_versions`, with the sequence that they were received under. Rows
 * keep waiting, under the reason that holds now, where the meter is unknown, not valid then, or of another interval length. Does nothing where neither the rows
 * nor the registrations are others than at the last look. The caller holds the lock `release waiting`.
 */
export async function releaseWaiting(lake: Lake, feeds: readonly KnownFeed[]): Promise<ReleaseCounts> {
    const state = await waitingState(lake);
    if (state === undefined || state.isLookedAt) return { released: 0, waiting: state?.rows ?? 0 };
    const files = await liveFiles(lake, 'waiting_rows');
    const session = await openParseSession(lake);
    try {
        const { renamed, ...counts } = await matchWaiting(session, feeds, distinctPaths(files));
        if (counts.released + renamed === 0) {
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
    const state = await waitingState(lake);
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

/** True where rows wait that were not looked at by the present registrations. */
export async function hasUnseenWaiting(lake: Lake): Promise<boolean> {
    return (await waitingState(lake))?.isLookedAt === false;
}

/** Rows that wait now. */
export async function countWaiting(lake: Lake): Promise<number> {
    return (await waitingState(lake))?.rows ?? 0;
}

/** Undefined where nothing waits. */
async function waitingState(lake: Lake): Promise<WaitingState | undefined> {
    const registration = await registrationVersion(lake.db);
    const rows = await lake.db.query<{ rows: number; version: number; inputs: Record<string, unknown> }>(
        `select row_count as rows, version, inputs from partitions where table_name = 'waiting_rows' and row_count > 0`,
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    const isLookedAt = row.inputs.registration === registration && row.inputs.version === row.version;
    return { rows: row.rows, version: row.version, registration, isLookedAt };
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

/** The session's table `matched`: every waiting row, with its channel or none and why it waits now. Counts new reasons as `renamed`. */
async function matchWaiting(
    session: ParseSession,
    feeds: readonly KnownFeed[],
    paths: readonly string[],
): Promise<ReleaseCounts & { readonly renamed: number }> {
    const { engine } = session;
    await engine.registerFiles('waiting', LAKE_TABLES.waiting_rows, paths);
    await engine.run(
        `create or replace temp table matched as select w.*, cast(null as integer) as channel_no, '' as reason_now
         from waiting as w where false`,
    );
    for (const feed of feeds) {
        await session.prepare(feed.contract);
        await engine.run(
            `insert into matched select w.*, c.channel_no, ${waitingReason('w.meter_key', 'w.register_key')} as reason_now
             from waiting as w left join channel_map as c
                on c.external_key = w.meter_key and c.register_key = w.register_key and c.interval_minutes = w.interval_minutes
                and epoch_us(w.period_from) >= c.valid_from_us and epoch_us(w.period_from) < c.valid_to_us
             where w.feed_id = ${feed.feedId}`,
        );
    }
    const counts = await engine.rows(
        `select count(channel_no) as released, count(*) - count(channel_no) as waiting,
            count(*) filter (where channel_no is null and reason <> reason_now) as renamed
         from matched`,
    );
    const n = (name: string) => Number(counts[0]?.[name] ?? 0);
    return { released: n('released'), waiting: n('waiting'), renamed: n('renamed') };
}

async function commitReleased(
    lake: Lake,
    session: ParseSession,
    state: WaitingState,
    { released, waiting, fileIds }: ReleaseCounts & { readonly fileIds: readonly number[] },
): Promise<void> {
    const { engine } = session;
    const wereVersions = await placeReleased(lake, engine);
    const versions = released === 0 ? [] : await writePlaced(lake, engine, { wereVersions });
    const reads = released === 0 ? [] : await writePlacedReads(lake, engine);
    const names = LAKE_TABLES.waiting_rows
        .map((c) => (c.name === 'reason' ? 'reason_now as reason' : c.name))
        .join(', ');
    const kept = await writeWaiting(lake, engine, `select ${names} from matched where channel_no is null`);
    await lake.db.transaction(async (tx) => {
        const commitNo = await openCommit(tx, lake, 'release', { released });
        await commitVersions(tx, lake, commitNo, versions);
        await commitVersions(tx, lake, commitNo, reads, 'register_versions');
        const retired = await retireFiles(tx, 'waiting_rows', commitNo, [WHOLE_TABLE], fileIds);
        assert(retired === fileIds.length, 'the waiting rows to release are still those that were read');
        await tx.query(`update partitions set row_count = row_count - $1 where table_name = 'waiting_rows'`, [
            released + waiting,
        ]);
        await appendWhole(tx, lake, 'waiting_rows', commitNo, kept);
        await recordLook(tx, state, kept.length);
        crashPoint('append');
    });
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
