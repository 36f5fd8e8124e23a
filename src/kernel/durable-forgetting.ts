/**
 * Crash tests of durability. `kill -9` alone loses nothing that was written, because the operating system still holds it; a power cut does
 * lose it. With GRIDTALLY_FORGET_UNSYNCED=1 a simulated crash (`faults.ts`) therefore takes back, before the kill, everything that was not yet
 * fsynced: new names, appended bytes and overwritten bytes. With `torn` it leaves half of the appended bytes, as a cut in the middle may.
 */
const wish = process.env.GRIDTALLY_FORGET_UNSYNCED ?? '';

export const isForgetting = wish === '1' || wish === 'torn';
export const leavesTornBytes = wish === 'torn';

const takingBack = new Map<string, () => void>();

/** Notes that a change could still be lost, and how to lose it. The first note under a key holds until it is settled. */
export function mayBeLost(key: string, takeBack: () => void): void {
    if (isForgetting && !takingBack.has(key)) takingBack.set(key, takeBack);
}

/** The change is on disk now. */
export function isKept(key: string): void {
    takingBack.delete(key);
}

/** Takes back everything that may be lost, newest first. For the moment before a simulated power cut only. */
export function forgetUnsynced(): void {
    for (const takeBack of [...takingBack.values()].reverse()) {
        try {
            takeBack();
        } catch {
            // A change that another one has already taken back, such as bytes of a file whose name is gone.
        }
    }
    takingBack.clear();
}
