// test limit: 240 s
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { compileModel } from '../../src/engine/compile.ts';
import type { EngineValue } from '../../src/engine/engine.ts';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import { instantText } from '../../src/kernel/period.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { withPublishedViews } from '../../src/pipeline/published-views.ts';
import { registerChecks } from '../../src/pipeline/register-checks.ts';
import { type ChainWorld, handClock, openChainWorld, type ReadingRow, readingsCsv } from './chain-world.ts';
import { validatedBy } from './validation-world.ts';

const clock = handClock('2014-01-10T00:00:00Z');
const HALF = 1_800_000;
const DAY = 48 * HALF;
const at = (text: string) => Date.parse(text);
/** First instants of local days in London. */
const JUNE_1 = at('2013-05-31T23:00:00Z');
const JUNE_2 = JUNE_1 + DAY;
const JUNE_3 = JUNE_2 + DAY;
const OCTOBER_27 = at('2013-10-26T23:00:00Z');
const OCTOBER_28 = at('2013-10-28T00:00:00Z');
/** An instant within the last half-hour of 1 June. */
const CUT = JUNE_2 - HALF / 3;
const COLUMNS =
    'metering_point_id,meter_id,register,interval_minutes,valid_from,valid_to,register_digits,register_multiplier\n';
const METERS =
    'ROLL,5, BACK,5, NODIGITS,, CT,5,40.5 SURPLUS,2, SUM,, SPLIT,, CUT,, GAP,, GUESS,, DST,,'.split(' ');
let world: ChainWorld;

/** What the advances of each meter said after each delivery, and after the second as it was known after the first. */
const said: Record<string, string[]>[] = [];
let saidBefore: Record<string, string[]>;

type Read = readonly [meter: string, at: number, kwh: string, quality?: string, version?: number];

let fileNo = 0;

async function deliver(reads: readonly Read[], intervals: readonly ReadingRow[]): Promise<void> {
    fileNo += 1;
    clock.at += 60_000;
    const lines = reads.map(([meter, instant, kwh, quality = 'A', version = '']) =>
        [meter, '1', instantText(instant), kwh, '', quality, version].join(','),
    );
    await world.ingest('generic-register-csv', {
        [`reads-${fileNo}.csv`]: `meter_id,register,read_at,value,unit,quality,version\n${lines.join('\n')}\n`,
    });
    await world.ingest('generic-csv', { [`intervals-${fileNo}.csv`]: readingsCsv(intervals) });
    await refreshAll(world.workspace);
}

/** Half-hours from an instant on, each with the value, but for those named by their place. */
function halves(
    meter: string,
    [from, count, kwh]: readonly [number, number, string],
    others: Readonly<Record<number, Partial<ReadingRow> | null>> = {},
): ReadingRow[] {
    return Array.from({ length: count }, (_, n) => n).flatMap((n) => {
        const other = others[n];
        return other === null ? [] : [{ meter, at: from + n * HALF, kwh, ...other }];
    });
}

const TOLD = `select meter_id, kind, cast(advance_kwh as varchar) as advance, verdict, cast(difference_kwh as varchar) as off,
    measured_count || '/' || expected_count as n, flags, severity from register_advances order by meter_id, read_from`;

/** Of each meter its advances in order: `kind advance verdict measured/expected difference flags severity`. */
async function advances(asOf?: number, yaml = ''): Promise<Record<string, string[]>> {
    const options = { showsIdentity: false, query: TOLD, ...(asOf === undefined ? {} : { asOf }) };
    const rows = await withPublishedViews(validatedBy(world, yaml), options, (session) => session.rows(TOLD));
    const told = (r: (typeof rows)[number]) =>
        [
            r.kind,
            r.advance === null ? '-' : Number(r.advance),
            r.verdict,
            r.n,
            ...(r.off === null ? [] : [Number(r.off)]),
            ...(r.flags === null ? [] : [r.flags, r.severity]),
        ].join(' ');
    const byMeter = Map.groupBy(rows, (row) => String(row.meter_id));
    return Object.fromEntries([...byMeter].map(([meter, list]) => [meter, list.map(told)]));
}

