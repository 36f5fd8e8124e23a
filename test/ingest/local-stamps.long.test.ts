import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { after, before, test } from 'node:test';
import type { FeedContract, StampRules } from '../../src/contracts/feed-contract.ts';
import { duckdbEngine } from '../../src/engine/duckdb/duckdb-engine.ts';
import type { Engine, EngineRow, EngineSession } from '../../src/engine/engine.ts';
import { fixedOffset, registerMarketDays, registerStampDays } from '../../src/ingest/parse-session.ts';
import { FIRST_STAMP_US, typedRows } from '../../src/ingest/typed-rows.ts';
import { addDays, calendarDate, DAY_MS, epochDayOf, listDays } from '../../src/kernel/calendar-date.ts';
import { marketDayOf, marketDayPeriod } from '../../src/kernel/market-day.ts';
import { type LocalToUtc, localToUtc, type Zone, zoneOf } from '../../src/kernel/zone.ts';
import { small } from '../parsers/sample-contracts.ts';

/** The first 30 years that a stamp may have: one before 2000 is refused (`row.stamp-too-old`). */
const FROM = calendarDate('2000-01-01');
const TO = calendarDate('2030-01-01');
const FROM_MS = epochDayOf(FROM) * DAY_MS;
const HALF_HOUR_MS = 1_800_000;
const HALF_HOURS = ((epochDayOf(TO) - epochDayOf(FROM)) * DAY_MS) / HALF_HOUR_MS;

/** How many local half-hours the clock shows twice and how many it skips in the 30 years. */
const CHANGED_STAMPS = {
    'Europe/London': { repeated: 60, missing: 60 },
    'Europe/Copenhagen': { repeated: 60, missing: 60 },
    'Australia/Sydney': { repeated: 60, missing: 60 },
    'Australia/Lord_Howe': { repeated: 30, missing: 30 },
    'America/New_York': { repeated: 60, missing: 60 },
    'Asia/Kolkata': { repeated: 0, missing: 0 },
    // summer time at midnight, until February 2019
    'America/Sao_Paulo': { repeated: 40, missing: 38 },
};

type Convention = Pick<StampRules, 'marks' | 'repeatedHour'>;

/** The first one for all stamps; the others for those of days around the clock's changes and of every fiftieth day, which leaves the test quick. */
const CONVENTIONS: readonly Convention[] = [
    { marks: 'start', repeatedHour: 'refuse' },
    { marks: 'end', repeatedHour: 'first' },
    { marks: 'start', repeatedHour: 'second' },
];

let engine: Engine;
let session: EngineSession;

before(async () => {
    engine = duckdbEngine({ memoryLimit: '1GB', threads: 2, spillFolder: tmpdir() });
    session = await engine.openSession({ joinsAsWritten: true });
    await session.materialise(
        'stamp_rows',
        `select 1 as payload_no, n as line_no, '' as fault, '' as text, 'm' as c0, '' as c1,
            strftime(make_timestamp(${FROM_MS * 1000} + ${HALF_HOUR_MS * 1000} * n), '%Y-%m-%d %H:%M') as c2, '1' as c3, '' as c4
        from range(0, ${HALF_HOURS}) as r(n)`,
    );
    const columns = [
        ['external_key', 'string'],
        ['register_key', 'string'],
        ['channel_no', 'bigint'],
        ['interval_minutes', 'integer'],
        ['valid_from_us', 'bigint'],
        ['valid_to_us', 'bigint'],
        ['has_export', 'boolean'],
    ].map(([name = '', type = '']) => ({ name, type }));
    await session.registerRows('channel_map', columns, []);
});

after(() => engine.close());

for (const [name, changed] of Object.entries(CHANGED_STAMPS)) {
    const zone = zoneOf(name);

    test(`${name}: every half-hour of 30 years is typed as the calendar has it`, async () => {
        const days = { from: FROM, to: addDays(TO, 2) };
        await registerStampDays(session, zone, days);
        const fixedOffsetUs = fixedOffset(zone, days);
        if (fixedOffsetUs === undefined) await registerMarketDays(session, zone, days);
        assert.equal(fixedOffsetUs !== undefined, changed.missing === 0);
        const calendar = calendarOf(zone);
        const numbersOf = (kind: LocalToUtc['kind']) =>
            calendar.locals.flatMap((local, no) => (local.kind === kind ? no : []));
        const [repeated, missing] = [numbersOf('repeated'), numbersOf('missing')];
        assert.deepEqual({ repeated: repeated.length, missing: missing.length }, changed);
        const changedDays = [...repeated, ...missing].map((no) => Math.floor(no / 48));
        const fewDays = new Set(changedDays.flatMap((day) => [day - 1, day, day + 1]));
        const everyDay = Array.from({ length: HALF_HOURS / 48 }, (_, day) => day);
        for (const day of everyDay) if (day % 50 === 0) fewDays.add(day);
        for (const [i, convention] of CONVENTIONS.entries()) {
            const isOfFew = i > 0;
            const only = isOfFew ? ` where line_no // 48 in (${[...fewDays].join(', ')})` : '';
            const { query } = typedRows(contractOf(name, convention), {
                records: `(select * from stamp_rows${only})`,
                ...(fixedOffsetUs !== undefined && { fixedOffsetUs }),
            });
            const found = (await session.rows(runsOf(query))).map(runText);
            if (isOfFew && convention.marks === 'start')
                assert.equal(await countUnlikeEngine(name, query), 0n, name);
            const expected = expectedRuns(calendar, convention, isOfFew ? fewDays : everyDay);
            const where = `${convention.marks}, ${convention.repeatedHour}`;
            const [isFound, isExpected] = [new Set(found), new Set(expected)];
            const wrong = found.filter((run) => !isExpected.has(run));
            const lacking = expected.filter((run) => !isFound.has(run));
            assert.deepEqual([wrong.slice(0, 10), lacking.slice(0, 10)], [[], []], where);
            assert.equal(found.length, expected.length, where);
        }
    });
}

