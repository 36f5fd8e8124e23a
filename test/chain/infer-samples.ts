import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { localStampAt, zoneOf } from '../../src/kernel/zone.ts';

/** How a vendor writes readings; every combination is a file that a contract can describe. */
export interface SampleForm {
    readonly shape: 'long' | 'ndjson' | 'periods' | 'times';
    readonly delimiter: ',' | ';' | '\t' | '|';
    readonly isQuoted: boolean;
    readonly names: keyof typeof NAMES;
    readonly stamps: keyof typeof STAMPS;
    readonly marks: 'start' | 'end';
    readonly minutes: 5 | 10 | 15 | 30 | 60;
    readonly unit: 'kWh' | 'Wh' | 'MWh' | 'kW';
    /** Decimals come after a comma; never in JSON. */
    readonly hasCommas: boolean;
    readonly saysUnit: 'name' | 'column';
    readonly quality: keyof typeof QUALITIES | 'none';
    readonly zone: 'none' | 'Europe/London' | 'America/New_York';
    readonly firstDay: string;
    readonly days: number;
    readonly meters: number;
    readonly hasRegister: boolean;
    readonly hasOther: boolean;
    /** Of long files. */
    readonly extras: readonly ('minutes' | 'version' | 'created' | 'end')[];
    /** The end of a day is 24:00 of it and not 00:00 of the next. */
    readonly has2400: boolean;
    readonly order: 'by meter' | 'by time';
    readonly packing: 'none' | 'gzip' | 'zstd';
    readonly hasBom: boolean;
    readonly hasCrlf: boolean;
    readonly seed: number;
}

/** Names of meter, stamp and value as vendors have them. */
const NAMES = {
    plain: ['meter_id', 'read_at', 'value'],
    nmi: ['NMI', 'Timestamp', 'Usage'],
    german: ['Zählpunktnummer', 'Zeitstempel', 'Verbrauch'],
    british: ['MPAN', 'DateTime', 'Consumption'],
    trial: ['LCLid', 'tstp', 'energy'],
    danish: ['metering_point_id', 'observation_time', 'quantity'],
    device: ['deviceSerial', 'date time', 'activeEnergy'],
} as const;

const STAMPS = {
    'iso utc': (wall: string) => `${wall.slice(0, 19)}Z`,
    'iso offset': (wall: string) => `${wall.slice(0, 19)}+00:00`,
    iso: (wall: string) => wall.slice(0, 16),
    'iso blank': (wall: string) => wall.slice(0, 19).replace('T', ' '),
    'seven zeros': (wall: string) => `${wall.slice(0, 19).replace('T', ' ')}.0000000`,
    'day first': (wall: string) =>
        `${wall.slice(8, 10)}/${wall.slice(5, 7)}/${wall.slice(0, 4)} ${wall.slice(11, 16)}`,
    points: (wall: string) =>
        `${wall.slice(8, 10)}.${wall.slice(5, 7)}.${wall.slice(0, 4)} ${wall.slice(11, 19)}`,
    'month first': (wall: string) =>
        `${wall.slice(5, 7)}/${wall.slice(8, 10)}/${wall.slice(0, 4)} ${wall.slice(11, 16)}`,
    digits: (wall: string) => wall.slice(0, 16).replace(/\D/g, ''),
} as const;

const QUALITIES = {
    letters: { name: 'Quality', measured: 'A', estimated: 'E', missing: 'N' },
    words: { name: 'read status', measured: 'Actual', estimated: 'Estimated', missing: 'Missing' },
    nem: { name: 'quality_method', measured: 'A', estimated: 'S14', missing: 'N' },
} as const;

export interface SampleReading {
    readonly meter: string;
    readonly register: string;
    /** Start of the interval, epoch milliseconds. */
    readonly at: number;
    readonly kwh: string | null;
    readonly quality: 'measured' | 'estimated' | 'missing';
}

