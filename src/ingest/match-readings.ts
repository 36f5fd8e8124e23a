import { CHANNEL_SNAPSHOT, LAKE_TABLES } from '../contracts/lake-tables.ts';
import type { EngineSession } from '../engine/engine.ts';
import { crashPoint } from '../kernel/faults.ts';
import { commitVersions } from '../lake/append.ts';
import { distinctPaths, liveFiles, type NewFile, openCommit } from '../lake/catalogue.ts';
import { dimensionSnapshot, isValid } from '../lake/dimension-snapshot.ts';
import {
    matchedBeliefAt,
    partitionsOfChanges,
    partitionsOutOfStep,
    recordMatched,
} from '../lake/displaced-rows.ts';
import { type Lake, type PartitionKey, partitionText } from '../lake/lake.ts';
import { useLake } from '../lake/lake-use.ts';
import type { ComingReadings } from '../lake/refresh-state.ts';
import { oneAtATime } from '../lake/waiting-lock.ts';
import { newestBeliefAt, validityChangesSince } from '../registry/validity-changes.ts';
import { appendWhole } from './parse-commit.ts';
import type { KnownFeed } from './parse-pending.ts';
import { openParseSession } from './parse-session.ts';
import { foreseePlaced, versionFilesOf, writePlaced, writeWaiting } from './placed-rows.ts';
import { countWaiting, foreseeRelease, hasUnseenWaiting, releaseWaiting } from './release-waiting.ts';

/** What became of rows whose channel is another, or none, by what is believed now. */
export interface MatchCounts {
    /** Waiting rows that are versions now. */
    readonly released: number;
    /** Waiting rows that their channel shows to be wrong. */
    readonly quarantined: number;
    /** Versions that now stand with another channel. */
    readonly moved: number;
    /** Versions that wait now, because no channel is valid then. */
    readonly displaced: number;
    /** Rows that wait now, for whatever reason. */
    readonly waiting: number;
}

/**
 * Brings rows to the channels that are theirs by what is believed now: waiting rows to a channel that is valid by now, and versions that
 * begin outside the validity of theirs to the channel that has their meter or metering point then (whichever their feed names), or to
 * `waiting_rows`. A version that goes also stays where it was, outside the validity, for readers of an earlier belief. Safe to
 * repeat and to run in any number of processes: one at a time does it, and each commit is whole. `isRefreshed` also looks
 * for versions that a process with an older belief appended, which only what is published tells.
 */
export async function matchReadings(
    lake: Lake,
    feeds: readonly KnownFeed[],
    options: { readonly isRefreshed?: boolean } = {},
): Promise<MatchCounts> {
    const isRefreshed = options.isRefreshed ?? false;
    const idle = { released: 0, quarantined: 0, moved: 0, displaced: 0 };
    if (!(await hasWork(lake, feeds, isRefreshed))) return { ...idle, waiting: await countWaiting(lake) };
    return oneAtATime(lake, async (inUse) => {
        const { released, quarantined } = await releaseWaiting(inUse, feeds);
        const versions = await matchVersions(inUse, feeds, isRefreshed);
        return { released, quarantined, ...versions, waiting: await countWaiting(inUse) };
    });
}

/** What `matchReadings` would add to `reading_versions` before and after a refresh; changes nothing but the snapshot of the channels. */
export async function foreseeMatch(lake: Lake, feeds: readonly KnownFeed[]): Promise<ComingReadings> {
    if (!(await hasWork(lake, feeds, true))) return { versions: [], expected: [] };
    return useLake(lake, async (inUse) => {
        const session = await openParseSession(inUse);
        try {
            const released = await foreseeRelease(inUse, session, feeds);
            const moved = await foreseeMoves(inUse, session.engine, feeds, released !== undefined);
            return {
                versions: [...(released?.versions ?? []), ...moved.versions],
                expected: [...(released?.expected ?? []), ...moved.expected],
            };
        } finally {
            await session.close();
        }
    });
}

