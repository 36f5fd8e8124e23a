// test limit: 900 s
import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { DEFAULT_ESTIMATION, type EstimationPolicy } from '../../src/contracts/estimation-policy.ts';
import { CHANNEL_SNAPSHOT, LAKE_TABLES } from '../../src/contracts/lake-tables.ts';
import { compileModel } from '../../src/engine/compile.ts';
import type { Engine, EngineSession, EngineValue } from '../../src/engine/engine.ts';
import { sparkEngine } from '../../src/engine/spark/spark-engine.ts';
import { addDays, calendarDate } from '../../src/kernel/calendar-date.ts';
import { instantText } from '../../src/kernel/period.ts';
import { zoneOf } from '../../src/kernel/zone.ts';
import { liveFiles } from '../../src/lake/catalogue.ts';
import { decideVersions, type JobInputs, PUBLISHED_TABLES, rollUp } from '../../src/lake/curation-job.ts';
import { registerMarks } from '../../src/lake/day-marks.ts';
import { dimensionSnapshot } from '../../src/lake/dimension-snapshot.ts';
import { estimationInputs, estimationRules } from '../../src/lake/estimation-inputs.ts';
import { useLake } from '../../src/lake/lake-use.ts';
import type { RebuildKind } from '../../src/lake/refresh-plan.ts';
import { newestMarketDay, readStates } from '../../src/lake/refresh-state.ts';
import { compareAdvances, spanRegisters } from '../../src/lake/register-advances.ts';
import { decideRegisterReads } from '../../src/lake/register-reads.ts';
import { readValidationInputs } from '../../src/lake/validation-inputs.ts';
import { feedsOf, precedenceOf } from '../../src/pipeline/chain.ts';
import { EVERY_FLAW } from '../../src/simulate/flaws.ts';
import { judgeDevices } from '../../src/vee/clock-drift.ts';
import { openTown, type TownWorld } from '../chain/town-run.ts';
import { policy } from '../chain/validation-world.ts';
import { SPARK_SKIP } from './spark-cache.ts';
import { type SparkServer, sharedSparkServer } from './spark-server.ts';

const skip = SPARK_SKIP;

let server: Pick<SparkServer, 'address' | 'end'>;
let spark: Engine;
let town: TownWorld;

before(async () => {
    if (skip) return;
    server = await sharedSparkServer();
    spark = sparkEngine({ address: server.address });
    town = await openTown({
        marketZone: 'Europe/London',
        flaws: EVERY_FLAW,
        seed: 'parity',
        homes: 16,
        from: '2013-10-25',
        to: '2013-10-30',
        minutes: 'mixed',
        feed: 'generic-csv',
        compress: 'gzip',
        bucketSize: 16,
    });
    const registers = await town.query('select distinct meter_id, register_id from channels order by all');
    const points = await town.query('select distinct metering_point_id from channels order by all');
    const attributes = points.map(({ metering_point_id: point }) => `${point},home,4321.5`);
    await town.load(
        'attributes',
        'attributes.csv',
        `metering_point_id,validation_class,annual_consumption\n${attributes.join('\n')}\n`,
    );
    const lines = registers.flatMap(({ meter_id: meter, register_id: register }) =>
        READ_AT.map((at, i) => `${meter},${register},${at},${1000 * (i + 1)},kWh,A,1`),
    );
    await town.ingest('generic-register-csv', {
        'reads.csv': `meter_id,register,read_at,value,unit,quality,version\n${lines.join('\n')}\n`,
    });
});

const HALF_HOURS = Array.from({ length: 48 }, (_, i) => 1_000_000 + i * 7);
const ESTIMATION: EstimationPolicy = {
    ...DEFAULT_ESTIMATION,
    loadShapes: {
        home: [{ from: '01-01', weekday: HALF_HOURS, saturday: HALF_HOURS, sunday: HALF_HOURS }],
    },
};

