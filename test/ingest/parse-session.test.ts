import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { after, before, test } from 'node:test';
import { duckdbEngine } from '../../src/engine/duckdb/duckdb-engine.ts';
import type { Engine, EngineSession } from '../../src/engine/engine.ts';
import { registerMarketDays, registerStampDays } from '../../src/ingest/parse-session.ts';
import { addDays, calendarDate, epochDayOf, listDays } from '../../src/kernel/calendar-date.ts';
import { marketDayPeriod } from '../../src/kernel/market-day.ts';
import { zoneOf } from '../../src/kernel/zone.ts';
import { localDays } from '../../src/kernel/zone-table.ts';

const ZONES = [
    'Europe/London',
    'Europe/Copenhagen',
    'Australia/Sydney',
    'Australia/Lord_Howe',
    'America/New_York',
    'Asia/Kolkata',
    // changes at midnight
    'America/Sao_Paulo',
    'America/St_Johns',
    // a day that was left out
    'Pacific/Apia',
    // changes a few weeks apart
    'Africa/Casablanca',
    'UTC',
];

// a change shortly before the first day and one shortly after the last lie outside, and within reach
const DAYS = { from: calendarDate('2000-03-28'), to: calendarDate('2027-10-29') };

let engine: Engine;
let session: EngineSession;

before(async () => {
    engine = duckdbEngine({ memoryLimit: '1GB', threads: 2, spillFolder: tmpdir() });
    session = await engine.openSession();
});

after(() => engine.close());

for (const name of ZONES) {
    const zone = zoneOf(name);

    test(`${name}: every UTC date has the market days that it touches, one by one`, async () => {
        await registerMarketDays(session, zone, DAYS);
        const rows = await session.rows('select * from utc_dates order by utc_day_no');
        const found = rows.map((row) => Object.values(row).map(Number));
        const starts = listDays({ from: addDays(DAYS.from, -3), to: addDays(DAYS.to, 6) }).map((day) => ({
            dayNo: epochDayOf(day),
            ...marketDayPeriod(zone, day),
        }));
        let at = 0;
        const expected = listDays(DAYS).map((date) => {
            const instant = epochDayOf(date) * 86_400_000;
            while ((starts[at]?.to ?? Infinity) <= instant) at += 1;
            const next = [0, 1, 2, 3].map((i) => (starts[at + i]?.from ?? 0) * 1000);
            return [epochDayOf(date), starts[at]?.dayNo ?? 0, ...next];
        });
        assert.deepEqual(found, expected);
    });

    test(`${name}: every local date has its offsets and its change, one by one`, async () => {
        await registerStampDays(session, zone, DAYS);
        const found = await session.rows('select * from stamp_days order by day_no');
        const expected = localDays(zone, DAYS.from, DAYS.to).map((row) => ({
            day_no: epochDayOf(row.localDate),
            offset_before_us: BigInt(row.offsetBeforeS * 1_000_000),
            offset_after_us: BigInt(row.offsetAfterS * 1_000_000),
            change_from_us: BigInt(row.changeFromLocalS * 1_000_000),
            change_to_us: BigInt(row.changeToLocalS * 1_000_000),
            change_kind: row.changeKind,
        }));
        assert.deepEqual(found, expected);
    });
}