const READS: readonly Read[] = [
    ...([
        ['ROLL', JUNE_1, '99990'],
        ['ROLL', JUNE_2, '99999'],
        ['ROLL', JUNE_3, '5.5'],
    ] as const),
    ...([
        ['BACK', JUNE_1, '99000'],
        ['BACK', JUNE_2, '1400'],
        ['BACK', JUNE_3, '1399'],
    ] as const),
    ...([
        ['NODIGITS', JUNE_1, '99999'],
        ['NODIGITS', JUNE_2, '1'],
    ] as const),
    ...([
        ['SURPLUS', JUNE_1, '98'],
        ['SURPLUS', JUNE_2, '101'],
    ] as const),
    ...([
        ['CT', JUNE_1, '99998.001'],
        ['CT', JUNE_2, '99999.002'],
        ['CT', JUNE_3, '0.0005'],
    ] as const),
    ...([
        ['SUM', JUNE_1, '100'],
        ['SUM', JUNE_2, '123.510205'],
        ['SUM', JUNE_3, '148.020843'],
    ] as const),
    ...([
        ['SPLIT', JUNE_1, '0'],
        ['SPLIT', JUNE_2, '24.6'],
    ] as const),
    ...([
        ['CUT', JUNE_1, '0'],
        ['CUT', CUT, '4.7'],
        ['CUT', JUNE_3, '18.5'],
    ] as const),
    ...([
        ['GAP', JUNE_1, '10'],
        ['GAP', JUNE_2, '70'],
        ['GAP', JUNE_3, '118'],
    ] as const),
    ...([
        ['GUESS', JUNE_1, '10'],
        ['GUESS', JUNE_2, '20', 'E'],
        ['GUESS', JUNE_3, '106'],
    ] as const),
    ...([
        ['DST', OCTOBER_27, '0'],
        ['DST', OCTOBER_28, '25'],
    ] as const),
];

const INTERVALS: readonly ReadingRow[] = [
    ...halves('SUM', [JUNE_1, 96, '0.5']),
    ...halves('SPLIT', [JUNE_1, 48, '0.5']),
    ...halves('CUT', [JUNE_1, 96, '0.1'], { 47: { kwh: '9' } }),
    ...halves('GAP', [JUNE_1, 96, '1'], { 3: null, 50: { quality: 'E' } }),
    ...halves('GUESS', [JUNE_1, 96, '1']),
    ...halves('DST', [OCTOBER_27, 50, '0.5']),
];

before(async () => {
    world = await openChainWorld({ marketZone: 'Europe/London', bucketSize: 16, clock });
    const rows = METERS.map((text) => {
        const [meter = '', digits, multiplier] = text.split(',');
        return `P-${meter},${meter},1,30,2013-01-01T00:00:00Z,,${digits},${multiplier}`;
    });
    await world.load('metering-points', 'm.csv', `${COLUMNS}${rows.join('\n')}\n`);
    await deliver(READS, INTERVALS);
    said.push(await advances());
    const first = clock.at + 30_000;
    clock.at += 60_000;
    await world.load(
        'metering-points',
        'digits.csv',
        `${COLUMNS}P-NODIGITS,NODIGITS,1,30,2013-01-01T00:00:00Z,,5,2\n`,
    );
    await deliver(
        [
            ['BACK', JUNE_2, '1400.001', 'A', 2],
            ['SUM', JUNE_2, '123.510204', 'A', 2],
            ['SPLIT', JUNE_1 + 10 * HALF, '5', 'A', 1],
            ['CUT', CUT, '4.699', 'A', 2],
            ['GUESS', JUNE_2, '58'],
            ['DST', at('2013-10-27T00:30:00Z'), '1.5'],
            ['DST', at('2013-10-27T01:30:00Z'), '2.5'],
        ],
        [
            { meter: 'GAP', at: JUNE_1 + 3 * HALF, kwh: '13' },
            { meter: 'GAP', at: JUNE_1 + 50 * HALF, kwh: '1' },
        ],
    );
    said.push(await advances());
    saidBefore = await advances(first);
    await deliver(
        [['SPLIT', JUNE_1 + 10 * HALF, '', 'W', 2]],
        [{ meter: 'SUM', at: JUNE_1, kwh: '0.010204', version: 2 }],
    );
    said.push(await advances());
});
after(() => world.end());