/** More is counted in between than can have been measured, so gaps there are scaled to it. */
const READ_AT = [
    '2013-10-25T10:10:00Z',
    '2013-10-26T12:10:00Z',
    '2013-10-27T23:50:00Z',
    '2013-10-28T11:00:00Z',
    '2013-10-29T00:00:00Z',
];

after(async () => {
    await town?.end();
    await spark?.close();
    await server?.end();
});

/** What a job leaves for each of its models, by the name of the table. */
const TABLE_OF: Readonly<Record<string, string>> = {
    changed_days: 'changed_channel_days',
    contested_keys: 'contested_keys',
    contested_versions: 'contested_versions',
    curated_days: 'curated_days',
    curated_gaps: 'curated_gaps',
    curated_hours: 'curated_hours',
    curated_intervals: 'curated_intervals',
    incomplete_days: 'incomplete_days',
    unread_slots: 'unread_slots',
    expected_channel_days: 'expected_channel_days',
    job_versions: 'job_versions',
    present_hours: 'present_hours',
    version_outcomes: 'version_outcomes',
    winning_versions: 'winning_versions',
};

const VALIDATION_TABLES = [
    'failed_days',
    'interval_marks',
    'judged_versions',
    'measured_days',
    'rejected_intervals',
];

const ESTIMATION_TABLES = [
    'advance_totals',
    'annual_totals',
    'estimate_offers',
    'estimated_intervals',
    'gap_spans',
    'like_day_estimates',
    'line_ends',
    'linear_estimates',
    'load_shape_estimates',
    'method_values',
    'rest_slots',
    'run_estimates',
    'scaled_estimates',
    'span_digests',
    'span_runs',
    'span_slots',
    'span_totals',
    'unread_runs',
    'window_digests',
];

const VERDICTS = ['certain', 'few-deliveries', 'likely', 'too-old', 'within'];
const REGISTER_TABLES = [
    'placed_reads',
    'curated_reads',
    'register_spans',
    'span_days',
    'register_advances',
    'measured_spans',
];
const DRIFT_TABLES = ['device_deliveries', 'device_ages', 'usual_ages', 'device_drifts'];

test('every model of curation, of clocks and of registers is compared here; those of billing by the bills in engine-parity', () => {
    const models = path.join(import.meta.dirname, '../../models');
    const names = (room: string) =>
        globSync(`${room}/*.yml`, { cwd: models })
            .map((file) => path.basename(file, '.yml'))
            .sort();
    assert.deepEqual(names('curation'), Object.keys(TABLE_OF).sort());
    assert.deepEqual(names('billing'), ['held_days', 'interval_amounts', 'rated_gaps', 'rated_quantities']);
    assert.deepEqual(
        names('vee'),
        [...DRIFT_TABLES, ...ESTIMATION_TABLES, ...VALIDATION_TABLES, 'day_marks'].sort(),
    );
    assert.deepEqual(names('registers'), [...REGISTER_TABLES].sort());
    assert.deepEqual(globSync('*', { cwd: models }).sort(), ['billing', 'curation', 'registers', 'vee']);
});

/** By which every rule but that of age and those of whole days marks something, and one of them rejects. */
const MANY_MARKS = policy(
    'rules: { vee.spike: { severity: estimate, percent: 20, leastKw: 0.5 }, vee.maximum: { ratedKw: 1 } }',
);

