import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DIMENSION_NAMES } from '../../src/contracts/lake-tables.ts';
import { dimensionSnapshot, standingSnapshot } from '../../src/lake/dimension-snapshot.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { type ChainWorld, flatTariffs, openChainWorld } from './chain-world.ts';

const VIEWS = DIMENSION_NAMES.map((name) => `select * from ${name} order by all`);
let world: ChainWorld;

const tariff = (price: string) => flatTariffs({ mode: 'half-up', price });

before(async () => {
    world = await openChainWorld({ marketZone: 'Europe/London' });
    await world.load('customers', 'customers.csv', 'customer_id,name\nC1,Ada Ash\nC2,Ben Birch\n');
    await world.load('accounts', 'accounts.csv', 'account_id,customer_id\nA1,C1\n');
    const points = 'metering_point_id,meter_id,interval_minutes,valid_from\nP1,M1,30,2013-05-01\n';
    await world.load('metering-points', 'points.csv', points);
    const attributes = 'metering_point_id,attribute,value\nP1,region,"a ""quoted"", one"\n';
    await world.load('attributes', 'attributes.csv', attributes);
    await world.load('tariffs', 'tariffs.yaml', tariff('0.12345678'));
    const agreements =
        'agreement_id,account_id,metering_point_id,tariff_id,move_in,move_out\nG1,A1,P1,flat,2013-05-01,2013-06-01\n';
    await world.load('agreements', 'agreements.csv', agreements);
});
after(() => world.end());

async function contents(): Promise<unknown[]> {
    return world.withViews((session) => Promise.all(VIEWS.map((view) => session.rows(view))));
}

async function standing(): Promise<(string | undefined)[]> {
    const { lake } = world.workspace;
    return Promise.all(DIMENSION_NAMES.map((name) => standingSnapshot(lake, name, lake.db)));
}

test('queries give the same from committed snapshots as from the rows of the database', async () => {
    assert.deepEqual(
        await standing(),
        DIMENSION_NAMES.map(() => undefined),
    );
    const fromRows = await contents();
    await refreshAll(world.workspace);
    const files = await standing();
    assert.ok(files.every((file) => file !== undefined));
    const fromFiles = await contents();
    assert.deepEqual(fromFiles, fromRows);
    const [, agreements, attributes, tariffs] = fromFiles as Record<string, unknown>[][];
    assert.deepEqual(
        agreements?.map((row) => [row.customer_id, row.move_in, row.move_out]),
        [['C1', '2013-05-01', '2013-06-01']],
    );
    assert.deepEqual(
        attributes?.map((row) => [row.attribute, row.value]),
        [['region', 'a "quoted", one']],
    );
    assert.deepEqual(
        tariffs?.map((row) => [row.kwh_price, row.is_current]),
        [['0.12345678', true]],
    );
    await refreshAll(world.workspace);
    assert.deepEqual(await standing(), files, 'what is up to date stays');
});

test('a load makes those of its kind anew, and until then queries read the rows', async () => {
    const before = await standing();
    await world.load('tariffs', 'tariffs.yaml', tariff('0.5'));
    const price = () => world.query('select kwh_price from tariffs');
    assert.deepEqual(await price(), [{ kwh_price: '0.50000000' }]);
    assert.deepEqual(
        (await standing()).map((file) => file === undefined),
        DIMENSION_NAMES.map((name) => name === 'tariffs'),
    );
    await refreshAll(world.workspace);
    assert.deepEqual(await price(), [{ kwh_price: '0.50000000' }]);
    const now = await standing();
    for (const [i, name] of DIMENSION_NAMES.entries())
        assert.equal(now[i] === before[i], name !== 'tariffs', name);
    // an account that changes hands changes agreements, whose rows name the customer
    await world.load('accounts', 'again.csv', 'account_id,customer_id\nA1,C2\n');
    assert.deepEqual(await world.query('select customer_id from agreements'), [{ customer_id: 'C2' }]);
    await refreshAll(world.workspace);
    assert.deepEqual(await world.query('select customer_id from agreements'), [{ customer_id: 'C2' }]);
});

test('callers that want a snapshot at once make one', async () => {
    const { lake } = world.workspace;
    await world.load('tariffs', 'tariffs.yaml', tariff('0.75'));
    const made = await Promise.all([1, 2, 3, 4].map(() => dimensionSnapshot(lake, 'tariffs')));
    assert.equal(new Set(made.map(({ path }) => path)).size, 1);
    const [count] = await lake.db.query<{ n: number }>(
        `select count(*)::int as n from commits where kind = 'tariffs'`,
    );
    assert.equal(count?.n, 3);
});
