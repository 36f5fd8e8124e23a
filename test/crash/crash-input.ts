import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import {
    addDays,
    type CalendarDate,
    calendarDate,
    DAY_MS,
    epochDayOf,
} from '../../src/kernel/calendar-date.ts';
import { marketDayOf } from '../../src/kernel/market-day.ts';
import { zoneOf } from '../../src/kernel/zone.ts';
import { type RandomStream, randomStream } from '../../src/simulate/random-stream.ts';
import { LCL_FOLDER } from '../chain/lcl-files.ts';

/** One payload to deliver; its file lies below the input folder. */
export interface Delivery {
    readonly feed: string;
    readonly sourceKey: string;
    readonly path: string;
    /** Lines after the header. */
    readonly rows: number;
}

export interface CrashInput {
    /** Everything once, whole files, readings before corrections. */
    readonly quiet: readonly Delivery[];
    /** Everything twice, split at random lines, in random order; some pieces are sent again as they are. */
    readonly violent: readonly Delivery[];
    /** External ids of the meters: those loaded before the first reading, and those loaded at some time while readings come. */
    readonly loadedFirst: readonly string[];
    readonly loadedLate: readonly string[];
    readonly from: string;
    /** Months, such as `2013-04`, that hold a market day of the readings. */
    readonly months: readonly string[];
    /** How many homes have readings. */
    readonly homes: number;
    /** True where the readings are of real meters. */
    readonly isReal: boolean;
}

export interface CrashInputOptions {
    readonly seed: string;
    readonly homes: number;
    readonly days: number;
    /** First day of the readings; unless told, the last but one of March 2013. */
    readonly from?: string;
}

export const READINGS = 'lcl';
/** Stamped, of higher rank, and corrects or withdraws. */
export const CORRECTIONS = 'corrections';
/** Its meters must be loaded; until then its rows wait. */
export const WAITING = 'waiting-csv';

interface Document {
    readonly feed: string;
    readonly name: string;
    readonly header: string;
    readonly lines: readonly string[];
}

const REAL = path.join(LCL_FOLDER, 'readings');
/** Two days from here hold London's spring clock change, and end in April. */
const FROM = '2013-03-30';
const LONDON = zoneOf('Europe/London');
const LCL_HEADER = 'LCLid,tstp,energy(kWh/hh)';
const GENERIC_HEADER = 'meter_id,register,read_at,minutes,value,unit,quality,version';
const HALF_HOUR_MS = 1_800_000;

/** Writes the payloads of a seed below `folder`. */
export function makeCrashInput(folder: string, options: CrashInputOptions): CrashInput {
    const random = randomStream(options.seed, 'crash input');
    const isReal = existsSync(REAL);
    const homes = isReal ? realHomes(options) : invented(options);
    const dates = datesOf(options);
    const waiting = ['LATE1', 'LATE2'];
    const documents = [
        ...[...homes].map(([meter, lines]) => ({
            feed: READINGS,
            name: meter,
            header: LCL_HEADER,
            lines: withBroken(meter, lines, random),
        })),
        ...waiting.map((meter) => waitingDocument(meter, dates, random)),
        ...correctionDocuments(homes, random),
    ];
    mkdirSync(path.join(folder, 'whole'), { recursive: true });
    mkdirSync(path.join(folder, 'pieces'), { recursive: true });
    const quiet = documents.map((document) =>
        write(folder, 'whole', document.name, document, document.lines),
    );
    const pieces = [0, 1].flatMap((copy) =>
        documents.flatMap((document) =>
            splitAtRandom(document.lines, random).map((lines, i) =>
                write(folder, 'pieces', `${document.name}-${copy}-${i}`, document, lines),
            ),
        ),
    );
    const again = pieces.filter(() => random.chance(0.1));
    const meters = [...homes.keys()];
    const half = Math.ceil(meters.length / 2);
    return {
        quiet,
        violent: random.shuffled([...pieces, ...again]),
        loadedFirst: meters.slice(0, half),
        loadedLate: [...meters.slice(half, half + 3), ...waiting],
        from: dates[0] ?? FROM,
        months: [...new Set(instants(dates).map((at) => marketDayOf(LONDON, at).slice(0, 7)))],
        homes: homes.size,
        isReal,
    };
}

function write(
    folder: string,
    kind: string,
    name: string,
    { feed, header }: Document,
    lines: readonly string[],
): Delivery {
    const sourceKey = `${name}.csv`;
    const file = path.join(folder, kind, sourceKey);
    writeFileSync(file, `${[header, ...lines].join('\n')}\n`);
    return { feed, sourceKey, path: file, rows: lines.length };
}

