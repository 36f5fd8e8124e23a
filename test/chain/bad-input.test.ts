import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { refusalLine, sampleLine } from '../../src/cli/refusal-text.ts';
import { messageOf } from '../../src/contracts/row-messages.ts';
import { refreshAll } from '../../src/pipeline/chain.ts';
import { readStatus } from '../../src/pipeline/status.ts';
import { type ChainWorld, openChainWorld, sourceKeys, variedContract } from './chain-world.ts';

/** What must become of a file, row by row: `line rule field`, in the order of the lines. */
interface Case {
    readonly name: string;
    readonly feed?: string;
    readonly file: string | Uint8Array;
    /** The file as a whole: `rule line field`. */
    readonly refused?: string;
    readonly accepted?: number;
    readonly quarantined?: readonly string[];
    readonly waiting?: readonly string[];
    /** Values rounded half-even to six decimals. */
    readonly rounded?: number;
    /** Numbers beside a quality without a value. */
    readonly unused?: number;
}

const HEADER = 'meter_id,register,read_at,minutes,value,unit,quality,version\n';
const at = (time: string) => `2013-05-01T${time}:00Z`;
/** A good row of a registered meter with one field changed. */
function row(
    part: {
        meter?: string;
        at?: string;
        minutes?: string;
        value?: string;
        unit?: string;
        quality?: string;
        version?: string;
    } = {},
): string {
    const { meter = 'A', minutes = '30', value = '0.5', unit = 'kWh', quality = 'A', version = '1' } = part;
    return `${meter},1,${part.at ?? at('00:00')},${minutes},${value},${unit},${quality},${version}\n`;
}
const NEXT = row({ at: at('00:30') });
/** A header, the row in question in line 2, and a good one in line 3. */
const between = (line: string) => `${HEADER}${line}${NEXT}`;
const oneBad = (name: string, line: string, rule: string, field: string): Case => ({
    name,
    file: between(line),
    accepted: 1,
    quarantined: [`2 ${rule} ${field}`.trim()],
});

/** 2 GB of one character and no line end, which gzip makes two megabytes of: members one after the other are one stream. */
function longLine(): Uint8Array {
    const member = gzipSync(Buffer.alloc(1 << 26, 'x'), { level: 1 });
    return Buffer.concat([gzipSync(HEADER), ...Array.from({ length: 32 }, () => member)]);
}

const FILES: readonly Case[] = [
    { name: 'empty file', file: '', refused: 'file.empty - -' },
    { name: 'a header and no row', file: HEADER, refused: 'file.empty - -' },
    {
        name: 'truncated gzip',
        file: gzipSync(between(row())).subarray(0, -9),
        refused: 'file.compression-damaged - -',
    },
    {
        name: 'binary',
        file: Buffer.concat([Buffer.from(between(row())), Buffer.from([0, 1, 2])]),
        refused: 'file.not-text 4 -',
    },
    {
        name: 'wrong encoding',
        file: Buffer.from(between(row({ meter: 'Zürich' })), 'latin1'),
        refused: 'file.encoding 2 -',
    },
    { name: 'a 2 GB line', file: longLine(), refused: 'file.line-too-long 2 -' },
    {
        name: 'unknown column',
        file: `${HEADER.trim()},firmware\n${row().trim()},7\n`,
        refused: 'file.column-unknown 1 firmware',
    },
    {
        name: 'missing column',
        file: 'meter_id,read_at\nA,2013-05-01T00:00:00Z\n',
        refused: 'file.column-missing 1 value',
    },
    {
        name: 'duplicate header',
        file: `${HEADER.trim()},value\n${row().trim()},1\n`,
        refused: 'file.header-duplicate 1 value',
    },
    {
        name: 'columns in another order',
        file: 'read_at,meter_id,value\n',
        refused: 'file.column-order 1 read_at',
    },
];

