import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planRefreshOf, refreshAll } from '../../src/pipeline/chain.ts';
import { readStatus } from '../../src/pipeline/status.ts';
import { openChainWorld, readingsCsv, variedContract } from './chain-world.ts';

test('rows that wait because the contract names the wrong identifier come in when it is mended, once', async () => {
    const world = await openChainWorld({ marketZone: 'UTC' });
    try {
        const contract = (identifies: string) =>
            world.contract(
                'mine',
                variedContract('generic-csv', 'mine', { unknownMeter: 'wait', identifies }),
            );
        const day = Date.parse('2013-05-01T00:00:00Z');
        const rows = Array.from({ length: 48 }, (_, i) => ({
            meter: i % 2 === 0 ? 'M1' : 'P2',
            at: day + i * 1_800_000,
            kwh: '1',
        }));
        const waiting = async () => (await readStatus(world.workspace.lake)).rowsWaiting;
        await world.load(
            'metering-points',
            'p.csv',
            'metering_point_id,meter_id,interval_minutes,valid_from\nP1,M1,30,2013-05-01\nP2,M2,30,2013-05-01\n',
        );
        contract('meteringPoint');
        await world.ingest('mine', { 'a.csv': readingsCsv(rows) });
        await refreshAll(world.workspace);
        assert.equal(await waiting(), 24);

        contract('meter');
        const { rebuilds } = await planRefreshOf(world.workspace);
        assert.deepEqual(
            rebuilds.map(({ marketDay }) => marketDay),
            ['2013-05-01'],
        );
        assert.equal((await refreshAll(world.workspace)).changedChannelDays, 1);
        assert.equal(await waiting(), 0);
        assert.deepEqual(
            await world.query('select meter_id, count(kwh)::int as n from reads_15min group by 1 order by 1'),
            [
                { meter_id: 'M1', n: 24 },
                { meter_id: 'M2', n: 24 },
            ],
        );
        assert.deepEqual((await planRefreshOf(world.workspace)).rebuilds, []);
    } finally {
        await world.end();
    }
});
