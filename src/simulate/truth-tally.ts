import type { WaitingReason } from '../contracts/ingest-rules.ts';
import { instantText } from '../kernel/period.ts';
import type { Flaw, Outcome } from './flaws.ts';
import type { LineNote } from './payload-lines.ts';
import type { TextFile } from './text-file.ts';

/** Counts of what was delivered; `truth/totals.json` explains itself by these names. */
export interface DeliveryTotals {
    files: number;
    refusedFiles: number;
    refusedFilesByRule: Record<string, number>;
    /** Reading rows of the files that are not refused. */
    rows: number;
    distinct: number;
    duplicates: number;
    duplicatesOfSuperseded: number;
    superseded: number;
    /** Winning versions without a value: withdrawals and reports of a missing value. */
    withdrawn: number;
    quarantined: number;
    quarantinedByRule: Record<string, number>;
    /** Rows that wait for good. Those that a late load releases count by what they are then. */
    waiting: number;
    waitingByReason: Record<string, number>;
    released: number;
    flaws: Record<string, number>;
}

/** What became of the rows of one file; `truth/files.ndjson` has one line per file. */
export interface FileOutcome {
    readonly file: string;
    readonly rows: number;
    readonly refusedRule?: string;
    /** Without a refusal: of the rows, by outcome. The first file in order with a version counts it as distinct. */
    readonly distinct: number;
    readonly duplicates: number;
    readonly duplicatesOfSuperseded: number;
    readonly waiting: number;
    readonly quarantinedByRule: Record<string, number>;
}

/** A flaw of a whole file, or of nothing that was delivered. */
export interface FlawEntry {
    readonly flaw: Flaw;
    readonly file: string | null;
    readonly line: number | null;
    readonly meter: string | null;
    readonly register: string | null;
    readonly period_from: string | null;
    readonly expected: Outcome;
    readonly rule?: string;
    /** Of a flaw of a whole file. */
    readonly rows?: number;
}

/** Keeps count of everything delivered, and writes down each flaw with its outcome. */
export class TruthTally {
    readonly totals: DeliveryTotals = {
        files: 0,
        refusedFiles: 0,
        refusedFilesByRule: {},
        rows: 0,
        distinct: 0,
        duplicates: 0,
        duplicatesOfSuperseded: 0,
        superseded: 0,
        withdrawn: 0,
        quarantined: 0,
        quarantinedByRule: {},
        waiting: 0,
        waitingByReason: {},
        released: 0,
        flaws: {},
    };
    readonly #flaws: TextFile;
    readonly #files: TextFile;

    /** @param flaws `truth/flaws.ndjson` @param files `truth/files.ndjson` */
    constructor(flaws: TextFile, files: TextFile) {
        this.#flaws = flaws;
        this.#files = files;
    }

    enter(entry: FlawEntry): void {
        raise(this.totals.flaws, entry.flaw);
        const { flaw, file, line, meter, register, period_from, expected, rule, rows } = entry;
        const ordered = { flaw, file, line, meter, register, period_from, expected, rule, rows };
        this.#flaws.writeLine(JSON.stringify(ordered));
    }

    flawWithoutLine(note: LineNote): void {
        this.enter({ ...entryOf(note), file: null, line: null });
    }

    versionWithoutValue(): void {
        this.totals.withdrawn += 1;
    }

    refusedFile(file: string, flaw: Flaw, rule: string): void {
        this.totals.files += 1;
        this.totals.refusedFiles += 1;
        raise(this.totals.refusedFilesByRule, rule);
        this.enter({ ...OF_NO_ROW, flaw, file, expected: 'file_refused', rule });
        const none = { distinct: 0, duplicates: 0, duplicatesOfSuperseded: 0, waiting: 0 };
        this.#writeOutcome({ file, rows: 0, refusedRule: rule, ...none, quarantinedByRule: {} });
    }

    /**
     * Counts the rows of a file that is read.
     * @param firstLine number of the line with the first row
     * @param others what the rows without a note are
     */
    readFile(
        file: string,
        rows: number,
        notes: ReadonlyMap<number, LineNote>,
        firstLine: number,
        others: 'distinct' | 'duplicates' = 'distinct',
    ): void {
        const outcome = {
            distinct: 0,
            duplicates: 0,
            duplicatesOfSuperseded: 0,
            waiting: 0,
            quarantinedByRule: {},
        };
        for (const [index, note] of notes) {
            this.enter({ ...entryOf(note), file, line: firstLine + index });
            this.#count(note, outcome);
        }
        outcome[others] += rows - notes.size;
        this.totals.files += 1;
        this.totals.rows += rows;
        this.totals.distinct += outcome.distinct;
        this.totals.duplicates += outcome.duplicates;
        this.totals.duplicatesOfSuperseded += outcome.duplicatesOfSuperseded;
        this.#writeOutcome({ file, rows, ...outcome });
    }

    #count(note: LineNote, outcome: { -readonly [K in keyof FileOutcome]?: FileOutcome[K] } & Counts): void {
        const { totals } = this;
        switch (note.expected) {
            case 'duplicate':
                outcome.duplicates += 1;
                return;
            case 'duplicate_of_superseded':
                outcome.duplicatesOfSuperseded += 1;
                return;
            case 'quarantined':
                totals.quarantined += 1;
                raise(totals.quarantinedByRule, note.rule ?? '');
                raise(outcome.quarantinedByRule, note.rule ?? '');
                return;
            case 'waiting':
                outcome.waiting += 1;
                totals.waiting += 1;
                raise(totals.waitingByReason, note.rule ?? ('' as WaitingReason));
                return;
            case 'released':
                outcome.distinct += 1;
                totals.released += 1;
                return;
            case 'superseded':
                outcome.distinct += 1;
                totals.superseded += 1;
                return;
            default:
                outcome.distinct += 1;
        }
    }

    #writeOutcome(outcome: FileOutcome): void {
        this.#files.writeLine(JSON.stringify(outcome));
    }
}

interface Counts {
    distinct: number;
    duplicates: number;
    duplicatesOfSuperseded: number;
    waiting: number;
    quarantinedByRule: Record<string, number>;
}

/** A flaw that belongs to a file as a whole, or to master data. */
export const OF_NO_ROW = { line: null, meter: null, register: null, period_from: null } as const;

function entryOf(note: LineNote): Omit<FlawEntry, 'file' | 'line'> {
    const { flaw, expected, rule, meterId, register, at } = note;
    const entry = {
        flaw,
        expected,
        meter: meterId,
        register,
        period_from: at === null ? null : instantText(at),
    };
    return rule === undefined ? entry : { ...entry, rule };
}

function raise(counts: Record<string, number>, key: string): void {
    counts[key] = (counts[key] ?? 0) + 1;
}
