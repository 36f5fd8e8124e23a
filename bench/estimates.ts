import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { openWorkspace, type Workspace } from '../src/cli/workspace.ts';
import type { EstimationMethod } from '../src/contracts/estimation-policy.ts';
import { weekday } from '../src/kernel/calendar-date.ts';
import { marketDayOf } from '../src/kernel/market-day.ts';
import { instantText } from '../src/kernel/period.ts';
import { localTimeAt, zoneOf } from '../src/kernel/zone.ts';
import { type Chain, ingest, load, refreshAll } from '../src/pipeline/chain.ts';
import { withPublishedViews } from '../src/pipeline/published-views.ts';
import { removeDatabase } from '../src/store/embedded-postgres.ts';
import { HOME_FILE, initHome } from '../src/store/home.ts';
import { LCL_SKIP, lclTable, microKwh, readLcl } from '../test/chain/lcl-files.ts';
import {
    HALF_HOUR,
    type HiddenStretch,
    hideStretches,
    type StretchError,
    stretchErrors,
} from './hidden-stretches.ts';

/** What is hidden, and how far off it is told by some methods in this order. */
export interface EstimatesResult {
    readonly homes: number;
    readonly shapedFrom: number;
    readonly hiddenHalfHours: number;
    readonly methods: readonly { readonly methods: string; readonly errors: readonly StretchError[] }[];
}

export type SkippedEstimates = { readonly skipped: string };

const ZONE = zoneOf('Europe/London');
const YEAR = { from: Date.UTC(2013, 0, 1), to: Date.UTC(2014, 0, 1) };
/** After a month that like days are found in, and before the last days of the year. */
const HIDDEN = { from: Date.UTC(2013, 1, 1), to: Date.UTC(2013, 11, 24) };
const SEED = 20_130_101;
const SEASONS = ['03-01', '06-01', '09-01', '12-01'];
const KINDS = ['weekday', 'saturday', 'sunday'] as const;

const TOLD_BY: readonly (readonly EstimationMethod[])[] = [
    ['linear'],
    ['like-day'],
    ['load-shape'],
    ['register-scaled', 'flat'],
    ['register-scaled', 'load-shape'],
    ['register-scaled', 'like-day'],
    ['linear', 'like-day', 'load-shape'],
    ['register-scaled', 'linear', 'like-day', 'load-shape', 'flat'],
];

interface Home {
    readonly name: string;
    readonly className: string;
    /** kWh by instant. */
    readonly values: ReadonlyMap<number, number>;
    readonly annualKwh: number;
}

/**
 * Real homes of Low Carbon London with stretches of measured values hidden, estimated by each method alone and by all of them. Shapes are of other homes of the same
 * class; the annual consumption is the home's own of that year; registers are read at the first midnight of each month.
 */
export async function benchEstimates(homesMax: number): Promise<EstimatesResult | SkippedEstimates> {
    if (LCL_SKIP) return { skipped: LCL_SKIP };
    const all = wholeHomes();
    const isTested = (_: Home, i: number) => i % 2 === 1;
    const tested = all.filter(isTested).slice(0, homesMax);
    const others = all.filter((home, i) => !isTested(home, i));
    const stretches = hideStretches(
        tested.map(({ name }) => name),
        HIDDEN,
        SEED,
    );
    const truth = new Map(tested.map(({ name, values }) => [name, values]));
    const truthOf = (home: string, at: number) => truth.get(home)?.get(at);
    const methods = await withHome(loadShapesOf(others), async (workspace, folder) => {
        await bring(workspace, folder, tested, stretches);
        const found: EstimatesResult['methods'][number][] = [];
        for (const order of TOLD_BY) {
            const estimates = await estimatesBy(workspace, order);
            const errors = stretchErrors(stretches, truthOf, (home, at) => estimates.get(`${home} ${at}`));
            found.push({ methods: order.join(', '), errors });
        }
        return found;
    });
    return {
        homes: tested.length,
        shapedFrom: others.length,
        hiddenHalfHours: stretches.reduce((sum, { length }) => sum + length, 0),
        methods,
    };
}

