import type { RowRule, WaitingReason } from '../contracts/ingest-rules.ts';
import type { Flaw, Outcome } from './flaws.ts';
import type { RandomStream } from './random-stream.ts';

/** What is to be said of a line that is not an ordinary reading. */
export interface LineNote {
    readonly flaw: Flaw;
    readonly expected: Outcome;
    readonly rule?: RowRule | WaitingReason;
    /** Null where the line stands for no particular interval. */
    readonly meterId: string | null;
    readonly register: string | null;
    /** Start of the interval that was meant, UTC epoch milliseconds. */
    readonly at: number | null;
}

/** The reading lines of one payload with the notes on some of them, by index from 0. */
export class PayloadLines {
    readonly lines: string[] = [];
    readonly notes = new Map<number, LineNote>();

    add(line: string, note?: LineNote): void {
        if (note !== undefined) this.notes.set(this.lines.length, note);
        this.lines.push(line);
    }

    get isEmpty(): boolean {
        return this.lines.length === 0;
    }

    /** The same lines in another order. */
    shuffled(random: RandomStream): PayloadLines {
        const result = new PayloadLines();
        for (const index of random.shuffled([...this.lines.keys()])) {
            result.add(this.lines[index] ?? '', this.notes.get(index));
        }
        return result;
    }
}

/**
 * What becomes of the same lines when they arrive a second time, after everything that corrects them: lines without a note are
 * duplicates.
 */
export function notesOfRepeat(notes: ReadonlyMap<number, LineNote>, flaw: Flaw): Map<number, LineNote> {
    const repeated = new Map<number, LineNote>();
    for (const [index, note] of notes) {
        if (note.expected === 'quarantined') repeated.set(index, note);
        if (note.expected === 'superseded') {
            repeated.set(index, { ...note, flaw, expected: 'duplicate_of_superseded' });
        }
    }
    return repeated;
}
