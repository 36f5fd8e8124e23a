// test limit: 420 s
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import {
    DEFAULT_ESTIMATION,
    type EstimationPolicy,
    type LikeDaysBy,
} from '../../src/contracts/estimation-policy.ts';
import { type CalendarDate, calendarDate } from '../../src/kernel/calendar-date.ts';
import { marketDayOf } from '../../src/kernel/market-day.ts';
import { instantText } from '../../src/kernel/period.ts';
import { zoneOf } from '../../src/kernel/zone.ts';
import { type Chain, load, planRefreshOf, refreshAll } from '../../src/pipeline/chain.ts';
import { withPublishedViews } from '../../src/pipeline/published-views.ts';
import { randomNumbers } from '../random-numbers.ts';
import { type ChainWorld, openChainWorld, type ReadingRow } from './chain-world.ts';
import { withJobsOf } from './job-limits.ts';
import {
    type Measured,
    type NaiveRead,
    type NaiveShape,
    naiveEstimates,
    type PlainMethod,
} from './naive-estimates.ts';
import { ingestReads, type RegisterRead } from './register-world.ts';
import { addHistoryFeed, HALF_HOUR, ingestRows } from './validation-world.ts';

const LONDON = zoneOf('Europe/London');
const DAY = 48 * HALF_HOUR;
/** Value and method, or quality, of each interval by its instant. */
async function published(world: ChainWorld, meter: string): Promise<Map<number, [string, string]>> {
    const rows = await world.query(
        `select epoch_ms(r.period_from) as at, r.kwh, case when r.feed_id is null then r.source_code else r.quality end as what
           from reads_interval as r where r.meter_id = '${meter}' order by 1`,
    );
    return new Map(rows.map((row) => [Number(row.at), [String(row.kwh), String(row.what)]]));
}

interface Case {
    readonly meter: string;
    readonly rows: readonly ReadingRow[];
    readonly measured: Measured;
    readonly reads: readonly NaiveRead[];
}

interface Season {
    readonly name: string;
    /** The local midnight that the readings begin with. */
    readonly first: CalendarDate;
    readonly start: number;
    readonly holidays: readonly string[];
    /** That tell a value by themselves, in order. */
    readonly methods: readonly PlainMethod[];
    readonly likeDaysBy: LikeDaysBy;
}

const SEASONS: readonly Season[] = [
    {
        name: 'spring',
        first: calendarDate('2024-03-11'),
        start: Date.UTC(2024, 2, 11),
        holidays: [],
        methods: ['linear', 'like-day', 'load-shape'],
        likeDaysBy: 'weekday',
    },
    {
        name: 'autumn',
        first: calendarDate('2024-10-14'),
        start: Date.UTC(2024, 9, 13, 23),
        holidays: ['2024-10-17', '2024-10-28'],
        methods: ['linear', 'load-shape', 'like-day'],
        likeDaysBy: 'kind',
    },
];
const DAYS = 23;

/** Three weeks over the change of the clock, with gaps of a half-hour to several days. */
function randomCase(meter: string, seed: number, start: number): Case {
    const random = randomNumbers(seed);
    const measured = new Map<number, number>();
    const rows: ReadingRow[] = [];
    const truth: number[] = [];
    for (let at = start, gapTo = 0; at < start + DAYS * DAY; at += HALF_HOUR) {
        const length = random() < 0.5 ? 1 + Math.floor(random() * 6) : 1 + Math.floor(random() * 120);
        if (at > start && at >= gapTo && random() < 0.02) gapTo = at + length * HALF_HOUR;
        // an hour before a day's end: short gaps over midnight, some of them over midnight alone
        if ((at - start) % DAY === 46 * HALF_HOUR && at >= gapTo && random() < 0.3)
            gapTo = at + (1 + Math.floor(random() * 5)) * HALF_HOUR;
        const micro = Math.floor(random() * 3_000_000);
        truth.push(micro);
        if (at < gapTo) continue;
        measured.set(at, micro);
        rows.push({ meter, at, kwh: (micro / 1e6).toFixed(6) });
    }
    return { meter, rows, measured, reads: randomReads(truth, random, start) };
}

