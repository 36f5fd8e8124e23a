import { type LineNote, PayloadLines } from './payload-lines.ts';

/** Kinds of files that follow the regular ones, in the order in which those of one day are delivered. */
export const FOLLOW_UPS = ['late', 'corrections', 'repeats', 'strays'] as const;
export type FollowUp = (typeof FOLLOW_UPS)[number];

/** A regular file that waits to be delivered. */
export interface RegularPayload {
    readonly name: string;
    readonly lines: PayloadLines;
    /** Of meters that nobody registered yet: such a file gets no flaws of its own. */
    readonly isOfNewMeters: boolean;
}

/** The bytes of a delivered file, to be delivered again under another name. */
export interface RepeatedPayload {
    readonly name: string;
    readonly bytes: Buffer;
    readonly rowCount: number;
    readonly notes: ReadonlyMap<number, LineNote>;
}

export interface DayQueue {
    readonly held: RegularPayload[];
    readonly followUps: Map<FollowUp, PayloadLines>;
    readonly repeated: RepeatedPayload[];
}

/**
 * When things that happened on one day are delivered, in days after the regular delivery of that day. The ranges keep their
 * order whatever is drawn: a held file comes before what corrects it, a second correction after the first, and a repeat after
 * everything that supersedes its rows. So each row has one outcome, however the receiver batches.
 */
export const DELAYS = {
    held: [1, 2],
    late: [1, 10],
    correction: [3, 4],
    secondCorrection: [5, 6],
    repeat: [8, 12],
    stray: [1, 1],
} as const satisfies Record<string, readonly [number, number]>;

/** What is still to be delivered, by the day of delivery (an index that goes on after the town's last day). */
export class DeliverySchedule {
    readonly #queues = new Map<number, DayQueue>();

    queue(day: number): DayQueue {
        const known = this.#queues.get(day);
        if (known !== undefined) return known;
        const made: DayQueue = { held: [], followUps: new Map(), repeated: [] };
        this.#queues.set(day, made);
        return made;
    }

    lines(day: number, kind: FollowUp): PayloadLines {
        const { followUps } = this.queue(day);
        const known = followUps.get(kind);
        if (known !== undefined) return known;
        const made = new PayloadLines();
        followUps.set(kind, made);
        return made;
    }

    /** Removes and returns what is due on the day. */
    take(day: number): DayQueue | undefined {
        const due = this.#queues.get(day);
        this.#queues.delete(day);
        return due;
    }

    get isEmpty(): boolean {
        return this.#queues.size === 0;
    }
}
