// test limit: 240 s
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { GridtallyError } from '../../src/kernel/errors.ts';
import { readContract } from '../../src/parsers/contract.ts';
import { refreshAll, replayFaulty } from '../../src/pipeline/chain.ts';
import { readingHistory } from '../../src/pipeline/reading-history.ts';
import { readStatus } from '../../src/pipeline/status.ts';
import { type ChainWorld, checkFile, openChainWorld } from './chain-world.ts';

interface Wide {
    /** `range role required` of each range of columns; `_` in a range is a blank. */
    readonly ranges: readonly string[];
    readonly settings: Readonly<Record<string, string>>;
    readonly version?: string;
}

/** A contract of a file with one row a day. */
function wideContract(feed: string, { ranges, settings, version = '1.0.0' }: Wide): string {
    const column = (name: string, type: string, role: string, required = true) =>
        `      - { name: '${name}', logicalType: ${type}, required: ${required}, customProperties: [{ property: role, value: ${role} }] }\n`;
    const cells = ranges.map((text) => {
        const [name = '', role = '', need = ''] = text.split(' ');
        return column(name.replaceAll('_', ' '), 'number', role, need === 'required');
    });
    const all = {
        format: 'csv',
        unknownMeter: 'wait',
        unit: 'kWh',
        stampFormat: "'%Y-%m-%d'",
        stampMarks: 'start',
        ...settings,
    };
    const properties = Object.entries(all).map(
        ([name, value]) => `      - { property: ${name}, value: ${value} }\n`,
    );
    return (
        `apiVersion: v3.1.0\nkind: DataContract\nid: ${feed}\nname: ${feed}\nversion: ${version}\nstatus: active\nschema:\n  - name: days\n` +
        `    properties:\n${column('meter', 'string', 'meter')}${column('day', 'timestamp', 'stamp')}${column('status', 'string', 'quality', false)}${cells.join('')}` +
        `    customProperties:\n${properties.join('')}`
    );
}

const CODES = "{ '': measured, A: measured }";
const LONDON = { clock: 'Europe/London', intervalMinutes: '30', qualityCodes: CODES };
const FEEDS: Readonly<Record<string, Wide>> = {
    periods: { ranges: ['hh01..hh48 periods required', 'hh49..hh50 periods'], settings: LONDON },
    tabs: {
        ranges: ['P1..P25 periods'],
        settings: { clock: 'Europe/London', intervalMinutes: '60', format: 'tsv', qualityCodes: CODES },
    },
    starts: { ranges: ['00:00..23:30 times required'], settings: { ...LONDON, repeatedHour: 'first' } },
    ends: {
        ranges: ['T0030..T2400 times required'],
        settings: { ...LONDON, stampMarks: 'end', repeatedHour: 'second' },
    },
    ordered: { ranges: ['00:00..23:30 times required'], settings: { ...LONDON, repeatedHour: 'by-order' } },
    spaced: { ranges: ['P_1..P_48 periods required'], settings: LONDON },
    quarters: {
        ranges: ['q1..q100 periods'],
        settings: { clock: "'+01:00'", intervalMinutes: '15', nullTexts: "['']", qualityCodes: CODES },
    },
    midnight: {
        ranges: ['00:15..00:00 times'],
        settings: { clock: 'utc', intervalMinutes: '15', stampMarks: 'end', qualityCodes: CODES },
    },
};
let world: ChainWorld;

const two = (n: number) => String(n).padStart(2, '0');
const numbers = (count: number, text: (n: number) => string = String) =>
    Array.from({ length: count }, (_, i) => text(i + 1));
const HH50 = ['meter', 'day', 'status', ...numbers(50, (n) => `hh${two(n)}`)].join(',');
const HH48 = ['meter', 'day', ...numbers(48, (n) => `hh${two(n)}`)].join(',');
const time = (minute: number, sep = ':') => `${two(Math.floor(minute / 60))}${sep}${two(minute % 60)}`;

