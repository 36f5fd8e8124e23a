import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { decompressed } from '../../src/kernel/compression.ts';
import { GridtallyError } from '../../src/kernel/errors.ts';
import { parseYaml } from '../../src/kernel/yaml-document.ts';
import { readContract } from '../../src/parsers/contract.ts';
import { type Draft, draftContract } from '../../src/parsers/draft/draft-contract.ts';

interface Given {
    readonly zone?: string;
    readonly name?: string;
    readonly file?: string;
}

const draft = (text: string | Buffer, { file = 'sample.csv', ...given }: Given = {}): Promise<Draft> =>
    draftContract(decompressed([Buffer.from(text)]), { file, ...given });

/** `value certainty` of a guess, then what else it might be. */
function told({ guesses }: Draft, field: string): string[] {
    const guess = guesses.find((g) => g.field === field);
    return guess === undefined
        ? []
        : [`${JSON.stringify(guess.value)} ${guess.certainty}`, ...guess.alternatives];
}

const asked = ({ questions }: Draft, field: string) =>
    questions.filter((q) => q.field === field).map(({ question }) => question);

/** Rows of a meter from a wall clock on, `count` of them `minutes` apart. */
function rows(from: string, count: number, options: { minutes?: number; text?: (at: Date) => string } = {}) {
    const { minutes = 30, text = (at) => at.toISOString().slice(0, 16) } = options;
    return Array.from({ length: count }, (_, i) => {
        const at = new Date(Date.parse(`${from}Z`) + i * minutes * 60_000);
        return `M1,${text(at)},0.${String(((i * 37) % 60) + 100)}\n`;
    }).join('');
}

const long = (body: string) => `meter,stamp,kwh\n${body}`;
const slashed = (order: 'dm' | 'md') => (at: Date) => {
    const [y, m, d] = at.toISOString().slice(0, 10).split('-');
    return `${order === 'dm' ? `${d}/${m}` : `${m}/${d}`}/${y} ${at.toISOString().slice(11, 16)}`;
};

test('days and months that can be taken for each other are told apart by days that follow each other, or not at all', async () => {
    const [dm, md] = ['%d/%m/%Y %H:%M', '%m/%d/%Y %H:%M'];
    const oneDay = await draft(long(rows('2013-05-06T00:00', 48, { text: slashed('dm') })));
    assert.deepEqual(told(oneDay, 'stampFormat'), [`"${dm}" unsure`, md]);
    for (const order of ['dm', 'md'] as const) {
        const [own, other] = order === 'dm' ? [dm, md] : [md, dm];
        const days = await draft(long(rows('2013-05-06T00:00', 96, { text: slashed(order) })));
        assert.deepEqual(told(days, 'stampFormat'), [`"${own}" likely`, other]);
        const late = await draft(long(rows('2013-05-13T00:00', 48, { text: slashed(order) })));
        assert.equal(told(late, 'stampFormat')[0], `"${own}" certain`);
    }
});

test('which end of its interval a stamp marks is told by names, 24:00 and whole days, and otherwise asked', async () => {
    const marks = async (text: string) => told(await draft(text), 'stampMarks');
    assert.deepEqual(await marks(long(rows('2013-05-01T00:00', 48))), ['"start" likely', 'end']);
    assert.deepEqual(await marks(long(rows('2013-05-01T00:30', 48))), ['"end" likely', 'start']);
    assert.deepEqual(await marks(long(rows('2013-05-01T07:30', 9))), ['"start" unsure', 'end']);
    assert.deepEqual(await marks(`meter,period end,kwh\n${rows('2013-05-01T07:30', 9)}`), [
        '"end" likely',
        'start',
    ]);
    const last = await draft(long(`${rows('2013-05-01T22:30', 3)}M1,2013-05-01T24:00,0.1\n`));
    assert.deepEqual(told(last, 'stampMarks'), ['"end" likely', 'start']);
    assert.deepEqual(told(last, 'allows2400'), ['true certain']);
});