/** Some days apart, at any minute, but not of the last week; some say less than was measured. */
function randomReads(truth: readonly number[], random: () => number, start: number): NaiveRead[] {
    const reads: NaiveRead[] = [];
    let index = 0;
    let counted = 0;
    for (let at = start; at < start + (DAYS - 7) * DAY; ) {
        const end = Math.ceil((at - start) / HALF_HOUR);
        const energy = truth.slice(counted, end).reduce((sum, micro) => sum + micro, 0);
        index += random() < 0.15 ? Math.floor(energy / 3) : energy;
        counted = end;
        reads.push({ at, micro: index });
        at += 60_000 * Math.floor(720 + random() * 6 * 24 * 60);
    }
    return reads;
}

/** In any order: days arrive late, and files hold a few of them. */
function batches(rows: readonly ReadingRow[], seed: number): ReadingRow[][] {
    const random = randomNumbers(seed);
    const ofDays = [...Map.groupBy(rows, (row) => Math.floor(row.at / DAY)).values()];
    const shuffled = ofDays
        .map((ofDay, i) => ({ ofDay, at: i + random() * 12 }))
        .sort((a, b) => a.at - b.at)
        .map(({ ofDay }) => ofDay);
    const found: ReadingRow[][] = [];
    while (shuffled.length > 0) found.push(shuffled.splice(0, 1 + Math.floor(random() * 9)).flat());
    return found;
}

/** Every read by one of so many deliveries, in any order. */
function lateReads(cases: readonly Case[], count: number): RegisterRead[][] {
    const random = randomNumbers(count);
    const deliveries = Array.from({ length: count }, (): RegisterRead[] => []);
    for (const { meter, reads } of cases)
        for (const { at, micro } of reads)
            deliveries[Math.floor(random() * count)]?.push({ meter, at, kwh: (micro / 1e6).toFixed(6) });
    return deliveries;
}

function assertAsNaive(
    read: ReadonlyMap<number, readonly [string, string]>,
    { measured, meter, reads }: Case,
    { first, holidays, methods, likeDaysBy }: Season,
    newest: CalendarDate,
): string[] {
    const expected = new Map<number, [string, string]>();
    for (const [at, micro] of measured) expected.set(at, [(micro / 1e6).toFixed(6), 'measured']);
    const shape = SHAPE_OF[meter];
    const estimates = naiveEstimates(
        {
            ...{ measured, reads, holidays: new Set(holidays), methods, ...(shape ? { shape } : {}) },
            isByWeekday: likeDaysBy === 'weekday',
        },
        LONDON,
        { first, end: newest },
    );
    for (const [at, { micro, method }] of estimates) expected.set(at, [(micro / 1e6).toFixed(6), method]);
    const texts = (of: ReadonlyMap<number, readonly [string, string]>) =>
        [...of]
            .sort(([a], [b]) => a - b)
            .map(([at, value]) => `${meter} ${instantText(at)} ${value.join(' ')}`);
    assert.deepEqual(texts(read), texts(expected));
    return [...estimates.values()].map((estimate) => estimate.method);
}

/** Of two buckets an odd number of partitions cuts days in the middle. */
function withPolicy(
    { workspace }: ChainWorld,
    { methods, likeDaysBy }: Season,
    maxPartitions: number,
    jobsAtOnce?: number,
): Chain {
    const estimation: EstimationPolicy = {
        ...DEFAULT_ESTIMATION,
        likeDaysBy,
        methods: ['register-scaled', ...methods, 'flat'],
        loadShapes: { home: SHAPE },
        holidaySet: 'some',
    };
    const chain = { ...workspace, lake: { ...workspace.lake, estimation } };
    return withJobsOf(chain, maxPartitions, jobsAtOnce);
}

/** A season begins within both times that are looked at. */
const SHAPE = ['03-20', '10-20'].map((from, i) => {
    const values = (base: number) =>
        Array.from({ length: 48 }, (_, n) => base + ((n * 7_919 + i * 13) % 1000) * 1000);
    return { from, weekday: values(0), saturday: values(200_000), sunday: values(900_000) };
});
/** By meter, which class and annual consumption its metering point has, once it is told. */
const SHAPE_OF: Readonly<Record<string, NaiveShape>> = {
    R2: { seasons: SHAPE, annual: 3_456_789_012 },
    R3: { seasons: SHAPE },
};
const ATTRIBUTES = `metering_point_id,validation_class,annual_consumption
R2,home,3456.789012
R3,home,
`;
const JOBS = [5, 1, 1000];