const ACCEPTED: readonly Case[] = [
    { name: 'byte order mark', file: `\ufeff${between(row())}`, accepted: 2 },
    { name: 'CR LF', file: between(row()).replaceAll('\n', '\r\n'), accepted: 2 },
    {
        name: 'blanks around fields, blank lines, no last line end',
        file: ` ${HEADER}\n${row().replaceAll(',', ' , ')}\t\n${NEXT.trim()}`,
        accepted: 2,
    },
    {
        name: 'seven decimals, rounded half-even and counted',
        feed: 'seven',
        file: 'LCLid,tstp,energy(kWh/hh)\nS,2013-05-01 00:00:00, 1.0000005 \nS,2013-05-01 00:30:00,1.0000015\nS,2013-05-01 01:00:00,1.5000000\n',
        accepted: 3,
        rounded: 2,
    },
    {
        name: 'a negative value of a meter with an export channel',
        file: between(row({ meter: 'X', value: '-0.25' })),
        accepted: 2,
    },
    {
        name: 'meters of several lengths',
        file: `${HEADER}${row()}${row({ meter: 'Q', minutes: '15' })}${row({ meter: 'H', minutes: '60' })}`,
        accepted: 3,
    },
    {
        name: 'the same interval twice in a file: the last counts',
        file: `${HEADER}${row({ value: '1' })}${row({ value: '2' })}`,
        accepted: 2,
    },
    {
        name: 'other units',
        file: `${HEADER}${row({ value: '500', unit: 'Wh' })}${row({ at: at('01:00'), value: '1', unit: 'kW' })}`,
        accepted: 2,
    },
    { name: 'a missing value that says so', file: between(row({ value: '', quality: 'N' })), accepted: 2 },
];

const NUMBERS: readonly Case[] = [
    oneBad('text in a number', row({ value: 'abc' }), 'row.value-format', 'value'),
    oneBad('comma decimals between commas', row({ value: '0,5' }), 'row.fields', ''),
    {
        name: 'comma decimals between semicolons',
        feed: 'semicolons',
        file: between(row({ value: '0,5' }).replaceAll(',', ';').replace('0;5', '0,5')).replaceAll(
            /,(?!5;)/g,
            ';',
        ),
        accepted: 1,
        quarantined: ['2 row.value-format value'],
    },
    oneBad('1_000', row({ value: '1_000' }), 'row.value-format', 'value'),
    oneBad('2.5e3', row({ value: '2.5e3' }), 'row.value-format', 'value'),
    oneBad('NaN', row({ value: 'NaN' }), 'row.value-format', 'value'),
    oneBad('infinity', row({ value: 'Infinity' }), 'row.value-format', 'value'),
    oneBad('inf', row({ value: '-inf' }), 'row.value-format', 'value'),
    oneBad('a plus sign', row({ value: '+1' }), 'row.value-format', 'value'),
    oneBad('negative', row({ value: '-0.5' }), 'row.value-negative', 'value'),
    oneBad('absurd value', row({ value: '123456789' }), 'row.value-too-large', 'value'),
    oneBad('a value that no column holds', row({ value: '99999999999999' }), 'row.value-too-large', 'value'),
    // what one kilowatt is over seven minutes is nobody's question: only the length is wrong
    oneBad(
        'power over an unknown length',
        row({ minutes: '7', value: '1', unit: 'kW' }),
        'row.minutes',
        'minutes',
    ),
    oneBad(
        'energy that is too large, over an unknown length',
        row({ minutes: '7', value: '99999999999999' }),
        'row.minutes row.value-too-large',
        'minutes value',
    ),
    oneBad('too many decimals', row({ value: '0.5000001' }), 'row.value-decimals', 'value'),
    oneBad(
        'text beside a code for missing',
        row({ value: 'junk', quality: 'N' }),
        'row.value-format',
        'value',
    ),
    oneBad('text of a withdrawal', row({ value: 'junk', quality: 'W' }), 'row.value-format', 'value'),
    {
        name: 'numbers beside codes for missing and withdrawn',
        file: `${HEADER}${row({ value: '9.5', quality: 'N' })}${row({ at: at('00:30'), value: '0.12345678', quality: 'W' })}${row({ at: at('01:00'), value: '', quality: 'W' })}`,
        accepted: 3,
        unused: 2,
    },
    oneBad('no value', row({ value: '' }), 'row.value-missing', 'value'),
    oneBad('a unit that is no energy', row({ unit: 'kvarh' }), 'row.unit', 'unit'),
    oneBad('an unknown quality', row({ quality: 'Z' }), 'row.quality', 'quality'),
    oneBad('a version that is no number', row({ version: 'v1' }), 'row.version', 'version'),
    oneBad('a blank meter', row({ meter: '' }), 'row.meter-blank', 'meter_id'),
    oneBad(
        'two faults at once',
        row({ value: 'abc', unit: 'm3' }),
        'row.unit row.value-format',
        'unit value',
    ),
    {
        name: 'stray quote',
        feed: 'quoted',
        file: between(row({ meter: 'A"' })),
        accepted: 1,
        quarantined: ['2 row.quote'],
    },
    {
        name: 'an unclosed quote does not swallow the next row',
        feed: 'quoted',
        file: between(row({ meter: '"A' })),
        accepted: 1,
        quarantined: ['2 row.quote'],
    },
    {
        name: 'a quote where quoting is off is part of the meter',
        file: between(row({ meter: 'A"' })),
        accepted: 1,
        waiting: ['A" waiting.meter-unknown'],
    },
];