before(async () => {
    world = await openChainWorld({ marketZone: 'Europe/London' });
    for (const [feed, wide] of Object.entries(FEEDS)) world.contract(feed, wideContract(feed, wide));
    const meter = (name: string, minutes: number) => `P${name},${name},${minutes},2013-01-01\n`;
    const meters = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'K'].map((name) => meter(name, 30)).join('');
    await world.load(
        'metering-points',
        'm.csv',
        `metering_point_id,meter_id,interval_minutes,valid_from\n${meters}${meter('H', 60)}${meter('Q', 15)}${meter('M', 15)}`,
    );
});

after(() => world.end());

/** `instant kWh` of a meter's versions, in the order of time; the instant in UTC. */
async function versionsOf(meter: string): Promise<string[]> {
    const rows = await world.query(
        `select strftime(v.period_from, '%m-%dT%H:%M') || ' ' || coalesce(cast(cast(v.kwh as double) as varchar), 'missing') as line
           from reading_versions as v inner join channels as c on c.channel_no = v.channel_no
          where c.meter_id = '${meter}' order by v.period_from`,
    );
    return rows.map((row) => String(row.line));
}

const day = (meter: string, date: string, cells: readonly string[], status = '') =>
    `${meter},${date},${status},${cells.join(',')}\n`;
const padded = (count: number) => [...numbers(count), ...Array.from({ length: 50 - count }, () => '')];

test('periods count from the first instant of the local day: 48, 46 and 50 of them', async () => {
    const file = `${HH50}\n${day('A', '2013-03-30', padded(48))}${day('A', '2013-03-31', padded(46))}${day('A', '2013-10-27', padded(50), 'A')}`;
    const { parsed } = await world.ingest('periods', { 'a.csv': file });
    assert.deepEqual([parsed.records, parsed.versions, parsed.quarantined], [144, 144, 0]);
    const lines = await versionsOf('A');
    const from = (start: string, count: number) =>
        numbers(count, (n) => {
            const at = new Date(Date.parse(start) + (n - 1) * 1_800_000).toISOString();
            return `${at.slice(5, 16)} ${n}.0`;
        });
    assert.deepEqual(lines, [
        ...from('2013-03-30T00:00:00Z', 48),
        ...from('2013-03-31T00:00:00Z', 46),
        ...from('2013-10-26T23:00:00Z', 50),
    ]);
    await refreshAll(world.workspace);
    const days = await world.query(
        `select cast(day as varchar) as day, measured_count, missing_count from reads_daily where meter_id = 'A' and measured_count > 0 order by 1`,
    );
    assert.deepEqual(
        days.map((d) => [d.day, d.measured_count, d.missing_count].join(' ')),
        ['2013-03-30 48 0', '2013-03-31 46 0', '2013-10-27 50 0'],
    );
});

test('a file of 48 columns leaves the last hour of a long day out, and says so', async () => {
    const file = `${HH48}\nB,2013-10-27,${numbers(48).join(',')}\nB,2013-10-28,${numbers(48).join(',')}\n`;
    const { parsed } = await world.ingest('periods', { 'b.csv': file });
    assert.deepEqual(
        [parsed.records, parsed.versions, parsed.quarantinedByRule],
        [98, 96, { 'row.value-missing': 2 }],
    );
});

