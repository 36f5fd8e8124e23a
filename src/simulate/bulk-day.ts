import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { calendarDate } from '../kernel/calendar-date.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { marketDayPeriod } from '../kernel/market-day.ts';
import { instantText } from '../kernel/period.ts';
import { zoneOf } from '../kernel/zone.ts';
import { HOME_KINDS } from './home-kinds.ts';
import { randomStream } from './random-stream.ts';
import { decimalText, kwhText } from './reading-line.ts';
import { TextFile } from './text-file.ts';

export interface BulkDayOptions {
    /** Made if it is not there. */
    readonly outFolder: string;
    readonly seed: string;
    /** 1 to 999,999. */
    readonly meters: number;
    /** Number of the first meter, 1 unless told: a market's day is many files, each of its own meters. Up to 99,999,999 in all. */
    readonly firstMeter?: number;
    readonly minutes: 5 | 15 | 30 | 60;
    /** Local day. */
    readonly date: string;
    /** Default UTC. */
    readonly marketZone?: string;
    /** Share of the readings that get one correction, 0 to 1. */
    readonly correctionsRate: number;
}

export interface BulkDay {
    /** `readings.csv`: meter_id,read_at,value,quality; by meter, then time. For the feed `generic-csv`. */
    readonly readingsPath: string;
    /** `corrections.csv`: the same and version, which is 1; in the same order. */
    readonly correctionsPath: string;
    /** `master/metering-points.csv`. */
    readonly meteringPointsPath: string;
    readonly rows: number;
    readonly correctionRows: number;
    readonly bytes: number;
    /** Exact kWh of the day before and after the corrections, three decimals. */
    readonly kwhDelivered: string;
    readonly kwhCorrected: string;
}

const LONGEST_CHUNK = 4 << 20;
/** Each value is `0.000` to `9.999`, so that all lines have one length and only digits change. */
const LARGEST_WH = 9999;
const ZERO = 48;

/**
 * Writes a day of many meters as one file, fast: a block of one meter's lines is copied, and its digits are written over.
 * The same options give the same bytes.
 * @throws GridtallyError `usage.invalid`, `time.date-invalid`, `time.zone-unknown`
 */
export function bulkDay(options: BulkDayOptions): BulkDay {
    const { outFolder, meters, minutes, correctionsRate } = options;
    if (!Number.isInteger(meters) || meters < 1 || meters > 999_999) {
        throw new GridtallyError('usage.invalid', `simulate: ${meters} meters: take 1 to 999,999`);
    }
    if (!(correctionsRate >= 0 && correctionsRate <= 1)) {
        throw new GridtallyError('usage.invalid', `simulate: a corrections rate of ${correctionsRate}`);
    }
    const names = meterNames(options);
    const day = marketDayPeriod(zoneOf(options.marketZone ?? 'UTC'), calendarDate(options.date));
    const stamps: string[] = [];
    for (let at = day.from; at < day.to; at += minutes * 60_000) stamps.push(instantText(at));
    mkdirSync(join(outFolder, 'master'), { recursive: true });
    const readingsPath = join(outFolder, 'readings.csv');
    const correctionsPath = join(outFolder, 'corrections.csv');
    const corrections = new Corrections(correctionsPath, options, names, stamps);
    const written = writeReadings(readingsPath, options, names, stamps, corrections);
    corrections.close();
    return {
        readingsPath,
        correctionsPath,
        meteringPointsPath: writeMeteringPoints(options, names),
        rows: meters * stamps.length,
        correctionRows: corrections.count,
        bytes: written.bytes,
        kwhDelivered: decimalText(written.wh, 3),
        kwhCorrected: decimalText(written.wh + corrections.addedWh, 3),
    };
}

/** Numbers of the meters, all written with as many digits, so that lines have one length. */
interface MeterNames {
    readonly first: number;
    readonly digits: number;
}

function meterNames({ meters, firstMeter: first = 1 }: BulkDayOptions): MeterNames {
    const last = first + meters - 1;
    if (!Number.isInteger(first) || first < 1 || last > 99_999_999) {
        throw new GridtallyError(
            'usage.invalid',
            `simulate: meters ${first} to ${last}: take 1 to 99,999,999`,
        );
    }
    return { first, digits: last > 999_999 ? 8 : 6 };
}

function meterIdOf(meter: number, { first, digits }: MeterNames): string {
    return `M${String(first + meter).padStart(digits, '0')}`;
}

function writeReadings(
    path: string,
    { seed, meters, minutes }: BulkDayOptions,
    names: MeterNames,
    stamps: readonly string[],
    corrections: Corrections,
): { bytes: number; wh: number } {
    const zeros = '0'.repeat(names.digits);
    const block = Buffer.from(stamps.map((stamp) => `M${zeros},${stamp},0.000,A\n`).join(''));
    const lineLength = block.length / stamps.length;
    const valueAt = lineLength - '0.000,A\n'.length;
    const blocksOfChunk = Math.max(1, Math.floor(LONGEST_CHUNK / block.length));
    const chunk = Buffer.allocUnsafe(blocksOfChunk * block.length);
    const file = openSync(path, 'w');
    const energy = new BulkEnergy(seed, minutes, stamps.length);
    let bytes = writeSync(file, 'meter_id,read_at,value,quality\n');
    let wh = 0;
    let filled = 0;
    for (let meter = 0; meter < meters; meter += 1) {
        const values = energy.nextMeter();
        block.copy(chunk, filled);
        for (let slot = 0; slot < values.length; slot += 1) {
            const value = values[slot] ?? 0;
            wh += value;
            writeNumber(chunk, filled + 1, names.digits, names.first + meter);
            writeValue(chunk, filled + valueAt, value);
            filled += lineLength;
        }
        corrections.passMeter(meter, values);
        if (filled === chunk.length || meter === meters - 1) {
            for (let done = 0; done < filled; ) done += writeSync(file, chunk, done, filled - done);
            bytes += filled;
            filled = 0;
        }
    }
    closeSync(file);
    return { bytes, wh };
}

