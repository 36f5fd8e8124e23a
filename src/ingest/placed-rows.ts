import { LAKE_TABLES, type VersionTable } from '../contracts/lake-tables.ts';
import type { EngineSession } from '../engine/engine.ts';
import { calendarDate } from '../kernel/calendar-date.ts';
import { makeFolderDurably, syncWrittenFiles } from '../kernel/durable.ts';
import { distinctPaths, liveFiles, type NewFile } from '../lake/catalogue.ts';
import { freshFolder, type Lake, type PartitionKey, partitionText } from '../lake/lake.ts';
import type { ComingReadings } from '../lake/refresh-state.ts';
import { extendExpectation } from '../registry/feed-channels.ts';
import { writeWhole } from './whole-table.ts';

const ORDER =
    'market_day nulls last, channel_no nulls last, period_from nulls last, sequence nulls last, ordinal nulls last';

/** The files of `reading_versions` that hold these partitions. */
export async function versionFilesOf(lake: Lake, keys: readonly PartitionKey[]): Promise<string[]> {
    const wanted = new Set(keys.map(partitionText));
    const files = await liveFiles(lake, 'reading_versions');
    return distinctPaths(files.filter((file) => wanted.has(partitionText(file))));
}

/**
 * Writes rows that found their channel: the session's table `placed`, in the shape of `reading_versions`. Of rows that were
 * versions before, those that stand under the channel already are left out. Nothing is committed here.
 */
export async function writePlaced(
    lake: Lake,
    engine: EngineSession,
    options: { readonly wereVersions: boolean },
): Promise<NewFile[]> {
    if (options.wereVersions) await leaveOutKnown(lake, engine);
    await expectEarlier(lake, engine);
    return writeTable(lake, engine, { from: 'placed', table: 'reading_versions', order: ORDER });
}

/** The same for register reads: the session's table `placed_reads`, in the shape of `register_versions`. */
export async function writePlacedReads(lake: Lake, engine: EngineSession): Promise<NewFile[]> {
    const order = ORDER.replace('period_from', 'read_at');
    return writeTable(lake, engine, { from: 'placed_reads', table: 'register_versions', order });
}

async function writeTable(
    lake: Lake,
    engine: EngineSession,
    { from, table, order }: { readonly from: string; readonly table: VersionTable; readonly order: string },
): Promise<NewFile[]> {
    const parts = await partsOf(engine, from);
    if (parts.length === 0) return [];
    const folder = freshFolder(lake, table);
    await makeFolderDurably(folder);
    const columns = LAKE_TABLES[table].map((c) => c.name).join(', ');
    const file = await engine.writeFile(
        `select ${columns} from ${from} order by ${order}`,
        `${folder}/placed.parquet`,
    );
    await syncWrittenFiles([file.path], lake.folder);
    return [{ ...file, parts }];
}

/** What `writePlaced` would add, and from which earlier days on it would miss readings; the session's table `placed` is left with those rows. */
export async function foreseePlaced(
    lake: Lake,
    engine: EngineSession,
    options: { readonly wereVersions: boolean },
): Promise<ComingReadings> {
    if (options.wereVersions) await leaveOutKnown(lake, engine);
    const expected = await engine.rows(
        `select distinct cast(floor(channel_no / ${lake.bucketSize}) as integer) as bucket,
            cast(first_day as varchar) as first_day, cast(expected_from as varchar) as expected_from
         from (${EARLIER_DAYS}) as e`,
    );
    return {
        versions: await partsOf(engine),
        expected: expected.map((row) => ({
            bucket: Number(row.bucket),
            from: calendarDate(String(row.first_day)),
            to: calendarDate(String(row.expected_from)),
        })),
    };
}

/** Writes a query in the shape of `waiting_rows` to one file. Nothing is committed here. */
export async function writeWaiting(lake: Lake, engine: EngineSession, query: string): Promise<NewFile[]> {
    const order = 'sequence nulls last, ordinal nulls last, period_from nulls last';
    return writeWhole(lake, engine, 'waiting_rows', { rows: query, order });
}

async function partsOf(engine: EngineSession, from = 'placed'): Promise<NewFile['parts'][number][]> {
    const parts = await engine.rows(
        `select cast(market_day as varchar) as market_day, bucket, count(*) as n from ${from} group by all order by all`,
    );
    return parts.map((p) => ({
        marketDay: calendarDate(String(p.market_day)),
        bucket: Number(p.bucket),
        rowCount: Number(p.n),
    }));
}

async function leaveOutKnown(lake: Lake, engine: EngineSession): Promise<void> {
    const paths = await versionFilesOf(lake, await partsOf(engine));
    await engine.registerFiles('versions_there', LAKE_TABLES.reading_versions, paths);
    await engine.materialise(
        'there',
        `select channel_no, period_from, feed_id, sequence, ordinal from versions_there
         where channel_no in (select channel_no from placed)`,
    );
    await engine.materialise(
        'placed_anew',
        `select p.* from placed as p left join there as t
            on t.channel_no = p.channel_no and t.period_from = p.period_from and t.feed_id = p.feed_id
            and t.sequence = p.sequence and t.ordinal = p.ordinal
         where t.channel_no is null`,
    );
    await engine.run('drop table placed');
    await engine.run('alter table placed_anew rename to placed');
}

const EARLIER_DAYS = `select p.channel_no, min(p.market_day) as first_day, min(c.expected_from) as expected_from
    from placed as p inner join channels as c on c.channel_no = p.channel_no and p.market_day < c.expected_from
    group by p.channel_no`;

/** As for rows that are parsed: a channel that a feed registered is missed from its first day with a reading. */
async function expectEarlier(lake: Lake, engine: EngineSession): Promise<void> {
    const rows = await engine.rows(
        `select channel_no, cast(first_day as varchar) as first_day from (${EARLIER_DAYS}) as e order by channel_no`,
    );
    await extendExpectation(
        lake.db,
        rows.map((row) => ({
            channelNo: Number(row.channel_no),
            firstDay: calendarDate(String(row.first_day)),
        })),
        { bucketSize: lake.bucketSize, clock: lake.clock },
    );
}
