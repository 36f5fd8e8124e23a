import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type Chain, load, planRefreshOf } from '../../src/pipeline/chain.ts';
import { withPublishedViews } from '../../src/pipeline/published-views.ts';
import type { ChainWorld } from './chain-world.ts';
import { ingestReads } from './register-world.ts';
import { estimatesOf, OWN, openShapeWorld, refreshWholly, SHAPES, shaped, shapedBy } from './shape-world.ts';
import { DAY, day, halfHours, ingestRows, MONDAY } from './validation-world.ts';

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

test('beside a line it weighs as what the whole time between the reads would be by the shape', async () => {
    // of two days the register counted 42.40, as the shape says; the line is at 1.0, and 5.0 is left for it and a night of 2.80
    await ingestRows(world, halfHours('T1', MONDAY, day(48, '0.8', { 30: '1.0', 31: null, 32: '1.0' })));
    const night = Object.fromEntries(Array.from({ length: 14 }, (_, i) => [i, null]));
    await ingestRows(world, halfHours('T1', MONDAY + DAY, day(48, '0.02', night)));
    const measured = 45 * 0.8 + 2.0 + 34 * 0.02;
    await ingestReads(world, [
        { meter: 'T1', at: MONDAY, kwh: '0' },
        { meter: 'T1', at: MONDAY + 2 * DAY, kwh: '42.4' },
    ]);
    await refresh(shapedBy(world, { methods: ['register-scaled', 'linear', 'load-shape', 'flat'] }));
    const rest = 42.4 - measured;
    const line = Number((await estimatesOf(world, 'T1', 0))[31]?.split(' ')[0]);
    const shape = (await estimatesOf(world, 'T1', 1)).slice(0, 14).map((text) => Number(text.split(' ')[0]));
    assert.ok(Math.abs(line - (rest * 1.0) / (1.0 + 2.8)) < 0.000001, String(line));
    assert.ok(
        shape.every((kwh) => Math.abs(kwh - (rest * 0.2) / 3.8) < 0.000001),
        shape.join(),
    );
    await refresh();
});

test('another class, consumption, shape or holiday makes anew exactly what depends on it', async () => {
    const versions = async () => {
        const rows = await world.workspace.db.query<{ day: string; version: number }>(
            `select market_day::text as day, version from partitions where table_name = 'reads_interval' order by 1`,
        );
        return rows.map((row) => `${row.day} ${row.version}`);
    };
    const before = await versions();
    const columns = 'metering_point_id,annual_consumption,valid_from';
    await world.load('attributes', 'more.csv', `${columns}\nP-C1,15518.4,2024-02-06\n`);
    const plan = await planRefreshOf(chain);
    // a register may be read on any of these days, and the shape of the time between go by each of them
    assert.deepEqual(
        plan.rebuilds.map(({ marketDay, kind, reasons }) => `${marketDay} ${kind} ${reasons}`),
        ['2024-02-05', '2024-02-06', '2024-02-07'].map((one) => `${one} estimate load shapes`),
    );
    await refresh();
    const now = await versions();
    assert.deepEqual(
        now.filter((one, i) => one !== before[i]).map((one) => one.slice(0, 10)),
        ['2024-02-06', '2024-02-07'],
    );
    assert.deepEqual(await estimatesOf(world, 'C1', 0), shaped(OWN));
    assert.deepEqual(await estimatesOf(world, 'C1', 1), shaped(OWN.map((kwh) => 2 * kwh)));
    // what is not a number is no consumption
    await world.load('attributes', 'more.csv', `${columns}\nP-C1,much,2024-02-07\n`);
    await refresh();
    assert.deepEqual(await estimatesOf(world, 'C1', 2), []);
    await world.load(
        'attributes',
        'class.csv',
        'metering_point_id,validation_class,valid_from\nP-C1,shop,2024-02-06\n',
    );
    await refresh();
    // 314 other days, and 52 Sundays that count twice
    const shop = (15518.4 / (48 * (366 + 52))).toFixed(6);
    assert.deepEqual((await estimatesOf(world, 'C1', 1)).slice(0, 1), [`${shop} load-shape`]);
    const holiday = 'date,name\n2024-02-06,a holiday\n';
    await loadHolidays(holiday);
    const withHolidays = shapedBy(world, { holidaySet: 'some' });
    await refresh(withHolidays);
    const onHoliday = ((2 * 15518.4) / (48 * (366 + 53))).toFixed(6);
    assert.deepEqual((await estimatesOf(world, 'C1', 1)).slice(0, 1), [`${onHoliday} load-shape`]);
    const doubled = shapedBy(world, { loadShapes: { home: SHAPES.home ?? [] } });
    await refresh(doubled);
    assert.deepEqual(await estimatesOf(world, 'C1', 1), []);
    await refresh();
});

async function loadHolidays(text: string): Promise<void> {
    const file = path.join(world.folder, 'holidays.csv');
    writeFileSync(file, text);
    await load(world.workspace, { kind: 'holidays', file, holidaySet: 'some' });
}

test('as known now it is what is published, and as known before by the attributes of then', async () => {
    const sql = `select meter_id, market_day, source_code, count(*) as n, sum(kwh) as kwh from reads_interval group by all order by all`;
    const shown = (more: object) =>
        withPublishedViews(chain, { showsIdentity: true, ...more }, (session) => session.rows(sql));
    assert.deepEqual(await shown({ asOf: Date.now() }), await shown({}));
    const at = Date.now();
    await world.load(
        'attributes',
        'later.csv',
        'metering_point_id,validation_class,annual_consumption,valid_from\nP-A1,home,1,2024-02-05\n',
    );
    const then = await shown({ asOf: at });
    assert.deepEqual(then, await shown({}));
    await refresh();
    assert.notDeepEqual(await shown({}), then);
    assert.deepEqual(await shown({ asOf: at }), then);
});

test('methods before it in the order are tried first, and those after it are not', async () => {
    await ingestRows(world, halfHours('A1', MONDAY, day(48, '0.9')));
    await refresh();
    assert.equal((await estimatesOf(world, 'A1', 1))[0], '0.900000 like-day');
    await refresh(shapedBy(world, { methods: ['load-shape', 'like-day'] }));
    assert.match((await estimatesOf(world, 'A1', 1))[0] ?? '', /load-shape$/);
});
