import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FeedContract } from '../../src/contracts/feed-contract.ts';
import { spoolRecords } from '../../src/parsers/record-spool.ts';
import { cutAt, memorySink, small } from './sample-contracts.ts';

const CSV = small();
const QUOTED = small({ quoting: 'double' });
const TSV = small({ delimiter: '\t' });
const NDJSON = small({ format: 'ndjson' });

async function spool(texts: readonly (string | Buffer[])[], contract: FeedContract) {
    const sink = memorySink();
    const payloads = texts.map((text, ordinal) => ({
        ordinal,
        chunks: typeof text === 'string' ? [Buffer.from(text)] : text,
    }));
    const spooled = await spoolRecords(payloads, contract, sink);
    return { spooled, records: sink.records };
}

/** Fault and fields of each record. */
async function readings(text: string, contract: FeedContract): Promise<string[][]> {
    const { records } = await spool([text], contract);
    return records.map(([, , fault = '', , ...fields]) => [fault, ...fields]);
}

test('a record has its payload, line, text and one field for each column of the contract', async () => {
    const text = '\ufeff\nid,at,kwh\r\na,b, 1 \r\n\n \t\na\t,"b",-2';
    const { records, spooled } = await spool(['id,tag,at,kwh,note\nm,E1,t,3,n\n', text], CSV);
    assert.deepEqual(records, [
        ['0', '2', '', 'm,E1,t,3,n', 'm', 'E1', 't', '3', 'n'],
        ['1', '3', '', 'a,b, 1 ', 'a', '', 'b', '1', ''],
        ['1', '6', '', 'a\t,"b",-2', 'a', '', '"b"', '-2', ''],
    ]);
    assert.deepEqual(
        spooled.map(({ ordinal, verdict }) => [
            ordinal,
            verdict.ok && verdict.shape.records,
            verdict.ok && verdict.shape.blankLines,
        ]),
        [
            [0, 1, 0],
            [1, 2, 3],
        ],
    );
});

test("a row with other than the header's number of fields is faulty alone", async () => {
    assert.deepEqual(await readings('id,at,kwh\na,b\na,b,1\na,b,1,\n', CSV), [
        ['row.fields', '', '', '', '', ''],
        ['', 'a', '', 'b', '1', ''],
        ['row.fields', '', '', '', '', ''],
    ]);
});

test('quotes are characters unless the contract allows quoting', async () => {
    const text =
        'id,at,kwh\n"a,x",b,1\n "say ""hi""" ,\tb,"1"\n"open,b,1\na"b,c,1\n"a"b,c,1\nplain,b,2\n"","",""\n';
    const quoted = await readings(text, QUOTED);
    assert.deepEqual(quoted, [
        ['', 'a,x', '', 'b', '1', ''],
        ['', 'say "hi"', '', 'b', '1', ''],
        ['row.quote', '', '', '', '', ''],
        ['row.quote', '', '', '', '', ''],
        ['row.quote', '', '', '', '', ''],
        ['', 'plain', '', 'b', '2', ''],
        ['', '', '', '', '', ''],
    ]);
    const plain = await readings(text, CSV);
    assert.equal(plain[0]?.[0], 'row.fields');
    assert.deepEqual(plain[2], ['', '"open', '', 'b', '1', '']);
});

test('tabs delimit where the contract says so', async () => {
    assert.deepEqual(await readings('id\tat\tkwh\na, \t b\t1\n\tb\t\n', TSV), [
        ['', 'a,', '', 'b', '1', ''],
        ['', '', '', 'b', '', ''],
    ]);
});

test('a carriage return within a line is shown, because the engine would end the record there', async () => {
    const { records } = await spool(['id,at,kwh\na\r,b,1\r\r\n"x\ry",b,1\n'], CSV);
    assert.deepEqual(records[0]?.slice(3), ['a␍,b,1␍', 'a␍', '', 'b', '1␍', '']);
    const quoted = await spool(['id,at,kwh\n"x\ry",b,1\n'], QUOTED);
    assert.deepEqual(quoted.records[0]?.slice(4), ['x␍y', '', 'b', '1', '']);
});

