import type { Transaction } from '../store/database.ts';

/**
 * Receipts that were known at an instant: sequences at or below `sequence` but for the ranges of `late` (both ends belong), which had been
 * given out by then and were acknowledged afterwards.
 */
export interface Watermark {
    /** 0: nothing was known. */
    readonly sequence: number;
    readonly late: readonly { readonly first: number; readonly last: number }[];
}

/**
 * What was acknowledged at or before an instant (UTC epoch milliseconds). Instants of acknowledgement grow in the order in which segments
 * become visible, so a later instant knows all that an earlier one did, and what was known at an instant in the past stays the same.
 */
export async function watermarkAt(db: Pick<Transaction, 'query'>, at: number): Promise<Watermark> {
    const [known] = await db.query<{ sequence: number | null }>(
        `select max(last_sequence) as sequence from segments where acknowledged_at <= to_timestamp($1 / 1000.0)`,
        [at],
    );
    const sequence = known?.sequence ?? 0;
    const late = await db.query<{ first: number; last: number }>(
        `select first_sequence as first, last_sequence as last from segments
          where first_sequence <= $2 and acknowledged_at > to_timestamp($1 / 1000.0) order by first_sequence`,
        [at, sequence],
    );
    return { sequence, late };
}

/** The condition that a row's `sequence` was known. */
export function knownBy({ sequence, late }: Watermark): string {
    const ranges = late.map(({ first, last }) => ` and sequence not between ${first} and ${last}`);
    return `sequence <= ${sequence}${ranges.join('')}`;
}
