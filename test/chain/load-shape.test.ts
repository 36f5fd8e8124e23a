import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Chain } from '../../src/pipeline/chain.ts';
import { readingHistory } from '../../src/pipeline/reading-history.ts';
import { verifyHome } from '../../src/pipeline/verify-home.ts';
import { estimateText } from '../../src/trace/traced-estimate.ts';
import type { ChainWorld } from './chain-world.ts';
import { ingestReads } from './register-world.ts';
import { estimatesOf, OWN, openShapeWorld, refreshWholly, shaped, shapedBy, VECTOR } from './shape-world.ts';
import { DAY, HALF_HOUR, MONDAY } from './validation-world.ts';

let world: ChainWorld;
let chain: Chain;

before(async () => {
    world = await openShapeWorld();
    chain = shapedBy(world);
    await refresh();
});

after(async () => {
    await world.end();
});

const refresh = (of = chain) => refreshWholly(of);

test('shape of the class × annual consumption ÷ annual total of the shape: with a consumption of that total, the shape itself', async () => {
    for (const dayNo of [0, 1, 2]) assert.deepEqual(await estimatesOf(world, 'A1', dayNo), shaped(OWN));
    const quarters = OWN.flatMap((kwh) => [kwh / 2, kwh / 2]);
    assert.deepEqual(await estimatesOf(world, 'Q1', 1), shaped(quarters));
    assert.deepEqual(await estimatesOf(world, 'A1', 3), [], 'the newest day');
});

test('it says whose shape and which consumption, with low confidence', async () => {
    const [run] = await world.query(
        `select method, confidence, shape_class, annual_kwh, kwh from reading_estimates where meter_id = 'A1' and market_day = date '2024-02-06'`,
    );
    assert.deepEqual(Object.values(run ?? {}).map(String), [
        'load-shape',
        'low',
        'home',
        '7759.200000',
        '21.200000',
    ]);
    const period = { from: MONDAY, to: MONDAY + HALF_HOUR };
    const { intervals } = await readingHistory(world.workspace, { meter: 'A1', period });
    assert.deepEqual(
        intervals.map(({ estimate }) => estimate && estimateText(estimate)),
        [
            'estimated here, load-shape, low confidence: share of an annual consumption of 7759.200000 kWh by the load shape of class home; ' +
                'gap 2024-02-05T00:00:00Z to 2024-02-06T00:00:00Z',
        ],
    );
    assert.deepEqual((await verifyHome(world.workspace)).faults, []);
});

test('without a class that has a shape, or an annual consumption of one channel alone, there is no estimate', async () => {
    for (const meter of ['N1', 'X1', 'R1', 'B1'])
        assert.deepEqual(await estimatesOf(world, meter, 1), [], meter);
});

test('× advance ÷ shape sum over the read interval: 10.0 kWh on 21.20 are 0.094, 0.236 and 0.283, and add up to it exactly', async () => {
    await ingestReads(world, [
        { meter: 'R1', at: MONDAY, kwh: '100' },
        { meter: 'R1', at: MONDAY + DAY, kwh: '110' },
    ]);
    await refresh();
    const estimates = await estimatesOf(world, 'R1', 0);
    assert.deepEqual(
        estimates.map((text) => Number(text.split(' ')[0]).toFixed(3)),
        VECTOR.map((micro) => ({ 200000: '0.094', 500000: '0.236', 600000: '0.283' })[micro]),
    );
    const micro = estimates.map((text) => Math.round(Number(text.split(' ')[0]) * 1e6));
    assert.equal(
        micro.reduce((sum, one) => sum + one, 0),
        10_000_000,
    );
    const [run] = await world.query(
        `select method, shape, shape_class, annual_kwh, advance_kwh, measured_kwh, kwh from reading_estimates
          where meter_id = 'R1' and market_day = date '2024-02-05'`,
    );
    const told = ['register-scaled', 'load-shape', 'home', 'null', '10.000000', '0.000000', '10.000000'];
    assert.deepEqual(Object.values(run ?? {}).map(String), told);
    const period = { from: MONDAY, to: MONDAY + HALF_HOUR };
    const { intervals } = await readingHistory(world.workspace, { meter: 'R1', period });
    const [estimate] = intervals.map((interval) => interval.estimate);
    assert.match(
        (estimate && estimateText(estimate)) ?? '',
        /by the shape of load-shape \(the load shape of class home\); gap/,
    );
});