async function foreseeMoves(
    lake: Lake,
    engine: EngineSession,
    feeds: readonly KnownFeed[],
    hasReleased: boolean,
): Promise<ComingReadings> {
    const { looked } = await partitionsToLookAt(lake, true);
    if (looked.length === 0) return { versions: [], expected: [] };
    const channels = await dimensionSnapshot(lake, 'channels');
    await engine.registerFiles('channels', CHANNEL_SNAPSHOT, [channels.path]);
    await findDisplaced(lake, engine, feeds, looked);
    // what is released is there by then
    const alsoReleased = hasReleased
        ? `and not exists (select 1 from released as r where r.channel_no = m.own_channel_no and r.period_from = m.period_from
            and r.feed_id = m.feed_id and r.sequence = m.sequence and r.ordinal = m.ordinal)`
        : '';
    await engine.materialise('placed', `${placedQuery(lake)} ${alsoReleased}`);
    return foreseePlaced(lake, engine, { wereVersions: true });
}

async function hasWork(lake: Lake, feeds: readonly KnownFeed[], isRefreshed: boolean): Promise<boolean> {
    if (await hasUnseenWaiting(lake, feeds)) return true;
    if ((await newestBeliefAt(lake.db)) !== (await matchedBeliefAt(lake.db))) return true;
    return isRefreshed && (await partitionsOutOfStep(lake.db)).length > 0;
}

async function matchVersions(
    lake: Lake,
    feeds: readonly KnownFeed[],
    isRefreshed: boolean,
): Promise<{ moved: number; displaced: number }> {
    const { knownAt, since, looked } = await partitionsToLookAt(lake, isRefreshed);
    if (looked.length === 0) {
        if (knownAt !== since) await lake.db.transaction((tx) => recordMatched(tx, [], knownAt));
        return { moved: 0, displaced: 0 };
    }
    // of all channels of the home: not for a load that no reading has waited for
    const channels = await dimensionSnapshot(lake, 'channels');
    const session = await lake.engine.openSession();
    try {
        await session.registerFiles('channels', CHANNEL_SNAPSHOT, [channels.path]);
        await findDisplaced(lake, session, feeds, looked);
        return await commitMatched(lake, session, looked, knownAt);
    } finally {
        await session.close();
    }
}

interface ToLookAt {
    /** The belief that is followed, and the one that was followed last. */
    readonly knownAt: number | undefined;
    readonly since: number | undefined;
    readonly looked: readonly PartitionKey[];
}

async function partitionsToLookAt(lake: Lake, isRefreshed: boolean): Promise<ToLookAt> {
    // first, and the channels are read last: what a later belief changes is left to the next match
    const knownAt = await newestBeliefAt(lake.db);
    const since = await matchedBeliefAt(lake.db);
    const changes = await validityChangesSince(lake.db, lake.zone, lake.bucketSize, since);
    const looked = new Map<string, PartitionKey>();
    const outOfStep = isRefreshed ? await partitionsOutOfStep(lake.db) : [];
    for (const key of [...(await partitionsOfChanges(lake.db, changes)), ...outOfStep]) {
        looked.set(partitionText(key), key);
    }
    return { knownAt, since, looked: [...looked.values()] };
}

/**
 * Makes the session's tables `outside`, the rows of these partitions that begin outside the validity of their channel, and
 * `matched`, each row that was received once, with the channel that is its own by now, or none.
 */
async function findDisplaced(
    lake: Lake,
    session: EngineSession,
    feeds: readonly KnownFeed[],
    keys: readonly PartitionKey[],
): Promise<void> {
    await session.registerFiles('versions', LAKE_TABLES.reading_versions, await versionFilesOf(lake, keys));
    await session.registerRows(
        'looked_at',
        [
            { name: 'market_day', type: 'date' },
            { name: 'bucket', type: 'integer' },
        ],
        keys.map((key) => [key.marketDay, key.bucket]),
    );
    await session.registerRows(
        'feed_naming',
        [
            { name: 'feed_id', type: 'smallint' },
            { name: 'names_meters', type: 'boolean' },
        ],
        feeds.map(({ feedId, contract }) => [feedId, contract.reading.identifies === 'meter']),
    );
    await session.materialise(
        'outside',
        `select v.*, n.names_meters, c.register_id,
            case when n.names_meters then c.meter_id else c.metering_point_id end as external_key
         from versions as v
         inner join looked_at as p on p.market_day = v.market_day and p.bucket = v.bucket
         inner join feed_naming as n on n.feed_id = v.feed_id
         inner join channels as c on c.channel_no = v.channel_no
         where v.period_from < c.valid_from or v.period_from >= c.valid_to`,
    );
    await session.run(
        `create or replace temp view channel_names as
         select *, true as names_meters, meter_id as external_key from channels
         union all select *, false, metering_point_id from channels`,
    );
    await session.materialise(
        'matched',
        `select o.* exclude (place_no), c.channel_no as own_channel_no
         from (select *, row_number() over (
                   partition by feed_id, external_key, register_id, period_from, sequence, ordinal
                   order by channel_no nulls last) as place_no from outside) as o
         left join channel_names as c
            on c.names_meters = o.names_meters and c.external_key = o.external_key
            and c.register_id = o.register_id and c.interval_minutes = o.interval_minutes
            and ${isValid('c', 'o.period_from')}
         where o.place_no = 1`,
    );
}