async function jobInputs(kind: RebuildKind): Promise<JobInputs> {
    const { lake } = town.workspace;
    const feeds = precedenceOf(await feedsOf(town.workspace));
    const states = await readStates(lake, feeds);
    const rules = estimationRules(
        { zone: lake.zone, estimation: ESTIMATION },
        await newestMarketDay(lake),
        new Set(),
    );
    const previous = {} as Record<(typeof PUBLISHED_TABLES)[number], Awaited<ReturnType<typeof liveFiles>>>;
    for (const table of PUBLISHED_TABLES) previous[table] = await liveFiles(lake, table);
    return {
        rebuilds: states.map((state) => ({
            ...state,
            kind,
            heldRows: state.versionRows,
            reasons: [],
            inputs: state.current,
            publishedVersion: state.published?.version ?? 0,
            // all but what came last
            mergedFromVersion: kind === 'merge' ? state.current.versions - 1 : 0,
        })),
        versionFiles: await liveFiles(lake, 'reading_versions'),
        previous,
        channels: await useLake(lake, (inUse) => dimensionSnapshot(inUse, 'channels')),
        feeds: feeds.intervals,
        validation: await readValidationInputs({ ...lake, validation: MANY_MARKS }, lake.db, states),
        estimation: estimationInputs({ ...lake, estimation: ESTIMATION }, rules, states, feeds.registers),
    };
}

/** Rows of each table as sorted texts. */
async function textsOf(session: EngineSession, tables: readonly string[]): Promise<Record<string, string[]>> {
    const found: Record<string, string[]> = {};
    for (const table of tables) {
        const rows = await session.rows(`select * from ${table}`);
        found[table] = rows
            .map((row) => JSON.stringify(row, (_, v) => (typeof v === 'bigint' ? `${v}n` : v)))
            .sort();
    }
    return found;
}

/** Everything that a job leaves. */
const JOB_TABLES = [
    ...Object.values(TABLE_OF),
    ...VALIDATION_TABLES,
    ...ESTIMATION_TABLES,
    ...PUBLISHED_TABLES.map((name) => `next_${name}`),
];

async function tablesOf(
    session: EngineSession,
    inputs: JobInputs,
    tables: readonly string[],
): Promise<Record<string, string[]>> {
    await decideVersions(session, town.workspace.lake, inputs);
    await rollUp(session, town.workspace.lake, inputs);
    return textsOf(session, tables);
}

async function onBoth<T>(work: (session: EngineSession) => Promise<T>): Promise<{ duckdb: T; spark: T }> {
    const within = async (engine: Engine) => {
        const session = await engine.openSession();
        try {
            return await work(session);
        } finally {
            await session.close();
        }
    };
    return { duckdb: await within(town.workspace.lake.engine), spark: await within(spark) };
}

for (const kind of ['curate', 'merge'] as const) {
    test(`a job that will ${kind} gives the same rows of every model on both engines`, { skip }, async () => {
        const inputs = await jobInputs(kind);
        const { duckdb, spark: onSpark } = await onBoth((session) => tablesOf(session, inputs, JOB_TABLES));
        for (const [table, rows] of Object.entries(duckdb)) {
            assert.deepEqual(onSpark[table]?.slice(0, 5), rows.slice(0, 5), table);
            assert.ok(
                onSpark[table]?.length === rows.length && rows.every((row, i) => row === onSpark[table]?.[i]),
                `${table}: ${rows.length} rows and ${onSpark[table]?.length}`,
            );
        }
        const empty = Object.entries(duckdb).filter(([, rows]) => rows.length === 0);
        assert.deepEqual(
            empty.map(([table]) => table),
            [],
        );
    });
}

test('a home without previous files tells every day as changed on both engines', { skip }, async () => {
    const inputs = await jobInputs('curate');
    const previous = Object.fromEntries(PUBLISHED_TABLES.map((table) => [table, []]));
    const fresh = { ...inputs, previous: previous as unknown as JobInputs['previous'] };
    const table = 'changed_channel_days';
    const changes = await onBoth(async (session) => (await tablesOf(session, fresh, [table]))[table] ?? []);
    assert.ok(changes.duckdb.length > 50);
    assert.deepEqual(changes.spark, changes.duckdb);
});