const STAMPS: readonly Case[] = [
    oneBad('impossible date', row({ at: '2013-02-30T00:00:00Z' }), 'row.stamp-impossible', 'read_at'),
    oneBad('no date at all', row({ at: 'yesterday' }), 'row.stamp-format', 'read_at'),
    oneBad(
        'an offset that no clock has',
        row({ at: '2013-06-05T10:00:00+25:00' }),
        'row.stamp-format',
        'read_at',
    ),
    oneBad(
        'an offset of 99 minutes',
        row({ at: '2013-06-05T10:00:00+00:99' }),
        'row.stamp-format',
        'read_at',
    ),
    {
        name: 'a version at an offset that no clock has',
        feed: 'instants',
        file: `${HEADER}${row({ version: '2013-06-05T10:00:00+25:00' })}${row({ at: at('00:30'), version: '2013-06-05T10:00:00+02:00' })}`,
        accepted: 1,
        quarantined: ['2 row.version version'],
    },
    oneBad('24:00', row({ at: at('24:00') }), 'row.stamp-impossible', 'read_at'),
    oneBad('a stamp off the grid', row({ at: at('00:07') }), 'row.stamp-off-grid', 'read_at'),
    // the characters of 24:00 stand in it, but not as its hour
    oneBad('twenty-four minutes past six', row({ at: at('18:24') }), 'row.stamp-off-grid', 'read_at'),
    {
        name: 'the same in a local pattern',
        feed: 'local',
        file: 'LCLid,tstp,energy(kWh/hh)\nA,2013-05-01 18:24:00,1\nA,2013-05-01 24:00:00,1\n',
        quarantined: ['2 row.stamp-off-grid tstp', '3 row.stamp-impossible tstp'],
    },
    {
        name: '24:00 where the contract allows it, and 18:24',
        feed: 'midnight',
        file: 'LCLid,tstp,energy(kWh/hh)\nA,2013-05-01 24:00:00,1\nA,2013-05-01 18:24:00,1\n',
        accepted: 1,
        quarantined: ['3 row.stamp-off-grid tstp'],
    },
    {
        name: '24:00 written in digits alone',
        feed: 'midnight-digits',
        file: 'LCLid,tstp,energy(kWh/hh)\nA,201305012400,1\nA,201305012430,1\nA,201324002330,1\n',
        accepted: 1,
        quarantined: ['3 row.stamp-impossible tstp', '4 row.stamp-impossible tstp'],
    },
    oneBad('a day before 2000', row({ at: '1999-12-31T23:30:00Z' }), 'row.stamp-too-old', 'read_at'),
    {
        name: 'before 2000 and in the far future by a local clock',
        feed: 'local',
        file: 'LCLid,tstp,energy(kWh/hh)\nA,1999-12-31 23:30:00,1\nA,2000-01-01 00:00:00,1\nA,2096-05-01 00:00:00,1\n',
        waiting: ['A waiting.outside-validity'],
        quarantined: ['2 row.stamp-too-old tstp', '4 row.stamp-future tstp'],
    },
    oneBad('future stamp', row({ at: '2096-05-01T00:00:00Z' }), 'row.stamp-future', 'read_at'),
    oneBad(
        'an interval over midnight',
        row({ meter: 'H', at: '2013-05-01T22:30:00Z', minutes: '60' }),
        'row.stamp-off-grid',
        'read_at',
    ),
    oneBad('mixed lengths of one meter', row({ minutes: '15' }), 'row.interval-length', 'minutes'),
    {
        name: 'overlapping intervals',
        file: `${HEADER}${row({ meter: 'H', minutes: '60' })}${row({ meter: 'H', at: at('00:30') })}`,
        accepted: 1,
        quarantined: ['3 row.interval-length minutes'],
    },
    oneBad('a length that no meter has', row({ minutes: '7' }), 'row.minutes', 'minutes'),
    {
        name: 'unknown meter',
        file: between(row({ meter: 'nobody' })),
        accepted: 1,
        waiting: ['nobody waiting.meter-unknown'],
    },
    {
        name: 'an unknown register of a known meter',
        file: between(row().replace('A,1,', 'A,2,')),
        accepted: 1,
        waiting: ['A waiting.meter-unknown'],
    },
    {
        name: 'a meter before its installation',
        file: between(row({ at: '2012-05-01T00:00:00Z' })),
        accepted: 1,
        waiting: ['A waiting.outside-validity'],
    },
    {
        name: 'the missing local hour',
        feed: 'local',
        file: 'LCLid,tstp,energy(kWh/hh)\nA,2013-03-31 00:30:00,1\nA,2013-03-31 01:30:00,1\nA,2013-03-31 02:00:00,1\n',
        accepted: 2,
        quarantined: ['3 row.stamp-missing-hour tstp'],
    },
    {
        name: 'the repeated local hour',
        feed: 'local',
        file: 'LCLid,tstp,energy(kWh/hh)\nA,2013-10-27 00:30:00,1\nA,2013-10-27 01:30:00,1\nA,2013-10-27 02:00:00,1\n',
        accepted: 2,
        quarantined: ['3 row.stamp-repeated-hour tstp'],
    },
    {
        name: 'the repeated local hour told by its order',
        feed: 'by-order',
        file: 'LCLid,tstp,energy(kWh/hh)\nA,2013-10-27 01:00:00,1\nA,2013-10-27 01:30:00,2\nA,2013-10-27 01:00:00,3\nA,2013-10-27 01:30:00,4\n',
        accepted: 4,
    },
    {
        name: 'a repeated local hour of which one reading is missing, told by its order',
        feed: 'by-order',
        file: 'LCLid,tstp,energy(kWh/hh)\nA,2013-10-27 01:00:00,1\nA,2013-10-27 01:30:00,2\nA,2013-10-27 01:00:00,3\nA,2013-10-27 02:00:00,4\n',
        accepted: 4,
    },
    {
        name: 'a repeated local hour told by its order that is there once',
        feed: 'by-order',
        file: 'LCLid,tstp,energy(kWh/hh)\nA,2013-10-27 00:30:00,1\nA,2013-10-27 01:00:00,1\nA,2013-10-27 01:30:00,1\nA,2013-10-27 02:00:00,1\n',
        accepted: 2,
        quarantined: ['3 row.stamp-repeated-hour tstp', '4 row.stamp-repeated-hour tstp'],
    },
    {
        name: 'the same interval twice where that is refused',
        feed: 'refuses',
        file: `${HEADER}${row()}${row({ value: '2' })}${NEXT}`,
        accepted: 1,
        quarantined: ['2 row.repeated', '3 row.repeated'],
    },
];

