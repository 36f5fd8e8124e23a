import { LAKE_TABLES } from '../contracts/lake-tables.ts';
import { makeFolderDurably, syncWrittenFiles } from '../kernel/durable.ts';
import { assert } from '../kernel/errors.ts';
import { marketDayOf } from '../kernel/market-day.ts';
import { commitVersions } from '../lake/append.ts';
import {
    distinctPaths,
    liveFiles,
    type NewFile,
    openCommit,
    retireFiles,
    WHOLE_TABLE,
} from '../lake/catalogue.ts';
import { freshFolder, type Lake } from '../lake/lake.ts';
import { useLake } from '../lake/lake-use.ts';
import { appendWhole } from './parse-commit.ts';
import type { KnownFeed } from './parse-pending.ts';
import { openParseSession, type ParseSession } from './parse-session.ts';

/**
 * Moves waiting rows whose meter is registered by now into `reading_versions`, with the sequence that they
 * were received under. Rows keep waiting where the meter is unknown, not valid then, or of another
 * interval length. Gives how many were released; one process at a time does it.
 */
export async function releaseWaiting(
    lake: Lake,
    feeds: readonly KnownFeed[],
): Promise<{ released: number; waiting: number }> {
    return lake.db.withLock('release waiting', 'exclusive', () =>
        useLake(lake, (inUse) => releaseAll(inUse, feeds)),
    );
}

async function releaseAll(
    lake: Lake,
    feeds: readonly KnownFeed[],
): Promise<{ released: number; waiting: number }> {
    const files = await liveFiles(lake, 'waiting_rows');
    if (files.length === 0) return { released: 0, waiting: 0 };
    const session = await openParseSession(lake);
    try {
        const fileIds = files.map((f) => f.fileId);
        return await releaseFiles(lake, session, feeds, fileIds, distinctPaths(files));
    } finally {
        await session.close();
    }
}

async function releaseFiles(
    lake: Lake,
    session: ParseSession,
    feeds: readonly KnownFeed[],
    fileIds: readonly number[],
    paths: readonly string[],
): Promise<{ released: number; waiting: number }> {
    const { engine } = session;
    await engine.registerFiles('waiting', LAKE_TABLES.waiting_rows, paths);
    await engine.run(
        'create or replace temp table matched as select w.*, cast(null as integer) as channel_no from waiting as w where false',
    );
    for (const feed of feeds) {
        await session.prepare(feed.contract);
        await engine.run(
            `insert into matched select w.*, c.channel_no from waiting as w left join channel_map as c
                on c.external_key = w.meter_key and c.register_key = w.register_key and c.interval_minutes = w.interval_minutes
                and epoch_us(w.period_from) >= c.valid_from_us and epoch_us(w.period_from) < c.valid_to_us
             where w.feed_id = ${feed.feedId}`,
        );
    }
    const counts = await engine.rows(
        'select count(channel_no) as released, count(*) - count(channel_no) as waiting from matched',
    );
    const released = Number(counts[0]?.released ?? 0);
    const waiting = Number(counts[0]?.waiting ?? 0);
    if (released === 0) return { released, waiting };
    const versions = await writeReleased(lake, session);
    const kept = waiting === 0 ? [] : await writeKept(lake, session);
    await lake.db.transaction(async (tx) => {
        const commitNo = await openCommit(tx, lake, 'release', { released });
        await commitVersions(tx, lake, commitNo, versions);
        const retired = await retireFiles(tx, 'waiting_rows', commitNo, [WHOLE_TABLE], fileIds);
        assert(retired === fileIds.length, 'the waiting rows to release are still those that were read');
        await tx.query(`update partitions set row_count = row_count - $1 where table_name = 'waiting_rows'`, [
            released + waiting,
        ]);
        await appendWhole(tx, lake, 'waiting_rows', commitNo, kept);
    });
    return { released, waiting };
}

async function writeReleased(lake: Lake, session: ParseSession): Promise<NewFile[]> {
    const { engine } = session;
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
    const query = `select d.market_day, cast(m.channel_no // ${lake.bucketSize} as integer) as bucket, m.channel_no, m.period_from,
            m.interval_minutes, m.kwh, m.quality, m.source_code, m.feed_id, m.version_stamp, m.sequence, m.ordinal, m.received_at
        from matched as m inner join released_days as d on d.instant_ms = epoch_ms(m.period_from)
        where m.channel_no is not null`;
    const parts = await engine.rows(
        `select cast(market_day as varchar) as market_day, bucket, count(*) as n from (${query}) group by all`,
    );
    const folder = freshFolder(lake, 'reading_versions');
    await makeFolderDurably(folder);
    const order =
        'market_day nulls last, channel_no nulls last, period_from nulls last, sequence nulls last, ordinal nulls last';
    const file = await engine.writeFile(`${query} order by ${order}`, `${folder}/released.parquet`);
    await syncWrittenFiles([file.path], lake.folder);
    return [
        {
            ...file,
            parts: parts.map((p) => ({
                marketDay: String(p.market_day) as never,
                bucket: Number(p.bucket),
                rowCount: Number(p.n),
            })),
        },
    ];
}

async function writeKept(lake: Lake, session: ParseSession): Promise<NewFile[]> {
    const folder = freshFolder(lake, 'waiting_rows');
    await makeFolderDurably(folder);
    const names = LAKE_TABLES.waiting_rows.map((c) => c.name).join(', ');
    const file = await session.engine.writeFile(
        `select ${names} from matched where channel_no is null order by sequence nulls last, ordinal nulls last`,
        `${folder}/rows.parquet`,
    );
    await syncWrittenFiles([file.path], lake.folder);
    return [{ ...file, parts: [{ ...WHOLE_TABLE, rowCount: file.rowCount }] }];
}
