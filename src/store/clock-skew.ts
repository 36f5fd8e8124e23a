import { GridtallyError } from '../kernel/errors.ts';
import type { Transaction } from './database.ts';

/** What time services leave is milliseconds; more than a minute means that there is none. */
const SKEW_MS_MAX = 60_000;

/**
 * Compares the clock of this machine (UTC epoch milliseconds) with the server's, which all machines of a home share. What is received or
 * loaded bears an instant, and by these "as known at" is answered. Throws `home.clock-skew`.
 */
export async function refuseClockSkew(db: Pick<Transaction, 'query'>, now: () => number): Promise<void> {
    const before = now();
    const [server] = await db.query<{ at: number }>('select clock_timestamp() as at');
    const after = now();
    const at = server?.at ?? before;
    const skewMs = at < before ? before - at : Math.max(at - after, 0);
    if (skewMs <= SKEW_MS_MAX) return;
    const side = at < before ? 'ahead of' : 'behind';
    throw new GridtallyError(
        'home.clock-skew',
        `the clock of this machine is ${Math.round(skewMs / 1000)} s ${side} that of the database server`,
    );
}