const CASES = [...FILES, ...ACCEPTED, ...NUMBERS, ...STAMPS];
const nameOf = (c: Case) => `${CASES.indexOf(c)}.csv`;
let world: ChainWorld;
const found = new Map<
    string,
    {
        accepted: number;
        rounded: number;
        quarantined: string[];
        waiting: string[];
        refused?: string;
        /** As commands print them. */
        told: string[];
    }
>();
let unused = 0;

before(async () => {
    world = await openChainWorld({ marketZone: 'Europe/London' });
    const wait = { unknownMeter: 'wait' };
    const local = { ...wait, clock: 'Europe/London' };
    world.contract('waits', variedContract('generic-csv', 'waits', wait));
    world.contract(
        'instants',
        variedContract('generic-csv', 'instants', { ...wait, versionStamp: 'instant' }),
    );
    world.contract('semicolons', variedContract('generic-csv', 'semicolons', { ...wait, delimiter: "';'" }));
    world.contract('quoted', variedContract('generic-csv', 'quoted', { ...wait, quoting: 'double' }));
    world.contract(
        'refuses',
        variedContract('generic-csv', 'refuses', { ...wait, repeatedInPayload: 'refuse' }),
    );
    world.contract('seven', variedContract('lcl', 'seven', wait));
    world.contract('local', variedContract('lcl', 'local', local));
    world.contract('midnight', variedContract('lcl', 'midnight', { ...wait, allows2400: 'true' }));
    const digits = { ...wait, allows2400: 'true', stampFormat: "'%Y%m%d%H%M'" };
    world.contract('midnight-digits', variedContract('lcl', 'midnight-digits', digits));
    world.contract('by-order', variedContract('lcl', 'by-order', { ...local, repeatedHour: 'by-order' }));
    const meters = [
        'PA,A,1,to_customer,30',
        'PS,S,1,to_customer,30',
        'PQ,Q,1,to_customer,15',
        'PH,H,1,to_customer,60',
        'PX,X,1,to_customer,30',
        'PX,X,2,from_customer,30',
    ];
    await world.load(
        'metering-points',
        'm.csv',
        `metering_point_id,meter_id,register,flow,interval_minutes,valid_from\n${meters.map((m) => `${m},2013-01-01\n`).join('')}`,
    );
    for (const [feed, cases] of Map.groupBy(CASES, (c) => c.feed ?? 'waits')) {
        const { parsed } = await world.ingest(
            feed,
            Object.fromEntries(cases.map((c) => [nameOf(c), c.file])),
        );
        unused += parsed.unused;
    }
    await refreshAll(world.workspace);
    await readOutcomes();
});

