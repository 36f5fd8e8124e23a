import { GridtallyError } from '../../kernel/errors.ts';
import {
    type Engine,
    type EngineCapability,
    type JobLimits,
    requireCapabilities,
    type SessionWishes,
} from '../engine.ts';
import { parseSparkAddress, type SparkAddress, SparkAddressError } from '../spark-connect/address.ts';
import type { Patience } from '../spark-connect/patience.ts';
import { SparkSession } from '../spark-connect/session.ts';
import { SparkEngineSession } from './spark-engine-session.ts';
import { explainSparkError } from './spark-faults.ts';

export interface SparkOptions {
    /** `sc://host:port/;token=…`, as `parseSparkAddress` reads it. */
    readonly address: string;
    /** How long a server out of reach is waited for. */
    readonly patience?: Patience;
    readonly jobLimits?: JobLimits;
    /** How long files that the server wrote are waited for until they are seen here; milliseconds. */
    readonly listingMs?: number;
}

// what docs/engines.md asks of a shared folder: a listing may be a minute old
const LISTING_MS = 65_000;

const CAPABILITIES: ReadonlySet<EngineCapability> = new Set();

// A server has its own memory and spills by itself, and each job costs it seconds of planning: a market's day of 2 million channels,
// 96 million rows in 123 buckets, is one job. A claim takes a lock of the database for each partition, which has about 6,000.
const JOB_LIMITS: JobLimits = {
    maxRows: 200_000_000,
    maxPartitions: 1_000,
    maxRowsHeld: 2_000_000,
    maxRowsTakenOver: 0,
    holdsSmallSteps: false,
};

/** The first version whose SQL has all that models use, such as `is not distinct from`. */
const VERSION_MAJOR_MIN = 4;

/**
 * Spark through Spark Connect. Each session is one of the server's, so that its views are its own. Files are read and written by the
 * server: it must see the lake's folder under the same path. Throws `engine.address-invalid`.
 */
export function sparkEngine(options: SparkOptions): Engine {
    const address = readAddress(options.address);
    const sessions = new Set<SparkEngineSession>();
    let isClosed = false;
    return {
        dialect: 'spark',
        capabilities: CAPABILITIES,
        // a job is large, and the server spreads it over all that it has
        jobsAtOnce: 1,
        jobLimits: options.jobLimits ?? JOB_LIMITS,
        async openSession(wishes: SessionWishes = {}) {
            requireCapabilities({ dialect: 'spark', capabilities: CAPABILITIES }, wishes);
            const spark = await connect(address, options);
            if (isClosed) {
                await spark.close();
                throw new GridtallyError(
                    'engine.interrupted',
                    'the engine was closed while a session was opened',
                );
            }
            const session = new SparkEngineSession(spark, {
                listingMs: options.listingMs ?? LISTING_MS,
                onClose: () => sessions.delete(session),
                onProgress: wishes.onProgress ?? (() => {}),
            });
            sessions.add(session);
            return session;
        },
        async close() {
            isClosed = true;
            await Promise.all([...sessions].map((session) => session.close()));
        },
    };
}

function readAddress(text: string): SparkAddress {
    try {
        return parseSparkAddress(text);
    } catch (error) {
        if (!(error instanceof SparkAddressError)) throw error;
        throw new GridtallyError(
            'engine.address-invalid',
            `the address of the engine is wrong: ${error.message}`,
        );
    }
}

async function connect(address: SparkAddress, options: SparkOptions): Promise<SparkSession> {
    let session: SparkSession | undefined;
    try {
        session = await SparkSession.connect(address, {
            tags: ['gridtally'],
            ...(options.patience === undefined ? {} : { patience: options.patience }),
        });
        refuseOldServer(session.serverVersion);
        await session.setConfig(SETTINGS);
        return session;
    } catch (error) {
        // the server holds what was asked of it until it is released, and the connection stays open
        await session?.close();
        throw explainSparkError(error, { address });
    }
}

// what models take for granted, whatever the server's own settings are
const SETTINGS: Readonly<Record<string, string>> = {
    'spark.sql.session.timeZone': 'UTC',
    'spark.sql.ansi.enabled': 'true',
    // the default has no zone, and other readers take it for local time
    'spark.sql.parquet.outputTimestampType': 'TIMESTAMP_MICROS',
    'spark.sql.decimalOperations.allowPrecisionLoss': 'true',
    'spark.sql.caseSensitive': 'false',
    'spark.sql.adaptive.enabled': 'true',
    // more than 32 files are listed by a job, of one task for each: a task costs more than twenty files do
    'spark.sql.sources.parallelPartitionDiscovery.parallelism': '32',
    // sorted readings take 1.4 bytes each: a task of 128 MB, as a server has it by itself, would have 90 million of them, and one core of many
    'spark.sql.files.maxPartitionBytes': '16m',
    'spark.sql.files.openCostInBytes': '512k',
};

/** Throws `engine.too-old`. */
export function refuseOldServer(version: string): void {
    const major = Number(/^\d+/.exec(version)?.[0] ?? 0);
    if (major < VERSION_MAJOR_MIN)
        throw new GridtallyError('engine.too-old', `the server is Spark ${version}, and 4.0 is needed`);
}