/** Twenty devices that deliver each hour, in ways of their own; some deliveries twice. */
function clockRows(): { readonly versions: EngineValue[][]; readonly channels: EngineValue[][] } {
    const from = Date.parse('2013-06-03T00:00:00Z');
    const minute = 60_000;
    const versions: EngineValue[][] = [];
    for (let channel = 1; channel <= 20; channel += 1) {
        // one is seldom heard of, one long after, one is ahead, one behind, one scatters
        const count = channel === 2 ? 3 : 17;
        const off = { 3: 9 * 1440, 4: -20, 5: 40, 6: 9 }[channel] ?? 0;
        for (let n = 0; n < count; n += 1) {
            const scatter = channel === 6 ? (n * 5) % 17 : ((n + channel) % 7) / 7;
            const at = from + n * 60 * minute;
            const received = at + (30 + 2 + off + scatter) * minute;
            for (const later of n % 3 === 0 ? [0, 90] : [0]) {
                const receivedAt = instantText(Math.round(received) + later * minute);
                versions.push([
                    ...[
                        '2013-06-03',
                        0,
                        channel,
                        instantText(at),
                        30,
                        '1',
                        n === 16 ? 'estimated' : 'measured',
                    ],
                    ...[null, 1, null, versions.length, 0, receivedAt],
                ]);
            }
        }
    }
    const channels = Array.from({ length: 20 }, (_, i): EngineValue[] => [
        ...[i + 1, `P${i + 1}`, `M${i + 1}`, '1', 'to_customer', 30, instantText(from - minute), null, null],
    ]);
    return { versions, channels };
}

test('the clocks of devices are judged alike on both engines', { skip }, async () => {
    const { versions, channels } = clockRows();
    const feed = { feedId: 1, name: 'a', identifies: 'meter', isBackfill: false } as const;
    const days = { from: calendarDate('2013-06-03'), to: calendarDate('2013-06-04') };
    const found = await onBoth(async (session) => {
        await session.registerRows('reading_versions', LAKE_TABLES.reading_versions, versions);
        await session.registerRows('channels', CHANNEL_SNAPSHOT, channels);
        await judgeDevices(session, { feeds: [feed], ...days, limitMinutes: 3 });
        return textsOf(session, DRIFT_TABLES);
    });
    assert.deepEqual(found.spark, found.duckdb);
    const verdicts = (found.duckdb.device_drifts ?? []).map((row) => /"verdict":"([\w-]+)"/.exec(row)?.[1]);
    assert.deepEqual([...new Set(verdicts)].sort(), VERDICTS);
});

/** Two meters, one after the other at one point, read by two feeds; one read is estimated, one comes again, one is withdrawn, one register rolls over. */
function registerRows(): Readonly<Record<'versions' | 'channels' | 'intervals' | 'days', EngineValue[][]>> {
    const [day, exchange] = [86_400_000, Date.parse('2013-06-15T10:00:00Z')];
    const versions: EngineValue[][] = [];
    const add = (at: number, feed: number, kwh: string | null, quality: string, stamp: number | null) =>
        versions.push([
            ...[instantText(at).slice(0, 10), 0, 1, instantText(at), kwh, quality, null, feed, stamp],
            ...[versions.length + 1, 0, instantText(at + day + versions.length * 1000)],
        ]);
    for (let n = -10; n <= 10; n += 1) {
        const index = n < 0 ? (99_993 + n) % 99_990 : n === 9 ? 1 : 20.65 * n;
        const text = (more: number) => (index + more).toFixed(2);
        add(exchange + n * 7 * day, 1, text(0.25), n % 4 === 0 ? 'estimated' : 'measured', null);
        if (n % 3 === 0) add(exchange + n * 7 * day, 2, text(0.5), 'measured', 5);
        if (n % 6 === 0) add(exchange + n * 7 * day, 2, null, 'withdrawn', 6);
    }
    const channel = (no: number, meter: string, from: number | null, to: number | null): EngineValue[] => [
        ...[no, 'P1', meter, '1', 'to_customer', 30],
        ...[from === null ? null : instantText(from), to === null ? null : instantText(to), null],
    ];
    const intervals: EngineValue[][] = [];
    const days: EngineValue[][] = [];
    for (let at = Date.parse('2013-03-31T23:00:00Z'); at < exchange + 80 * day; at += day / 48) {
        const no = at < exchange ? 1 : 2;
        const [marketDay, slot] = [instantText(at + day / 24).slice(0, 10), Math.floor(at / (day / 48)) % 48];
        const kwh = slot === 20 ? '0.6' : '0.05';
        intervals.push([
            marketDay,
            no,
            instantText(at),
            30,
            kwh,
            'measured',
            null,
            null,
            1,
            1,
            instantText(at),
        ]);
        if (slot !== 46) continue;
        days.push([marketDay, no, '2.95', '2.95', null, 48, 48, 0, 0, 1, 1, 48, 0, 0, 0, 0, 0]);
    }
    return {
        versions,
        intervals,
        days,
        channels: [channel(1, 'A', null, exchange), channel(2, 'B', exchange, null)],
    };
}