after(() => world.end());

async function readOutcomes(): Promise<void> {
    const keys = await sourceKeys(world.workspace);
    const of = (sequence: unknown) => {
        const key = keys.get(Number(sequence)) ?? '';
        const known = found.get(key) ?? { accepted: 0, rounded: 0, quarantined: [], waiting: [], told: [] };
        found.set(key, known);
        return known;
    };
    for (const { sequence, n } of await world.query(
        'select sequence, count(*) as n from reading_versions group by 1',
    ))
        of(sequence).accepted = Number(n);
    for (const q of await world.query(
        'select sequence, line_no, rule_ids, fields, original_text from quarantined_rows order by sequence, line_no',
    )) {
        of(q.sequence).quarantined.push(`${q.line_no} ${q.rule_ids} ${q.fields}`.trim());
        assert.ok(String(q.original_text).length > 5, 'the original text is kept');
        const [ruleIds, fields] = [String(q.rule_ids), String(q.fields)];
        const row = { ruleId: ruleIds, ruleIds, fields, originalText: String(q.original_text) };
        const place = { sourceKey: keys.get(Number(q.sequence)) ?? '', line: Number(q.line_no) };
        of(q.sequence).told.push(sampleLine({ ...row, ...place, message: messageOf(ruleIds) }));
    }
    for (const w of await world.query('select sequence, meter_key, reason from waiting_rows'))
        of(w.sequence).waiting.push(`${w.meter_key} ${w.reason}`);
    const refused = await world.workspace.lake.db.query<{
        sequence: number;
        rule: string;
        line: number | null;
        field: string | null;
        message: string;
    }>('select sequence, rule_id as rule, line_no as line, field, message from refused_payloads');
    for (const r of refused) {
        of(r.sequence).refused = `${r.rule} ${r.line ?? '-'} ${r.field ?? '-'}`;
        of(r.sequence).told.push(
            refusalLine({ ...r, ruleId: r.rule, sourceKey: keys.get(r.sequence) ?? '' }),
        );
    }
}

