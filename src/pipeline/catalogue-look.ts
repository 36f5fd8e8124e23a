import { LAKE_TABLES, type LakeTable } from '../contracts/lake-tables.ts';
import type { EngineSession } from '../engine/engine.ts';
import { type KnownLake, readKnownLake } from '../lake/as-of.ts';
import { distinctPaths, liveFiles } from '../lake/catalogue.ts';
import { registrationVersion, standingSnapshot } from '../lake/channel-snapshot.ts';
import type { FeedPrecedence } from '../lake/refresh-state.ts';
import { settleReceipts } from '../raw/segment-catalogue.ts';
import { type ChannelEntry, channelDirectory } from '../registry/channel-directory.ts';
import { settleMasterData } from '../registry/known-time.ts';
import type { Transaction } from '../store/database.ts';
import type { Chain } from './chain.ts';
import { registerRelations, type ViewOptions } from './published-relations.ts';

/** Everything that a query can see, of one moment. */
export interface CatalogueLook {
    /** Absolute paths of the committed files. */
    readonly files: Readonly<Record<LakeTable, readonly string[]>>;
    readonly channels: { readonly path: string } | { readonly rows: readonly ChannelEntry[] };
    /** With `asOf`: what the readings of then are made from; `files` and `channels` are then of no use for them. */
    readonly known?: KnownLake;
}

/**
 * Reads all of it in one repeatable-read transaction, so that no two tables are of different moments, and registers the tables of
 * Postgres in the session meanwhile. What was known at an instant is read after the receipt or load that is under way, as that may bear an earlier instant than the one asked for.
 */
export async function lookAtCatalogue(
    chain: Chain,
    session: EngineSession,
    options: ViewOptions,
    feeds: readonly FeedPrecedence[],
): Promise<CatalogueLook> {
    const { db } = chain.lake;
    if (options.asOf !== undefined) {
        await settleReceipts(db);
        await settleMasterData(db);
    }
    const lookOnce = (tx: Transaction) => lookWithin(tx, chain, session, options, feeds);
    return db.transaction(lookOnce, { isolation: 'repeatable read', readOnly: true });
}

async function lookWithin(
    tx: Transaction,
    { lake }: Chain,
    session: EngineSession,
    options: ViewOptions,
    feeds: readonly FeedPrecedence[],
): Promise<CatalogueLook> {
    const { asOf } = options;
    const files = {} as Record<LakeTable, readonly string[]>;
    for (const table of Object.keys(LAKE_TABLES) as LakeTable[]) {
        const bounds = asOf === undefined ? {} : { committedBy: asOf };
        const isFeedOfChanges = table === 'changed_channel_days';
        files[table] = distinctPaths(await liveFiles(lake, table, isFeedOfChanges ? bounds : {}, tx));
    }
    const standing = await standingSnapshot(lake, await registrationVersion(tx), tx);
    await registerRelations(tx, session, lake, options);
    return {
        files,
        channels: standing === undefined ? { rows: await channelDirectory(tx) } : { path: standing },
        ...(asOf === undefined ? {} : { known: await readKnownLake(lake, tx, feeds, asOf) }),
    };
}