function contractOf(name: string, convention: Convention): FeedContract {
    const contract = small();
    const stamp: StampRules = {
        ...contract.reading.stamp,
        ...convention,
        format: 'iso',
        clock: { kind: 'local', zone: name },
    };
    return { ...contract, reading: { ...contract.reading, intervalMinutes: 30, stamp } };
}

/**
 * Stamps of one local date that the product places alike: from which half-hour to which, how many, how far their intervals' instants are from the
 * wall clock, the market day and its ends, and the clock's fault. Each stamp by itself would take seconds to fetch.
 */
function runsOf(query: string): string {
    return `select min(line_no) as first_no, max(line_no) as last_no, count(*) as stamps, period_us - stamped_us as shift_us, market_day_no,
            case when market_day_no is not null then concat(day_from_us, ' to ', day_to_us) end as day, clock_fault
        from (${query}) group by line_no // 48, shift_us, market_day_no, day, clock_fault order by first_no, last_no`;
}

/** How many stamps the engine's own rules of the zone, which the product does not use, show at another instant or skip otherwise. */
async function countUnlikeEngine(name: string, query: string): Promise<unknown> {
    const instant = `coalesce(make_timestamptz(period_us), timezone('${name}', make_timestamp(stamped_us)))`;
    const [row] = await session.rows(`select count(*) as stamps from (${query})
        where (timezone('${name}', ${instant}) = make_timestamp(stamped_us)) is distinct from
            (clock_fault is distinct from 'row.stamp-missing-hour')`);
    return row?.stamps;
}

function runText(run: EngineRow): string {
    const textOf = (no: unknown) => new Date(FROM_MS + Number(no) * HALF_HOUR_MS).toISOString().slice(0, 16);
    return `${textOf(run.first_no)} to ${textOf(run.last_no)}: ${run.stamps} by ${run.shift_us} on day ${run.market_day_no} (${run.day}), ${run.clock_fault}`;
}

interface MarketDay {
    readonly market_day_no: number | null;
    /** From when to when it is, in UTC microseconds. */
    readonly day: string | null;
}

const NO_DAY: MarketDay = { market_day_no: null, day: null };

type Run = EngineRow & { readonly last_no: number; readonly stamps: number };

/** The same by the calendar, of local dates by their numbers from the first one. */
function expectedRuns({ locals, marketDays }: Calendar, convention: Convention, days: Iterable<number>) {
    const texts: string[] = [];
    for (const day of days) {
        let run: Run | undefined;
        for (let no = day * 48; no < day * 48 + 48; no += 1) {
            const local = locals[no];
            assert.ok(local);
            const from = periodOf(local, convention);
            const shift_us = from === null ? null : (from - FROM_MS - no * HALF_HOUR_MS) * 1000;
            const place = (from === null ? undefined : marketDays[numberOf(from)]) ?? NO_DAY;
            const clock_fault = from === null ? `row.stamp-${local.kind}-hour` : null;
            const isLike =
                run?.shift_us === shift_us && run.day === place.day && run.clock_fault === clock_fault;
            if (run !== undefined && isLike) run = { ...run, last_no: no, stamps: run.stamps + 1 };
            else {
                if (run !== undefined) texts.push(runText(run));
                run = { first_no: no, last_no: no, stamps: 1, shift_us, ...place, clock_fault };
            }
        }
        if (run !== undefined) texts.push(runText(run));
    }
    return texts;
}

/** What the functions of the calendar say of the 30 years in a zone. */
interface Calendar {
    /** Of each local half-hour. */
    readonly locals: readonly LocalToUtc[];
    /** The market day of each half-hour in UTC, from the first one that the product accepts. */
    readonly marketDays: readonly MarketDay[];
}

const numberOf = (at: number) => (at - FIRST_STAMP_US / 1000) / HALF_HOUR_MS;

function calendarOf(zone: Zone): Calendar {
    const locals = Array.from({ length: HALF_HOURS }, (_, no) =>
        localToUtc(zone, FROM_MS + no * HALF_HOUR_MS),
    );
    const marketDays: MarketDay[] = [];
    for (const date of listDays({ from: addDays(FROM, -1), to: addDays(TO, 1) })) {
        const { from, to } = marketDayPeriod(zone, date);
        assert.deepEqual([marketDayOf(zone, from), marketDayOf(zone, to - 1)], [date, date]);
        const day = { market_day_no: epochDayOf(date), day: `${from * 1000} to ${to * 1000}` };
        for (let no = Math.max(numberOf(from), 0); no < numberOf(to); no += 1) marketDays[no] = day;
    }
    return { locals, marketDays };
}

/** When the interval of a stamp begins; null where the contract takes the stamp for none or cannot tell. */
function periodOf(local: LocalToUtc, { marks, repeatedHour }: Convention): number | null {
    const lengthMs = marks === 'end' ? HALF_HOUR_MS : 0;
    switch (local.kind) {
        case 'unique':
            return local.at - lengthMs;
        case 'repeated':
            if (repeatedHour === 'refuse') return null;
            return (repeatedHour === 'first' ? local.first : local.second) - lengthMs;
        case 'missing':
            // the end of the last interval before the change is the instant of the change
            return marks === 'end' && local.before === local.changeAt ? local.changeAt - lengthMs : null;
    }
}
