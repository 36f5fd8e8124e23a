import path from 'node:path';
import type { EstimationPolicy } from '../contracts/estimation-policy.ts';
import type { CatalogueTable } from '../contracts/lake-tables.ts';
import type { ValidationPolicy } from '../contracts/validation-rules.ts';
import type { Engine } from '../engine/engine.ts';
import type { CalendarDate } from '../kernel/calendar-date.ts';
import type { Clock } from '../kernel/clock.ts';
import { assert } from '../kernel/errors.ts';
import type { Zone } from '../kernel/zone.ts';
import type { Database, LockCheck } from '../store/database.ts';

/** What every step on the lake needs; made once by the composition root. */
export interface Lake {
    readonly db: Database;
    /** In this process: for files as they arrive, small tables and questions. */
    readonly engine: Engine;
    /** Where curation, rollups and billing sums run: the same one, or a server that `gridtally.yaml` names. */
    readonly bulkEngine: Engine;
    /** Root folder of the lake's files; the catalogue keeps paths relative to it. */
    readonly folder: string;
    readonly zone: Zone;
    /** Channel numbers per bucket, a power of two, fixed when the home is made. */
    readonly bucketSize: number;
    /** Last market day that is expected to have readings; absent: the newest market day in the lake. */
    readonly horizon?: CalendarDate;
    /** Which rules judge readings, and what is done about those that fail. */
    readonly validation: ValidationPolicy;
    /** How intervals without a value are estimated. */
    readonly estimation: EstimationPolicy;
    readonly clock: Clock;
    /** Set within `useLake`, where files may be written. */
    readonly isInUse?: true;
    /** Set within `oneAtATime`: whether its lock is still held, which every commit asks. */
    readonly isAlone?: LockCheck;
    /** Once it is aborted a step ends after what it is doing, with all that is left for the next one. */
    readonly stop?: AbortSignal;
}

/** Rebuilt unit: one bucket of channels on one local day. */
export interface PartitionKey {
    readonly marketDay: CalendarDate;
    readonly bucket: number;
}

export function partitionText(key: PartitionKey): string {
    return `${key.marketDay}/${key.bucket}`;
}

let fileCounter = 0;

/** A folder for files of one step: a name never used before, so that no file is ever written twice. */
export function freshFolder(lake: Lake, table: CatalogueTable): string {
    assert(lake.isInUse, 'files of the lake are written within `useLake`');
    fileCounter += 1;
    const now = lake.clock.now();
    const day = new Date(now).toISOString().slice(0, 10).replaceAll('-', '/');
    const unique = `${now.toString(36)}-${process.pid.toString(36)}-${fileCounter.toString(36)}-${randomText()}`;
    return path.join(lake.folder, table, day, unique);
}

function randomText(): string {
    return Array.from(crypto.getRandomValues(new Uint8Array(5)), (b) => b.toString(36)).join('');
}