const OBJECTS: readonly [string, string[]][] = [
    ['{"id":"a","at":"b","kwh":1.10}', ['', 'a', '', 'b', '1.10', '']],
    [
        ' { "kwh" : 12345678901234567890.000000010 , "at":" b ", "id":"a" } ',
        ['', 'a', '', 'b', '12345678901234567890.000000010', ''],
    ],
    ['{"id":7,"at":null,"kwh":-2.5E+3,"note":true}', ['', '7', '', '', '-2.5E+3', 'true']],
    ['{"id":"\\u00e4\\"\\\\","at":"b","kwh":"1"}', ['', 'ä"\\', '', 'b', '1', '']],
    ['{"\\u0069d":"a","at":"b","kwh":0}', ['', 'a', '', 'b', '0', '']],
    ['{"id":"a","at":"b","kwh":0.0}\r', ['', 'a', '', 'b', '0.0', '']],
    ['{"id":"a","at":"b"}', ['row.fields:kwh']],
    ['{}', ['row.fields:id']],
    ['{"id":"a","at":"b","kwh":1,"co2":3,"x":[]}', ['row.json']],
    ['{"id":"a","at":"b","kwh":1,"co2":3}', ['row.column-unknown:co2']],
    ['{"id":"a","id":"b","at":"b","kwh":1}', ['row.json:id']],
    ['{"id":"a","at":"b","kwh":{}}', ['row.json']],
    ['{"id":"a","at":"b","kwh":01}', ['row.json']],
    ['{"id":"a","at":"b","kwh":1.}', ['row.json']],
    ['{"id":"a","at":"b","kwh":.5}', ['row.json']],
    ['{"id":"a","at":"b","kwh":+1}', ['row.json']],
    ['{"id":"a","at":"b","kwh":NaN}', ['row.json']],
    ['{"id":"a","at":"b","kwh":1_000}', ['row.json']],
    ['{"id":"a","at":"b","kwh":1,}', ['row.json']],
    ['{"id":"a" "at":"b","kwh":1}', ['row.json']],
    ['{"id":"a","at":"b","kwh":1} {"id":"a"}', ['row.json']],
    ['{"id":"a","at":"b","kwh":1', ['row.json']],
    ['{"id":"a\tb","at":"b","kwh":1}', ['row.json']],
    ['{"id":"a\\nb","at":"b","kwh":1}', ['row.json']],
    ['{"id":"a\\u001fb","at":"b","kwh":1}', ['row.json']],
    ['{"id":"\\ud800","at":"b","kwh":1}', ['row.json']],
    ['{"id":"a\\x","at":"b","kwh":1}', ['row.json']],
    ['{"id":"a\\","at":"b","kwh":1}', ['row.json']],
    ["{'id':'a'}", ['row.json']],
    ['[1]', ['row.json']],
    ['a,b,1', ['row.json']],
];

test('a flat object gives its fields with every digit, anything else is a faulty row', async () => {
    const text = OBJECTS.map(([line]) => `${line}\n`).join('');
    const found = await readings(text, NDJSON);
    for (const [i, [line, expected]] of OBJECTS.entries()) {
        const whole = expected.length === 1 ? [...expected, '', '', '', '', ''] : expected;
        assert.deepEqual(found[i], whole, line);
    }
});

test('NDJSON is read as JSON.parse reads it', async () => {
    const text = fc
        .string({ unit: 'grapheme', maxLength: 6 })
        .filter((t) => !/\p{Cc}/u.test(t) && t.isWellFormed());
    const value = fc.oneof(
        text,
        fc.double({ noDefaultInfinity: true, noNaN: true }),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
    );
    const object = fc.record(
        { id: value, at: value, kwh: value, tag: value, note: value },
        { requiredKeys: ['id', 'at', 'kwh'] },
    );
    await fc.assert(
        fc.asyncProperty(fc.array(object, { minLength: 1 }), async (objects) => {
            const lines = objects.map((each) => JSON.stringify(each));
            const expected = objects.map((each) => [
                '',
                ...NDJSON.columns.map(({ name }) => {
                    const member = each[name as keyof typeof each];
                    const shown = typeof member === 'string' ? member : JSON.stringify(member ?? '');
                    return member === null || member === undefined
                        ? ''
                        : shown.replace(/^[ \t]+|[ \t]+$/g, '');
                }),
            ]);
            assert.deepEqual(await readings(lines.join('\n'), NDJSON), expected);
        }),
    );
});

test('delimited lines are read as a plain split reads them, whatever the chunks', async () => {
    const field = fc.string({
        unit: fc.constantFrom('a', '1', '.', ' ', '\t', '"', 'ü', '😀', '-'),
        maxLength: 5,
    });
    const row = fc.array(field, { minLength: 1, maxLength: 5 });
    const cuts = fc.array(fc.nat(2000), { maxLength: 10 });
    const end = fc.constantFrom('\n', '\r\n');
    await fc.assert(
        fc.asyncProperty(fc.array(row, { maxLength: 12 }), cuts, end, async (rows, places, lineEnd) => {
            const lines = ['id,at,kwh', 'a,b,1', ...rows.map((fields) => fields.join(','))];
            const bytes = Buffer.from(lines.join(lineEnd));
            const { records } = await spool([cutAt(bytes, places)], CSV);
            const expected = lines.flatMap((line, i) => {
                const fields = line.split(',').map((text) => text.replace(/^[ \t]+|[ \t]+$/g, ''));
                if (i === 0 || /^[ \t]*$/.test(line)) return [];
                const [id = '', at = '', kwh = ''] = fields;
                const isWhole = fields.length === 3;
                const shown = isWhole ? [id, '', at, kwh, ''] : ['', '', '', '', ''];
                return [['0', String(i + 1), isWhole ? '' : 'row.fields', line, ...shown]];
            });
            assert.deepEqual(records, expected);
        }),
        { numRuns: 300 },
    );
});

test('a refused payload leaves nothing behind, even where its first records were written out', async () => {
    const good = 'id,at,kwh\na,b,1\n';
    const row = `${'m'.repeat(900)},b,1\n`;
    const refusedLate = `id,at,kwh\n${row.repeat(12_000)}\0\n`;
    const { records, spooled } = await spool([good, refusedLate, good, 'id,at\na,b\n', good], CSV);
    assert.deepEqual(
        records.map(([ordinal]) => ordinal),
        ['0', '2', '4'],
    );
    assert.deepEqual(
        spooled.map(({ verdict }) => (verdict.ok ? 'ok' : verdict.refused.ruleId)),
        ['ok', 'file.not-text', 'ok', 'file.column-missing', 'ok'],
    );
    const [, refused] = spooled;
    assert.ok(refused && !refused.verdict.ok);
    assert.equal(refused.verdict.refused.line, 12_002);
});