export interface Sample {
    readonly bytes: Buffer;
    readonly readings: readonly SampleReading[];
    readonly zone: string | undefined;
}

const DAY_MS = 86_400_000;
const hasOffset = ({ stamps }: SampleForm) => stamps === 'iso utc' || stamps === 'iso offset';

export const sampleForms: fc.Arbitrary<SampleForm> = fc
    .record<SampleForm>({
        shape: fc.constantFrom('long', 'long', 'ndjson', 'periods', 'times'),
        delimiter: fc.constantFrom(',', ';', '\t', '|'),
        isQuoted: fc.boolean(),
        names: fc.constantFrom(...(Object.keys(NAMES) as (keyof typeof NAMES)[])),
        stamps: fc.constantFrom(...(Object.keys(STAMPS) as (keyof typeof STAMPS)[])),
        marks: fc.constantFrom('start', 'end'),
        minutes: fc.constantFrom(5, 10, 15, 30, 60),
        unit: fc.constantFrom('kWh', 'Wh', 'MWh', 'kW'),
        hasCommas: fc.boolean(),
        saysUnit: fc.constantFrom('name', 'column'),
        quality: fc.constantFrom('none', 'letters', 'words', 'nem'),
        zone: fc.constantFrom('none', 'none', 'Europe/London', 'America/New_York'),
        firstDay: fc.constantFrom('2013-05-11', '2014-02-27', '2023-12-30', '2013-01-01'),
        days: fc.integer({ min: 2, max: 4 }),
        meters: fc.integer({ min: 1, max: 3 }),
        hasRegister: fc.boolean(),
        hasOther: fc.boolean(),
        extras: fc.subarray(['minutes', 'version', 'created', 'end']),
        has2400: fc.boolean(),
        order: fc.constantFrom('by meter', 'by time'),
        packing: fc.constantFrom('none', 'none', 'gzip', 'zstd'),
        hasBom: fc.boolean(),
        hasCrlf: fc.boolean(),
        seed: fc.integer({ min: 0, max: 1_000_000 }),
    })
    .map(possible);

/** Local time is told by a change of the clock, so the days are those around one; stamps with an offset need no zone. */
function possible(form: SampleForm): SampleForm {
    const isWide = form.shape === 'periods' || form.shape === 'times';
    const zone = form.zone !== 'none' && hasOffset(form) && !isWide ? 'none' : form.zone;
    const changes = {
        none: [],
        'Europe/London': ['2013-03-30', '2013-10-26'],
        'America/New_York': ['2013-03-09', '2013-11-02'],
    };
    const near = changes[zone];
    // the repeated hour of times of day is one column, so only the day without an hour is whole
    const firstDay = near[form.shape === 'times' ? 0 : form.seed % 2] ?? form.firstDay;
    return { ...form, zone, firstDay, days: zone === 'none' ? form.days : 3 };
}

export function writeSample(form: SampleForm): Sample {
    const readings = sampleReadings(form);
    const text =
        form.shape === 'periods' || form.shape === 'times'
            ? wideText(form, readings)
            : longText(form, readings);
    const lines = form.hasCrlf ? text.replaceAll('\n', '\r\n') : text;
    const plain = Buffer.from(`${form.hasBom ? '\ufeff' : ''}${lines}`);
    const packed = { none: (b: Buffer) => b, gzip: gzipSync, zstd: zstdCompressSync }[form.packing](plain);
    return { bytes: packed, readings, zone: form.zone === 'none' ? undefined : form.zone };
}

