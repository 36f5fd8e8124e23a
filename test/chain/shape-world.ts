import assert from 'node:assert/strict';
import type { EstimationPolicy, LoadShapes } from '../../src/contracts/estimation-policy.ts';
import { type Chain, planRefreshOf, refreshAll } from '../../src/pipeline/chain.ts';
import { type ChainWorld, openChainWorld } from './chain-world.ts';
import { addHistoryFeed, DAY, halfHours, ingestRows, MONDAY } from './validation-world.ts';

/** In millionths: 14 half-hours of 0.20, 20 of 0.50 and 14 of 0.60, 21.20 a day, and 7759.20 in 366 of them. */
export const VECTOR = [
    ...Array.from({ length: 14 }, () => 200_000),
    ...Array.from({ length: 20 }, () => 500_000),
    ...Array.from({ length: 14 }, () => 600_000),
];
const FLAT = Array.from({ length: 48 }, () => 100);
export const SHAPES: LoadShapes = {
    home: [{ from: '01-01', weekday: VECTOR, saturday: VECTOR, sunday: VECTOR }],
    shop: [{ from: '01-01', weekday: FLAT, saturday: FLAT, sunday: FLAT.map((value) => 2 * value) }],
};
const YEAR_KWH = '7759.2';

/** Every day of `VECTOR` by a method; in kWh. */
export function shaped(kwh: readonly number[], method = 'load-shape'): string[] {
    return kwh.map((one) => `${one.toFixed(6)} ${method}`);
}
export const OWN = VECTOR.map((micro) => micro / 1e6);

/** Metering points of which nothing is read but of Z9, on Thursday. */
export async function openShapeWorld(): Promise<ChainWorld> {
    const world = await openChainWorld({ marketZone: 'Europe/London', estimates: true });
    addHistoryFeed(world);
    const header = 'metering_point_id,meter_id,register,interval_minutes,valid_from';
    const points = [
        ...['A1', 'R1', 'C1', 'T1', 'N1', 'X1', 'Z9'].map((meter) => `P-${meter},${meter},1,30,2024-02-05`),
        'P-Q1,Q1,1,15,2024-02-05',
        // what the point takes in a year is of both registers
        ...['1', '2'].map((register) => `P-B1,B1,${register},30,2024-02-05`),
    ];
    await world.load('metering-points', 'points.csv', `${header}\n${points.join('\n')}\n`);
    const attributes = [
        ...['A1', 'C1', 'Q1', 'B1', 'T1'].map((meter) => `P-${meter},home,${YEAR_KWH}`),
        'P-R1,home,',
        'P-N1,,5000',
        'P-X1,unknown,5000',
    ];
    const columns = 'metering_point_id,validation_class,annual_consumption';
    await world.load('attributes', 'attributes.csv', `${columns}\n${attributes.join('\n')}\n`);
    await ingestRows(world, halfHours('Z9', MONDAY + 3 * DAY, ['0.5']));
    return world;
}

/** The world's chain as a home with the shapes has it. */
export function shapedBy({ workspace }: ChainWorld, policy: Partial<EstimationPolicy> = {}): Chain {
    const estimation = { ...workspace.lake.estimation, loadShapes: SHAPES, ...policy };
    return { ...workspace, lake: { ...workspace.lake, estimation } };
}

/** Leaves nothing that is stale. */
export async function refreshWholly(chain: Chain): Promise<void> {
    await refreshAll(chain);
    assert.deepEqual((await planRefreshOf(chain)).rebuilds, []);
}

/** Value and method, or quality, of the intervals of a day, so many days after Monday. */
export async function estimatesOf(world: ChainWorld, meter: string, dayNo: number): Promise<string[]> {
    const rows = await world.query(
        `select kwh, case when feed_id is null then source_code else quality end as what from reads_interval
          where meter_id = '${meter}' and market_day = date '2024-02-05' + ${dayNo} order by register_id, period_from`,
    );
    return rows.map(({ kwh, what }) => `${kwh} ${what}`);
}