/** Channels are numbered in the order of names: with sixteen names between, the first is in one bucket and the others in the next. */
const METERS = ['A1', 'R2', 'R3'];

async function openTwoBuckets({ first, holidays }: Season): Promise<ChainWorld> {
    const world = await openChainWorld({ marketZone: 'Europe/London', bucketSize: 16, estimates: true });
    addHistoryFeed(world);
    const unused = Array.from({ length: 16 }, (_, i) => `B${i},B${i},30,2040-01-01`);
    const points = [`A1,A1,30,${first}`, ...unused, `R2,R2,30,${first}`, `R3,R3,30,${first}`];
    await world.load(
        'metering-points',
        'points.csv',
        `metering_point_id,meter_id,interval_minutes,valid_from\n${points.join('\n')}\n`,
    );
    const file = path.join(world.folder, 'holidays.csv');
    const rows = ['1999-12-31', ...holidays].map((day) => `${day},a holiday`);
    writeFileSync(file, `date,name\n${rows.join('\n')}\n`);
    await load(world.workspace, { kind: 'holidays', file, holidaySet: 'some' });
    return world;
}

for (const season of SEASONS) {
    test(`whatever the order of arrival, the batches and the jobs, estimates of ${season.name} are what a second computation gives from the gaps that are left`, async () => {
        const world = await openTwoBuckets(season);
        try {
            const cases = METERS.map((meter, i) => randomCase(meter, i + 1, season.start));
            const files = cases.flatMap((one, i) => batches(one.rows, i + 7));
            const reads = lateReads(cases, files.length);
            for (const [i, rows] of files.entries()) {
                await ingestRows(world, rows);
                await ingestReads(world, reads[i] ?? []);
                if (i % 8 === 0) await refreshAll(withPolicy(world, season, JOBS[(i / 8) % 3] ?? 1));
                if (i === 7) await world.load('attributes', 'attributes.csv', ATTRIBUTES);
            }
            const chain = withPolicy(world, season, 5);
            await refreshAll(chain);
            assert.deepEqual((await planRefreshOf(chain)).rebuilds, []);
            await assertAllAsNaive(world, cases, season);
            await assertAsOfNow(chain);
        } finally {
            await world.end();
        }
    });
}

test('a first load sees like days of its own bucket, though other buckets of these days are in the same job', async () => {
    const [season] = SEASONS;
    assert.ok(season);
    const world = await openTwoBuckets(season);
    try {
        const cases = METERS.map((meter, i) => randomCase(meter, i + 4, season.start));
        await ingestReads(world, lateReads(cases, 1)[0] ?? []);
        await ingestRows(
            world,
            cases.flatMap(({ rows }) => rows),
        );
        await world.load('attributes', 'attributes.csv', ATTRIBUTES);
        const chain = withPolicy(world, season, 3, 1);
        await refreshAll(chain);
        assert.deepEqual((await planRefreshOf(chain)).rebuilds, []);
        await assertAllAsNaive(world, cases, season);
    } finally {
        await world.end();
    }
});

async function assertAllAsNaive(world: ChainWorld, cases: readonly Case[], season: Season): Promise<void> {
    const last = Math.max(...cases.flatMap(({ measured }) => [...measured.keys()]));
    // more of the newest day is to come
    const newest = marketDayOf(LONDON, last);
    const methods = new Set<string>();
    for (const one of cases)
        for (const method of assertAsNaive(await published(world, one.meter), one, season, newest))
            methods.add(method);
    assert.deepEqual([...methods].sort(), ['flat', 'like-day', 'linear', 'load-shape', 'register-scaled']);
}

/** Recomputed from versions alone, in one job, it is what is published. */
async function assertAsOfNow(chain: Chain): Promise<void> {
    const sql =
        'select meter_id, market_day, source_code, count(*) as n, sum(kwh) as kwh from reads_interval group by all order by all';
    const sums = (more: object) =>
        withPublishedViews(chain, { showsIdentity: true, ...more }, (session) => session.rows(sql));
    assert.deepEqual(await sums({ asOf: Date.now() }), await sums({}));
}
