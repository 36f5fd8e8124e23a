import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { readRatingDimensions } from '../../src/billing/registered-dimensions.ts';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import { zoneOf } from '../../src/kernel/zone.ts';
import { migrate } from '../../src/store/migrations.ts';
import { openScratchDatabase } from '../store/scratch-home.ts';

const scratch = await openScratchDatabase();
after(() => scratch.remove());

const STRUCTURE = JSON.stringify({
    currency: 'GBP',
    charges: [{ id: 'spot', kind: 'energy-series', seriesId: 'SPOT' }],
    taxes: [],
});

test('the registry gives what the agreements of a period need, and nothing else', async () => {
    const { db } = scratch;
    await migrate(db);
    await db.query(
        `insert into customers (customer_id) values ('C1');
         insert into accounts (account_id) values ('AC1');
         insert into account_holders (account_no, customer_no, known_from) values (1, 1, now());
         insert into metering_points (metering_point_id) values ('MP1');
         insert into tariffs (tariff_id) values ('USED'), ('UNUSED');
         insert into tariff_versions (tariff_no, name, valid_during, is_open_ended, structure, known_from)
         select n, 'T', '[2013-01-01,)', true, '${STRUCTURE}', now() from generate_series(1, 2) as n;
         insert into agreements (agreement_id) values ('AG1');
         insert into agreement_versions
             (agreement_no, account_no, metering_point_no, tariff_no, valid_during, known_from)
         values (1, 1, 1, 1, '[2013-05-10,)', now());
         insert into calendars (calendar_id) values ('UNUSED');
         insert into calendar_versions (calendar_no, valid_during, is_open_ended, definition, known_from)
         values (1, '[2013-01-01,)', true, '{"rules": []}', now());
         insert into price_series (series_id, kind, interval_minutes) values ('SPOT', 'price', 60);
         insert into price_series_values (series_no, period_from, price, known_from)
         select 1, at, 0.1, now()
           from generate_series(timestamptz '2013-04-30 20:00Z', '2013-05-31 23:00Z', '1 hour') as at`,
    );
    const period = { from: calendarDate('2013-05-01'), to: calendarDate('2013-06-01') };
    const found = await readRatingDimensions(db, { period, zone: zoneOf('Europe/London') });
    assert.deepEqual(
        found.agreements.map((a) => [a.agreementId, a.customerId, a.tariffId, a.validFrom, a.validTo]),
        [['AG1', 'C1', 'USED', '2013-05-10', null]],
    );
    assert.deepEqual(
        found.tariffVersions.map((version) => version.tariffId),
        ['USED'],
    );
    assert.deepEqual(found.calendarVersions, []);
    const [series] = found.priceSeries;
    assert.deepEqual(
        [series?.kind, series?.intervalMinutes, series?.values[0]?.price],
        ['price', 60, '0.10000000'],
    );
    // from the hour before London's 1 May until its last hour
    assert.deepEqual(
        [series?.values[0]?.periodFrom, series?.values.at(-1)?.periodFrom],
        [Date.UTC(2013, 3, 30, 22), Date.UTC(2013, 4, 31, 22)],
    );
});