test('reads of registers, their advances and the sum check are decided alike on both engines', {
    skip,
}, async () => {
    const rows = registerRows();
    const feeds = [1, 2].map(
        (feedId) =>
            ({
                feedId,
                rank: 100,
                newestAlways: false,
                identifies: feedId === 1 ? 'meteringPoint' : 'meter',
            }) as const,
    );
    const validation = { policy: policy(''), classes: [], ratings: [] };
    const dials = [{ channelNo: 1, digits: 5, multiplier: '7.05' }];
    const zone = zoneOf('Europe/London');
    const found = await onBoth(async (session) => {
        await session.registerRows('register_versions', LAKE_TABLES.register_versions, rows.versions);
        await session.registerRows('channels', CHANNEL_SNAPSHOT, rows.channels);
        await session.registerRows('intervals', LAKE_TABLES.reads_interval, rows.intervals);
        await session.registerRows('days', LAKE_TABLES.reads_daily, rows.days);
        await decideRegisterReads(session, { versions: 'register_versions', channels: 'channels', feeds });
        await spanRegisters(session, { dials, validation });
        const names = { readsInterval: 'intervals', readsDaily: 'days', channels: 'channels' };
        await compareAdvances(session, { zone, ...names });
        await session.materialise(
            'measured_spans',
            compileModel('registers/measured_spans', session.dialect).sql,
        );
        return textsOf(session, REGISTER_TABLES);
    });
    assert.deepEqual(found.spark, found.duckdb);
    const seen = (key: string, table: string) =>
        [
            ...new Set(
                (found.duckdb[table] ?? []).map((row) =>
                    String((JSON.parse(row) as Record<string, unknown>)[key]),
                ),
            ),
        ].sort();
    assert.ok(seen('advance_kwh', 'measured_spans').length > 1);
    assert.deepEqual(seen('channel_no', 'curated_reads'), ['1', '2']);
    assert.deepEqual(seen('kind', 'register_advances'), ['normal', 'reverse', 'rollover', 'unsettled']);
    assert.deepEqual(seen('skipped_reads', 'register_advances'), ['0', '1']);
    assert.deepEqual(seen('verdict', 'register_advances'), ['estimated-read', 'failed', 'passed', 'reverse']);
});

/** Five weeks of days of four channels: energy that rises and falls, a gap, and estimates in a row. */
function dailyRows(): EngineValue[][] {
    const first = calendarDate('2013-05-01');
    return Array.from({ length: 4 * 35 }, (_, i): EngineValue[] => {
        const [channel, n] = [1 + Math.floor(i / 35), i % 35];
        const isEstimated = channel === 4 && n > 10 && n < 30;
        const kwh = `${(channel * 7 + n * n) % 13}.${String(100_000 + n * 7_919).slice(-6)}`;
        const [measured, estimated] = isEstimated ? [0, 48] : [channel === 2 && n % 5 === 0 ? 47 : 48, 0];
        const energy = [kwh, isEstimated ? null : kwh, isEstimated ? kwh : null];
        const counts = [48, measured, estimated, 48 - measured - estimated];
        return [addDays(first, n), channel, ...energy, ...counts, 1, 2, 48, 0, 0, 0, 0, 0];
    });
}

