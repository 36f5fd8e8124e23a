import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type DuckDBConnection, DuckDBDateValue, DuckDBInstance } from '@duckdb/node-api';
import { calendarDate, epochDayOf } from '../../src/kernel/calendar-date.ts';
import { GridtallyError } from '../../src/kernel/errors.ts';
import { zoneOf } from '../../src/kernel/zone.ts';
import { type LocalDayRow, localDays, type UtcDayRow, utcDays } from '../../src/kernel/zone-table.ts';

/**
 * The offset table joined in SQL against DuckDB's own zone functions, for every half-hour of 30 years.
 * `local_s` and `instant_s` are seconds since 1970 of the wall clock and of UTC.
 */
const FROM = calendarDate('1996-01-01');
const TO = calendarDate('2026-01-01');
const HALF_HOURS = 10_958 * 48;

/** How many local half-hours the clock showed twice and how many it skipped in the 30 years. */
const CHANGED_STAMPS = {
    'Europe/London': { repeated: 60, missing: 60 },
    'Europe/Copenhagen': { repeated: 60, missing: 60 },
    'Australia/Sydney': { repeated: 60, missing: 60 },
    'Australia/Lord_Howe': { repeated: 30, missing: 30 },
    'America/New_York': { repeated: 60, missing: 60 },
    'Asia/Kolkata': { repeated: 0, missing: 0 },
    // Summer time at midnight, from before 1996 to February 2019.
    'America/Sao_Paulo': { repeated: 48, missing: 46 },
};

let instance: DuckDBInstance;
let connection: DuckDBConnection;

before(async () => {
    instance = await DuckDBInstance.create(':memory:', { threads: '2' });
    connection = await instance.connect();
    await connection.run("set timezone = 'UTC'");
    await connection.run(`
        create table half_hours as
        select 820454400 + 1800 * n as stamp_s, make_timestamp(1000000 * stamp_s) as stamp
        from range(0, ${HALF_HOURS}) as r(n)`);
});

after(() => {
    connection.closeSync();
    instance.closeSync();
});

async function firstRow(sql: string): Promise<Record<string, unknown>> {
    const reader = await connection.runAndReadAll(sql);
    return reader.getRowObjectsJson()[0] ?? {};
}

async function createUtcDays(rows: readonly UtcDayRow[]): Promise<void> {
    await connection.run(`
        create or replace table utc_days
            (utc_date date, before_s int, change_at_s bigint, after_s int)`);
    const appender = await connection.createAppender('utc_days');
    for (const row of rows) {
        appender.appendDate(new DuckDBDateValue(epochDayOf(row.utcDate)));
        appender.appendInteger(row.offsetBeforeS);
        if (row.changeAt === null) appender.appendNull();
        else appender.appendBigInt(BigInt(row.changeAt / 1000));
        appender.appendInteger(row.offsetAfterS);
        appender.endRow();
    }
    appender.closeSync();
}

async function createLocalDays(rows: readonly LocalDayRow[]): Promise<void> {
    await connection.run(`
        create or replace table local_days (local_date date, day_from_s bigint, day_to_s bigint,
            before_s int, after_s int, change_kind text, change_from_s int, change_to_s int)`);
    const appender = await connection.createAppender('local_days');
    for (const row of rows) {
        appender.appendDate(new DuckDBDateValue(epochDayOf(row.localDate)));
        appender.appendBigInt(BigInt(row.dayFrom / 1000));
        appender.appendBigInt(BigInt(row.dayTo / 1000));
        appender.appendInteger(row.offsetBeforeS);
        appender.appendInteger(row.offsetAfterS);
        appender.appendVarchar(row.changeKind);
        appender.appendInteger(row.changeFromLocalS);
        appender.appendInteger(row.changeToLocalS);
        appender.endRow();
    }
    appender.closeSync();
}