/** Writes a whole number as `digits` ASCII digits. */
function writeNumber(chunk: Buffer, at: number, digits: number, number: number): void {
    let rest = number;
    for (let i = at + digits - 1; i >= at; i -= 1) {
        const tens = (rest / 10) | 0;
        chunk[i] = ZERO + rest - tens * 10;
        rest = tens;
    }
}

/** Writes watt-hours as `d.ddd`; the point is there already. */
function writeValue(chunk: Buffer, at: number, wh: number): void {
    const kwh = (wh / 1000) | 0;
    chunk[at] = ZERO + kwh;
    writeNumber(chunk, at + 2, 3, wh - kwh * 1000);
}

/** Watt-hours of one meter after the other: the shape of a kind of home, a size, and noise; in whole numbers. */
class BulkEnergy {
    readonly #random;
    readonly #profiles: readonly Int32Array[];
    readonly #values: Int32Array;

    constructor(seed: string, minutes: number, slots: number) {
        this.#random = randomStream(seed, 'bulk');
        this.#values = new Int32Array(slots);
        this.#profiles = HOME_KINDS.flatMap((kind) =>
            Array.from({ length: kind.share }, () => {
                const heating = kind.heatingWatts * 8;
                return Int32Array.from({ length: slots }, (_, slot) => {
                    const hour = Math.floor((slot * minutes) / 60) % 24;
                    const charger = hour >= 1 && hour < 4 ? kind.chargerWatts : 0;
                    return Math.round((((kind.workdayWatts[hour] ?? 0) + heating + charger) * minutes) / 60);
                });
            }),
        );
    }

    /** The array is used again for the next meter. */
    nextMeter(): Int32Array {
        const random = this.#random;
        const values = this.#values;
        const profile = this.#profiles[random.between(0, this.#profiles.length - 1)] ?? values;
        const size = random.between(160, 380);
        let noise = 0;
        for (let slot = 0; slot < values.length; slot += 1) {
            if ((slot & 3) === 0) noise = random.next();
            // Size and noise are in 256ths: 0.6 to 1.5, and 0.6 to 1.4 of the profile.
            const factor = (size * (154 + (((noise & 255) * 205) >> 8))) >> 8;
            noise >>>= 8;
            values[slot] = Math.min(LARGEST_WH, ((profile[slot] ?? 0) * factor) >> 8);
        }
        return values;
    }
}

/** The corrections, written while the readings pass by. */
class Corrections {
    count = 0;
    addedWh = 0;
    readonly #file: TextFile;
    readonly #random;
    readonly #longestGap: number;
    readonly #stamps: readonly string[];
    readonly #names: MeterNames;
    /** Readings until the next one that is corrected. */
    #gap: number;

    constructor(
        path: string,
        { seed, correctionsRate: rate }: BulkDayOptions,
        names: MeterNames,
        stamps: readonly string[],
    ) {
        this.#file = new TextFile(path);
        this.#file.writeLine('meter_id,read_at,value,quality,version');
        this.#random = randomStream(seed, 'corrections');
        // Gaps from 1 to this are equally likely, so that their mean is 1 / rate.
        this.#longestGap = rate === 0 ? Number.POSITIVE_INFINITY : Math.max(1, Math.round(2 / rate) - 1);
        this.#stamps = stamps;
        this.#names = names;
        this.#gap = this.#nextGap();
    }

    passMeter(meter: number, values: Int32Array): void {
        for (; this.#gap <= values.length; this.#gap += this.#nextGap()) {
            const wh = values[this.#gap - 1] ?? 0;
            const added = this.#random.between(1, 300);
            const stamp = this.#stamps[this.#gap - 1] ?? '';
            this.#file.writeLine(`${meterIdOf(meter, this.#names)},${stamp},${kwhText(wh + added)},A,1`);
            this.count += 1;
            this.addedWh += added;
        }
        this.#gap -= values.length;
    }

    close(): void {
        this.#file.close();
    }

    #nextGap(): number {
        return this.#longestGap === Number.POSITIVE_INFINITY
            ? this.#longestGap
            : this.#random.between(1, this.#longestGap);
    }
}

function writeMeteringPoints(
    { outFolder, meters, minutes, date }: BulkDayOptions,
    names: MeterNames,
): string {
    const path = join(outFolder, 'master', 'metering-points.csv');
    const lines = ['metering_point_id,meter_id,register,flow,interval_minutes,valid_from,valid_to\n'];
    for (let meter = 0; meter < meters; meter += 1) {
        const number = String(names.first + meter).padStart(7, '0');
        // The feed has no register column: its default register is 1.
        lines.push(`MP${number},${meterIdOf(meter, names)},1,to_customer,${minutes},${date},\n`);
    }
    writeFileSync(path, lines.join(''));
    return path;
}
