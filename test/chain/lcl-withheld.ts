import { refreshAll } from '../../src/pipeline/chain.ts';
import { randomNumbers } from '../random-numbers.ts';
import { type ChainWorld, openChainWorld } from './chain-world.ts';
import { lclTable, lclTexts } from './lcl-files.ts';

export interface WithheldCase {
    readonly homes: readonly string[];
    /** Days, half-open, as `2013-01-01`. */
    readonly from: string;
    readonly to: string;
    readonly seed: number;
}

/** How far estimates of one method were from what was measured, in kWh a half-hour. */
export interface MethodError {
    readonly method: string;
    readonly intervals: number;
    readonly meanKwh: number;
    readonly meanAbsoluteError: number;
    /** Mean of estimate less measured value. */
    readonly bias: number;
}

export interface WithheldResult {
    /** Rows that were kept back, and how many of them had an estimate meanwhile. */
    readonly withheld: number;
    readonly estimated: number;
    readonly errors: readonly MethodError[];
    /** What is published once the rest has come, and what a home publishes that got everything at once. */
    readonly late: readonly string[];
    readonly clean: readonly string[];
}

// of files, of hours of a home, and of its days
const FILES = 0.05;
const HOURS = 0.05;
const DAYS = 0.02;
const REST_FILES = 7;

/** Homes with nearly every half-hour of 2013. */
export function wholeHomes(): string[] {
    return lclTable('reference_totals.csv')
        .filter((row) => Number(row.readings) > 0.96 * 365 * 48)
        .map((row) => row.LCLid ?? '');
}

/** Real homes of which a random part is kept back, and comes in random order once estimates have been made. */
export async function runWithheld(of: WithheldCase): Promise<WithheldResult> {
    const texts = lclTexts(of.homes, of.from, of.to);
    const split = splitTexts(texts, of.seed);
    const clean = await withWorld(async (world) => {
        await world.ingest('lcl', texts);
        await refreshAll(world.workspace);
        return contentOf(world);
    });
    return withWorld(async (world) => {
        await world.ingest('lcl', split.first);
        await refreshAll(world.workspace);
        const errors = await errorsOf(world, split.withheld);
        for (const [name, text] of Object.entries(split.rest)) await world.ingest('lcl', { [name]: text });
        await refreshAll(world.workspace);
        return {
            withheld: split.withheld.length,
            estimated: errors.reduce((sum, { intervals }) => sum + intervals, 0),
            errors,
            late: await contentOf(world),
            clean,
        };
    });
}

async function withWorld<T>(work: (world: ChainWorld) => Promise<T>): Promise<T> {
    const world = await openChainWorld({ marketZone: 'UTC', estimates: true });
    try {
        return await work(world);
    } finally {
        await world.end();
    }
}

interface Split {
    readonly first: Readonly<Record<string, string>>;
    readonly rest: Readonly<Record<string, string>>;
    readonly withheld: readonly string[];
}

function splitTexts(texts: Readonly<Record<string, string>>, seed: number): Split {
    const random = randomNumbers(seed);
    const first: Record<string, string> = {};
    const withheld: string[] = [];
    let header = '';
    for (const [name, text] of Object.entries(texts)) {
        const [head = '', ...lines] = text.trimEnd().split('\n');
        header = head;
        const isWhole = random() < FILES;
        const kept: string[] = [];
        const drawn = new Map<string, boolean>();
        const isDrawn = (key: string, share: number) => {
            const known = drawn.get(key) ?? random() < share;
            drawn.set(key, known);
            return known;
        };
        for (const line of lines) {
            const stamp = line.split(',')[1]?.trim() ?? '';
            const isLate = isWhole || isDrawn(stamp.slice(0, 13), HOURS) || isDrawn(stamp.slice(0, 10), DAYS);
            (isLate ? withheld : kept).push(line);
        }
        if (kept.length > 0) first[name] = `${head}\n${kept.join('\n')}\n`;
    }
    const shuffled = withheld
        .map((line) => ({ line, at: random() }))
        .sort((a, b) => a.at - b.at)
        .map(({ line }) => line);
    const size = Math.ceil(shuffled.length / REST_FILES);
    const rest = Object.fromEntries(
        Array.from({ length: REST_FILES }, (_, i) => [
            `rest-${i}.csv`,
            `${header}\n${shuffled.slice(i * size, (i + 1) * size).join('\n')}\n`,
        ]),
    );
    return { first, rest, withheld };
}

/** Everything published, but for when and how it came. */
async function contentOf(world: ChainWorld): Promise<string[]> {
    const queries = [
        `select meter_id, cast(market_day as varchar) as day, count(*) as n, sum(kwh) as kwh, min(period_from) as first, max(period_from) as last,
                sum(hash(period_from, kwh, quality, coalesce(source_code, ''), interval_minutes)) as content
           from reads_interval group by all order by all`,
        `select meter_id, cast(day as varchar) as day, kwh, measured_kwh, estimated_kwh, expected_count, measured_count, estimated_count, missing_count
           from reads_daily order by all`,
        'select meter_id, gap_from, gap_to, missing_count from reading_gaps order by all',
        'select meter_id, gap_from, method, confidence, kwh, first_source_day, last_source_day, value_count from reading_estimates order by all',
    ];
    const found: string[] = [];
    for (const query of queries)
        for (const row of await world.query(query)) found.push(Object.values(row).map(String).join(' '));
    return found;
}

async function errorsOf(world: ChainWorld, withheld: readonly string[]): Promise<MethodError[]> {
    const truth = new Map(
        withheld.flatMap((line): [string, number][] => {
            const [home = '', stamp = '', value = ''] = line.split(',').map((field) => field.trim());
            if (value === 'Null') return [];
            return [[`${home} ${Date.parse(`${stamp.slice(0, 19).replace(' ', 'T')}Z`)}`, Number(value)]];
        }),
    );
    const rows = await world.query(
        `select meter_id, epoch_ms(period_from) as at, source_code, cast(kwh as double) as kwh
           from reads_interval where feed_id is null order by all`,
    );
    const byMethod = new Map<string, { n: number; kwh: number; absolute: number; bias: number }>();
    for (const row of rows) {
        const measured = truth.get(`${row.meter_id} ${row.at}`);
        if (measured === undefined) continue;
        const sums = byMethod.get(String(row.source_code)) ?? { n: 0, kwh: 0, absolute: 0, bias: 0 };
        const error = Number(row.kwh) - measured;
        sums.n += 1;
        sums.kwh += measured;
        sums.absolute += Math.abs(error);
        sums.bias += error;
        byMethod.set(String(row.source_code), sums);
    }
    return [...byMethod].sort().map(([method, { n, kwh, absolute, bias }]) => ({
        method,
        intervals: n,
        meanKwh: kwh / n,
        meanAbsoluteError: absolute / n,
        bias: bias / n,
    }));
}