async function commitMatched(
    lake: Lake,
    session: EngineSession,
    keys: readonly PartitionKey[],
    knownAt: number | undefined,
): Promise<{ moved: number; displaced: number }> {
    const looked = await displacedCounts(session, keys);
    await session.materialise('placed', placedQuery(lake));
    const versions = await writePlaced(lake, session, { wereVersions: true });
    const waiting = await writeDisplaced(lake, session);
    const moved = rowsOf(versions);
    const displaced = rowsOf(waiting);
    await lake.db.transaction(async (tx) => {
        if (moved + displaced > 0) {
            const commitNo = await openCommit(tx, lake, 'match', { moved, displaced });
            await commitVersions(tx, lake, commitNo, versions);
            await appendWhole(tx, lake, 'waiting_rows', commitNo, waiting);
        }
        await recordMatched(tx, looked, knownAt);
        crashPoint('append');
    });
    return { moved, displaced };
}

function placedQuery(lake: Lake): string {
    return `select market_day, cast(own_channel_no // ${lake.bucketSize} as integer) as bucket, own_channel_no as channel_no,
            period_from, interval_minutes, kwh, quality, source_code, feed_id, version_stamp, sequence, ordinal, received_at
         from matched as m where own_channel_no is not null`;
}

async function displacedCounts(
    session: EngineSession,
    keys: readonly PartitionKey[],
): Promise<(PartitionKey & { displaced: number })[]> {
    const rows = await session.rows(
        'select cast(market_day as varchar) as market_day, bucket, count(*) as n from outside group by all',
    );
    const counts = new Map(rows.map((row) => [`${row.market_day}/${row.bucket}`, Number(row.n)]));
    return keys.map((key) => ({ ...key, displaced: counts.get(partitionText(key)) ?? 0 }));
}

/** Rows that no channel takes and that do not wait yet. Their text is in the raw store: a version does not keep it. */
async function writeDisplaced(lake: Lake, session: EngineSession): Promise<NewFile[]> {
    const files = await liveFiles(lake, 'waiting_rows');
    await session.registerFiles('waiting', LAKE_TABLES.waiting_rows, distinctPaths(files));
    return writeWaiting(
        lake,
        session,
        `select m.feed_id, m.sequence, m.ordinal, m.received_at, m.external_key as meter_key,
            m.register_id as register_key, m.period_from, m.interval_minutes, m.kwh, m.quality, m.source_code,
            m.version_stamp, case when l.channel_no is null then 'waiting.outside-validity' else 'waiting.interval-length' end as reason,
            cast(null as varchar) as original_text, cast(null as bigint) as line_no, cast(null as varchar) as export_field,
            cast(null as varchar) as minutes_field, cast(null as boolean) as is_rounded
         from matched as m left join waiting as w
            on w.feed_id = m.feed_id and w.sequence = m.sequence and w.ordinal = m.ordinal and w.meter_key = m.external_key
            and w.register_key = m.register_id and w.period_from = m.period_from
         left join channel_names as l
            on l.names_meters = m.names_meters and l.external_key = m.external_key and l.register_id = m.register_id
            and ${isValid('l', 'm.period_from')}
         where m.own_channel_no is null and w.feed_id is null`,
    );
}

function rowsOf(files: readonly NewFile[]): number {
    return files.reduce((sum, file) => sum + file.rowCount, 0);
}