test('the start goes before the end, and the time between them is the length', async () => {
    const text =
        'meter,from,to,kwh\nM1,2013-05-01 00:00,2013-05-01 00:15,1.5\nM1,2013-05-01 01:00,2013-05-01 01:15,1.5\n';
    const drafted = await draft(text);
    assert.deepEqual(told(drafted, 'from.role'), ['"stamp" likely', 'the column to']);
    assert.deepEqual(told(drafted, 'intervalMinutes'), ['15 certain']);
    assert.equal(told(drafted, 'to.role')[0], '"ignored" likely');
});

test('the clock is that of the offsets, of the zone whose changes the stamps follow, or a question', async () => {
    const zulu = await draft(long(rows('2013-05-01T00:00', 48, { text: (at) => at.toISOString() })));
    assert.deepEqual(told(zulu, 'clock'), ['"utc" certain']);
    assert.deepEqual(asked(zulu, 'clock'), []);
    const plain = long(rows('2013-05-01T00:00', 48));
    const open = await draft(plain);
    assert.deepEqual(told(open, 'clock'), [
        '"utc" unsure',
        'a zone such as Europe/London',
        'a fixed offset such as +01:00',
    ]);
    assert.match(asked(open, 'clock')[0] ?? '', /on which clock are the stamps/);
    const named = await draft(plain, { zone: 'Europe/Paris' });
    assert.deepEqual(told(named, 'clock').slice(0, 2), ['"Europe/Paris" unsure', 'utc']);
    assert.deepEqual(told(named, 'repeatedHour')[0], '"refuse" unsure');
    assert.equal(asked(named, 'clock').length, 1);
    const steady = await draft(long(rows('2013-03-30T00:00', 144)), { zone: 'Europe/London' });
    assert.deepEqual(told(steady, 'clock'), ['"utc" likely', 'a fixed offset such as +01:00']);
    const utcNamed = await draft(plain.replace('stamp', 'ts_utc'));
    assert.deepEqual(told(utcNamed, 'clock'), ['"utc" likely']);
});

test('an hour that is skipped or repeated tells local time, and the zones whose clocks changed then', async () => {
    const skipped = long(rows('2013-03-30T00:00', 50) + rows('2013-03-31T02:00', 40));
    const spring = await draft(skipped);
    assert.equal(told(spring, 'clock')[0], '"Europe/London" likely');
    assert.deepEqual(told(spring, 'repeatedHour')[0], '"refuse" unsure');
    const american = await draft(long(rows('2013-03-09T00:00', 52) + rows('2013-03-10T03:00', 40)));
    assert.equal(told(american, 'clock')[0], '"America/New_York" likely');
    assert.ok(told(american, 'clock').includes('America/Chicago'));
    const autumn = await draft(long(rows('2013-10-26T00:00', 52) + rows('2013-10-27T01:00', 44)));
    assert.equal(told(autumn, 'clock')[0], '"Europe/London" likely');
    assert.deepEqual(told(autumn, 'repeatedHour'), ['"by-order" likely', 'refuse']);
    assert.deepEqual(asked(autumn, 'repeatedInPayload'), []);
    const [header = '', ...lines] = long(rows('2013-10-26T00:00', 52) + rows('2013-10-27T01:00', 44))
        .trimEnd()
        .split('\n');
    const sorted = await draft([header, ...lines.toSorted(), ''].join('\n'));
    assert.deepEqual(told(sorted, 'repeatedHour'), ['"by-order" likely', 'refuse']);
    // whole hours between others, of which one row is missing, swapped or there once more
    for (const [odd, isTold] of [
        [lines.toSorted().filter((line) => line !== lines[50]), false],
        [lines.toSpliced(51, 0, lines[51] ?? ''), false],
        [lines.toSpliced(50, 1), true],
        [lines.toSpliced(53, 1), true],
    ] as const) {
        const drafted = await draft([header, ...odd, ''].join('\n'));
        assert.equal(told(drafted, 'repeatedHour')[0], isTold ? '"by-order" likely' : '"refuse" likely');
    }
    const newestFirst = await draft([header, ...lines.toReversed(), ''].join('\n'));
    assert.equal(told(newestFirst, 'clock')[0], '"Europe/London" likely');
    assert.deepEqual(told(newestFirst, 'repeatedHour'), ['"refuse" likely', 'first', 'second']);
});

