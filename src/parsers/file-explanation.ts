import { createReadStream } from 'node:fs';
import type { ColumnRole, FeedContract, RecordLayout, StampRules } from '../contracts/feed-contract.ts';
import type { RowRule } from '../contracts/ingest-rules.ts';
import { decompressed } from '../kernel/compression.ts';
import type { PayloadShape, PayloadVerdict } from './payload-verdict.ts';
import { spoolRecords } from './record-spool.ts';
import type { RecordSink } from './spool-writer.ts';

/** How a file would be read by a contract, and what is wrong with it before its rows are typed. */
export interface FileExplanation {
    readonly verdict: PayloadVerdict;
    readonly columns: readonly { name: string; role: ColumnRole; isPresent: boolean; required: boolean }[];
    /** Sentences for people: layout, unit, clock, what was noticed and accepted. */
    readonly notes: readonly string[];
    /** The first records, one text for each column of the contract. */
    readonly firstRecords: readonly FirstRecord[];
    readonly faultCounts: Readonly<Partial<Record<RowRule, number>>>;
    /** The first faulty lines. */
    readonly faults: readonly RecordFault[];
}

export interface FirstRecord {
    readonly line: number;
    readonly fields: readonly string[];
}

export interface RecordFault {
    readonly line: number;
    readonly ruleId: RowRule;
    readonly field?: string;
    readonly text: string;
}

const RECORDS_SHOWN = 3;
const FAULTS_SHOWN = 20;

/** Reads a whole file, compressed or not, and keeps nothing of it but what is told. Throws where the file cannot be read. */
export async function explainFile(file: string, contract: FeedContract): Promise<FileExplanation> {
    const collector = new RecordCollector();
    const chunks = decompressed(createReadStream(file, { highWaterMark: 1 << 20 }));
    const [spooled] = await spoolRecords([{ ordinal: 0, chunks }], contract, collector);
    const verdict = spooled?.verdict ?? { ok: false, refused: { ruleId: 'file.empty', message: '' } };
    const present =
        verdict.ok && contract.layout.format === 'delimited' ? verdict.shape.headerColumns : undefined;
    return {
        verdict,
        columns: contract.columns.map(({ name, role, required }) => ({
            name,
            role,
            required,
            isPresent: present?.includes(name) ?? true,
        })),
        notes: [...contractNotes(contract), ...(verdict.ok ? shapeNotes(verdict.shape) : [])],
        firstRecords: verdict.ok ? collector.first : [],
        faultCounts: verdict.ok ? collector.counts : {},
        faults: verdict.ok ? collector.faults : [],
    };
}

/** Takes a spool as it comes and keeps its first records and its faults. */
class RecordCollector implements RecordSink {
    size = 0;
    readonly first: FirstRecord[] = [];
    readonly faults: RecordFault[] = [];
    readonly counts: Partial<Record<RowRule, number>> = {};
    #rest: Buffer = Buffer.alloc(0);

    append(bytes: Uint8Array): void {
        this.size += bytes.length;
        const all = Buffer.concat([this.#rest, bytes]);
        let start = 0;
        for (let end = all.indexOf(10); end >= 0; end = all.indexOf(10, start)) {
            this.#record(all.subarray(start, end));
            start = end + 1;
        }
        this.#rest = Buffer.from(all.subarray(start));
    }

    /** What a refused file has left here is not shown. */
    truncate(size: number): void {
        this.size = size;
    }

    #record(bytes: Buffer): void {
        const faultAt = bytes.indexOf(0x1f, bytes.indexOf(0x1f) + 1) + 1;
        const isFaulty = bytes[faultAt] !== 0x1f;
        if (!isFaulty && this.first.length >= RECORDS_SHOWN) return;
        const [, line = '', fault = '', text = '', ...fields] = bytes.toString('utf8').split('\x1f');
        if (!isFaulty) {
            this.first.push({ line: Number(line), fields });
            return;
        }
        const [ruleId = '', ...field] = fault.split(':');
        const rule = ruleId as RowRule;
        this.counts[rule] = (this.counts[rule] ?? 0) + 1;
        if (this.faults.length >= FAULTS_SHOWN) return;
        const named = field.length > 0 ? { field: field.join(':') } : {};
        this.faults.push({ line: Number(line), ruleId: rule, ...named, text });
    }
}

function contractNotes(contract: FeedContract): string[] {
    const { layout, reading } = contract;
    const { stamp, value } = reading;
    return [
        `Contract ${contract.feed} ${contract.version}.`,
        layoutNote(layout),
        `A stamp is written as ${stamp.format} and marks the ${stamp.marks} of an interval; without an offset it is ${clockText(stamp.clock)}.`,
        `An interval is ${reading.intervalMinutes} minutes long where the row does not say.`,
        `A value is in ${reading.unit} where the row does not say, has at most ${value.maxDecimals} decimals and is ${value.allowsNegative ? '' : 'not negative and '}at most ${value.maxKwh} kWh.`,
        `A meter that nobody registered ${reading.unknownMeter === 'register' ? 'is registered' : 'waits'}.`,
    ];
}

function layoutNote(layout: RecordLayout): string {
    if (layout.format === 'ndjson') return 'One JSON object in each line.';
    const quotes =
        layout.quoting === 'none' ? 'a quote is a character like any other' : 'double quotes allowed';
    return `Fields separated by ${JSON.stringify(layout.delimiter)}; ${quotes}.`;
}

function clockText(clock: StampRules['clock']): string {
    if (clock.kind === 'utc') return 'UTC';
    return clock.kind === 'local'
        ? `the local time of ${clock.zone}`
        : `${clock.offsetMinutes} minutes ahead of UTC`;
}

function shapeNotes(shape: PayloadShape): string[] {
    const notes = [`${shape.records} records, ${shape.bytes} bytes of text.`];
    if (shape.hasBom) notes.push('A byte order mark stands at the start; accepted.');
    if (shape.hasCrlf) notes.push('Lines end with CR LF; accepted.');
    if (shape.hasLoneCr)
        notes.push('A carriage return stands within a line; it is part of a field and shown as ␍.');
    if (shape.blankLines > 0) notes.push(`${shape.blankLines} blank lines; skipped.`);
    if (!shape.endsWithNewline) notes.push('The last line has no end; accepted.');
    return notes;
}
