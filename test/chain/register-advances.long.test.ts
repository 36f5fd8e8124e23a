// test limit: 240 s
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { compileModel } from '../../src/engine/compile.ts';
import { calendarDate } from '../../src/kernel/calendar-date.ts';
import { instantText } from '../../src/kernel/period.ts';
import { spanRegisters } from '../../src/lake/register-advances.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { withPublishedViews } from '../../src/pipeline/published-views.ts';
import { registerChecks } from '../../src/pipeline/register-checks.ts';
import { type ChainWorld, handClock, openChainWorld, type ReadingRow, readingsCsv } from './chain-world.ts';
import { policy, validatedBy } from './validation-world.ts';

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
    'ROLL,5, BACK,5, NODIGITS,, CT,5,40.5 SURPLUS,2, SUM,, SPLIT,, CUT,, GAP,, GUESS,, DST,, OVER,4, QUARTER,4, FALLS,4, MOST,, LESS,,'.split(
        ' ',
    );
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
    measured_count || '/' || expected_count as n, flags, severity from register_advances order by meter_id, read_from, read_to`;

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
        ['OVER', JUNE_1, '100'],
        ['OVER', JUNE_2, '130', 'E'],
        ['OVER', JUNE_3, '120'],
    ] as const),
    ...([
        ['QUARTER', JUNE_1, '9990'],
        ['QUARTER', JUNE_1 + 30 * HALF, '40', 'E'],
        ['QUARTER', JUNE_2, '9998', 'E'],
        ['QUARTER', JUNE_3, '1'],
    ] as const),
    ...([
        ['FALLS', JUNE_1, '100'],
        ['FALLS', JUNE_2, '90', 'E'],
        ['FALLS', JUNE_3, '99'],
    ] as const),
    // 2 kW × 24 h × 110 % are 52.8 kWh
    ...(['MOST', 'LESS'] as const).flatMap((meter): Read[] => [
        [meter, JUNE_1, '0'],
        [meter, JUNE_2, '52.8'],
        [meter, JUNE_2 + HALF, '60', 'E'],
        [meter, JUNE_3, '105.600001'],
    ]),
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
    ...halves('OVER', [JUNE_1, 96, '0.2']),
    ...halves('QUARTER', [JUNE_1, 96, '0.13']),
    ...halves('DST', [OCTOBER_27, 50, '0.5']),
];

before(async () => {
    world = await openChainWorld({ marketZone: 'Europe/London', bucketSize: 16, clock });
    const rows = METERS.map((text) => {
        const [meter = '', digits, multiplier] = text.split(',');
        return `P-${meter},${meter},1,30,2013-01-01T00:00:00Z,,${digits},${multiplier}`;
    });
    await world.load('metering-points', 'm.csv', `${COLUMNS}${rows.join('\n')}\n`);
    await world.load('attributes', 'rated.csv', 'metering_point_id,rated_kw\nP-MOST,2\n');
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
    assert.deepEqual(said[0]?.GUESS, [
        'normal 10 estimated-read 48/48',
        'normal 96 passed 96/96 0',
        'normal 86 estimated-read 48/48',
    ]);
    assert.deepEqual(said[1]?.GUESS, ['normal 48 passed 48/48 0', 'normal 48 passed 48/48 0']);
});

test('two measured reads are compared over all estimated ones in between, and a fall that an estimate makes is no error', () => {
    assert.deepEqual(said[0]?.OVER, [
        'normal 30 estimated-read 48/48',
        // 19.2 kWh in 96 intervals: 0.8 is more than one
        'normal 20 failed 96/96 -0.8 vee.sum-check mark',
        'unsettled - estimated-read 0/0',
    ]);
    assert.deepEqual(said[0]?.QUARTER, [
        'unsettled - estimated-read 0/0',
        'rollover 11 failed 96/96 1.48 vee.sum-check mark',
        'unsettled - estimated-read 0/0',
        'unsettled - estimated-read 0/0',
    ]);
    assert.deepEqual(said[0]?.FALLS, [
        'unsettled - estimated-read 0/0',
        'reverse - reverse 0/0 vee.reverse-register mark',
        'normal 9 estimated-read 0/48',
    ]);
});

test('more than the rated power can give between measured reads fails, where that is known; what is exactly so much does not', () => {
    const guessed = [
        'normal 7.2 estimated-read 0/1',
        'normal 52.800001 incomplete 0/48',
        'normal 45.600001 estimated-read 0/47',
    ];
    assert.deepEqual(said[0]?.MOST, [
        'normal 52.8 incomplete 0/48',
        // 7.2 kWh in a half-hour is 14.4 kW, which a guess of the vendor may be
        'unsettled - estimated-read 0/0',
        'normal 52.800001 incomplete 0/48 vee.register-maximum mark',
        'normal 45.600001 estimated-read 0/47',
    ]);
    assert.deepEqual(said[0]?.LESS, ['normal 52.8 incomplete 0/48', ...guessed]);
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

test('the rated power counts though nothing is judged by vee.maximum, and a rule that is off marks nothing', async () => {
    const of = async (rules: string) => (await advances(undefined, `rules: { ${rules} }`)).MOST?.[2];
    const judged = 'normal 52.800001 incomplete 0/48 vee.register-maximum';
    assert.equal(await of('vee.maximum: off'), `${judged} mark`);
    assert.equal(await of('vee.register-maximum: { severity: hold, percent: 109 }'), `${judged} hold`);
    assert.equal(await of('vee.register-maximum: { percent: 110.001 }'), 'normal 52.800001 incomplete 0/48');
    assert.equal(await of('vee.register-maximum: off'), 'normal 52.800001 incomplete 0/48');
});

test('differences are listed, by meter and days, and all are counted', async () => {
    const june = { from: calendarDate('2013-06-01'), to: calendarDate('2013-06-02') };
    const {
        advances: listed,
        byVerdict,
        byRule,
        counts,
    } = await registerChecks(world.workspace, { ...june, meter: 'P-SPLIT' });
    assert.deepEqual([byVerdict, byRule], [{ failed: 1 }, { 'vee.sum-check': 1 }]);
    assert.deepEqual(counts, [
        {
            ruleId: 'vee.sum-check',
            severity: 'mark',
            feed: 'generic-register-csv',
            day: '2013-06-02',
            advances: 1,
        },
    ]);
    assert.deepEqual(listed, [
        {
            meterId: 'SPLIT',
            meteringPointId: 'P-SPLIT',
            registerId: '1',
            readFrom: '2013-05-31T23:00:00Z',
            readTo: '2013-06-01T23:00:00Z',
            startKwh: '0.000000',
            endKwh: '24.600000',
            skippedReads: 0,
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

test('what fails is counted by rule, feed and day of the later read, as it stands in the flags, beside what fails other rules', async () => {
    const flags = await world.query(
        `select day, rule_id, count(*) as n, sum(expected_count) as intervals
           from (select to_day::varchar as day, unnest(string_split(flags, ',')) as rule_id, expected_count from register_advances)
          group by all order by all`,
    );
    const [{ feedId } = { feedId: 0 }] = await world.workspace.db.query<{ feedId: number }>(
        `select feed_id as "feedId" from feeds where name = 'generic-register-csv'`,
    );
    const counted = async (rules: string) => {
        const text = `select market_day::varchar as day, rule_id, channel_days as n, cast(interval_count as hugeint) as intervals, severity, feed_id as feed
            from validation_counts where rule_id like '%register%' or rule_id = 'vee.sum-check' order by all`;
        const options = { showsIdentity: false, query: text };
        return withPublishedViews(validatedBy(world, rules), options, (session) => session.rows(text));
    };
    assert.ok(flags.length > 6, `${flags.length}`);
    const told = (severity: (ruleId: unknown) => string) =>
        flags.map((row) => ({ ...row, severity: severity(row.rule_id), feed: feedId }));
    assert.deepEqual(
        await counted(''),
        told(() => 'mark'),
    );
    assert.deepEqual(
        await counted('rules: { vee.sum-check: hold }'),
        told((ruleId) => (ruleId === 'vee.sum-check' ? 'hold' : 'mark')),
    );
    const all = await world.query('select distinct rule_id from validation_counts order by 1');
    assert.ok(all.some((row) => row.rule_id === 'vee.interval-count'));
});

/** `from-to advance kind` of the advances between measured reads of one channel with these reads, by day, and of all of them where `isAll`. */
async function spansOf(
    reads: readonly (readonly [day: number, kwh: string, quality: 'A' | 'E'])[],
    digits: number | null,
): Promise<{ all: string[]; measured: string[] }> {
    const session = await world.workspace.lake.engine.openSession();
    try {
        const [integer, instant] = ['integer', 'timestamp'];
        await session.registerRows(
            'curated_reads',
            [
                { name: 'channel_no', type: integer },
                { name: 'market_day', type: 'date' },
                { name: 'read_at', type: instant },
                { name: 'index_kwh', type: 'decimal(18,6)' },
                { name: 'quality', type: 'string' },
                { name: 'feed_id', type: 'smallint' },
            ],
            reads.map(([day, kwh, quality]) => [
                ...[7, '2013-06-01', instantText(JUNE_1 + day * DAY), kwh],
                ...[quality === 'A' ? 'measured' : 'estimated', 1],
            ]),
        );
        const dials = [{ channelNo: 7, digits, multiplier: null }];
        const validation = { policy: policy(''), classes: [], ratings: [] };
        await spanRegisters(session, { dials, validation });
        await session.materialise('measured_spans', compileModel('registers/measured_spans', 'duckdb').sql);
        const days = (value: unknown) => (Number(value) - JUNE_1) / DAY;
        const told = async (table: string, kind: string) => {
            const rows = await session.rows(
                `select epoch_ms(read_from) as a, epoch_ms(read_to) as b, advance_kwh, ${kind} as kind from ${table} order by 1, 2`,
            );
            return rows.map((r) =>
                [`${days(r.a)}-${days(r.b)}`, r.advance_kwh === null ? '-' : Number(r.advance_kwh), r.kind]
                    .join(' ')
                    .trim(),
            );
        };
        return { all: await told('register_spans', 'kind'), measured: await told('measured_spans', "''") };
    } finally {
        await session.close();
    }
}

test('a measured read is subtracted from the measured one before it, whatever a vendor guessed in between', async () => {
    const over = [
        [0, '100', 'A'],
        [1, '130', 'E'],
        [7, '120', 'A'],
    ] as const;
    for (const digits of [4, null])
        assert.deepEqual(await spansOf(over, digits), {
            all: ['0-1 30 normal', '0-7 20 normal', '1-7 - unsettled'],
            measured: ['0-7 20'],
        });
    // an estimate beyond the turn that the register has not come to, and one that does not turn although it has
    const early = [
        [0, '99990', 'A'],
        [1, '20', 'E'],
        [2, '99998', 'A'],
        [3, '100010', 'E'],
        [4, '3', 'A'],
    ] as const;
    assert.deepEqual(await spansOf(early, 5), {
        all: [
            '0-1 - unsettled',
            '0-2 8 normal',
            '1-2 - unsettled',
            '2-3 12 normal',
            '2-4 5 rollover',
            '3-4 - unsettled',
        ],
        measured: ['0-2 8', '2-4 5'],
    });
    // what has fallen between measured reads is an error, and the estimate in between is none
    const back = [
        [0, '100', 'A'],
        [1, '90', 'E'],
        [2, '95', 'E'],
        [3, '99', 'A'],
        [4, '110', 'A'],
        [5, '105', 'E'],
    ] as const;
    assert.deepEqual(await spansOf(back, null), {
        all: [
            '0-1 - unsettled',
            '0-3 - reverse',
            '1-2 5 normal',
            '2-3 4 normal',
            '3-4 11 normal',
            '4-5 - unsettled',
        ],
        measured: ['3-4 11'],
    });
    // one that has more digits than the register is wrong, and so is what was counted from and to it
    const surplus = [
        [0, '98', 'A'],
        [1, '101', 'A'],
        [2, '102', 'E'],
        [3, '103', 'A'],
        [4, '5', 'A'],
        [5, '7', 'A'],
    ] as const;
    assert.deepEqual((await spansOf(surplus, 2)).measured, ['4-5 2']);
    assert.deepEqual((await spansOf(surplus, 3)).measured, ['0-1 3', '1-3 2', '3-4 902', '4-5 2']);
});