test('the unit is that of a name or a column, or guessed by the size of the values', async () => {
    const unit = async (name: string, values: readonly string[]) =>
        told(
            await draft(
                `meter,stamp,${name}\n${values.map((v, i) => `M1,2013-05-01T00:${i}0,${v}\n`).join('')}`,
            ),
            'unit',
        );
    assert.deepEqual(await unit('power (kW)', ['1.5', '2.5']), ['"kW" certain', 'kWh']);
    assert.deepEqual(await unit('Energy_Wh', ['1.5', '2.5']), ['"Wh" certain', 'kWh']);
    assert.deepEqual(await unit('value', ['0.219', '1.5']), ['"kWh" likely', 'kW (mean power)', 'Wh', 'MWh']);
    assert.deepEqual(await unit('value', ['219', '1500']), ['"Wh" unsure', 'kWh', 'kW']);
    assert.deepEqual(await unit('value', ['1', '3']), ['"kWh" unsure', 'kW (mean power)', 'Wh', 'MWh']);
    assert.deepEqual(await unit('value', ['0.000219', '0.0015']), ['"MWh" unsure', 'kWh', 'kW']);
    const spelt = await draft(
        'meter,stamp,value,uom\nM1,2013-05-01T00:00,250,WH\nM1,2013-05-01T00:30,300,WH\n',
    );
    assert.equal(told(spelt, 'unit')[0], '"Wh" likely');
    assert.equal(told(spelt, 'uom.role')[0], '"ignored" likely');
});

test('quality codes are read by common use and by whether their rows have values, and unknown ones asked about', async () => {
    const coded = async (codes: readonly (readonly [string, string])[], name = 'quality') =>
        draft(
            `meter,stamp,kwh,${name}\n${codes.map(([v, c], i) => `M1,2013-05-01T00:${i}0,${v},${c}\n`).join('')}`,
        );
    const meanings = (drafted: Draft) => drafted.guesses.find(({ field }) => field === 'qualityCodes')?.value;
    const usual = await coded([
        ['1.5', 'A'],
        ['2.5', 'E52'],
        ['', 'N'],
        ['3.5', 'Final'],
    ]);
    assert.deepEqual(meanings(usual), { A: 'measured', E52: 'estimated', N: 'missing', Final: 'estimated' });
    assert.deepEqual(asked(usual, 'qualityCodes'), []);
    assert.deepEqual(told(usual, 'nullTexts'), [], 'the quality explains the blank value');
    const strange = await coded([
        ['1.5', 'Q7'],
        ['2.5', 'Q7'],
        ['3.5', 'Q9'],
        ['', 'Q0'],
    ]);
    assert.deepEqual(meanings(strange), { Q7: 'measured', Q9: 'estimated', Q0: 'missing' });
    assert.equal(told(strange, 'qualityCodes')[0]?.endsWith('unsure'), true);
    assert.match(asked(strange, 'qualityCodes')[0] ?? '', /"Q7", "Q9"/);
    const filled = await coded([
        ['1.5', 'N'],
        ['2.5', 'N'],
        ['3.5', 'E'],
    ]);
    assert.deepEqual(
        meanings(filled),
        { N: 'measured', E: 'estimated' },
        'a code with values is not missing',
    );
    // W is withdrawn to some and true to others
    const nearlyAll = await coded([
        ['1.5', 'W'],
        ['2.5', 'W'],
        ['', 'W'],
        ['3.5', 'W'],
        ['4.5', 'E'],
    ]);
    assert.equal((meanings(nearlyAll) as Record<string, string>)['W'], 'measured');
    assert.match(asked(nearlyAll, 'qualityCodes')[0] ?? '', /"W"/);
    const takenBack = await coded([
        ['1.5', 'A'],
        ['', 'W'],
    ]);
    assert.deepEqual(meanings(takenBack), { A: 'measured', W: 'withdrawn' });
    const flag = await coded(
        [
            ['1.5', 'false'],
            ['2.5', 'true'],
        ],
        'is_estimated',
    );
    assert.deepEqual(meanings(flag), { false: 'measured', true: 'estimated' });
});