for (const c of CASES) {
    test(`${c.name}: ${c.refused ?? c.quarantined?.join(', ') ?? c.waiting?.join(', ') ?? 'accepted'}`, () => {
        const { accepted, quarantined, waiting, refused } =
            found.get(nameOf(c)) ?? assert.fail('nothing became of the file');
        assert.deepEqual(
            { accepted, quarantined, waiting, refused: refused ?? 'not refused' },
            {
                accepted: c.accepted ?? 0,
                quarantined: c.quarantined ?? [],
                waiting: c.waiting ?? [],
                refused: c.refused ?? 'not refused',
            },
        );
    });
}

test('each file and row that is not taken is told with file, line, field, rule, and a sentence', () => {
    for (const c of CASES) {
        const expected = [...(c.refused === undefined ? [] : [c.refused]), ...(c.quarantined ?? [])];
        const told = found.get(nameOf(c))?.told ?? [];
        assert.equal(told.length, expected.length, c.name);
        expected.forEach((outcome, i) => {
            const isRefused = outcome === c.refused;
            const [one = '', two = '', ...rest] = outcome.split(' ');
            // a refused file is `rule line field`, a row `line rules fields`
            const rules = isRefused ? [one] : outcome.split(' ').filter((word) => word.startsWith('row.'));
            const line = isRefused ? two : one;
            const field = isRefused
                ? rest.join(' ')
                : outcome.slice(`${line} ${rules.join(' ')}`.length).trim();
            const place = [line === '-' ? nameOf(c) : `${nameOf(c)}:${line}`, field === '-' ? '' : field];
            const start = `${place.filter(Boolean).join(' ')}: ${rules.join(' ')}: `;
            assert.equal(told[i]?.slice(0, start.length), start, c.name);
            assert.match(told[i]?.slice(start.length) ?? '', /^["A-Z].{15,}/s, c.name);
        });
    }
});

test('of a file that was cut off on its way the sender is asked for another', () => {
    const cut = CASES.find(({ name }) => name === 'truncated gzip');
    assert.match(
        (cut && found.get(nameOf(cut))?.told[0]) ?? '',
        /damaged: .+\. Ask the sender for the file again/,
    );
});

test('counts add up and nothing is lost', async () => {
    const status = await readStatus(world.workspace.lake);
    const sum = (count: (c: Case) => number) => CASES.reduce((total, c) => total + count(c), 0);
    assert.equal(status.payloadsReceived, CASES.length);
    assert.equal(
        status.payloadsRefused,
        sum((c) => (c.refused ? 1 : 0)),
    );
    assert.equal(
        status.versions,
        sum((c) => c.accepted ?? 0),
    );
    assert.equal(
        status.rowsQuarantined,
        sum((c) => c.quarantined?.length ?? 0),
    );
    assert.equal(
        status.rowsWaiting,
        sum((c) => c.waiting?.length ?? 0),
    );
    assert.equal(
        status.valuesRounded,
        sum((c) => c.rounded ?? 0),
    );
    assert.equal(
        unused,
        sum((c) => c.unused ?? 0),
    );
    assert.equal(status.rowsReceived, status.versions + status.rowsQuarantined + status.rowsWaiting);
    assert.equal(
        status.versions,
        status.winning +
            status.superseded +
            status.withdrawn +
            status.duplicates +
            status.duplicatesOfSuperseded,
    );
    const rules = Object.values(status.quarantinedByRule).reduce((total, n) => total + n, 0);
    assert.equal(rules, status.rowsQuarantined);
});

test('memory stays bounded, also by a line of 2 GB', () => {
    const peakBytes = process.resourceUsage().maxRSS * 1024;
    assert.ok(peakBytes < 1_200_000_000, `${peakBytes} bytes`);
});

test('values are what they were: rounded half-even, negative', async () => {
    const rows = await world.query(
        `select distinct meter_id || ' ' || cast(kwh as varchar) as value from reads_15min where meter_id in ('S', 'X') and kwh is not null order by 1`,
    );
    assert.deepEqual(
        rows.map(({ value }) => value),
        ['S 1.000000', 'S 1.000002', 'S 1.500000', 'X -0.250000'],
    );
});
