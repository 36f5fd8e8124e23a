import { status } from '@grpc/grpc-js';
import { isCallFailure } from './spark-error.ts';

/** How long a client goes on trying to reach a server. */
export interface Patience {
    /** For the first answer of a server: short, because a wrong address is found here. Milliseconds. */
    readonly connectMs: number;
    /** For one that has answered before. Milliseconds without a single answer. */
    readonly reconnectMs: number;
}

export const PATIENCE: Patience = { connectMs: 5_000, reconnectMs: 60_000 };

const FIRST_PAUSE_MS = 50;
const PAUSE_MS_MAX = 5_000;

/** Pauses that double, with a random part so that many clients do not come back at once. */
export class Retries {
    readonly #limitMs: number;
    #pauseMs = FIRST_PAUSE_MS;
    #sinceMs: number | undefined;

    constructor(limitMs: number) {
        this.#limitMs = limitMs;
    }

    /** The server answered: the time begins anew. */
    succeed(): void {
        this.#pauseMs = FIRST_PAUSE_MS;
        this.#sinceMs = undefined;
    }

    /** Waits before the next try; false when the time is over. */
    async pause(): Promise<boolean> {
        const nowMs = performance.now();
        this.#sinceMs ??= nowMs;
        const leftMs = this.#sinceMs + this.#limitMs - nowMs;
        if (leftMs <= 0) return false;
        const waitMs = Math.min(this.#pauseMs * (0.75 + Math.random() / 2), leftMs);
        this.#pauseMs = Math.min(this.#pauseMs * 2, PAUSE_MS_MAX);
        await new Promise((resolve) => setTimeout(resolve, waitMs));
        return true;
    }
}

/** Whether the connection failed rather than the request: then the same request may be sent again, if it is safe to repeat. */
export function isConnectionFailure(error: unknown): boolean {
    if (!isCallFailure(error)) return false;
    if (error.code === status.UNAVAILABLE || error.code === status.DEADLINE_EXCEEDED) return true;
    // a connection cut in the middle of a stream, and a cursor that the server lost with it
    return error.code === status.INTERNAL && /RST_STREAM|INVALID_CURSOR\.DISCONNECTED/.test(error.details);
}