test('days are judged beside other days alike on both engines', { skip }, async () => {
    const { lake } = town.workspace;
    const rows = dailyRows();
    const validation = {
        policy: policy('rules: { vee.high-low: { highPercent: 150, lowPercent: 60, weeksMin: 1 } }'),
        classes: [],
        ratings: [],
    };
    const pairs = [1, 3].map((channelNo) => ({
        pair: 'P/Q',
        channelNo,
        isCheck: channelNo === 3,
        from: '2013-05-03',
        to: '2101-01-01',
    }));
    const partitions = [...new Set(rows.map(([day]) => String(day)))].map((day) => ({
        marketDay: calendarDate(day),
        bucket: 0,
    }));
    const found = await onBoth(async (session) => {
        await session.registerRows('window_days', LAKE_TABLES.reads_daily, rows);
        await registerMarks(session, lake, partitions, { validation, pairs });
        return (await textsOf(session, ['marked_days'])).marked_days ?? [];
    });
    assert.deepEqual(found.spark, found.duckdb);
    for (const rule of ['vee.high-low', 'vee.main-check', 'vee.prolonged-estimation'])
        assert.ok(found.duckdb.filter((row) => row.includes(rule)).length > 3, rule);
});

test('a millionth of a kWh decides alike on both engines', { skip }, async () => {
    const { lake } = town.workspace;
    const first = calendarDate('2013-05-01');
    /** Energy of the same weekday in five weeks, and what the last one is marked as. */
    const cases: readonly (readonly [kwh: readonly string[], marks: string])[] = [
        [['0.1', '0.1', '0.1', '0.1', '0.999999'], ''],
        [['0.1', '0.1', '0.1', '0.1', '1.000000'], 'vee.high-low'],
        [['1.0', '1.0', '1.0', '0.999996', '0.0'], ''],
        [['1.0', '1.0', '1.0', '1.0', '0.0'], 'vee.high-low'],
        [['10.0', '10.0', '10.0', '10.0', '30.000000'], ''],
        [['10.0', '10.0', '10.0', '10.0', '30.000001'], 'vee.high-low'],
        // of pairs the second is the check meter: by more than 0.1 kWh, and by more than 2 %
        [['4.0', '4.0', '4.0', '4.0', '4.0'], ''],
        [['4.0', '4.0', '4.0', '4.0', '4.100000'], ''],
        [['4.0', '4.0', '4.0', '4.0', '4.0'], 'vee.main-check'],
        [['4.0', '4.0', '4.0', '4.0', '4.100001'], ''],
    ];
    const rows = cases.flatMap(([days], i) =>
        days.map((kwh, week): EngineValue[] => {
            const counts = [48, 48, 0, 0];
            return [addDays(first, 7 * week), i + 1, kwh, kwh, null, ...counts, 1, 2, 48, 0, 0, 0, 0, 0];
        }),
    );
    const pairs = [7, 9].flatMap((main) =>
        [main, main + 1].map((channelNo) => ({
            pair: `pair ${main}`,
            channelNo,
            isCheck: channelNo > main,
            from: '2013-05-01',
            to: '2101-01-01',
        })),
    );
    const validation = { policy: policy('rules: {}'), classes: [], ratings: [] };
    const found = await onBoth(async (session) => {
        await session.registerRows('window_days', LAKE_TABLES.reads_daily, rows);
        const partitions = [{ marketDay: addDays(first, 28), bucket: 0 }];
        await registerMarks(session, lake, partitions, { validation, pairs });
        return session.rows('select channel_no, rule_id from marked_days');
    });
    const marks = (of: typeof found.spark) =>
        cases.map((_, i) => of.find((row) => row.channel_no === i + 1)?.rule_id ?? '');
    const expected = cases.map(([, mark]) => mark);
    assert.deepEqual(marks(found.duckdb), expected);
    assert.deepEqual(marks(found.spark), expected);
});
