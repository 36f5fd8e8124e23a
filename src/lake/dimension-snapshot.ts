import { CHANNEL_SNAPSHOT, DIMENSION_NAMES, DIMENSIONS, type Dimension } from '../contracts/lake-tables.ts';
import type { EngineSession } from '../engine/engine.ts';
import { fingerprint } from '../kernel/hash.ts';
import { channelDirectory, highestChannelNo } from '../registry/channel-directory.ts';
import { DIMENSION_QUERIES, loadsVersion } from '../registry/dimension-queries.ts';
import type { Database, Transaction } from '../store/database.ts';
import { liveFiles, WHOLE_TABLE } from './catalogue.ts';
import { channelRow } from './channel-row.ts';
import type { Lake } from './lake.ts';
import { useLake } from './lake-use.ts';
import { appendPage, copyRelation } from './relation-rows.ts';
import { replacePartitions, writeReplaced } from './replaced-partitions.ts';

export interface DimensionSnapshot {
    /** Absolute. */
    readonly path: string;
    /** Of master data and of how it is made; its content is at least as new. */
    readonly version: string;
}

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
 * A dimension as the engine reads it: a committed Parquet snapshot (`DIMENSIONS`, sorted), made anew when master data of its
 * kind have changed since the last one. Its file stays only while the caller uses the lake.
 */
export async function dimensionSnapshot(lake: Lake, dimension: Dimension): Promise<DimensionSnapshot> {
    const standing = await newestSnapshot(lake, dimension, lake.db);
    if ('path' in standing) return standing;
    // one process makes it for all that wait for it
    return lake.db.withLock(`snapshot of ${dimension}`, 'exclusive', async () => {
        const meanwhile = await newestSnapshot(lake, dimension, lake.db);
        if ('path' in meanwhile) return meanwhile;
        const { version } = meanwhile;
        const path = await useLake(lake, (inUse) => writeSnapshot(inUse, dimension, version));
        return { path, version };
    });
}

/** The file of the committed snapshot, if it is of the master data that the reader sees. */
export async function standingSnapshot(
    lake: Lake,
    dimension: Dimension,
    db: Pick<Database, 'query'>,
): Promise<string | undefined> {
    const newest = await newestSnapshot(lake, dimension, db);
    return 'path' in newest ? newest.path : undefined;
}

async function newestSnapshot(
    lake: Lake,
    dimension: Dimension,
    db: Pick<Database, 'query'>,
): Promise<DimensionSnapshot | { version: string }> {
    const version = `${FORMS[dimension]}:${
        dimension === 'channels'
            ? await registrationVersion(db)
            : await loadsVersion(db, DIMENSION_QUERIES[dimension].changedBy)
    }`;
    const known = await db.query<{ checksum: string }>(
        'select checksum from partitions where table_name = $1',
        [dimension],
    );
    if (known[0]?.checksum !== version) return { version };
    const path = (await liveFiles(lake, dimension, {}, db))[0]?.path;
    return path === undefined ? { version } : { path, version };
}

async function writeSnapshot(lake: Lake, dimension: Dimension, version: string): Promise<string> {
    const session = await lake.engine.openSession();
    try {
        await lake.db.transaction((tx) => copyDimension(tx, session, dimension), {
            isolation: 'repeatable read',
            readOnly: true,
        });
        const written = await writeReplaced(session, lake, {
            table: dimension,
            name: dimension,
            query: `select * from dimension_rows order by ${ORDERS[dimension]}`,
            key: WHOLE_TABLE,
            checksum: version,
        });
        await replacePartitions(lake, dimension, [written], { masterData: version });
        return written.path;
    } finally {
        await session.close();
    }
}

/** Says how a snapshot is made: one that another version of gridtally made otherwise is made anew. */
const FORMS = Object.fromEntries(
    DIMENSION_NAMES.map((dimension) => [
        dimension,
        fingerprint([
            DIMENSIONS[dimension],
            dimension === 'channels' ? '' : DIMENSION_QUERIES[dimension].text,
        ]).slice(0, 12),
    ]),
) as Readonly<Record<Dimension, string>>;

/** Total orders, of code points, as the queries have them; the engine keeps no order of a table by itself. */
const ORDERS: Readonly<Record<Dimension, string>> = {
    channels: 'channel_no nulls last, valid_from nulls first',
    agreements: 'agreement_id nulls last, move_in nulls first',
    metering_point_attributes: 'metering_point_id nulls last, attribute nulls last, valid_from nulls first',
    tariffs: 'plan_id nulls last, valid_from nulls first',
};

/** The session's table `dimension_rows`, page by page, as of one moment. */
async function copyDimension(tx: Transaction, session: EngineSession, dimension: Dimension): Promise<void> {
    const table = 'dimension_rows';
    if (dimension === 'channels') return copyDirectory(tx, session, table);
    const query = DIMENSION_QUERIES[dimension].text;
    await copyRelation(tx, session, { table, columns: DIMENSIONS[dimension], query, parameters: [null] });
}

// a page of the directory takes some 100 MB while it passes from the database to the engine
const CHANNELS_OF_A_PAGE = 131_072;

async function copyDirectory(tx: Transaction, session: EngineSession, table: string): Promise<void> {
    await session.registerRows(table, CHANNEL_SNAPSHOT, []);
    const highest = await highestChannelNo(tx);
    for (let from = 0; from <= highest; from += CHANNELS_OF_A_PAGE) {
        const page = await channelDirectory(tx, { numbers: { from, to: from + CHANNELS_OF_A_PAGE } });
        await appendPage(session, table, CHANNEL_SNAPSHOT, page.map(channelRow));
    }
}

/**
 * SQL of DuckDB: whether an instant lies in the validity of a row of a snapshot. Each bound is one comparison: where an outer join asks with an `or`, the
 * engine compares every row with every other.
 */
export function isValid(row: string, instant: string): string {
    return `${instant} >= coalesce(${row}.valid_from, timestamptz '-infinity') and ${instant} < coalesce(${row}.valid_to, timestamptz 'infinity')`;
}
