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
 * The instant of a new belief: now, or just after the last one and after what was judged by it, where the clock stands or went back, so that known
 * time only grows. Call it under `lockMasterData`.
 */
export async function nextKnownAt(tx: Transaction, clock: Clock): Promise<KnownAt> {
    const { loadedAt, judgedAt } = await newestInstants(tx);
    const before = Math.max(loadedAt, judgedAt);
    const at = Math.max(Math.floor(clock.now()), before + 1);
    return { at, text: instantText(at) };
}

/**
 * The instant at which rows are judged: now, or where the clock went back that of the belief by which they are, or of what was judged before them. By
 * these instants `rebuild --from-raw` tells what was judged by which belief, and in which order (UTC epoch milliseconds).
 */
export async function nextJudgedAt(tx: Transaction, clock: Clock): Promise<number> {
    const { loadedAt, judgedAt } = await newestInstants(tx);
    return Math.max(clock.now(), loadedAt, judgedAt);
}

async function newestInstants(tx: Transaction): Promise<{ loadedAt: number; judgedAt: number }> {
    const rows = await tx.query<{ loadedAt: number | null; judgedAt: number | null }>(
        `select (select loaded_at from loads order by load_no desc limit 1) as "loadedAt",
                greatest((select max(parsed_at) from segments), (select max(replayed_at) from segment_replays)) as "judgedAt"`,
    );
    return { loadedAt: rows[0]?.loadedAt ?? -Infinity, judgedAt: rows[0]?.judgedAt ?? -Infinity };
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
