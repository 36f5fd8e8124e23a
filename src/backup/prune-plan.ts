import type { BackupRetention } from '../store/home.ts';

const DAY_MS = 86_400_000;
/** 1970-01-05 was the first Monday. */
const FIRST_MONDAY_DAY = 4;

export interface DatedSnapshot {
    readonly id: string;
    /** UTC epoch milliseconds. */
    readonly takenAt: number;
}

export interface PrunePlan {
    /** With what each is kept for. */
    readonly kept: readonly { readonly id: string; readonly why: readonly string[] }[];
    readonly removed: readonly string[];
}

/**
 * Which snapshots stay: the newest ones, and the last one of each of the newest days, weeks (from Monday) and months that have one, all of
 * them in UTC. Days without a snapshot do not count, so that a home that rests keeps what it has.
 */
export function planPrune(snapshots: readonly DatedSnapshot[], policy: BackupRetention): PrunePlan {
    const newestFirst = snapshots.toSorted((a, b) => b.takenAt - a.takenAt || (a.id < b.id ? 1 : -1));
    const day = ({ takenAt }: DatedSnapshot) => Math.floor(takenAt / DAY_MS);
    const rules: readonly [why: string, count: number, period: (snapshot: DatedSnapshot) => unknown][] = [
        ['newest', policy.newest, ({ id }) => id],
        ['daily', policy.daily, day],
        ['weekly', policy.weekly, (snapshot) => Math.floor((day(snapshot) - FIRST_MONDAY_DAY) / 7)],
        ['monthly', policy.monthly, ({ takenAt }) => new Date(takenAt).toISOString().slice(0, 7)],
    ];
    const reasons = new Map<string, string[]>();
    for (const [why, count, period] of rules) {
        const lastOnes = [...Map.groupBy(newestFirst, period).values()].slice(0, count);
        for (const [last] of lastOnes)
            if (last !== undefined) reasons.set(last.id, [...(reasons.get(last.id) ?? []), why]);
    }
    return {
        kept: newestFirst
            .filter(({ id }) => reasons.has(id))
            .map(({ id }) => ({ id, why: reasons.get(id) ?? [] })),
        removed: newestFirst.filter(({ id }) => !reasons.has(id)).map(({ id }) => id),
    };
}
