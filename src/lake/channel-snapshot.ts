import { CHANNEL_SNAPSHOT } from '../contracts/lake-tables.ts';
import type { EngineSession } from '../engine/engine.ts';
import { makeFolderDurably, syncWrittenFiles } from '../kernel/durable.ts';
import { channelDirectory, highestChannelNo } from '../registry/channel-directory.ts';
import type { Database, Transaction } from '../store/database.ts';
import { insertFiles, liveFiles, openCommit, retireFiles, WHOLE_TABLE } from './catalogue.ts';
import { channelRow } from './channel-row.ts';
import { freshFolder, type Lake } from './lake.ts';
import { useLake } from './lake-use.ts';

/**
 * Says which registration is known: changes whenever a registration commits, also when commits overtake
 * each other (the count sees a lower number that commits later).
 */
export async function registrationVersion(db: Pick<Database, 'query'>): Promise<string> {
    const rows = await db.query<{ version: string }>(
        `select count(*) || ':' || coalesce(max(change_no), 0) as version from registration_changes`,
    );
    return rows[0]?.version ?? '0:0';
}

/**
 * The channels as the engine reads them: a committed Parquet snapshot (`CHANNEL_SNAPSHOT`, sorted by
 * channel), made anew when a registration has changed since the last one. Its content is at least as new
 * as the registration version given back. Its file stays only while the caller uses the lake.
 */
export async function channelSnapshot(lake: Lake): Promise<{ path: string; version: string }> {
    const standing = await newestSnapshot(lake);
    if ('path' in standing) return standing;
    // one process makes it for all that wait for it
    return lake.db.withLock('channel snapshot', 'exclusive', async () => {
        const meanwhile = await newestSnapshot(lake);
        if ('path' in meanwhile) return meanwhile;
        const { version } = meanwhile;
        return { path: await useLake(lake, (inUse) => writeSnapshot(inUse, version)), version };
    });
}

async function newestSnapshot(lake: Lake): Promise<{ path: string; version: string } | { version: string }> {
    const version = await registrationVersion(lake.db);
    const path = await standingSnapshot(lake, version, lake.db);
    return path === undefined ? { version } : { path, version };
}

/** The file of the committed snapshot, if it is of that registration. */
export async function standingSnapshot(
    lake: Lake,
    version: string,
    db: Pick<Database, 'query'>,
): Promise<string | undefined> {
    const known = await db.query<{ checksum: string }>(
        `select checksum from partitions where table_name = 'channels'`,
    );
    if (known[0]?.checksum !== version) return undefined;
    return (await liveFiles(lake, 'channels', {}, db))[0]?.path;
}

async function writeSnapshot(lake: Lake, version: string): Promise<string> {
    const session = await lake.engine.openSession();
    try {
        await lake.db.transaction((tx) => copyDirectory(tx, session), {
            isolation: 'repeatable read',
            readOnly: true,
        });
        const folder = freshFolder(lake, 'channels');
        await makeFolderDurably(folder);
        const file = await session.writeFile(
            'select * from directory order by channel_no nulls last, valid_from nulls first',
            `${folder}/channels.parquet`,
        );
        await syncWrittenFiles([file.path], lake.folder);
        await commitSnapshot(lake, version, file);
        return file.path;
    } finally {
        await session.close();
    }
}

// a page of the directory takes some 100 MB while it passes from the database to the engine
const CHANNELS_OF_A_PAGE = 131_072;

/** The session's table `directory`, page by page, as of one moment. */
async function copyDirectory(tx: Transaction, session: EngineSession): Promise<void> {
    await session.registerRows('directory', CHANNEL_SNAPSHOT, []);
    const highest = await highestChannelNo(tx);
    for (let from = 0; from <= highest; from += CHANNELS_OF_A_PAGE) {
        const page = await channelDirectory(tx, { numbers: { from, to: from + CHANNELS_OF_A_PAGE } });
        await session.registerRows('directory_page', CHANNEL_SNAPSHOT, page.map(channelRow));
        await session.run('insert into directory select * from directory_page');
    }
}

async function commitSnapshot(
    lake: Lake,
    version: string,
    file: { path: string; rowCount: number; byteCount: number },
): Promise<void> {
    await lake.db.transaction(async (tx) => {
        const commitNo = await openCommit(tx, lake, 'channels', { registration: version });
        const rows = await tx.query<{ version: number }>(
            `insert into partitions (table_name, market_day, bucket, version, commit_no, row_count, checksum, inputs)
             values ('channels', $1, $2, 1, $3, $4, $5, '{}')
             on conflict (table_name, market_day, bucket) do update
                 set version = partitions.version + 1, commit_no = excluded.commit_no,
                     row_count = excluded.row_count, checksum = excluded.checksum
             returning version`,
            [WHOLE_TABLE.marketDay, WHOLE_TABLE.bucket, commitNo, file.rowCount, version],
        );
        await retireFiles(tx, 'channels', commitNo, [WHOLE_TABLE]);
        const parts = [{ ...WHOLE_TABLE, rowCount: file.rowCount }];
        await insertFiles(tx, lake, 'channels', commitNo, [{ ...file, parts }], () => rows[0]?.version ?? 1);
    });
}