for (const [name, changed] of Object.entries(CHANGED_STAMPS)) {
    test(`every half-hour of UTC in 30 years has the local time of ${name} by the table`, async () => {
        await createUtcDays(utcDays(zoneOf(name), FROM, TO));
        const found = await firstRow(`
            with converted as (
                select
                    h.stamp_s + case
                        when u.change_at_s is null or h.stamp_s < u.change_at_s then u.before_s
                        else u.after_s
                    end as local_s,
                    epoch(timezone('${name}', h.stamp::timestamptz)) as engine_local_s,
                from half_hours as h
                join utc_days as u on u.utc_date = h.stamp::date
            )
            select
                count(*)::int as half_hours,
                count(*) filter (where local_s is distinct from engine_local_s)::int as wrong
            from converted`);
        assert.deepEqual(found, { half_hours: HALF_HOURS, wrong: 0 });
    });

    test(`every half-hour of ${name} in 30 years is unique, repeated or missing by the table`, async () => {
        await createLocalDays(localDays(zoneOf(name), FROM, TO));
        const isShown = (instant: string): string => `(timezone('${name}', ${instant}) = stamp)`;
        // A stamp is repeated where both instants show it on the engine's clock, missing where neither does.
        const found = await firstRow(`
            with placed as (
                select
                    h.stamp, l.change_kind, l.change_from_s, l.change_to_s,
                    h.stamp_s % 86400 as second_of_day,
                    make_timestamptz(1000000 * (h.stamp_s - l.before_s)) as at_before,
                    make_timestamptz(1000000 * (h.stamp_s - l.after_s)) as at_after,
                from half_hours as h
                join local_days as l on l.local_date = h.stamp::date
            ), converted as (
                select stamp, at_before, at_after, case
                    when second_of_day < change_from_s then 'unique_before'
                    when second_of_day >= change_to_s then 'unique_after'
                    else change_kind
                end as kind,
                from placed
            )
            select
                count(*)::int as half_hours,
                count(*) filter (where kind = 'repeated')::int as repeated,
                count(*) filter (where kind = 'missing')::int as missing,
                count(*) filter (where (case kind
                    when 'repeated'
                        then ${isShown('at_before')} and ${isShown('at_after')} and at_before < at_after
                    when 'missing' then not ${isShown('at_before')} and not ${isShown('at_after')}
                    when 'unique_before' then timezone('${name}', stamp) = at_before
                    else timezone('${name}', stamp) = at_after
                end) is not true)::int as wrong,
            from converted`);
        assert.deepEqual(found, { half_hours: HALF_HOURS, ...changed, wrong: 0 });
    });

    test(`every local day of ${name} in the table holds exactly the instants of its date`, async () => {
        await createLocalDays(localDays(zoneOf(name), FROM, TO));
        const found = await firstRow(`
            select
                count(*)::int as days,
                count(*) filter (where
                    timezone('${name}', make_timestamptz(1000000 * day_from_s))::date <> local_date
                    or timezone('${name}', make_timestamptz(1000000 * (day_from_s - 1)))::date >= local_date
                    or timezone('${name}', make_timestamptz(1000000 * day_to_s))::date <= local_date
                )::int as wrong,
            from local_days`);
        assert.deepEqual(found, { days: HALF_HOURS / 48, wrong: 0 });
    });
}

test('a change at midnight skips the first hour of a day and repeats the last hour of the day before', () => {
    const saoPaulo = zoneOf('America/Sao_Paulo');
    const spring = localDays(saoPaulo, calendarDate('2018-11-03'), calendarDate('2018-11-05'));
    const changes = spring.map((row) => [row.changeKind, row.changeFromLocalS, row.changeToLocalS]);
    assert.deepEqual(changes, [
        ['none', 0, 0],
        ['missing', 0, 3600],
    ]);
    const autumn = localDays(saoPaulo, calendarDate('2018-02-17'), calendarDate('2018-02-19'));
    const repeats = autumn.map((row) => [row.changeKind, row.changeFromLocalS, row.changeToLocalS]);
    assert.deepEqual(repeats, [
        ['repeated', 82_800, 86_400],
        ['none', 0, 0],
    ]);
});

test('a change seen on two dates has its part in the row of each', () => {
    const rows = localDays(
        zoneOf('America/St_Johns'),
        calendarDate('2010-11-06'),
        calendarDate('2010-11-08'),
    );
    const parts = rows.map((row) => [row.changeKind, row.changeFromLocalS, row.changeToLocalS]);
    assert.deepEqual(parts, [
        ['repeated', 82_860, 86_400],
        ['repeated', 0, 60],
    ]);
});

test('a day that a zone skipped is empty and missing as a whole', () => {
    const [row] = localDays(zoneOf('Pacific/Apia'), calendarDate('2011-12-30'), calendarDate('2011-12-31'));
    assert.equal(row?.dayFrom, row?.dayTo);
    assert.deepEqual([row?.changeKind, row?.changeFromLocalS, row?.changeToLocalS], ['missing', 0, 86_400]);
});

test('a table has the days from the first up to but not including the last', () => {
    const utc = zoneOf('UTC');
    const day = calendarDate('2013-05-01');
    assert.deepEqual(utcDays(utc, day, calendarDate('2013-05-02')), [
        { utcDate: day, offsetBeforeS: 0, changeAt: null, offsetAfterS: 0 },
    ]);
    assert.deepEqual(utcDays(utc, day, day), []);
    assert.deepEqual(localDays(utc, day, day), []);
});

test('both tables cover the known years from end to end, and no more', () => {
    const first = calendarDate('1970-01-01');
    const last = calendarDate('2101-01-01');
    const days = (Date.UTC(2101, 0, 1) - Date.UTC(1970, 0, 1)) / 86_400_000;
    assert.equal(utcDays(zoneOf('Europe/London'), first, last).length, days);
    assert.equal(localDays(zoneOf('Europe/London'), first, last).length, days);
    assert.throws(
        () => localDays(zoneOf('Europe/London'), calendarDate('1899-01-01'), calendarDate('1899-01-02')),
        (error) => error instanceof GridtallyError && error.code === 'time.out-of-range',
    );
});