test('texts instead of values, decimals, signs and limits are those of the sample', async () => {
    const drafted = await draft(
        'meter,stamp,kwh\nM1,2013-05-01T00:00,-1.12345678\nM1,2013-05-01T00:30,Null\nM1,2013-05-01T01:00,\nM1,2013-05-01T01:30,42\nM1,2013-05-01T02:00,7\nM1,2013-05-01T02:30,9\nM1,2013-05-01T03:00,oops\nM1,2013-05-01T03:30,8\n',
    );
    const { reading } = readContract(drafted.contract, 'draft');
    assert.deepEqual(reading.value, {
        decimalMark: 'point',
        maxDecimals: 8,
        maxKwh: '500',
        allowsNegative: true,
        nullTexts: ['', 'Null'],
    });
    assert.match(asked(drafted, 'nullTexts')[0] ?? '', /what do "oops" in kwh mean/);
});

test('numbers with commas have a decimal mark, unless each may have a mark of thousands', async () => {
    const body = (write: (text: string) => string) =>
        rows('2013-05-01T00:00', 48).replaceAll(/,(0\.\d+)\n/g, (_, text: string) => `;${write(text)}\n`);
    const commas = await draft(long(body((text) => text.replace('.', ','))).replaceAll(/,(?!\d{3}\n)/g, ';'));
    assert.deepEqual(told(commas, 'decimalMark'), ['"comma" certain']);
    assert.deepEqual(told(commas, 'unit'), ['"kWh" certain']);
    assert.equal(readContract(commas.contract, 'draft').reading.value.decimalMark, 'comma');
    const thousands = await draft(long(body(() => '1,234')).replaceAll(/,(?!\d{3}\n)/g, ';'));
    assert.deepEqual(told(thousands, 'decimalMark'), ['"comma" unsure', 'a mark of thousands']);
    assert.deepEqual(told(await draft(long(rows('2013-05-01T00:00', 48))), 'decimalMark'), []);
    const quoted = await draft(long(body((text) => `"${text.replace('.', ',')}"`).replaceAll(';', ',')));
    assert.deepEqual(told(quoted, 'decimalMark'), ['"comma" certain']);
});