test('an index that falls is a rollover where the digits are known and the energy is possible, else reverse', () => {
    assert.deepEqual(said[0]?.ROLL, ['normal 9 incomplete 0/48', 'rollover 6.5 incomplete 0/48']);
    const reverse = 'reverse - reverse 0/0 vee.reverse-register mark';
    // 100 kW for a day are 2,400 kWh, and more is no rollover
    assert.deepEqual(said[0]?.BACK, ['rollover 2400 incomplete 0/48', reverse]);
    assert.deepEqual(said[1]?.BACK, [reverse, reverse]);
    assert.deepEqual(said[0]?.NODIGITS, [reverse]);
    assert.deepEqual(said[0]?.SURPLUS, ['normal 3 incomplete 0/48 vee.register-digits mark']);
});

test('an index is multiplied, also over a rollover, and master data that come late count from then on', () => {
    // 100000 × 40.5 and 0.02025, less 4049959.581
    assert.deepEqual(said[0]?.CT, ['normal 40.5405 incomplete 0/48', 'rollover 40.43925 incomplete 0/48']);
    assert.deepEqual(said[1]?.NODIGITS, ['rollover 4 incomplete 0/48']);
});

test('intervals add up to the advance within one interval, and no further, until one of them is corrected', () => {
    // 24 kWh in 48 intervals: the advance may be from 24 × 48 / 49 to 24 × 48 / 47
    assert.deepEqual(said[0]?.SUM, [
        'normal 23.510205 passed 48/48 0.489795',
        'normal 24.510638 passed 48/48 -0.510638',
    ]);
    const over = 'normal 24.510639 failed 48/48 -0.510639 vee.sum-check mark';
    assert.deepEqual(said[1]?.SUM, ['normal 23.510204 failed 48/48 0.489796 vee.sum-check mark', over]);
    assert.deepEqual(said[2]?.SUM, ['normal 23.510204 passed 48/48 0', over]);
});

test('a read that comes late splits an advance, and its withdrawal joins it again', () => {
    const whole = ['normal 24.6 failed 48/48 -0.6 vee.sum-check mark'];
    assert.deepEqual(said[0]?.SPLIT, whole);
    assert.deepEqual(said[1]?.SPLIT, [
        'normal 5 passed 10/10 0',
        'normal 19.6 failed 38/38 -0.6 vee.sum-check mark',
    ]);
    assert.deepEqual(said[2]?.SPLIT, whole);
});

test('the interval in which a register is read is partly on either side, which the check allows for', () => {
    assert.deepEqual(said[0]?.CUT, ['normal 4.7 passed 48/48 9', 'normal 13.8 passed 48/48 -9']);
    assert.deepEqual(said[1]?.CUT, [
        'normal 4.699 failed 48/48 9.001 vee.sum-check mark',
        'normal 13.801 failed 48/48 -9.001 vee.sum-check mark',
    ]);
});

test('the check waits for every interval, measured, and for reads that are no estimates', () => {
    assert.deepEqual(said[0]?.GAP, ['normal 60 incomplete 47/48', 'normal 48 incomplete 47/48']);
    assert.deepEqual(said[1]?.GAP, ['normal 60 passed 48/48 0', 'normal 48 passed 48/48 0']);
    assert.deepEqual(said[0]?.GUESS, ['normal 10 estimated-read 48/48', 'normal 86 estimated-read 48/48']);
    assert.deepEqual(said[1]?.GUESS, ['normal 48 passed 48/48 0', 'normal 48 passed 48/48 0']);
});

test('the day on which the clock goes back has all of its intervals, whole or in part', () => {
    assert.deepEqual(said[0]?.DST, ['normal 25 passed 50/50 0']);
    assert.deepEqual(said[1]?.DST, [
        'normal 1.5 passed 3/3 0',
        'normal 1 passed 2/2 0',
        'normal 22.5 passed 45/45 0',
    ]);
});