/** In the order of their classes, so that each class has as many of either kind. */
function wholeHomes(): Home[] {
    return lclTable('reference_totals.csv')
        .filter((row) => Number(row.missing) <= 2 && Number(row.readings) > 17_000)
        .map((row): Home => {
            const name = row.LCLid ?? '';
            const values = new Map(
                readLcl(name).map((reading) => [reading.at, Number(microKwh(reading)) / 1e6]),
            );
            const annualKwh = Math.round([...values.values()].reduce((sum, kwh) => sum + kwh, 0));
            return { name, className: row.acorn_grouped ?? '', values, annualKwh };
        })
        .sort((a, b) => a.className.localeCompare(b.className) || a.name.localeCompare(b.name));
}

/** The mean of the homes of a class, each counting as much as any other, by season, kind of day and half-hour of the clock. */
function loadShapesOf(homes: readonly Home[]): string {
    const classes = [...Map.groupBy(homes, ({ className }) => className)].map(([className, ofClass]) => {
        const sums = new Map<string, { sum: number; count: number }>();
        for (const { values, annualKwh } of ofClass)
            for (const [at, kwh] of values) {
                const key = keyOf(at);
                const known = sums.get(key) ?? { sum: 0, count: 0 };
                sums.set(key, { sum: known.sum + (1000 * kwh) / annualKwh, count: known.count + 1 });
            }
        const meanOf = (key: string) => {
            const { sum, count } = sums.get(key) ?? { sum: 0, count: 1 };
            return (sum / count).toFixed(6);
        };
        const seasons = SEASONS.map((season) => {
            const days = KINDS.map((kind) => {
                const values = Array.from({ length: 48 }, (_, i) => meanOf(`${season} ${kind} ${i}`));
                return `      ${kind}: [${values.join(', ')}]\n`;
            });
            return `    - from: "${season}"\n${days.join('')}`;
        });
        return `  ${className}:\n${seasons.join('')}`;
    });
    return `classes:\n${classes.join('')}`;
}

function keyOf(at: number): string {
    const day = marketDayOf(ZONE, at);
    const season = SEASONS.findLast((from) => from <= day.slice(5)) ?? SEASONS.at(-1);
    const ofWeek = weekday(day);
    const kind = ofWeek === 7 ? 'sunday' : ofWeek === 6 ? 'saturday' : 'weekday';
    return `${season} ${kind} ${Math.floor(localTimeAt(ZONE, at).secondOfDay / 1800)}`;
}

async function withHome<T>(
    shapes: string,
    work: (workspace: Workspace, folder: string) => Promise<T>,
): Promise<T> {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'gridtally-bench-estimates-'));
    const homeFolder = path.join(folder, 'home');
    try {
        await initHome(homeFolder, { marketZone: ZONE.name });
        writeFileSync(path.join(homeFolder, 'load-shapes.yaml'), shapes);
        appendFileSync(
            path.join(homeFolder, HOME_FILE),
            'estimation: { loadShape: { file: load-shapes.yaml } }\nhorizon: 2013-12-31\n',
        );
        const workspace = await openWorkspace(homeFolder);
        try {
            return await work(workspace, folder);
        } finally {
            await workspace.close();
            await removeDatabase(homeFolder);
        }
    } finally {
        rmSync(folder, { recursive: true, force: true });
    }
}

