import type { LakeTable } from '../contracts/lake-tables.ts';
import type { EngineSession } from '../engine/engine.ts';
import { type KnownLake, readKnownLake } from '../lake/as-of.ts';
import { distinctPaths, liveFiles } from '../lake/catalogue.ts';
import { standingSnapshot } from '../lake/dimension-snapshot.ts';
import type { Lake } from '../lake/lake.ts';
import type { FeedStandings } from '../lake/refresh-state.ts';
import { readSpanInputs, type SpanInputs } from '../lake/register-advances.ts';
import { type Watermark, watermarkAt } from '../lake/watermark.ts';
import { settleReceipts } from '../raw/segment-catalogue.ts';
import { type ChannelEntry, channelDirectory } from '../registry/channel-directory.ts';
import { settleMasterData } from '../registry/known-time.ts';
import type { Transaction } from '../store/database.ts';
import type { Chain } from './chain.ts';
import { registerPayloads } from './payload-relation.ts';
import { registerRelations, type ViewOptions } from './published-relations.ts';

/** What a query is to see of files. */
export interface Wants {
    readonly tables: readonly LakeTable[];
    readonly hasChannels: boolean;
    /** Reads of registers are decided for this query. */
    readonly hasRegisters: boolean;
    /** Channels and what is curated are made anew, as they were known at an instant. */
    readonly isRecomputed: boolean;
}

export type LookedChannels = { readonly path: string } | { readonly rows: readonly ChannelEntry[] };

export interface LookOptions extends ViewOptions {
    readonly wants: Wants;
    readonly feeds: FeedStandings;
}

/** All that was wanted, of one moment. */
export interface CatalogueLook {
    /** Absolute paths of the committed files. */
    readonly files: ReadonlyMap<LakeTable, readonly string[]>;
    readonly channels?: LookedChannels;
    /** What advances of registers are told by. */
    readonly registers?: SpanInputs;
    /** With `asOf`: where receipts end that were known. */
    readonly watermark?: Watermark;
    /** What the readings and channels of then are made from. */
    readonly known?: KnownLake;
}

/**
 * Reads all of it in one repeatable-read transaction, so that no two tables are of different moments, and registers the tables of
 * Postgres in the session meanwhile. What was known at an instant is read after the receipt or load that is under way, as that may bear an earlier instant than the one asked for.
 */
export async function lookAtCatalogue(
    chain: Chain,
    session: EngineSession,
    options: LookOptions,
): Promise<CatalogueLook> {
    const { db } = chain.lake;
    if (options.asOf !== undefined) {
        await settleReceipts(db);
        await settleMasterData(db);
    }
    const lookOnce = (tx: Transaction) => lookWithin(tx, chain, session, options);
    return db.transaction(lookOnce, { isolation: 'repeatable read', readOnly: true });
}

async function lookWithin(
    tx: Transaction,
    { lake, raw }: Chain,
    session: EngineSession,
    options: LookOptions,
): Promise<CatalogueLook> {
    const { asOf, feeds, wants } = options;
    const files = new Map<LakeTable, readonly string[]>();
    for (const table of wants.tables) {
        const bounds = asOf === undefined ? {} : { committedBy: asOf };
        const isFeedOfChanges = table === 'changed_channel_days';
        files.set(table, distinctPaths(await liveFiles(lake, table, isFeedOfChanges ? bounds : {}, tx)));
    }
    await registerRelations(tx, session, lake, options);
    await registerPayloads(tx, session, raw.folder, options);
    const known =
        asOf !== undefined && wants.isRecomputed ? await readKnownLake(lake, tx, feeds, asOf) : undefined;
    const registers = wants.hasRegisters
        ? await readSpanInputs(lake, tx, asOf === undefined ? {} : { knownAt: asOf })
        : undefined;
    return {
        files,
        ...(registers === undefined ? {} : { registers }),
        ...(wants.hasChannels ? { channels: await channelsNow(lake, tx) } : {}),
        ...(asOf === undefined ? {} : { watermark: known?.watermark ?? (await watermarkAt(tx, asOf)) }),
        ...(known === undefined ? {} : { known }),
    };
}

async function channelsNow(lake: Lake, tx: Transaction): Promise<LookedChannels> {
    const standing = await standingSnapshot(lake, 'channels', tx);
    return standing === undefined ? { rows: await channelDirectory(tx) } : { path: standing };
}