test('texts that are no numbers say nothing of the decimal mark, and columns of a range have one', async () => {
    const commas = rows('2013-05-01T00:00', 48).replaceAll(
        /,(0\.\d+)\n/g,
        (_, text: string) => `,${text.replace('.', ';')}\n`,
    );
    const file = long(commas)
        .replaceAll(',', '|')
        .replaceAll(/;(?=\d+\n)/g, ',');
    const absent = await draft(file.replace(/0,\d+\n/, 'n.a.\n'));
    assert.deepEqual(told(absent, 'decimalMark'), ['"comma" certain']);
    assert.match(asked(absent, 'nullTexts')[0] ?? '', /what do "n\.a\." in kwh mean/);
    const hours = Array.from({ length: 24 }, (_, i) => `${String(i).padStart(2, '0')}:00`);
    const day = (date: number, first: string) =>
        `M1;2013-05-0${date};${[first, ...hours.slice(1).map((_, i) => `0,1${i}`)].join(';')}\n`;
    const wide = (first: string) =>
        draft(`meter;day;${hours.join(';')}\n${day(1, first)}${day(2, '0,5')}${day(3, '0,7')}`);
    const thousands = await wide('1.234,5');
    assert.deepEqual(told(thousands, 'decimalMark'), ['"comma" certain']);
    assert.match(asked(thousands, 'nullTexts')[0] ?? '', /what do "1\.234,5" in /);
    assert.doesNotMatch(asked(thousands, 'nullTexts').join(), /"0,/);
    const mixed = await wide('0.5');
    assert.deepEqual(told(mixed, 'decimalMark'), []);
    assert.match(asked(mixed, 'nullTexts').join(), /"0,1/);
});

test('values that never fall are asked about as readings of a register', async () => {
    const rising = Array.from({ length: 48 }, (_, i) => {
        const at = new Date(Date.UTC(2013, 4, 1) + i * 1_800_000).toISOString().slice(0, 16);
        return `M1,${at},${(1000 + i * 0.25).toFixed(2)}\n`;
    });
    assert.match(asked(await draft(long(rising.join(''))), 'value')[0] ?? '', /never fall/);
    assert.deepEqual(asked(await draft(long(rows('2013-05-01T00:00', 48))), 'value'), []);
});

test('a column without which rows contradict each other is the register, or the rows are asked about', async () => {
    const text = ['import', 'export'].flatMap((d) =>
        ['00:00', '00:30'].map((time) => `M1,2013-05-01 ${time},${d},1.5\n`),
    );
    const drafted = await draft(`meter,stamp,what,kwh\n${text.join('')}`);
    assert.deepEqual(told(drafted, 'what.role'), ['"register" likely', 'ignored']);
    const repeated = await draft(
        long('M1,2013-05-01T00:00,1.5\nM1,2013-05-01T00:00,1.6\nM1,2013-05-01T00:30,1.5\n'),
    );
    assert.match(asked(repeated, 'repeatedInPayload')[0] ?? '', /^1 row with the meter/);
});

test('of a local and a UTC column of stamps the one that says more is taken, and mixed ones are asked about', async () => {
    const both = await draft(
        'meter,local_time,utc_time,kwh\nM1,2013-05-01T01:00,2013-05-01T00:00,0.5\nM1,2013-05-01T01:30,2013-05-01T00:30,0.5\n',
    );
    assert.equal(told(both, 'utc_time.role')[0], '"stamp" likely');
    const mixed = await draft(
        long('M1,2013-05-01T01:00,0.5\nM1,2013-05-01T01:30Z,0.5\nM1,2013-05-01T02:00,0.5\n'),
    );
    assert.match(asked(mixed, 'clock')[0] ?? '', /^1 of 3 stamps have an offset and the others none/);
});

test('rows that are there twice do not pass for a repeated hour', async () => {
    const twice = rows('2013-10-26T00:00', 144).replace(/.*\n/g, '$&$&');
    const drafted = await draft(long(twice), { zone: 'Europe/London' });
    assert.equal(told(drafted, 'repeatedHour')[0], '"refuse" unsure');
    assert.match(asked(drafted, 'repeatedInPayload')[0] ?? '', /^144 rows with the meter/);
});

test('columns of quality for each interval of a wide file are left alone, and asked about', async () => {
    const columns = (name: string) => Array.from({ length: 24 }, (_, i) => `${name}${i + 1}`).join(',');
    const row = `M1,2013-05-01,${Array(24).fill('0.5').join(',')},${Array(24).fill('A').join(',')}\n`;
    const drafted = await draft(`meter,day,${columns('p')},${columns('q')}\n${row}`);
    assert.deepEqual(told(drafted, 'p1..p24.role'), ['"periods" certain']);
    assert.match(asked(drafted, 'periods')[0] ?? '', /^are "q1", "q2" and 22 more the qualities/);
});

test('a number of the row is no meter', async () => {
    const text = ['North', 'South', 'North']
        .map((site, i) => `${i + 7},2013-05-01T0${i}:00,${site},0.5\n`)
        .join('');
    const drafted = await draft(`id,stamp,location,kwh\n${text}`);
    assert.equal(told(drafted, 'location.role')[0], '"meter" unsure');
    assert.equal(told(drafted, 'id.role')[0], '"ignored" likely');
});

test('which end is only unsure where days of another clock would look alike', async () => {
    const of = (from: string, minutes: number) =>
        draft(long(rows(from, 1440 / minutes, { minutes, text: (at) => at.toISOString() })));
    assert.equal(told(await of('2013-05-01T00:00', 60), 'stampMarks')[0], '"start" unsure');
    assert.equal(told(await of('2013-05-01T18:30', 30), 'stampMarks')[0], '"end" unsure');
    assert.equal(told(await of('2013-05-01T22:00', 15), 'stampMarks')[0], '"start" likely');
});

test('every guess and question is a comment above the setting or column that it is about', async () => {
    const drafted = await draft(
        'meter;stamp;kwh;"a;b";q\nM1;2013-05-01 00:00;1.5;#x: [y;A\nM1;2013-05-01 00:30;;- property: z;N\n'.replaceAll(
            'q\n',
            'quality\n',
        ),
        { zone: 'Europe/London' },
    );
    const lines = drafted.contract.split('\n');
    for (const { field } of drafted.guesses) {
        const column = field.endsWith('.role') ? field.slice(0, -5) : undefined;
        const entry = (line: string) =>
            field === 'name'
                ? line.startsWith('name: ')
                : column === undefined
                  ? line.trim() === `- property: ${field}`
                  : line.trim() === `- name: ${column}` ||
                    line.trim() === `- name: ${JSON.stringify(column)}`;
        let at = lines.findIndex(entry);
        assert.ok(at > 0, `${field} is in the document`);
        while (lines[at - 1]?.trim().startsWith('#')) at -= 1;
        assert.match(lines[at] ?? '', /^ *# guess: /, field);
    }
    assert.ok(drafted.guesses.some(({ field }) => field === 'a;b.role'));
    const comments = drafted.contract.replace(/\n *# {2,}/g, ' ');
    for (const { question } of drafted.questions)
        assert.ok(comments.includes(`# question: ${question}`), question);
    assert.ok(lines.every((line) => line.length <= 120));
    assert.equal((parseYaml(drafted.contract, 'd').value as { status: string }).status, 'draft');
});

test('a feed is named after its files, and never after one that is there', async () => {
    const text = long(rows('2013-05-01T00:00', 4));
    const named = async (file: string) => (await draft(text, { file })).feed;
    assert.deepEqual(
        await Promise.all(['MAC000002.csv.gz', 'Süd Netz_2013-05.CSV', '2013.csv', 'lcl.csv'].map(named)),
        ['mac', 's-d-netz', 'feed', 'my-lcl'],
    );
    await assert.rejects(draft(text, { name: 'Big' }), { code: 'usage.invalid' });
});

/** What is told of a sample: its code, and message, faults and remedy as one text. */
async function refusal(text: string | Buffer, given: Given = {}): Promise<string> {
    try {
        await draft(text, given);
    } catch (error) {
        if (!(error instanceof GridtallyError)) throw error;
        const faults = error.faults.map((f) => [f.line, f.field, f.message].filter(Boolean).join(' '));
        return [error.code, error.message, ...faults, error.remedy].join('\n');
    }
    return 'drafted';
}

const BODY = rows('2013-05-01T00:00', 12);
const REFUSED: readonly (readonly [string, string | Buffer, RegExp])[] = [
    ['an empty file', '', /unreadable.*the file has no line/s],
    ['blank lines alone', '\n \t\r\n', /unreadable.*the file has no line/s],
    ['a header alone', 'meter,stamp,kwh\n', /unreadable.*it has a header and no line beside it/s],
    [
        'no header',
        BODY,
        /unreadable.*1 the first line looks like a row, and there is no header.*Ask the sender/s,
    ],
    ['an archive', Buffer.from('PK\x03\x04\x14\0\0\0'), /unreadable.*a ZIP archive or an Excel workbook/s],
    ['bytes that are no text', Buffer.from('a,b\n1,\x01\n'), /unreadable.*2 a byte 0x01 stands in it/s],
    [
        'Windows-1252',
        Buffer.from('z\xe4hler,stamp\n', 'latin1'),
        /unreadable.*1 bytes that are no UTF-8 stand in it \(0xE4\); in Windows-1252 the byte 0xE4 is ä.*iconv/s,
    ],
    ['UTF-16', Buffer.from('\ufeffmeter,stamp\n', 'utf16le'), /unreadable.*it begins as UTF-16 does/s],
    ['a JSON array', '[{"meter": "M1"}]', /unreadable.*it is one JSON array.*jq/s],
    [
        'nested objects',
        '{"meter": {"id": 1}}\n',
        /unreadable.*1 line 1 begins as JSON does and is no flat object/s,
    ],
    ['XML', '\ufeff<?xml version="1.0"?>', /unreadable.*it is XML or HTML/s],
    ['NEM12', '100,NEM12,200405011135,MDA1,Ret1\n', /unreadable.*NEM12 or NEM13/s],
    ['one column', 'meter\nM1\nM2\n', /unreadable.*no delimiter .* splits the lines/s],
    [
        'lines before the header',
        `Report of May\nmade by X\n${long(BODY)}`,
        /unreadable.*1 the first line, "Report of May", is no header.*Take the lines/s,
    ],
    [
        'a nameless column',
        long(BODY).replaceAll('\n', ',\n'),
        /unreadable.*column 4 has no name: the header ends with a delimiter/s,
    ],
    ['a name twice', long(BODY).replace('stamp', 'kwh'), /unreadable.*two columns are named "kwh"/s],
    [
        'no meter',
        `stamp,kwh\n${BODY.replaceAll('M1,', '')}`,
        /unclear.*has the columns "stamp", "kwh"; in it no column is recognised as meter\.\nmeter no column/s,
    ],
    [
        'a column for each meter',
        `stamp,A7,A8\n${BODY.replaceAll('M1,', '').replaceAll('\n', ',0.5\n')}`,
        /unclear.*recognised as meter.*if each of "A7", "A8" is a meter, the file must be turned into one reading a line/s,
    ],
    [
        'no value',
        `meter,stamp\n${BODY.replace(/,0\..*/g, '')}`,
        /unclear.*recognised as value\.\nvalue no column/s,
    ],
    [
        'marks of thousands beside decimal commas',
        long(BODY)
            .replaceAll(',0.', ',1.234,')
            .replaceAll(/,(?!\d{3}\n)/g, ';'),
        /unclear.*kwh "1\.234,100" cannot be read: numbers have one decimal mark/s,
    ],
    [
        'a decimal comma in JSON',
        ['00:00', '00:30', '01:00']
            .map((time) => `{"meter": "M1", "stamp": "2013-05-01T${time}", "kwh": "0,100"}\n`)
            .join(''),
        /unclear.*kwh "0,100" cannot be read: the numbers of JSON have a decimal point/s,
    ],
    [
        'two-digit years',
        long('M1,01/05/13 00:00,1.5\nM1,01/05/13 00:30,1.5\n'),
        /unclear.*stamp "01\/05\/13 00:00" is no stamp .*: its years have two digits/s,
    ],
    [
        'no leading zeros',
        long('M1,1/5/2013 0:00,1.5\nM1,1/5/2013 0:30,1.5\n'),
        /unclear.*without leading zeros/s,
    ],
    [
        'date and time apart',
        'meter,date,time,kwh\nM1,2013-05-01,00:00,1.5\nM1,2013-05-01,00:30,1.5\n',
        /unclear.*date "2013-05-01" is no stamp .*: it has a date and no time\ntime "00:00" .*: it has a time and no date/s,
    ],
    [
        'seconds since 1970',
        long('M1,1367366400,1.5\nM1,1367368200,1.5\n'),
        /unclear.*it counts seconds or milliseconds since 1970/s,
    ],
    [
        'readings a day apart',
        long(rows('2013-05-01T00:00', 12, { minutes: 1440 })),
        /unclear.*intervalMinutes the readings of a meter are 1440 minutes apart \(11 of 11 distances\)/s,
    ],
    [
        'another quantity',
        long(BODY).replace('kwh', 'energy kVArh'),
        /unclear.*unit the column energy kVArh is named after another unit/s,
    ],
    [
        'units that are none',
        'meter,stamp,value,unit\nM1,2013-05-01T00:00,1.5,KWH\nM1,2013-05-01T00:30,1.5,KVARH\n',
        /unclear.*the column unit has "KWH", "KVARH"/s,
    ],
    [
        'periods from 0',
        `meter,day,${Array.from({ length: 48 }, (_, i) => `hh_${i}`)}\nM1,2013-05-01,${Array(48).fill('0.5')}\n`,
        /unclear.*periods the columns hh_0 to hh_47 are numbered from 0/s,
    ],
    ['a stream that is cut off', gzipSync(long(BODY)).subarray(0, 60), /raw\.compression-damaged/s],
];

for (const [what, text, expected] of REFUSED) {
    test(`no contract is drafted from ${what}, and why is said`, async () => {
        assert.match(await refusal(text), expected);
    });
}

test('stamps that end with a blank of another script have no pattern that a contract may have', async () => {
    for (const edge of ['\u00a0', '\u2003', 'h\u00a0']) {
        const text = (at: Date) => `${slashed('dm')(at)}${edge}`;
        assert.match(await refusal(long(rows('2013-05-13T00:00', 48, { text }))), /^feed\.sample-/);
    }
});

test('whatever the bytes are, there is a draft that can be read or an error of the catalogue', async () => {
    const cells = Array.from({ length: 48 }, (_, i) => `p${i + 1}`);
    const bases = [
        'meter,stamp,kwh,quality\nM1,2013-05-01T00:00,1.5,A\nM1,2013-05-01T00:30,0.5,E\n"M 2",2013-05-01T00:30,-1,\n',
        '{"meter": "M1", "at": "2013-05-01 00:00", "Wh": 250}\n{"meter": "M1", "at": "2013-05-01 00:30", "Wh": null, "q": "A"}\n',
        `day;NMI;${cells.join(';')}\n01/05/2013;61021;${cells.map((_, i) => `0.${i}`).join(';')}\n`,
    ];
    const cut = fc.record({
        from: fc.nat(150),
        length: fc.nat(8),
        text: fc.oneof(
            fc.string({ maxLength: 6, unit: 'binary' }),
            fc.constantFrom(',', ';', '\n', '"', '\r', '..', ': ', '\u2028', '%', "'"),
        ),
    });
    const samples = Number(
        process.env.GRIDTALLY_SAMPLES ?? (process.env.GRIDTALLY_LONG === '1' ? 1500 : 500),
    );
    let drafted = 0;
    await fc.assert(
        fc.asyncProperty(fc.constantFrom(...bases), fc.array(cut, { maxLength: 5 }), async (base, cuts) => {
            const text = cuts.reduce(
                (t, c) => t.slice(0, c.from) + c.text + t.slice(c.from + c.length),
                base,
            );
            const outcome = await refusal(text);
            if (outcome === 'drafted') drafted += 1;
            else assert.match(outcome, /^feed\.sample-/);
        }),
        { numRuns: samples, includeErrorInReport: true },
    );
    assert.ok(drafted > (samples * 200) / 1500, `${drafted} of ${samples} samples could be read`);
});

test('only the beginning of a file is read, however long it is', async () => {
    let chunks = 0;
    async function* endless() {
        yield Buffer.from('meter,stamp,kwh\n');
        for (;;) {
            chunks += 1;
            yield Buffer.from(rows('2013-05-01T00:00', 48).repeat(40));
        }
    }
    const drafted = await draftContract(decompressed(endless()), { file: 'endless.csv' });
    assert.deepEqual([drafted.rows, drafted.isWhole], [20_000, false]);
    assert.ok(chunks < 15, `${chunks} chunks were read`);
    assert.match(drafted.contract, /20,000 rows, with which it begins/);
});
