import { instantText } from '../kernel/period.ts';
import type { TownPlan } from './town-options.ts';

/** One reading as texts of the feed; `value` is '' where there is none. */
export interface LineFields {
    meterId: string;
    register: string;
    stamp: string;
    minutes: string;
    value: string;
    unit: string;
    quality: string;
    version: string;
}

export type LineFormat = Pick<TownPlan, 'feed' | 'isStamped'>;

/** The names of the feed's columns or keys, in the order of its contract. */
export function columnsOf(format: LineFormat): readonly string[] {
    if (format.feed === 'lcl') return ['LCLid', 'tstp', 'energy(kWh/hh)'];
    const columns = ['meter_id', 'register', 'read_at', 'minutes', 'value', 'unit', 'quality'];
    return format.isStamped ? [...columns, 'version'] : columns;
}

/** The first line of a file; ndjson has none. */
export function headerOf(format: LineFormat): string | undefined {
    return format.feed === 'generic-ndjson' ? undefined : columnsOf(format).join(',');
}

/** The reading as one line without its line end. */
export function readingLine(format: LineFormat, fields: LineFields): string {
    const { meterId, register, stamp, minutes, value, unit, quality, version } = fields;
    switch (format.feed) {
        case 'lcl':
            return `${meterId},${stamp},${value === '' && quality === 'N' ? 'Null' : value}`;
        case 'generic-csv': {
            const line = `${meterId},${register},${stamp},${minutes},${value},${unit},${quality}`;
            return format.isStamped ? `${line},${version}` : line;
        }
        case 'generic-ndjson': {
            const head = `{"meter_id":"${meterId}","register":"${register}","read_at":"${stamp}","minutes":${minutes}`;
            const line = `${head},"value":${jsonNumber(value)},"unit":"${unit}","quality":"${quality}"`;
            return format.isStamped ? `${line},"version":${jsonNumber(version)}}` : `${line}}`;
        }
    }
}

/** An instant as the feed stamps it. */
export function stampText(format: LineFormat, at: number): string {
    const iso = instantText(at);
    return format.feed === 'lcl' ? iso.replace('T', ' ').replace('Z', '') : iso;
}

const SMALL = Array.from({ length: 10_000 }, (_, wh) => decimalText(wh, 3));

/** Watt-hours as kWh with three decimals. */
export function kwhText(wh: number): string {
    return SMALL[wh] ?? decimalText(wh, 3);
}

/** The whole number `units / 10^places` as a decimal text; units from 0. */
export function decimalText(units: number | bigint, places: number): string {
    const digits = String(units).padStart(places + 1, '0');
    return places === 0 ? digits : `${digits.slice(0, -places)}.${digits.slice(-places)}`;
}

/** A plain number stands as it is, nothing as null, and anything else as a text. */
function jsonNumber(text: string): string {
    if (text === '') return 'null';
    return /^-?(0|[1-9]\d*)(\.\d+)?$/.test(text) ? text : JSON.stringify(text);
}
