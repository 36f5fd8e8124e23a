import type { RowRule, WaitingReason } from '../contracts/ingest-rules.ts';
import type { Flaw, Outcome } from './flaws.ts';
import type { RandomStream } from './random-stream.ts';

const LINE_END = 10;

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

/**
 * The reading lines of one payload with the notes on some of them, by index from 0. Lines are ASCII and kept as bytes: as texts,
 * the lines of a large file keep the garbage collector busier than everything else.
 */
export class PayloadLines {
    readonly notes = new Map<number, LineNote>();
    #bytes = Buffer.allocUnsafe(512);
    /** Where each line ends, after its line end. */
    readonly #ends: number[] = [];

    /** @param line without its line end */
    add(line: string, note?: LineNote): void {
        if (note !== undefined) this.notes.set(this.#ends.length, note);
        const start = this.#size;
        const end = start + line.length + 1;
        if (end > this.#bytes.length) this.#grow(end);
        this.#bytes.write(line, start, 'latin1');
        this.#bytes[end - 1] = LINE_END;
        this.#ends.push(end);
    }

    get count(): number {
        return this.#ends.length;
    }

    /** The line without its line end. */
    lineAt(index: number): string {
        return this.#bytes.toString('latin1', this.#ends[index - 1] ?? 0, (this.#ends[index] ?? 1) - 1);
    }

    /** All lines with their line ends; valid until the next `add`. */
    text(): Buffer {
        return this.#bytes.subarray(0, this.#size);
    }

    /** The same lines in another order. */
    shuffled(random: RandomStream): PayloadLines {
        const result = new PayloadLines();
        for (const index of random.shuffled([...this.#ends.keys()])) {
            result.add(this.lineAt(index), this.notes.get(index));
        }
        return result;
    }

    get #size(): number {
        return this.#ends.at(-1) ?? 0;
    }

    #grow(least: number): void {
        const grown = Buffer.allocUnsafe(Math.max(least, this.#bytes.length * 2));
        this.#bytes.copy(grown);
        this.#bytes = grown;
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
