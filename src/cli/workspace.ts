import { duckdbEngine } from '../engine/duckdb/duckdb-engine.ts';
import type { Engine } from '../engine/engine.ts';
import type { Clock } from '../kernel/clock.ts';
import { systemClock } from '../kernel/clock.ts';
import { makeFolderDurably } from '../kernel/durable.ts';
import { removeAbandonedScratch } from '../kernel/scratch.ts';
import { zoneOf } from '../kernel/zone.ts';
import type { Lake } from '../lake/lake.ts';
import type { RawStore } from '../raw/receive.ts';
import { refuseClockSkew } from '../store/clock-skew.ts';
import { type Database, openDatabase } from '../store/database.ts';
import { type Home, readHome } from '../store/home.ts';
import { bindHome, isBoundTo } from '../store/home-binding.ts';
import { migrate } from '../store/migrations.ts';

/** An opened home: everything that commands work with. The only place that names an engine and a store. */
export interface Workspace {
    readonly home: Home;
    readonly db: Database;
    readonly lake: Lake;
    readonly raw: RawStore;
    readonly clock: Clock;
    /** What opening found and put right after a crash, and migrations that it applied. */
    readonly notices: readonly string[];
    /** Opens another schema of the home's database, for a catalogue that is made beside its own; the caller closes it. */
    openSchema(schema: string): Promise<Database>;
    close(): Promise<void>;
}

/** With `isRestoring` also a home that is half restored, which nobody else may use. */
export async function openWorkspace(
    folder: string,
    clock: Clock = systemClock,
    options: { readonly isRestoring?: boolean } = {},
): Promise<Workspace> {
    const home = readHome(folder, options);
    const db = await openDatabase({ ...home.database, home: home.folder });
    try {
        // before anything is written there: a home that cannot be used leaves no trace in a database that others keep
        if (home.database.url !== undefined) await refuseClockSkew(db, Date.now);
        const isBound = await isBoundTo(db, home);
        const applied = await migrate(db);
        if (!isBound) await bindHome(db, home);
        await makeFolderDurably(home.scratchFolder);
        removeAbandonedScratch(home.scratchFolder);
        await makeFolderDurably(home.lakeFolder);
        const engine = duckdbEngine({
            memoryLimit: home.engine.memory,
            threads: home.engine.threads,
            spillFolder: home.scratchFolder,
        });
        const bulkEngine = home.engine.server === undefined ? engine : await serverEngine(home.engine.server);
        const lake: Lake = {
            db,
            engine,
            bulkEngine,
            folder: home.lakeFolder,
            zone: zoneOf(home.marketZone),
            bucketSize: home.bucketSize,
            validation: home.validation,
            estimation: home.estimation,
            clock,
            ...(home.horizon === undefined ? {} : { horizon: home.horizon }),
        };
        return {
            home,
            db,
            lake,
            raw: { db, folder: home.rawFolder, clock },
            clock,
            notices: [
                ...db.recovered,
                ...(applied.length > 0 ? [`database schema brought up to ${applied.at(-1)}`] : []),
            ],
            openSchema: (schema) => openDatabase({ ...home.database, schema, home: home.folder }),
            async close() {
                await bulkEngine.close();
                await engine.close();
                await db.close();
            },
        };
    } catch (error) {
        await db.close();
        throw error;
    }
}

/** An engine that is a Spark Connect server; throws `engine.address-invalid`. Its client is loaded only where a home has one: that takes as long as all the rest. */
export async function serverEngine(address: string): Promise<Engine> {
    const { sparkEngine } = await import('../engine/spark/spark-engine.ts');
    return sparkEngine({ address });
}
