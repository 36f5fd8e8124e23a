import path from 'node:path';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { ingestTown, loadTownMaster, townContract } from '../../src/pipeline/town-chain.ts';
import { EVERY_FLAW } from '../../src/simulate/flaws.ts';
import { simulateTown } from '../../src/simulate/town.ts';
import type { TownOptions } from '../../src/simulate/town-options.ts';
import type { TownTotals } from '../../src/simulate/truth-files.ts';
import { type ChainWorld, openChainWorld, shippedContract, type WorldOptions } from './chain-world.ts';

export interface TownWorld extends ChainWorld {
    readonly townFolder: string;
    readonly totals: TownTotals;
    /** Rows that waited before `master-late` was loaded, as `sequence meter register period reason`. */
    readonly waitedFirst: ReadonlySet<string>;
    readonly released: number;
}

const FEED = 'town';

export const WAITING = `select sequence || ' ' || meter_key || ' ' || register_key || ' ' || epoch_ms(period_from) || ' ' || reason as row
    from waiting_rows`;

/** A few homes over a change of the clock with every flaw, exchanges and moves, in two buckets. */
export const FLAWED_TOWN = {
    homes: 9,
    from: '2013-03-29',
    to: '2013-04-02',
    minutes: 'mixed',
    feed: 'generic-csv',
    compress: 'gzip',
    marketZone: 'Europe/London',
    flaws: { ...EVERY_FLAW, exchanged: 0.4, moved: 0.4 },
    bucketSize: 16,
} as const;

/** A town through the chain: master data, deliveries in their order, what is loaded late, refresh. */
export async function openTown(
    options: Omit<TownOptions, 'outFolder' | 'feedName'> &
        Pick<WorldOptions, 'bucketSize' | 'engine' | 'estimates'>,
): Promise<TownWorld> {
    const { bucketSize, engine, estimates, ...town } = options;
    // a town of lcl has no others
    const unknownMeters = town.feed === 'lcl' ? 'register' : 'wait';
    const world = await openChainWorld({
        marketZone: town.marketZone,
        threads: 'all',
        ...(bucketSize ? { bucketSize } : {}),
        ...(engine ? { engine } : {}),
        ...(estimates ? { estimates } : {}),
    });
    try {
        const townFolder = path.join(world.folder, 'town');
        const totals = await simulateTown({
            ...town,
            outFolder: townFolder,
            feedName: FEED,
            unknownMeters,
        });
        world.contract(FEED, townContract(shippedContract(town.feed), FEED, unknownMeters));
        await loadTownMaster(world.workspace, path.join(townFolder, 'master'));
        await ingestTown(world.workspace, townFolder, FEED);
        const waited = await world.query(WAITING);
        const late = await loadTownMaster(world.workspace, path.join(townFolder, 'master-late'));
        await refreshAll(world.workspace);
        return {
            ...world,
            townFolder,
            totals,
            waitedFirst: new Set(waited.map(({ row }) => String(row))),
            released: late.reduce((sum, file) => sum + file.released, 0),
        };
    } catch (error) {
        await world.end();
        throw error;
    }
}