/** Registers the homes, and brings what is not hidden and the reads of their registers. */
async function bring(
    workspace: Workspace,
    folder: string,
    homes: readonly Home[],
    stretches: readonly HiddenStretch[],
): Promise<void> {
    const text = (name: string, lines: readonly string[]): string => {
        const file = path.join(folder, name);
        writeFileSync(file, `${lines.join('\n')}\n`);
        return file;
    };
    const points = homes.map(({ name }) => `P-${name},${name},30,2013-01-01`);
    const file = text('points.csv', ['metering_point_id,meter_id,interval_minutes,valid_from', ...points]);
    await load(workspace, { kind: 'metering-points', file });
    const attributes = homes.map(({ name, className, annualKwh }) => `P-${name},${className},${annualKwh}`);
    const columns = 'metering_point_id,validation_class,annual_consumption';
    await load(workspace, { kind: 'attributes', file: text('attributes.csv', [columns, ...attributes]) });
    const hidden = new Set(
        stretches.flatMap(({ home, from, length }) =>
            Array.from({ length }, (_, i) => `${home} ${from + i * HALF_HOUR}`),
        ),
    );
    const readings = homes.flatMap(({ name, values }) =>
        [...values].flatMap(([at, kwh]) =>
            hidden.has(`${name} ${at}`) ? [] : [`${name},${instantText(at)},30,${kwh.toFixed(6)},kWh,A,`],
        ),
    );
    const header = 'meter_id,read_at,minutes,value,unit,quality,version';
    const rows = ['meter_id,register,read_at,value,unit,quality,version', ...homes.flatMap(registerReads)];
    await ingestWhole(workspace, 'generic-csv', text('readings.csv', [header, ...readings]));
    await ingestWhole(workspace, 'generic-register-csv', text('reads.csv', rows));
}

async function ingestWhole(workspace: Workspace, feed: string, file: string): Promise<void> {
    const { parsed } = await ingest(workspace, feed, [{ sourceKey: path.basename(file), path: file }]);
    if (parsed.refused + parsed.quarantined + parsed.waiting > 0)
        throw new Error(`not all of ${file} was taken: ${JSON.stringify(parsed)}`);
}

/** At the first local midnight of each month and of the next year. */
function registerReads({ name, values }: Home): string[] {
    const rows: string[] = [];
    let counted = 0;
    for (let at = YEAR.from; at <= YEAR.to; at += HALF_HOUR) {
        const { date, secondOfDay } = localTimeAt(ZONE, at);
        if (date.endsWith('-01') && secondOfDay === 0)
            rows.push(`${name},1,${instantText(at)},${counted.toFixed(6)},kWh,A,1`);
        counted += values.get(at) ?? 0;
    }
    return rows;
}

async function estimatesBy(
    workspace: Workspace,
    methods: readonly EstimationMethod[],
): Promise<Map<string, number>> {
    const { lake } = workspace;
    const chain: Chain = {
        ...workspace,
        lake: { ...lake, estimation: { ...lake.estimation, methods } },
    };
    await refreshAll(chain);
    const rows = await withPublishedViews(chain, { showsIdentity: false }, (session) =>
        session.rows(
            `select meter_id, epoch_ms(period_from) as at, cast(kwh as double) as kwh from reads_interval where feed_id is null`,
        ),
    );
    return new Map(rows.map((row) => [`${row.meter_id} ${row.at}`, Number(row.kwh)]));
}

/** The report that `npm run bench -- estimates` prints: a table for bench/README.md. */
export function estimatesText(result: EstimatesResult | SkippedEstimates): string {
    if ('skipped' in result) return `nothing measured: ${result.skipped}\n`;
    const lengths = result.methods[0]?.errors.map(({ length }) => length) ?? [];
    const named = (length: number) => (length % 48 === 0 ? `${length / 48} d` : `${length / 2} h`);
    const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
    const cell = (error: StretchError) =>
        error.told === 0
            ? '–'
            : `${error.meanAbsoluteError.toFixed(3)}, ${percent(error.sumError)} (${percent(error.bias)})${error.told < error.stretches ? `, ${error.told} of ${error.stretches}` : ''}`;
    return [
        `${result.homes} homes, shapes from ${result.shapedFrom} others, ${result.hiddenHalfHours.toLocaleString('en')} half-hours hidden; mean absolute error of a half-hour in kWh, error of the energy of a stretch (bias):`,
        '',
        `| methods | ${lengths.map(named).join(' | ')} |`,
        `|---|${lengths.map(() => '---|').join('')}`,
        ...result.methods.map(({ methods, errors }) => `| ${methods} | ${errors.map(cell).join(' | ')} |`),
        `| mean energy of a half-hour | ${(result.methods.at(-1)?.errors ?? []).map(({ meanKwh }) => meanKwh.toFixed(3)).join(' | ')} |`,
        '',
    ].join('\n');
}
