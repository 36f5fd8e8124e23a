import { compareText } from '../kernel/text-order.ts';

/** An account that gets no bill, and every fault of master data that is the reason. */
export interface UnratedAccount {
    readonly accountId: string;
    readonly faults: readonly string[];
}

interface StayWithVersions {
    readonly stay: {
        readonly segments: readonly { readonly version: { readonly tariffVersionNo: number } }[];
    };
}

/** Collects what keeps accounts from being rated, once each. */
export class RatingFaults {
    readonly #byAccount = new Map<string, Set<string>>();
    readonly #byVersion = new Map<number, Set<string>>();

    ofAccount(accountId: string, message: string): void {
        addTo(this.#byAccount, accountId, message);
    }

    /** Of a tariff version: it is a fault of all accounts that have it in the period, see `settle`. */
    ofVersion(tariffVersionNo: number, message: string): void {
        addTo(this.#byVersion, tariffVersionNo, message);
    }

    /** Gives the faults of tariff versions to the accounts that have them on any day of the period. */
    settle(staysByAccount: ReadonlyMap<string, readonly StayWithVersions[]>): void {
        if (this.#byVersion.size === 0) return;
        for (const [accountId, stays] of staysByAccount) {
            for (const { version } of stays.flatMap(({ stay }) => stay.segments)) {
                for (const message of this.#byVersion.get(version.tariffVersionNo) ?? [])
                    this.ofAccount(accountId, message);
            }
        }
    }

    has(accountId: string): boolean {
        return this.#byAccount.has(accountId);
    }

    /** By account id; faults in order of their text. */
    get unrated(): UnratedAccount[] {
        return [...this.#byAccount]
            .map(([accountId, messages]) => ({ accountId, faults: [...messages].sort(compareText) }))
            .sort((a, b) => compareText(a.accountId, b.accountId));
    }
}

function addTo<K>(messages: Map<K, Set<string>>, key: K, message: string): void {
    messages.set(key, (messages.get(key) ?? new Set<string>()).add(message));
}