test('digits and a multiplier that cannot be are refused with their line', async () => {
    const faulty = 'P-ROLL,ROLL,1,30,2013-01-01,,12,\nP-CT,CT,1,30,2013-01-01,,5,0.0\n';
    await assert.rejects(
        world.load('metering-points', 'faulty.csv', `${COLUMNS}${faulty}`),
        (error: { faults: { line?: number; field?: string }[] }) => {
            const places = error.faults.map(({ line, field }) => `${line} ${field}`);
            assert.deepEqual(places, ['2 register_digits', '3 register_multiplier']);
            return true;
        },
    );
});

test('as of an earlier instant everything is as it was told then', () => {
    assert.deepEqual(saidBefore, said[0]);
});

test('what is done about a difference is policy, by severity and percentage', async () => {
    const first = async (rule: string) =>
        (await advances(undefined, `rules: { vee.sum-check: ${rule} }`)).SPLIT?.[0];
    assert.equal(await first('{ percent: 2.44 }'), 'normal 24.6 passed 48/48 -0.6');
    const held = await first('{ percent: 2.439, severity: hold }');
    assert.equal(held, 'normal 24.6 failed 48/48 -0.6 vee.sum-check hold');
    assert.equal(await first('off'), 'normal 24.6 failed 48/48 -0.6');
});

test('differences are listed, by meter and days, and all are counted', async () => {
    const june = { from: calendarDate('2013-06-01'), to: calendarDate('2013-06-02') };
    const {
        advances: listed,
        byVerdict,
        byRule,
    } = await registerChecks(world.workspace, { ...june, meter: 'P-SPLIT' });
    assert.deepEqual([byVerdict, byRule], [{ failed: 1 }, { 'vee.sum-check': 1 }]);
    assert.deepEqual(listed, [
        {
            meterId: 'SPLIT',
            meteringPointId: 'P-SPLIT',
            registerId: '1',
            readFrom: '2013-05-31T23:00:00Z',
            readTo: '2013-06-01T23:00:00Z',
            startKwh: '0.000000',
            endKwh: '24.600000',
            kind: 'normal',
            advanceKwh: '24.600000',
            intervalKwh: '24.000000',
            differenceKwh: '-0.600000',
            expectedCount: 48,
            measuredCount: 48,
            verdict: 'failed',
            rules: ['vee.sum-check'],
            severity: 'mark',
        },
    ]);
    const nobody = registerChecks(world.workspace, { meter: 'nobody' });
    await assert.rejects(nobody, { code: 'trace.meter-unknown' });
});

test('measured reads are joined over estimated ones in between; not where the register was reverse, nor to the end', async () => {
    const session = await world.workspace.lake.engine.openSession();
    const span = (from: number, to: number, advance: string | null, qualities: string): EngineValue[] => [
        ...[7, instantText(JUNE_1 + from * DAY), instantText(JUNE_1 + to * DAY), '2013-06-01', '2013-06-09'],
        ...[...qualities.split('-'), advance],
    ];
    try {
        const [channel, instant, date, text] = ['integer', 'timestamp', 'date', 'string'];
        await session.registerRows(
            'register_spans',
            [
                { name: 'channel_no', type: channel },
                { name: 'read_from', type: instant },
                { name: 'read_to', type: instant },
                { name: 'from_day', type: date },
                { name: 'to_day', type: date },
                { name: 'start_quality', type: text },
                { name: 'end_quality', type: text },
                { name: 'advance_kwh', type: 'decimal(24,6)' },
            ],
            [
                span(0, 2, '10', 'measured-measured'),
                span(2, 4, '3.5', 'measured-estimated'),
                span(4, 6, '4.5', 'estimated-measured'),
                span(6, 8, null, 'measured-measured'),
                span(8, 9, '1', 'measured-estimated'),
            ],
        );
        await session.materialise('measured_spans', compileModel('registers/measured_spans', 'duckdb').sql);
        const rows = await session.rows(
            'select epoch_ms(read_from) as a, epoch_ms(read_to) as b, advance_kwh from measured_spans order by 1',
        );
        const days = (value: unknown) => (Number(value) - JUNE_1) / DAY;
        assert.deepEqual(
            rows.map((r) => [days(r.a), days(r.b), Number(r.advance_kwh)]),
            [
                [0, 2, 10],
                [2, 6, 8],
            ],
        );
    } finally {
        await session.close();
    }
});