test('a cell is quarantined alone, by its column and the text of its line', async () => {
    const cells = padded(48).with(2, 'x').with(3, '').with(4, '-1').with(48, '7');
    const file = `${HH50}\n${day('C', '2013-05-01', cells)}${day('C', '2013-13-01', padded(48))}C,2013-05-02,A,1\n${day('C', '2013-05-03', padded(48), 'Z')}`;
    const { parsed } = await world.ingest('periods', { 'c.csv': file });
    // 48 cells and one too many; 50 of a day that is none; a short line; 48 of a quality that nobody knows
    assert.deepEqual([parsed.records, parsed.versions, parsed.refused], [49 + 50 + 1 + 48, 45, 0]);
    const rows = await world.query(
        `select line_no, rule_ids, fields, original_text from quarantined_rows where contains(original_text, 'C,2013') order by line_no, fields`,
    );
    const told = rows.map((r) => [r.line_no, r.rule_ids, r.fields].join(' ').trim());
    assert.deepEqual(told.slice(0, 4), [
        '2 row.value-format hh03',
        '2 row.value-missing hh04',
        '2 row.value-negative hh05',
        '2 row.period-surplus hh49',
    ]);
    assert.equal(told.filter((line) => /^3 row.stamp-impossible.* hh\d\d day/.test(line)).length, 50);
    assert.deepEqual(
        told.filter((line) => line.startsWith('4 ')),
        ['4 row.fields'],
    );
    assert.equal(told.filter((line) => /^5 row.quality hh\d\d status$/.test(line)).length, 48);
    assert.equal(rows[0]?.original_text, `C,2013-05-01,,${cells.join(',')}`);
});

test('a new contract brings in the cells that were quarantined, and no other', async () => {
    const before = await readStatus(world.workspace.lake);
    world.contract(
        'periods',
        wideContract('periods', {
            ...(FEEDS.periods as Wide),
            version: '2.0.0',
            settings: {
                ...LONDON,
                qualityCodes: "{ '': measured, A: measured, Z: estimated }",
                allowsNegative: 'true',
            },
        }),
    );
    const totals = await replayFaulty(world.workspace);
    assert.deepEqual([totals.rowsLookedAt, totals.versions, totals.quarantined], [105, 49, 56]);
    const after = await readStatus(world.workspace.lake);
    assert.equal(after.rowsReceived, before.rowsReceived);
    assert.equal(after.rowsReceived, after.versions + after.rowsQuarantined + after.rowsWaiting);
    assert.equal((await versionsOf('C')).length, 45 + 49);
    assert.equal((await replayFaulty(world.workspace)).segments, 0);
});

test('of a line with a cell at fault, that cell alone is quarantined in its history, and comes in by a new contract', async () => {
    const header = ['meter', 'day', ...numbers(48, (n) => `P ${n}`)].join(',');
    const cells = numbers(48).with(1, '-1').with(11, 'x');
    await world.ingest('spaced', { 's.csv': `${header}\nB,2013-05-01,${cells.join(',')}\n` });
    const period = { from: Date.parse('2013-04-30T23:00Z'), to: Date.parse('2013-05-01T23:00Z') };
    const entries = async () => {
        const { intervals, quarantined } = await readingHistory(world.workspace, { meter: 'B', period });
        return [intervals.length, quarantined.map(({ periodFrom, why }) => `${periodFrom} ${why}`)];
    };
    const format = '2013-05-01T04:30:00Z row.value-format';
    assert.deepEqual(await entries(), [46, ['2013-04-30T23:30:00Z row.value-negative', format]]);
    const changed = { ...(FEEDS.spaced as Wide), settings: { ...LONDON, allowsNegative: 'true' } };
    world.contract('spaced', wideContract('spaced', { ...changed, version: '2.0.0' }));
    const totals = await replayFaulty(world.workspace, 'spaced');
    assert.deepEqual([totals.rowsLookedAt, totals.versions, totals.quarantined], [2, 1, 1]);
    assert.deepEqual(await entries(), [47, [format]]);
});

test('hours of the local day in a tab-separated file', async () => {
    const header = ['meter', 'day', 'status', ...numbers(25, (n) => `P${n}`)].join('\t');
    const row = (date: string, count: number) =>
        ['H', date, '', ...numbers(count), ...Array.from({ length: 25 - count }, () => '')].join('\t');
    const { parsed } = await world.ingest('tabs', {
        'h.tsv': `${header}\n${row('2013-03-31', 23)}\n${row('2013-10-27', 25)}\n${row('2013-10-28', 24)}\n`,
    });
    assert.deepEqual([parsed.records, parsed.versions], [72, 72]);
    const lines = await versionsOf('H');
    assert.deepEqual(
        [lines[0], lines[22], lines[23], lines[47]],
        ['03-31T00:00 1.0', '03-31T22:00 23.0', '10-26T23:00 1.0', '10-27T23:00 25.0'],
    );
});

