import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import { distantReadings } from '../../src/lake/distant-readings.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { readStatus } from '../../src/pipeline/status.ts';
import { runCommand } from '../cli/run-command.ts';
import { type ChainWorld, openChainWorld, readingsCsv } from './chain-world.ts';

const FROM = Date.parse('2013-05-01T00:00:00Z');
const DAY = 86_400_000;
let world: ChainWorld;

before(async () => {
    world = await openChainWorld({ marketZone: 'Europe/London' });
    const days = Array.from({ length: 3 }, (_, n) => ({ meter: 'A', at: FROM + n * DAY, kwh: '1' }));
    // a month without readings is none that anybody is told of
    const later = [{ meter: 'A', at: FROM + 33 * DAY, kwh: '1' }];
    await world.ingest('generic-csv', { 'a.csv': readingsCsv([...days, ...later]) });
    assert.deepEqual(await distantReadings(world.workspace.lake), []);
});

after(() => world.end());

const FUTURE = {
    from: '2013-09-10',
    to: '2013-09-11',
    rows: 2,
    emptyDays: 98,
    meterId: 'B',
    registerId: '1',
    periodFrom: '2013-09-10T12:00:00Z',
};

test('readings far from all others are told with their meter, stamp and the days between', async () => {
    const at = Date.parse('2013-09-10T12:00:00Z');
    const far = [
        { meter: 'B', at, kwh: '1' },
        { meter: 'A', at: at + DAY, kwh: '1' },
        { meter: 'C', at: Date.parse('2013-02-01T00:00:00Z'), kwh: '1' },
    ];
    const file = path.join(world.folder, 'far.csv');
    writeFileSync(file, readingsCsv(far));
    const { code, out } = await runCommand(world.homeFolder, 'ingest', file, '--feed', 'generic-csv');
    assert.equal(code, 0);
    assert.match(
        out,
        /warning: 2 readings of 2013-09-10 to 2013-09-11 lie apart from the others, with 98 days/,
    );
    assert.match(out, /The first is of meter B, register 1, at 2013-09-10T12:00:00Z\./);
    assert.match(out, /warning: 1 reading of 2013-02-01 lies apart/);
    const [past, future] = await distantReadings(world.workspace.lake);
    assert.deepEqual([past?.meterId, past?.emptyDays], ['C', 88]);
    assert.deepEqual(future, FUTURE);
});

test('the days between are expected and missing, until a horizon is set, beyond which nobody is told', async () => {
    const { lake } = world.workspace;
    await refreshAll(world.workspace);
    const { intervalsMissing } = await readStatus(lake);
    assert.ok(intervalsMissing > 98 * 48);
    const status = await runCommand(world.homeFolder, 'status', '--json');
    assert.deepEqual(JSON.parse(status.out).distantReadings[1], FUTURE);
    const horizon = calendarDate('2013-06-30');
    assert.deepEqual(
        (await distantReadings({ ...lake, horizon })).map(({ meterId }) => meterId),
        ['C'],
    );
    const settings = path.join(world.homeFolder, 'gridtally.yaml');
    writeFileSync(settings, `${readFileSync(settings, 'utf8')}horizon: ${horizon}\n`);
    assert.doesNotMatch((await runCommand(world.homeFolder, 'status')).out, /2013-09-10/);
});
