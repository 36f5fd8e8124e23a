import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { IncomingPayload } from '../../src/raw/receive.ts';

/** Real readings beside the checkout, which are not part of it. */
export const LCL_FOLDER =
    process.env.GRIDTALLY_LCL ?? path.resolve(import.meta.dirname, '../../../shared/data/lcl');

export const LCL_SKIP = existsSync(LCL_FOLDER)
    ? false
    : 'the data of Low Carbon London is not on this machine';

/** They end before this day. */
export const LCL_END = '2014-01-01';

export function lclHomes(): string[] {
    return readdirSync(path.join(LCL_FOLDER, 'readings'))
        .map((name) => name.slice(0, 9))
        .sort();
}

export function lclPayloads(homes: readonly string[]): IncomingPayload[] {
    return homes.map((home) => ({ sourceKey: `${home}.csv.gz`, path: fileOf(home) }));
}

function fileOf(home: string): string {
    return path.join(LCL_FOLDER, 'readings', `${home}.csv.gz`);
}

export interface LclReading {
    readonly at: number;
    /** Ten-millionths of a kWh: the digits as they stand in the file. */
    readonly tenMillionths: bigint;
}

/** A home's file read by hand. */
export function readLcl(home: string): LclReading[] {
    const [, ...lines] = gunzipSync(readFileSync(fileOf(home)))
        .toString()
        .trim()
        .split('\n');
    return lines.flatMap((line) => {
        const [, stamp = '', value = ''] = line.split(',').map((field) => field.trim());
        if (value === 'Null') return [];
        const [whole = '', part = ''] = value.split('.');
        return [
            {
                at: Date.parse(`${stamp.replace(' ', 'T')}Z`),
                tenMillionths: BigInt(whole + part.padEnd(7, '0')),
            },
        ];
    });
}

/** Millionths of a kWh, halves to the even. */
export function microKwh({ tenMillionths }: LclReading): bigint {
    const rest = tenMillionths % 10n;
    const micro = tenMillionths / 10n;
    return micro + (rest > 5n || (rest === 5n && micro % 2n === 1n) ? 1n : 0n);
}

export function lclTable(name: string): Record<string, string>[] {
    const [header = '', ...lines] = readFileSync(path.join(LCL_FOLDER, name), 'utf8').trim().split(/\r?\n/);
    const names = header.split(',');
    return lines.map((line) =>
        Object.fromEntries(line.split(',').map((value, i) => [names[i] ?? '', value])),
    );
}

/** The files of homes as texts by name, cut to the readings from one day up to another, which are nearly all there. */
export function lclTexts(homes: readonly string[], from: string, to: string): Record<string, string> {
    const halfHours = (Date.parse(to) - Date.parse(from)) / 1_800_000;
    const texts = lclCuts(homes, from, to);
    for (const text of Object.values(texts)) {
        const rows = text.split('\n').length - 2;
        assert.ok(rows > 0.95 * halfHours, `${rows} of ${halfHours}`);
    }
    return texts;
}

/** The same, however many of the readings are there. */
export function lclCuts(homes: readonly string[], from: string, to: string): Record<string, string> {
    return Object.fromEntries(
        homes.map((home): [string, string] => {
            const packed = readFileSync(fileOf(home));
            const [header = '', ...lines] = gunzipSync(packed).toString().split('\n');
            const kept = lines.filter((line) => {
                const stamp = line.split(',')[1] ?? '';
                return stamp >= from && stamp < to;
            });
            return [`${home}.csv`, `${[header, ...kept].join('\n')}\n`];
        }),
    );
}