test('times of day at the start: the skipped hour is blank, the repeated one is the one that the contract names', async () => {
    const labels = numbers(48, (n) => time((n - 1) * 30));
    const header = ['meter', 'day', ...labels].join(',');
    const spring = numbers(48).with(2, '').with(3, '');
    const file = `${header}\nD,2013-03-31,${spring.join(',')}\nD,2013-10-27,${numbers(48).join(',')}\n`;
    const { parsed } = await world.ingest('starts', { 'd.csv': file });
    assert.deepEqual([parsed.records, parsed.versions, parsed.quarantined], [94, 94, 0]);
    const lines = await versionsOf('D');
    assert.deepEqual(lines.slice(0, 4), [
        '03-31T00:00 1.0',
        '03-31T00:30 2.0',
        '03-31T01:00 5.0',
        '03-31T01:30 6.0',
    ]);
    assert.deepEqual(lines.slice(48, 52), [
        '10-27T00:00 3.0',
        '10-27T00:30 4.0',
        '10-27T02:00 5.0',
        '10-27T02:30 6.0',
    ]);
    const filled = await world.ingest('starts', {
        'd2.csv': `${header}\nE,2013-03-31,${numbers(48).join(',')}\n`,
    });
    assert.deepEqual(filled.parsed.quarantinedByRule, { 'row.stamp-missing-hour': 2 });
});

test('times of day at the end, to 24:00', async () => {
    const labels = numbers(48, (n) => `T${time(n * 30, '')}`);
    const spring = numbers(48).with(2, '').with(3, '');
    const header = ['meter', 'day', ...labels].join(',');
    const file = `${header}\nF,2013-03-31,${spring.join(',')}\nF,2013-04-01,${numbers(48).join(',')}\n`;
    const { parsed } = await world.ingest('ends', { 'f.csv': file });
    assert.deepEqual([parsed.records, parsed.versions, parsed.quarantined], [94, 94, 0]);
    const lines = await versionsOf('F');
    assert.deepEqual(
        [lines[0], lines[1], lines[2]],
        ['03-31T00:00 1.0', '03-31T00:30 2.0', '03-31T01:00 5.0'],
    );
    assert.deepEqual(
        [lines[45], lines[46], lines[93]],
        ['03-31T22:30 48.0', '03-31T23:00 1.0', '04-01T22:30 48.0'],
    );
    // T0130 and T0200 are half-hours of the skipped hour, and of the repeated one
    const filled = await world.ingest('ends', {
        'f2.csv': `${header}\nG,2013-03-31,${numbers(48).join(',')}\nG,2013-10-27,${numbers(48).join(',')}\n`,
    });
    assert.deepEqual(filled.parsed.quarantinedByRule, { 'row.stamp-missing-hour': 2 });
    const days = await versionsOf('G');
    assert.deepEqual(days.slice(0, 3), ['03-31T00:00 1.0', '03-31T00:30 2.0', '03-31T01:00 5.0']);
    assert.deepEqual(days.slice(46, 51), [
        ...['10-26T23:00 1.0', '10-26T23:30 2.0', '10-27T01:00 3.0', '10-27T01:30 4.0'],
        '10-27T02:00 5.0',
    ]);
});

test('a row for a day has each time of the repeated hour once, in no order that tells which is meant', async () => {
    const header = ['meter', 'day', ...numbers(48, (n) => time((n - 1) * 30))].join(',');
    const line = `K,2013-10-27,${numbers(48).join(',')}\n`;
    for (const [name, lines] of [
        ['k1.csv', line],
        ['k2.csv', line + line],
    ] as const) {
        const { parsed } = await world.ingest('ordered', { [name]: `${header}\n${lines}` });
        const count = lines.split('\n').length - 1;
        assert.deepEqual(parsed.quarantinedByRule, { 'row.stamp-repeated-hour': 2 * count });
        assert.equal(parsed.versions, 46 * count);
    }
});

