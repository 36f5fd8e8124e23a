import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { LCL_FOLDER } from '../chain/lcl-files.ts';

const READINGS = path.join(LCL_FOLDER, 'readings');
const SLOT_MS = 1_800_000;
const YEAR = Date.parse('2013-01-01T00:00:00Z');
const SUMMER = { from: Date.parse('2013-03-31T01:00:00Z'), to: Date.parse('2013-10-27T01:00:00Z') };
const SLOTS = 365 * 48;
/** Days of 2013 on which the clock of London changes. */
export const CHANGES = [89, 299];

/** Half-hours of 2013 of each home of Low Carbon London, in local time; NaN where there is none. */
export function readHomes(): Float64Array[] {
    const files = readdirSync(READINGS).filter((name) => name.endsWith('.gz'));
    return files.sort().map((name) => readHome(path.join(READINGS, name)));
}

function readHome(file: string): Float64Array {
    const kwh = new Float64Array(SLOTS).fill(Number.NaN);
    for (const line of gunzipSync(readFileSync(file)).toString().split('\n').slice(1)) {
        const [, stamp = '', value = ''] = line.split(',');
        const at = Date.parse(`${stamp.slice(0, 19).replace(' ', 'T')}Z`);
        const local = at + (at >= SUMMER.from && at < SUMMER.to ? 3_600_000 : 0);
        const slot = (local - YEAR) / SLOT_MS;
        if (Number.isInteger(slot) && slot >= 0 && slot < SLOTS && value.trim() !== 'Null')
            kwh[slot] = Number(value);
    }
    return kwh;
}
