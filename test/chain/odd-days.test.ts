import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instantText } from '../../src/kernel/period.ts';
import { openChainWorld, readingsCsv, variedContract } from './chain-world.ts';

const HOUR = 3_600_000;
// Lord Howe puts its clock back by half an hour: the day has twenty-four hours and a half
const FROM = Date.parse('2013-04-06T13:00:00Z');

test('the last half-hour of a day of 24.5 hours is no hour of an hourly meter: the interval would reach across midnight', async () => {
    const world = await openChainWorld({ marketZone: 'Australia/Lord_Howe' });
    try {
        world.contract('waits', variedContract('generic-csv', 'waits', { unknownMeter: 'wait' }));
        await world.load(
            'metering-points',
            'm.csv',
            'metering_point_id,meter_id,interval_minutes,valid_from\nP,H,60,2013-01-01\n',
        );
        const rows = Array.from({ length: 25 }, (_, i) => ({
            meter: 'H',
            at: FROM + i * HOUR,
            minutes: 60,
            kwh: '1',
        }));
        await world.ingest('waits', { 'day.csv': readingsCsv(rows) });
        const quarantined = await world.query('select line_no, rule_ids, fields from quarantined_rows');
        const [crossing] = quarantined;
        assert.equal(instantText(rows[24]?.at ?? 0), '2013-04-07T13:00:00Z');
        assert.deepEqual(
            [quarantined.length, Number(crossing?.line_no), crossing?.rule_ids, crossing?.fields],
            [1, 26, 'row.stamp-crosses-midnight', 'read_at'],
        );
        const [accepted] = await world.query('select count(*) as n from reading_versions');
        assert.equal(Number(accepted?.n), 24);
    } finally {
        await world.end();
    }
});