/** Whole local days of each meter and register, some of them estimated or missing. */
function sampleReadings(form: SampleForm): SampleReading[] {
    let state = form.seed + 1;
    const random = (below: number) => {
        state = (state * 48_271) % 2_147_483_647;
        return state % below;
    };
    const [from, to] = [midnight(form, 0), midnight(form, form.days)];
    // a row of a day has one quality: only a blank cell says something of its own
    const hasQualities = form.quality !== 'none' && form.shape !== 'periods' && form.shape !== 'times';
    const readings: SampleReading[] = [];
    for (let at = from; at < to; at += form.minutes * 60_000) {
        for (let no = 1; no <= form.meters; no += 1) {
            for (const register of form.hasRegister ? ['E1', 'B1'] : ['1']) {
                const chance = random(20);
                const other = hasQualities && chance < 3 ? 'estimated' : 'measured';
                const quality = chance === 0 ? 'missing' : other;
                const kwh = quality === 'missing' ? null : decimal(random(3000) + 20, 3);
                readings.push({ meter: `61021${no}0007`, register, at, kwh, quality });
            }
        }
    }
    if (form.order === 'by time') return readings;
    return readings.toSorted(
        (a, b) => a.meter.localeCompare(b.meter) || a.register.localeCompare(b.register) || a.at - b.at,
    );
}

function midnight(form: SampleForm, day: number): number {
    const wall = Date.parse(`${form.firstDay}T00:00:00Z`) + day * DAY_MS;
    if (form.zone === 'none') return wall;
    const zone = zoneOf(form.zone);
    const guess = wall - (localStampAt(zone, wall) - wall);
    return guess - (localStampAt(zone, guess) - wall);
}

/** Digits with `places` of them after the point. */
function decimal(whole: number, places: number): string {
    const digits = String(whole).padStart(places + 1, '0');
    return places === 0 ? digits : `${digits.slice(0, -places)}.${digits.slice(-places)}`;
}

function valueText(form: SampleForm, kwh: string | null): string {
    const text = numberText(form, kwh);
    return form.hasCommas && form.shape !== 'ndjson' ? text.replace('.', ',') : text;
}

function numberText(form: SampleForm, kwh: string | null): string {
    if (kwh === null) return '';
    const thousandths = Number(kwh.replace('.', ''));
    if (form.unit === 'Wh') return String(thousandths);
    if (form.unit === 'MWh') return decimal(thousandths, 6);
    return decimal(form.unit === 'kW' ? thousandths * (60 / form.minutes) : thousandths, 3);
}

function wallText(form: SampleForm, instant: number): string {
    const wall = form.zone === 'none' ? instant : localStampAt(zoneOf(form.zone), instant);
    return new Date(wall).toISOString();
}

function stampText(form: SampleForm, instant: number): string {
    const wall = wallText(form, instant);
    const isMidnight = wall.slice(11, 16) === '00:00';
    if (!isMidnight || !form.has2400 || form.marks !== 'end') return STAMPS[form.stamps](wall);
    const day = new Date(Date.parse(wall) - DAY_MS).toISOString().slice(0, 10);
    return STAMPS[form.stamps](`${day}T24:00:00`);
}

/** Column names and the fields beside stamp and value that every shape has. */
function frame(form: SampleForm) {
    const [meter, stamp, value] = NAMES[form.names];
    const quality = form.quality === 'none' ? undefined : QUALITIES[form.quality];
    const isWide = form.shape === 'periods' || form.shape === 'times';
    const before = [meter, ...(form.hasRegister ? ['register'] : [])];
    const after = [
        ...(form.saysUnit === 'column' ? ['uom'] : []),
        ...(quality ? [quality.name] : []),
        ...(form.hasOther ? ['site'] : []),
    ];
    const fieldsBefore = (r: SampleReading) => [r.meter, ...(form.hasRegister ? [r.register] : [])];
    const fieldsAfter = (r: SampleReading) => [
        ...(form.saysUnit === 'column' ? [form.unit] : []),
        ...(quality ? [quality[isWide ? 'measured' : r.quality]] : []),
        ...(form.hasOther ? ['North, by the river'] : []),
    ];
    const valueName = form.saysUnit === 'name' ? `${value} (${form.unit})` : value;
    return { stamp, valueName, before, after, fieldsBefore, fieldsAfter };
}