/** One to four runs of lines, none empty. */
function splitAtRandom(lines: readonly string[], random: RandomStream): string[][] {
    const cuts = Array.from({ length: random.between(0, 3) }, () => random.between(1, lines.length - 1));
    const bounds = [...new Set([0, ...cuts, lines.length])].sort((a, b) => a - b);
    return bounds.slice(1).map((end, i) => lines.slice(bounds[i] ?? 0, end));
}

/** Lines of each home within the days, one for each half-hour. */
function realHomes(options: CrashInputOptions): Map<string, string[]> {
    const { homes } = options;
    const dates = new Set<string>(datesOf(options));
    const found = new Map<string, string[]>();
    for (const name of readdirSync(REAL).sort()) {
        if (found.size === homes) break;
        const text = gunzipSync(readFileSync(path.join(REAL, name))).toString();
        const seen = new Map<string, string>();
        for (const line of text.split('\n').slice(1)) {
            const stamp = line.split(',')[1] ?? '';
            if (dates.has(stamp.slice(0, 10))) seen.set(stamp, line);
        }
        if (seen.size > 48) found.set(name.slice(0, 9), [...seen.values()]);
    }
    return found;
}

function invented(options: CrashInputOptions): Map<string, string[]> {
    const { seed, homes } = options;
    const random = randomStream(seed, 'invented homes');
    const dates = datesOf(options);
    return new Map(
        Array.from({ length: homes }, (_, i) => {
            const meter = `MAC${String(i + 1).padStart(6, '0')}`;
            const lines = instants(dates)
                .filter(() => !random.chance(0.01))
                .map((at) => `${meter},${stampText(at)}, 0.${random.between(0, 999)} `);
            return [meter, lines];
        }),
    );
}

/** A row that breaks the contract stands among the others of every third home. */
function withBroken(meter: string, lines: readonly string[], random: RandomStream): string[] {
    if (!random.chance(1 / 3)) return [...lines];
    const at = random.between(0, lines.length);
    return lines.toSpliced(at, 0, `${meter},2013-03-31 25:00:00,1_000`);
}

function waitingDocument(meter: string, dates: readonly CalendarDate[], random: RandomStream): Document {
    const lines = instants(dates).map((at) => genericLine(meter, at, `0.${random.between(0, 999)}`, 'A', 1));
    return { feed: WAITING, name: meter, header: GENERIC_HEADER, lines };
}

/** Up to three stamped versions of some half-hours: values, estimates, withdrawals; a few stamps stand for two values. */
function correctionDocuments(
    homes: ReadonlyMap<string, readonly string[]>,
    random: RandomStream,
): Document[] {
    const lines: string[] = [];
    for (const [meter, readings] of homes) {
        for (const reading of readings) {
            if (!random.chance(0.08)) continue;
            const at = Date.parse(`${(reading.split(',')[1] ?? '').slice(0, 19).replace(' ', 'T')}Z`);
            for (let version = random.between(1, 3); version > 0; version -= 1) {
                lines.push(correction(meter, at, version, random));
                if (random.chance(0.03)) lines.push(correction(meter, at, version, random));
            }
        }
    }
    const shuffled = random.shuffled(lines);
    const count = Math.max(2, Math.ceil(homes.size / 5));
    return Array.from({ length: count }, (_, i) => ({
        feed: CORRECTIONS,
        name: `corrections-${i}`,
        header: GENERIC_HEADER,
        lines: shuffled.filter((_line, place) => place % count === i),
    }));
}

function correction(meter: string, at: number, version: number, random: RandomStream): string {
    const quality = random.pick(['A', 'A', 'A', 'E', 'W', 'N']);
    const value =
        quality === 'W' || quality === 'N' ? '' : `${random.between(0, 3)}.${random.between(0, 999)}`;
    return genericLine(meter, at, value, quality, version);
}

function genericLine(meter: string, at: number, value: string, quality: string, version: number): string {
    return `${meter},,${new Date(at).toISOString()},30,${value},kWh,${quality},${version}`;
}

/** Half-hours of UTC days. */
function instants(dates: readonly CalendarDate[]): number[] {
    return dates.flatMap((date) =>
        Array.from({ length: 48 }, (_, i) => epochDayOf(date) * DAY_MS + i * HALF_HOUR_MS),
    );
}

function datesOf({ from = FROM, days }: CrashInputOptions): CalendarDate[] {
    const first = calendarDate(from);
    return Array.from({ length: days }, (_, i) => addDays(first, i));
}

function stampText(at: number): string {
    return new Date(at).toISOString().slice(0, 19).replace('T', ' ');
}
