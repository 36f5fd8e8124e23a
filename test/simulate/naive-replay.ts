import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { type NaiveFormat, type NaiveReading, readNaively } from './naive-reading.ts';

/** What became of one row, or of one file (line 0). */
export interface ReplayedRow {
    readonly file: string;
    readonly line: number;
    outcome: string;
    rule?: string;
}

export interface Replay {
    readonly rows: ReplayedRow[];
    readonly refused: Map<string, string>;
    /** 'meter register instant' to 'minutes kwh quality', for every expected interval. */
    readonly intervals: Map<string, string>;
}

interface Channel {
    readonly meterId: string;
    readonly register: string;
    readonly minutes: number;
    readonly from: number;
    readonly to: number;
    readonly hasExport: boolean;
}

interface Version extends NaiveReading {
    readonly row: ReplayedRow;
    readonly order: number;
}

/** Reads a town as a patient person would, and shares no code with the simulator or the chain. */
export function replayTown(
    folder: string,
    format: NaiveFormat,
    horizon: { from: number; to: number },
    isReversed = false,
): Replay {
    const deliveries = readLines(join(folder, 'deliveries.ndjson'));
    if (isReversed) deliveries.reverse();
    const early = readChannels(join(folder, 'master/metering-points.csv'), horizon.to);
    const late = readChannels(join(folder, 'master-late/metering-points.csv'), horizon.to);
    const channels = [...early, ...late];
    const replay: Replay = { rows: [], refused: new Map(), intervals: new Map() };
    const versions = new Map<string, Version[]>();
    const find = (list: readonly Channel[], reading: NaiveReading) =>
        list.filter((c) => c.meterId === reading.meterId && c.register === reading.register);
    for (const delivery of deliveries) {
        const { path } = JSON.parse(delivery) as { path: string };
        const { refusal, lines, firstLine } = readFile(join(folder, path), format);
        if (refusal !== undefined) replay.refused.set(path, refusal);
        for (const [index, text] of lines.entries()) {
            const row: ReplayedRow = { file: path, line: index + firstLine, outcome: '' };
            replay.rows.push(row);
            const reading = readNaively(text, format, (key) =>
                early.find((c) => `${c.meterId} ${c.register}` === key),
            );
            if (typeof reading === 'string') {
                Object.assign(row, { outcome: 'quarantined', rule: reading });
                continue;
            }
            if (format.isRegisteredByLoad) {
                const known = find(early, reading);
                const isInside = known.some((c) => c.from <= reading.at && reading.at < c.to);
                if (!isInside) {
                    row.outcome = find(late, reading).length > 0 ? 'released' : 'waiting';
                    row.rule = `waiting.${known.length > 0 ? 'outside-validity' : 'meter-unknown'}`;
                    if (row.outcome === 'waiting') continue;
                }
            } else if (
                !channels.some((c) => c.meterId === reading.meterId && c.register === reading.register)
            ) {
                const { meterId, register, minutes } = reading;
                channels.push({ meterId, register, minutes, ...horizon, hasExport: false });
            }
            const key = `${reading.meterId} ${reading.register} ${reading.at}`;
            const known = versions.get(key) ?? [];
            known.push({ ...reading, row, order: replay.rows.length });
            versions.set(key, known);
        }
    }
    const winners = new Map([...versions].map(([key, list]) => [key, settle(list)]));
    for (const c of channels) {
        for (let at = c.from; at < c.to; at += c.minutes * 60_000) {
            const winner = winners.get(`${c.meterId} ${c.register} ${at}`);
            const value = winner?.value === undefined ? '' : winner.value;
            const quality = value === '' ? 'missing' : winner?.quality === 'E' ? 'estimated' : 'good';
            const stamp = new Date(at).toISOString().replace('.000Z', 'Z');
            replay.intervals.set(`${c.meterId},${c.register},${stamp}`, `${c.minutes},${value},${quality}`);
        }
    }
    return replay;
}

/** Names the outcome of all versions of one interval, in the order of receipt, and returns the winner. */
function settle(list: readonly Version[]): Version | undefined {
    const contentOf = (v: Version) => `${v.value} ${v.quality} ${v.version}`;
    const distinct = list.filter(
        (v, i) => list.findIndex((other) => contentOf(other) === contentOf(v)) === i,
    );
    const rank = (v: Version) => [v.quality === 'E' ? 0 : 1, v.version ?? 0, v.order];
    const [winner] = [...distinct].sort((a, b) => {
        const [x, y] = [rank(a), rank(b)];
        return y.map((part, i) => part - (x[i] ?? 0)).find((difference) => difference !== 0) ?? 0;
    });
    for (const version of list) {
        if (version.row.outcome === 'released') continue;
        if (distinct.includes(version)) version.row.outcome = version === winner ? 'accepted' : 'superseded';
        else {
            const isWinner = winner !== undefined && contentOf(winner) === contentOf(version);
            version.row.outcome = isWinner ? 'duplicate' : 'duplicate_of_superseded';
        }
    }
    return winner;
}

function readFile(path: string, format: NaiveFormat) {
    const refused = (refusal: string) => ({ refusal, lines: [], firstLine: 0 });
    let bytes: Buffer = readFileSync(path);
    try {
        if (bytes[0] === 0x1f && bytes[1] === 0x8b) bytes = gunzipSync(bytes);
        else if (bytes[0] === 0x28 && bytes[1] === 0xb5) bytes = zstdDecompressSync(bytes);
    } catch {
        return refused('file.compression-damaged');
    }
    if (bytes.some((byte) => byte < 9)) return refused('file.not-text');
    const text = bytes.toString('utf8');
    if (text.includes('\ufffd')) return refused('file.encoding');
    const lines = text.split('\n').slice(0, -1);
    if (format.columns === undefined) {
        if (lines.length === 0) return refused('file.empty');
        const changed = lines.filter((line) => line.includes('"firmware"')).length;
        if (changed >= 10 && changed * 2 > lines.length) return refused('file.form-changed');
        return { lines, firstLine: 1, refusal: undefined };
    }
    if (lines.length < 2) return refused('file.empty');
    const header = lines[0]?.split(',') ?? [];
    if (new Set(header).size < header.length) return refused('file.header-duplicate');
    if (header.some((name) => !format.columns?.includes(name))) return refused('file.column-unknown');
    if (header.length < format.columns.length) return refused('file.column-missing');
    if (header.join() !== format.columns.join()) return refused('file.column-order');
    return { lines: lines.slice(1), firstLine: 2, refusal: undefined };
}

function readChannels(path: string, end: number): Channel[] {
    if (!existsSync(path)) return [];
    const rows = readLines(path)
        .slice(1)
        .map((line) => line.split(','));
    const exporting = new Set(rows.filter((row) => row[3] === 'from_customer').map((row) => row[1]));
    return rows.map(([, meterId = '', register = '', , minutes, from = '', to = '']) => ({
        meterId,
        register,
        minutes: Number(minutes),
        from: Date.parse(from),
        to: to === '' ? end : Date.parse(to),
        hasExport: exporting.has(meterId),
    }));
}

export function readLines(path: string): string[] {
    const bytes = readFileSync(path);
    const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
    return text.split('\n').slice(0, -1);
}
