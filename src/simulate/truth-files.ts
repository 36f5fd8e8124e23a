import { createWriteStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { instantText } from '../kernel/period.ts';
import { MISSING, QUALITIES, type TownChannel, type TownHome } from './homes.ts';
import { decimalText, kwhText } from './reading-line.ts';
import type { DeliveryTotals } from './truth-tally.ts';

/** What a perfect platform publishes in the end, counted. kWh are exact texts with three decimals. */
export interface IntervalTotals {
    readonly expected: number;
    readonly good: number;
    readonly estimated: number;
    readonly missing: number;
    /** By flow, then by region. */
    readonly kwh: Record<TownChannel['flow'], { total: string; byRegion: Record<string, string> }>;
}

export interface TownTotals extends DeliveryTotals {
    readonly homes: number;
    readonly channels: number;
    readonly lateHomes: number;
    readonly intervals: IntervalTotals;
}

/** `truth/totals.json`. */
export function writeTotals(
    folder: string,
    homes: readonly TownHome[],
    delivery: DeliveryTotals,
): TownTotals {
    const channels = homes.flatMap((home) => home.channels);
    const totals = {
        homes: homes.length,
        channels: channels.length,
        lateHomes: homes.filter((home) => home.isLate).length,
        ...delivery,
        intervals: countIntervals(channels),
    };
    writeFileSync(join(folder, 'totals.json'), `${JSON.stringify(totals, undefined, 2)}\n`);
    return totals;
}

/** `truth/intervals.csv.gz`: one row per expected interval, in order of meter, register and time. */
export async function writeIntervals(folder: string, homes: readonly TownHome[]): Promise<void> {
    const channels = homes.flatMap((home) => home.channels);
    const keyOf = (channel: TownChannel) => `${channel.meterId} ${channel.register}`;
    channels.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    const gzip = createGzip({ level: 3 });
    await pipeline(
        Readable.from(intervalTexts(channels)),
        gzip,
        createWriteStream(join(folder, 'intervals.csv.gz')),
    );
}

function* intervalTexts(channels: readonly TownChannel[]): Generator<string> {
    yield 'meter_id,register,period_from,minutes,kwh,quality\n';
    const stamps = new Map<number, string>();
    for (const { home, meterId, register, validFrom, wh, quality } of channels) {
        const lines: string[] = [];
        for (let slot = 0; slot < wh.length; slot += 1) {
            const at = validFrom + slot * home.minutes * 60_000;
            let stamp = stamps.get(at);
            if (stamp === undefined) {
                stamp = instantText(at);
                stamps.set(at, stamp);
            }
            const state = quality[slot] ?? MISSING;
            const kwh = state === MISSING ? '' : kwhText(wh[slot] ?? 0);
            lines.push(`${meterId},${register},${stamp},${home.minutes},${kwh},${QUALITIES[state]}\n`);
        }
        yield lines.join('');
    }
}

function countIntervals(channels: readonly TownChannel[]): IntervalTotals {
    const counts = [0, 0, 0];
    const sums = { to_customer: new Map<string, number>(), from_customer: new Map<string, number>() };
    for (const { home, flow, wh, quality } of channels) {
        let sum = sums[flow].get(home.region) ?? 0;
        for (let slot = 0; slot < wh.length; slot += 1) {
            const state = quality[slot] ?? MISSING;
            counts[state] = (counts[state] ?? 0) + 1;
            // A missing interval holds 0. Watt-hours of a whole country and year stay below 2^53.
            sum += wh[slot] ?? 0;
        }
        sums[flow].set(home.region, sum);
    }
    const [good = 0, estimated = 0, missing = 0] = counts;
    const kwh = { to_customer: kwhOf(sums.to_customer), from_customer: kwhOf(sums.from_customer) };
    return { expected: good + estimated + missing, good, estimated, missing, kwh };
}

function kwhOf(sums: ReadonlyMap<string, number>): { total: string; byRegion: Record<string, string> } {
    const regions = [...sums.keys()].sort();
    const total = regions.reduce((sum, region) => sum + (sums.get(region) ?? 0), 0);
    const byRegion = Object.fromEntries(
        regions.map((region) => [region, decimalText(sums.get(region) ?? 0, 3)]),
    );
    return { total: decimalText(total, 3), byRegion };
}