function longText(form: SampleForm, readings: readonly SampleReading[]): string {
    const { stamp, valueName, before, after, fieldsBefore, fieldsAfter } = frame(form);
    const extras = form.extras.filter((extra) => extra !== 'end' || form.marks === 'start');
    const hasEnd = extras.includes('end');
    const extraNames = {
        minutes: 'interval length',
        version: 'version',
        created: 'created_at',
        end: 'period_end',
    };
    const names = [
        ...before,
        hasEnd ? 'period_start' : stamp,
        valueName,
        ...extras.map((extra) => extraNames[extra]),
        ...after,
    ];
    const lengthMs = form.minutes * 60_000;
    const rows = readings.map((r) => {
        const extraTexts = {
            minutes: String(form.minutes),
            version: '3',
            created: '2024-02-01T10:00:00Z',
            end: stampText(form, r.at + lengthMs),
        };
        return [
            ...fieldsBefore(r),
            stampText(form, form.marks === 'end' ? r.at + lengthMs : r.at),
            valueText(form, r.kwh),
            ...extras.map((extra) => extraTexts[extra]),
            ...fieldsAfter(r),
        ];
    });
    if (form.shape !== 'ndjson') return delimited(form, [names, ...rows]);
    const member = (name: string, text: string) =>
        `${JSON.stringify(name)}: ${name !== valueName ? JSON.stringify(text) : text === '' ? 'null' : text}`;
    return rows
        .map((fields) => `{${fields.map((text, i) => member(names[i] ?? '', text)).join(', ')}}\n`)
        .join('');
}

function wideText(form: SampleForm, readings: readonly SampleReading[]): string {
    const { stamp, before, after, fieldsBefore, fieldsAfter } = frame(form);
    const date = stamp.replace(/time(stamp)?/i, 'date');
    const lengthMs = form.minutes * 60_000;
    const full = DAY_MS / lengthMs;
    const two = (n: number) => String(Math.floor(n)).padStart(2, '0');
    const columns =
        form.shape === 'periods'
            ? Array.from({ length: full + 60 / form.minutes }, (_, i) => `P${i + 1}`)
            : Array.from({ length: full }, (_, i) => {
                  const minute = (i + (form.marks === 'end' ? 1 : 0)) * form.minutes;
                  return `${two(minute / 60)}:${two(minute % 60)}`;
              });
    const unitNamed = form.saysUnit === 'name' ? columns.map((c) => `${form.unit} ${c}`) : columns;
    const days = Map.groupBy(
        readings,
        (r) => `${r.meter} ${r.register} ${wallText(form, r.at).slice(0, 10)}`,
    );
    const rows = [...days.values()].map((list) => {
        const first = list[0] as SampleReading;
        const day = wallText(form, first.at).slice(0, 10);
        const start = midnight(form, (Date.parse(day) - Date.parse(form.firstDay)) / DAY_MS);
        const cells = columns.map(() => '');
        for (const r of list) {
            const wall = wallText(form, r.at);
            const minute = Number(wall.slice(11, 13)) * 60 + Number(wall.slice(14, 16));
            const place = form.shape === 'periods' ? (r.at - start) / lengthMs : minute / form.minutes;
            cells[place] = valueText(form, r.kwh);
        }
        return [
            ...fieldsBefore(first),
            STAMPS[dateStamps(form)](`${day}T00:00:00Z`).slice(0, 10),
            ...cells,
            ...fieldsAfter(first),
        ];
    });
    return delimited(form, [[...before, date, ...unitNamed, ...after], ...rows]);
}

/** Stamps whose first ten characters are a date. */
function dateStamps({ stamps }: SampleForm): keyof typeof STAMPS {
    return stamps === 'digits' ? 'iso' : stamps;
}

function delimited(form: SampleForm, rows: readonly (readonly string[])[]): string {
    const field = (text: string) =>
        (form.isQuoted && /[^\d.-]/.test(text)) || text.includes(form.delimiter) ? `"${text}"` : text;
    return rows.map((row) => `${row.map(field).join(form.delimiter)}\n`).join('');
}
