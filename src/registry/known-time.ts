import type { Clock } from '../kernel/clock.ts';
import { instantText } from '../kernel/period.ts';
import { type Database, lockWithin, type Transaction } from '../store/database.ts';

export interface KnownAt {
    /** UTC epoch milliseconds. */
    readonly at: number;
    readonly text: string;
}

const MASTER_DATA_LOCK = 'master data';

/** Lets one transaction at a time change master data of the home; until its end. */
export async function lockMasterData(tx: Transaction): Promise<void> {
    await lockWithin(tx, MASTER_DATA_LOCK, 'exclusive');
}

/** Waits for the change of master data that is under way: what is believed after it bears a later instant. */
export async function settleMasterData(db: Database): Promise<void> {
    await db.withLock(MASTER_DATA_LOCK, 'shared', async () => {});
}

/**
 * The instant of a new belief: now, or just after the last one where the clock stands or went back, so that known time only grows.
 * Call it under `lockMasterData`.
 */
export async function nextKnownAt(tx: Transaction, clock: Clock): Promise<KnownAt> {
    const rows = await tx.query<{ loadedAt: number }>(
        'select loaded_at as "loadedAt" from loads order by load_no desc limit 1',
    );
    const at = Math.max(Math.floor(clock.now()), (rows[0]?.loadedAt ?? -Infinity) + 1);
    return { at, text: instantText(at) };
}

/** Enters that master data changed at `knownAt`, and by what. */
export async function enterLoad(
    tx: Transaction,
    load: {
        readonly kind: string;
        readonly sourceName: string;
        readonly contentSha256: string;
        readonly knownAt: KnownAt;
        readonly rows: number;
        readonly changed: number;
    },
): Promise<void> {
    await tx.query(
        `insert into loads (kind, source_name, content_sha256, loaded_at, row_count, changed_count)
         values ($1, $2, $3, $4, $5, $6)`,
        [load.kind, load.sourceName, load.contentSha256, load.knownAt.text, load.rows, load.changed],
    );
}
