import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { differences } from '../crash/home-content.ts';
import { type ChainWorld, handClock, openChainWorld, variedContract } from './chain-world.ts';
import { rebuild, wholeContent } from './rebuild-world.ts';

const DAY_MS = 86_400_000;
const HEADER = 'meter_id,register,read_at,minutes,value,unit,quality,version\n';
const METERS = 'metering_point_id,meter_id,interval_minutes,valid_from\n';
const clock = handClock('2013-06-10T00:00:00Z');
let world: ChainWorld;

/** A good row, and one that is quarantined for its length where the meter is known, and waits where it is not. */
const rows = (meter: string, version: number) =>
    `${HEADER}${meter},1,2013-05-01T00:00:00Z,30,0.5,kWh,A,${version}\n${meter},1,2013-05-01T00:30:00Z,5,0.5,kWh,A,${version}\n`;

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC', clock });
    world.contract('waiting', variedContract('generic-csv', 'waiting', { unknownMeter: 'wait' }));
});

after(() => world.end());

/** Makes the lake anew and expects what it holds, every row in its place. */
async function expectSameAfterRebuild(): Promise<void> {
    await refreshAll(world.workspace);
    const expected = await wholeContent(world);
    await rebuild(world);
    assert.deepEqual(differences(expected, await wholeContent(world), 'rebuilt'), []);
}

test('what was judged after a load, by a clock that went back before it, is judged by that load again', async () => {
    await world.load('metering-points', 'a.csv', `${METERS}PA,A,30,2013-01-01\n`);
    clock.at -= 4 * DAY_MS;
    const { parsed } = await world.ingest('waiting', { 'a.csv': rows('A', 1) });
    assert.deepEqual([parsed.quarantined, parsed.waiting], [1, 0]);
    await expectSameAfterRebuild();
});

test('what was judged before a load, by a clock that was ahead of it, waits for that load again', async () => {
    clock.at += 20 * DAY_MS;
    const { parsed } = await world.ingest('waiting', { 'b.csv': rows('B', 1) });
    assert.deepEqual([parsed.quarantined, parsed.waiting], [0, 2]);
    clock.at -= 10 * DAY_MS;
    await world.load('metering-points', 'b.csv', `${METERS}PB,B,30,2013-01-01\n`);
    await expectSameAfterRebuild();
});
