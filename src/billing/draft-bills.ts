import type { Engine } from '../engine/engine.ts';
import type { Clock } from '../kernel/clock.ts';
import { add, type Decimal, decimal, ZERO } from '../kernel/decimal.ts';
import { inTurns } from '../kernel/turns.ts';
import type { Database } from '../store/database.ts';
import type { RatedBill } from './bill-document.ts';
import { totalText } from './currency.ts';
import {
    keepInputs,
    removeDraftsOfOthers,
    removeUnusedInputs,
    sealedAmong,
    writeDrafts,
} from './draft-store.ts';
import { ratePeriod } from './rate-period.ts';
import type { BillingInputs } from './rating-dimensions.ts';
import type { UnratedAccount } from './rating-faults.ts';

export interface DraftOutcome {
    /** Accounts that had no draft of the period. */
    readonly drafted: number;
    readonly unchanged: number;
    readonly replaced: number;
    /** Drafts of accounts that are no longer active in the period, or cannot be rated any more. */
    readonly removed: number;
    /** Accounts left alone, because a sealed bill covers part of the period. */
    readonly sealed: number;
    /** Of the drafts that now stand, those with missing intervals. */
    readonly incomplete: number;
    /** Of the drafts that now stand, those that a rule of validation holds. */
    readonly held: number;
    /** Sum over the drafts that now stand, exact text. */
    readonly totalDue: string;
    /** Accounts without a bill, because faults of master data keep them from being rated. */
    readonly unrated: readonly UnratedAccount[];
}

export interface DraftingContext {
    readonly db: Database;
    readonly engine: Engine;
    readonly clock: Clock;
}

/** Bounds what one transaction holds; each has whole bills only. */
const ACCOUNTS_OF_A_TRANSACTION = 1_000;
/** The database writes these while the next bills are made. */
const TRANSACTIONS_AT_ONCE = 4;

/**
 * Drafts the bills of every account that is active in the period: new ones are written, drafts whose content changed are replaced,
 * equal ones are left as they are, sealed bills are never touched. `readInputs` is called when no other run drafts, so that
 * concurrent runs give one set of drafts, made from the newest inputs. Killed at any point, a repetition completes the set. An account that
 * cannot be rated has no draft after it, also where it had one: no draft stands that would not be made again.
 */
export async function draftBills(
    context: DraftingContext,
    readInputs: () => Promise<BillingInputs>,
): Promise<DraftOutcome> {
    return context.db.withLock('draft bills', 'exclusive', async () => {
        const inputs = await readInputs();
        const rated = await ratePeriod(context.engine, inputs);
        const inputsSha256 = await keepInputs(context.db, rated.madeFrom);
        const counts = { drafted: 0, unchanged: 0, replaced: 0, sealed: 0, incomplete: 0, held: 0 };
        let totalDue: Decimal = ZERO;
        await inTurns(inChunks(rated.bills()), TRANSACTIONS_AT_ONCE, async (bills) => {
            const written = await writeDrafts(context, inputs.period, inputsSha256, bills);
            counts.drafted += written.drafted;
            counts.unchanged += written.unchanged;
            counts.replaced += written.replaced;
            counts.sealed += written.sealedAccountNos.size;
            for (const { accountNo, document } of bills) {
                if (written.sealedAccountNos.has(accountNo)) continue;
                totalDue = add(totalDue, decimal(document.amountDue));
                if (!document.isComplete) counts.incomplete += 1;
                if (document.isHeld) counts.held += 1;
            }
        });
        const removed = await removeDraftsOfOthers(context.db, inputs.period, rated.accountIds);
        await removeUnusedInputs(context.db);
        const sealed = await sealedAmong(
            context.db,
            inputs.period,
            rated.unrated.map(({ accountId }) => accountId),
        );
        counts.sealed += sealed.size;
        const unrated = rated.unrated.filter(({ accountId }) => !sealed.has(accountId));
        return { ...counts, removed, totalDue: totalText(totalDue, inputs.currency), unrated };
    });
}

function* inChunks(bills: Iterable<RatedBill>): Generator<RatedBill[]> {
    let chunk: RatedBill[] = [];
    for (const bill of bills) {
        chunk.push(bill);
        if (chunk.length < ACCOUNTS_OF_A_TRANSACTION) continue;
        yield chunk;
        chunk = [];
    }
    if (chunk.length > 0) yield chunk;
}
