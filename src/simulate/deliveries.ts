import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import {
    DELAYS,
    type DeliverySchedule,
    FOLLOW_UPS,
    type RegularPayload,
    type RepeatedPayload,
} from './delivery-schedule.ts';
import type { Flaw } from './flaws.ts';
import { changedFormatFile, changedFormatLines, garbageFile, type RefusedFile } from './garbage-files.ts';
import { type LineNote, notesOfRepeat, PayloadLines } from './payload-lines.ts';
import { type RandomStream, randomStream } from './random-stream.ts';
import { headerOf } from './reading-line.ts';
import { TextFile } from './text-file.ts';
import type { TownPlan } from './town-options.ts';
import { OF_NO_ROW, type TruthTally } from './truth-tally.ts';

const SAMPLE_LINES = 20;

/** Writes delivered files in their order, with `deliveries.ndjson`. */
export class Deliveries {
    readonly #plan: TownPlan;
    readonly #schedule: DeliverySchedule;
    readonly #tally: TruthTally;
    readonly #random: RandomStream;
    readonly #list: TextFile;
    readonly #header: string | undefined;
    #count = 0;

    constructor(plan: TownPlan, schedule: DeliverySchedule, tally: TruthTally) {
        this.#plan = plan;
        this.#schedule = schedule;
        this.#tally = tally;
        this.#random = randomStream(plan.seed, 'files');
        mkdirSync(join(plan.outFolder, 'deliveries'), { recursive: true });
        this.#list = new TextFile(join(plan.outFolder, 'deliveries.ndjson'));
        this.#header = headerOf(plan);
    }

    /** Delivers a regular file that is due on `day`, or holds it back. */
    deliver(day: number, payload: RegularPayload): void {
        const { rates } = this.#plan;
        if (payload.lines.count === 0) return;
        if (payload.isOfNewMeters) {
            this.#write(payload.name, payload.lines, []);
            return;
        }
        this.#deliverRefused(payload);
        if (this.#random.chance(rates['out-of-order'])) {
            const held = { ...payload, lines: payload.lines.shuffled(this.#random) };
            this.#schedule.queue(day + this.#random.between(...DELAYS.held)).held.push(held);
        } else this.#deliverRegular(day, payload, []);
    }

    /** Delivers what is due on `day` beside the regular files. */
    deliverFollowUps(day: number): void {
        const due = this.#schedule.take(day);
        if (due === undefined) return;
        for (const payload of due.held) this.#deliverRegular(day, payload, ['out-of-order']);
        for (const kind of FOLLOW_UPS) {
            const lines = due.followUps.get(kind);
            if (lines !== undefined) this.#write(`${kind}-${day + 1}`, lines, []);
        }
        for (const payload of due.repeated) this.#deliverRepeated(payload);
    }

    close(): void {
        this.#list.close();
    }

    #deliverRegular(day: number, payload: RegularPayload, flaws: readonly Flaw[]): void {
        const { lines, name } = payload;
        const { file, bytes } = this.#write(name, lines, flaws);
        for (const flaw of flaws) {
            this.#tally.enter({ ...OF_NO_ROW, flaw, file, expected: 'accepted', rows: lines.count });
        }
        if (!this.#random.chance(this.#plan.rates['duplicated-file'])) return;
        const notes = notesOfRepeat(lines.notes, 'duplicated-file');
        const copy = { name: `again-${name}`, bytes, rowCount: lines.count, notes };
        this.#schedule.queue(day + this.#random.between(...DELAYS.repeat)).repeated.push(copy);
    }

    #deliverRepeated({ name, bytes, rowCount, notes }: RepeatedPayload): void {
        const file = this.#put(name, bytes, this.#plan.compress, rowCount, ['duplicated-file']);
        const flaw = 'duplicated-file';
        this.#tally.enter({ ...OF_NO_ROW, flaw, file, expected: 'duplicate', rows: rowCount });
        this.#tally.readFile(file, rowCount, notes, this.#firstLine, 'duplicates');
    }

    /** Broken siblings of a regular file come before it. */
    #deliverRefused(payload: RegularPayload): void {
        const { rates } = this.#plan;
        const sample = sampleOf(payload.lines);
        const garbageCount = this.#random.count(rates['garbage-file']);
        const changedCount = this.#random.count(rates['changed-format']);
        if (sample.length === 0) return;
        for (let i = 0; i < garbageCount; i += 1) {
            const refused = garbageFile(this.#random, this.#header, sample);
            this.#putRefused(`garbage-${payload.name}`, refused, 'garbage-file');
        }
        for (let i = 0; i < changedCount; i += 1) this.#deliverChanged(`changed-${payload.name}`, sample);
    }

    #deliverChanged(name: string, sample: readonly string[]): void {
        const flaw = 'changed-format';
        if (this.#header !== undefined) {
            this.#putRefused(name, changedFormatFile(this.#random, this.#plan, sample), flaw);
            return;
        }
        const changed = changedFormatLines(sample);
        if ('bytes' in changed) {
            this.#putRefused(name, changed, flaw);
            return;
        }
        const { lines, rule } = changed;
        const payload = new PayloadLines();
        const unknown = { meterId: null, register: null, at: null };
        for (const line of lines) payload.add(line, { ...unknown, flaw, expected: 'quarantined', rule });
        this.#write(name, payload, [flaw]);
    }

