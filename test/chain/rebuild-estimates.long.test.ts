import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Chain, planReplayOf, refreshAll, replayFaulty } from '../../src/pipeline/chain.ts';
import { editReadings, withdrawEdit } from '../../src/pipeline/edit-readings.ts';
import { rebuildFromRaw } from '../../src/pipeline/rebuild-from-raw.ts';
import { verifyHome } from '../../src/pipeline/verify-home.ts';
import { differences, type HomeContent } from '../crash/home-content.ts';
import { type ChainWorld, handClock, openChainWorld, variedContract } from './chain-world.ts';
import { wholeContent } from './rebuild-world.ts';
import { ingestReads } from './register-world.ts';
import { SHAPES } from './shape-world.ts';
import { addHistoryFeed, DAY, HALF_HOUR, halfHours, ingestRows, MONDAY } from './validation-world.ts';

const clock = handClock('2024-03-01T00:00:00Z');
let world: ChainWorld;
let chain: Chain;

const at = (dayNo: number, slot = 0) => MONDAY + dayNo * DAY + slot * HALF_HOUR;
/** Days of half-hours of one value each, so that it shows which days an estimate was made of. */
const days = (meter: string, from: number, values: readonly string[]) =>
    halfHours(
        meter,
        at(from),
        values.flatMap((kwh) => Array.from({ length: 48 }, () => kwh)),
    );

/** A home that estimates by every method, with holidays of which one was taken for another at first. */
before(async () => {
    world = await openChainWorld({ marketZone: 'Europe/London', estimates: true, clock });
    const { workspace } = world;
    const estimation = { ...workspace.lake.estimation, loadShapes: SHAPES, holidaySet: 'england' };
    chain = { ...workspace, lake: { ...workspace.lake, estimation } };
    addHistoryFeed(world);
    const load: ChainWorld['load'] = async (...what) => {
        clock.at += 60_000;
        return world.load(...what);
    };
    const points = ['D1', 'R1', 'S1', 'E1', 'F1'].map((meter) => `P-${meter},${meter},30,2024-02-05`);
    await load(
        'metering-points',
        'm.csv',
        `metering_point_id,meter_id,interval_minutes,valid_from\n${points.join('\n')}\n`,
    );
    const columns = 'metering_point_id,validation_class,annual_consumption';
    await load('attributes', 'a.csv', `${columns}\nP-S1,home,7000\n`);
    await load('holidays', 'h.csv', 'holiday_set,date,name\nengland,2024-02-20,Fair\n');
    await load('attributes', 'b.csv', `${columns}\nP-S1,shop,7759.2\n`);
    clock.at += 60_000;
    // Monday to Sunday; the second Tuesday is a holiday, of which Sundays are like days
    await ingestRows(world, [
        ...days('D1', 0, [
            '0.1',
            '0.2',
            '0.3',
            '0.4',
            '0.5',
            '0.6',
            '0.7',
            '0.1',
            '0.2',
            '0.3',
            '0.4',
            '0.5',
            '0.6',
            '0.8',
        ]),
        ...days('D1', 14, ['0.9']),
        ...days('D1', 16, ['0.9', '0.9']),
        ...halfHours('F1', at(0), ['0.2', null, '0.6', '0.2']),
        ...days('E1', 0, ['0.3']),
    ]);
    await ingestReads(world, [
        { meter: 'R1', at: at(1), kwh: '100' },
        { meter: 'R1', at: at(3), kwh: '148' },
        { meter: 'E1', at: at(1), kwh: '100' },
        { meter: 'E1', at: at(2), kwh: '112' },
    ]);
    await refreshAll(chain);
    const edited = { meter: 'E1', registerId: '1', quality: 'measured', reason: 'seen', place: {} } as const;
    await editReadings(chain, 'Ada', [{ ...edited, from: at(1), kwh: '1.5' }]);
    const { editNo } = await editReadings(chain, 'Ada', [{ ...edited, from: at(1, 1), kwh: '2.5' }]);
    await withdrawEdit(chain, { editNo, by: 'Ben', reason: 'no' });
    await refreshAll(chain);
    await replayOne();
    await load('holidays', 'i.csv', 'holiday_set,date,name\nengland,2024-02-20,Fair of the town\n');
    await refreshAll(chain);
});
after(() => world.end());

/** A row of a code that only the second contract knows. */
async function replayOne(): Promise<void> {
    const contract = variedContract('generic-csv', 'coded', {});
    const header = 'meter_id,register,read_at,minutes,value,unit,quality,version';
    world.contract('coded', contract);
    clock.at += 60_000;
    await world.ingest('coded', { 'c.csv': `${header}\nE1,1,2024-02-07T00:00:00Z,30,0.7,kWh,Z,\n` });
    const second = contract.replace('version: 1.0.0', 'version: 2.0.0');
    world.contract('coded', second.replace('E: estimated,', 'E: estimated, Z: measured,'));
    clock.at += 60_000;
    assert.equal((await replayFaulty(chain)).versions, 1);
}

/** With estimates, which are of no feed, and what they were made of. */
async function content(): Promise<HomeContent> {
    const whole = new Map(await wholeContent(world));
    for (const table of ['reading_estimates', 'register_reads', 'register_advances', 'replayed_rows']) {
        const rows = await world.query(`select to_json(t)::varchar as line from ${table} as t order by 1`);
        assert.ok(rows.length > 0, table);
        whole.set(
            table,
            rows.map(({ line }) => String(line)),
        );
    }
    const estimated = await world.query(
        `select concat_ws('|', meter_id, period_from, kwh, source_code) as line from reads_interval where feed_id is null`,
    );
    whole.set('estimated readings', estimated.map(({ line }) => String(line)).sort());
    return whole;
}

test('estimates of every method, holidays, register reads, edits and replays are reproduced, and nothing is changed or stale', async () => {
    const expected = await content();
    const methods = await world.query(
        `select distinct method from reading_estimates where method is not null order by 1`,
    );
    assert.deepEqual(
        methods.map(({ method }) => method),
        ['flat', 'like-day', 'linear', 'load-shape', 'register-scaled'],
    );
    const [fair] = await world.query(
        `select distinct kwh from reads_interval where meter_id = 'D1' and market_day = date '2024-02-20'`,
    );
    assert.equal(fair?.kwh, '0.750000', 'of the two Sundays before, and not of weekdays');
    clock.at += DAY;
    const outcome = await rebuildFromRaw(chain, world.workspace.openSchema);
    assert.deepEqual(differences(expected, await content(), 'rebuilt'), []);
    assert.equal(outcome.contentBefore, outcome.contentRebuilt, 'no alarm of damage');
    assert.deepEqual([outcome.samePartitions, outcome.changedChannelDays], [outcome.partitions, 0]);
    assert.deepEqual(await planReplayOf(chain), []);
    const again = await refreshAll(chain);
    assert.deepEqual([again.rebuilt, again.merged, again.removed], [0, 0, 0]);
    assert.deepEqual((await verifyHome(chain)).faults, []);
});
