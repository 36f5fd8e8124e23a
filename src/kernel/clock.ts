/** Tells the time. It is passed in, so that the same inputs give the same bytes. */
export interface Clock {
    /** The present instant in UTC epoch milliseconds. */
    now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** A clock that stands still at an instant in UTC epoch milliseconds. */
export function fixedClock(at: number): Clock {
    return { now: () => at };
}