    #putRefused(name: string, { bytes, isGzip, rule }: RefusedFile, flaw: Flaw): void {
        const file = this.#put(name, bytes, isGzip ? 'gzip' : 'none', 0, [flaw]);
        this.#tally.refusedFile(file, flaw, rule);
    }

    #write(name: string, lines: PayloadLines, flaws: readonly Flaw[]): { file: string; bytes: Buffer } {
        const header = Buffer.from(this.#header === undefined ? '' : `${this.#header}\n`);
        const bytes = this.#compressed(Buffer.concat([header, lines.text()]));
        const file = this.#put(name, bytes, this.#plan.compress, lines.count, [
            ...flaws,
            ...flawsOf(lines.notes),
        ]);
        this.#tally.readFile(file, lines.count, lines.notes, this.#firstLine);
        return { file, bytes };
    }

    get #firstLine(): number {
        return this.#header === undefined ? 1 : 2;
    }

    #compressed(bytes: Buffer): Buffer {
        switch (this.#plan.compress) {
            case 'none':
                return bytes;
            case 'gzip':
                return gzipSync(bytes, { level: 4 });
            case 'zstd':
                return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
        }
    }

    /** Writes one file under the next number; returns its path inside the town's folder. */
    #put(
        name: string,
        bytes: Buffer,
        compression: TownPlan['compress'],
        rows: number,
        flaws: readonly Flaw[],
    ): string {
        this.#count += 1;
        const ending = { none: '', gzip: '.gz', zstd: '.zst' }[compression];
        const kind = this.#header === undefined ? 'ndjson' : 'csv';
        const path = `deliveries/${String(this.#count).padStart(6, '0')}-${name}.${kind}${ending}`;
        writeFileSync(join(this.#plan.outFolder, path), bytes);
        const entry = { order: this.#count, path, feed: this.#plan.feedName, rows, flaws };
        this.#list.writeLine(JSON.stringify(entry));
        return path;
    }
}

/** Ordinary lines of a file, from which broken siblings are made. */
function sampleOf(lines: PayloadLines): string[] {
    const sample: string[] = [];
    for (let i = 0; i < lines.count && sample.length < SAMPLE_LINES; i += 1) {
        if (!lines.notes.has(i)) sample.push(lines.lineAt(i));
    }
    return sample;
}

function flawsOf(notes: ReadonlyMap<number, LineNote>): Flaw[] {
    return [...new Set([...notes.values()].map((note) => note.flaw))].sort();
}
