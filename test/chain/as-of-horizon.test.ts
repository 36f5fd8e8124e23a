import assert from 'node:assert/strict';
import test from 'node:test';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { withPublishedViews } from '../../src/pipeline/published-views.ts';
import { openChainWorld, readingsCsv } from './chain-world.ts';

test('as known at an instant, days beyond the horizon are in none of the tables, although their readings lie in the same files', async () => {
    const world = await openChainWorld({ marketZone: 'Etc/UTC' });
    try {
        const day = (n: number) =>
            Array.from({ length: 48 }, (_, i) => ({
                meter: 'A',
                at: Date.UTC(2013, 4, n) + i * 1_800_000,
                kwh: String(n),
            }));
        const [withdrawn, ...rest] = day(3);
        assert.ok(withdrawn);
        const rows = [...day(1), ...day(2), { ...withdrawn, kwh: '', quality: 'W' as const }, ...rest];
        await world.ingest('generic-csv', { 'readings.csv': readingsCsv(rows) });
        const lake = { ...world.workspace.lake, horizon: calendarDate('2013-05-02') };
        const workspace = { ...world.workspace, lake };
        await refreshAll(workspace);
        const asOf = Date.now() + 60_000;
        const tables = {
            reads_15min: 'cast(market_day as varchar)',
            reads_hourly: `strftime(hour, '%Y-%m-%d')`,
            reads_daily: 'cast(day as varchar)',
        };
        for (const [table, text] of Object.entries(tables)) {
            const query = `select ${text} as day, cast(sum(kwh) as varchar) as kwh from ${table} group by 1 order by 1`;
            const found = await withPublishedViews(
                workspace,
                { asOf, query, showsIdentity: true },
                (session) => session.rows(query),
            );
            const expected = [
                { day: '2013-05-01', kwh: '48.000000' },
                { day: '2013-05-02', kwh: '96.000000' },
            ];
            assert.deepEqual(found, expected, table);
        }
    } finally {
        await world.end();
    }
});