test('quarter hours of a fixed clock, where a blank cell is a missing value and 97 to 100 are no periods', async () => {
    const header = ['meter', 'day', ...numbers(100, (n) => `q${n}`)].join(',');
    const cells = [...numbers(96).with(9, ''), '', '', '', ''];
    const { parsed } = await world.ingest('quarters', {
        'q.csv': `${header}\nQ,2013-06-01,${cells.join(',')}\n`,
    });
    assert.deepEqual([parsed.records, parsed.versions], [96, 96]);
    const lines = await versionsOf('Q');
    assert.deepEqual(
        [lines[0], lines[9], lines[95]],
        ['05-31T23:00 1.0', '06-01T01:15 missing', '06-01T22:45 96.0'],
    );
});

test('00:00 behind the last column is the end of the day', async () => {
    const labels = numbers(96, (n) => time((n * 15) % 1440));
    const file = `${['meter', 'day', ...labels].join(',')}\nM,2013-01-05,${numbers(96).join(',')}\n`;
    const { parsed } = await world.ingest('midnight', { 'm.csv': file });
    assert.equal(parsed.versions, 96);
    const lines = await versionsOf('M');
    assert.deepEqual([lines[0], lines[95]], ['01-05T00:00 1.0', '01-05T23:45 96.0']);
});

test('a column too few, one too many and one renamed stop the file', async () => {
    const refusal = async (name: string, header: string) => {
        const { parsed } = await world.ingest('periods', {
            [name]: `${header}\n${day('A', '2013-07-01', padded(48))}`,
        });
        return parsed.refusals[0]?.message ?? 'not refused';
    };
    assert.match(await refusal('few.csv', HH50.replace(',hh07', '')), /missing: "hh07"/);
    assert.match(await refusal('many.csv', `${HH50},hh51`), /column added: "hh51"/);
    assert.match(await refusal('name.csv', HH50.replace('hh07', 'HH_07')), /"hh07" → "HH_07"/);
});

test('a check explains what the columns are', async () => {
    const preview = await checkFile(world, 'periods', `${HH50}\n${day('A', '2013-03-31', padded(46))}`);
    assert.equal(
        preview.stamps,
        '%Y-%m-%d, one row a day, 50 columns hh01 to hh50: periods of 30 minutes counted from the start of the day, local time of Europe/London',
    );
    assert.deepEqual([preview.records, preview.accepted], [46, 46]);
});

const WRONG: readonly [string, Wide, RegExp][] = [
    [
        'a range that is none',
        { ranges: ['hh periods'], settings: LONDON },
        /numbered columns, such as hh01..hh50/,
    ],
    [
        'periods that do not begin with 1',
        { ranges: ['hh02..hh48 periods'], settings: LONDON },
        /from 1 without a gap/,
    ],
    [
        'more periods than a day has',
        { ranges: ['hh01..hh52 periods'], settings: LONDON },
        /at most 50 periods/,
    ],
    ['times at another distance', { ranges: ['00:00..23:45 times'], settings: LONDON }, /one interval apart/],
    [
        'both kinds',
        { ranges: ['h1..h24 periods', '12:00..23:30 times'], settings: LONDON },
        /do not go together/,
    ],
    [
        'a stamp with an hour',
        { ranges: ['h1..h48 periods'], settings: { ...LONDON, stampFormat: "'%Y-%m-%d %H'" } },
        /dates for stamps/,
    ],
    ['a date without cells', { ranges: [], settings: LONDON }, /needs columns of role periods or times/],
    ['objects', { ranges: ['h1..h48 periods'], settings: { ...LONDON, format: 'ndjson' } }, /csv or tsv/],
];

for (const [what, wide, says] of WRONG) {
    test(`a contract is refused for ${what}`, () => {
        assert.throws(
            () => readContract(wideContract('wrong', wide), 'wrong.odcs.yaml'),
            (error) =>
                error instanceof GridtallyError &&
                error.faults.some((f) => says.test(f.message) && f.line !== undefined),
        );
    });
}
