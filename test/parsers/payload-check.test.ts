import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import type { FeedContract } from '../../src/contracts/feed-contract.ts';
import { FILE_RULES } from '../../src/contracts/ingest-rules.ts';
import { decompressed } from '../../src/kernel/compression.ts';
import type { PayloadVerdict } from '../../src/parsers/payload-verdict.ts';
import { type PayloadChunks, spoolRecords } from '../../src/parsers/record-spool.ts';
import { cutAt, small } from './sample-contracts.ts';

const CSV = small();
const NDJSON = small({ format: 'ndjson' });
const HEADER = 'id,at,kwh\n';

/** What a payload is judged to be while its records go nowhere. */
async function checkPayload(chunks: PayloadChunks, contract: FeedContract): Promise<PayloadVerdict> {
    let size = 0;
    const nowhere = {
        get size() {
            return size;
        },
        append: (bytes: Uint8Array) => {
            size += bytes.length;
        },
        truncate: (to: number) => {
            size = to;
        },
    };
    const [spooled] = await spoolRecords([{ ordinal: 0, chunks }], contract, nowhere);
    assert.ok(spooled);
    return spooled.verdict;
}

async function check(bytes: Buffer | string, contract = CSV) {
    return checkPayload([Buffer.from(bytes)], contract);
}

/** Every file rule with the smallest payloads that break it: rule, payload, line, field. */
const REFUSED: readonly [keyof typeof FILE_RULES, Buffer | string, number | undefined, string | undefined][] =
    [
        ['file.empty', '', undefined, undefined],
        ['file.empty', '\ufeff', undefined, undefined],
        ['file.empty', '\n \n\r\n', undefined, undefined],
        ['file.empty', HEADER, undefined, undefined],
        ['file.empty', 'id,at,kwh', undefined, undefined],
        ['file.empty', `${HEADER}\n  \n`, undefined, undefined],
        ['file.compression-damaged', gzipSync(`${HEADER}a,b,1\n`).subarray(0, -4), undefined, undefined],
        [
            'file.compression-damaged',
            zstdCompressSync(`${HEADER}a,b,1\n`).subarray(0, -4),
            undefined,
            undefined,
        ],
        ['file.not-text', `${HEADER}a,b,1\na,\0,1\n`, 3, undefined],
        ['file.not-text', `${HEADER}a,b,1\x1f\n`, 2, undefined],
        ['file.not-text', `${HEADER}a,b,\x0e\n`, 2, undefined],
        ['file.not-text', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0]).subarray(1), 1, undefined],
        [
            'file.encoding',
            Buffer.concat([Buffer.from(`${HEADER}a,b,1\n`), Buffer.from('Zürich,b,1\n', 'latin1')]),
            3,
            undefined,
        ],
        ['file.encoding', Buffer.from(`${HEADER}a,b,1\n`, 'utf16le').subarray(0, 1).fill(0xff), 1, undefined],
        [
            'file.encoding',
            Buffer.concat([Buffer.from(`${HEADER}a,b,`), Buffer.from('€').subarray(0, 2)]),
            2,
            undefined,
        ],
        [
            'file.encoding',
            Buffer.concat([Buffer.from(HEADER), Buffer.from([0xe2, 0x00, 0x0a])]),
            2,
            undefined,
        ],
        [
            'file.encoding',
            Buffer.concat([Buffer.from(HEADER), Buffer.from([0xed, 0xa0, 0x80, 0x0a])]),
            2,
            undefined,
        ],
        ['file.line-too-long', `${HEADER}a,b,1\n${'x'.repeat(1001)}\n`, 3, undefined],
        ['file.line-too-long', 'x'.repeat(1001), 1, undefined],
        ['file.header-duplicate', 'id,at,kwh,id\na,b,1,a\n', 1, 'id'],
        ['file.column-unknown', 'id,at,kwh,price,co2\na,b,1,2,3\n', 1, 'price'],
        ['file.column-unknown', 'MAC1,2013-01-01,0.5\nMAC1,2013-01-02,0.5\n', 1, 'MAC1'],
        ['file.delimiter', 'id;at;kwh\na;b;1\n', 1, 'id;at;kwh'],
        ['file.column-unknown', 'ID,at,kwh\na,b,1\n', 1, 'ID'],
        ['file.column-missing', '\n\nid,at\na,b\n', 3, 'kwh'],
        ['file.column-order', 'id,kwh,at\na,1,b\n', 1, 'kwh'],
    ];

for (const [ruleId, payload, line, field] of REFUSED) {
    const shown = JSON.stringify(payload.toString('latin1').slice(0, 40));
    test(`${ruleId} refuses ${shown}`, async () => {
        const verdict = await checkPayload(decompressed([Buffer.from(payload)]), CSV);
        assert.ok(!verdict.ok);
        const { refused } = verdict;
        assert.deepEqual([refused.ruleId, refused.line, refused.field], [ruleId, line, field]);
        assert.ok(refused.message.length > 10);
    });
}

/** Told by typed rows; their cases are in test/chain/format-change.test.ts and not-computable.test.ts. */
const TOLD_BY_ROWS = [
    'file.unit-unknown',
    'file.quality-unknown',
    'file.form-changed',
    'file.stamps-moved',
    'file.unit-moved',
    'file.not-computable',
];

test('every file rule is among the cases', () => {
    const rules = [...REFUSED.map(([ruleId]) => ruleId), ...TOLD_BY_ROWS];
    assert.deepEqual(new Set(rules), new Set(Object.keys(FILE_RULES)));
});

test('a byte order mark, CR LF, blank lines and a missing last line end are accepted and told', async () => {
    const verdict = await check(Buffer.from('\ufeff\r\n id ,\tat,kwh,note\r\n\r\na,b,1,\r\n \t\r\nä,b,2,x'));
    assert.deepEqual(verdict, {
        ok: true,
        shape: {
            headerColumns: ['id', 'at', 'kwh', 'note'],
            headerLine: 2,
            hasBom: true,
            hasCrlf: true,
            hasLoneCr: false,
            endsWithNewline: false,
            bytes: 46,
            records: 2,
            blankLines: 3,
        },
    });
});

test('a carriage return within a line is told apart from CR LF', async () => {
    for (const [text, lone, crlf] of [
        ['a,b,1\r\n', false, true],
        ['a,b\r,1\n', true, false],
        ['a,b,1\r\r\n', true, true],
        ['a,b\r1', true, false],
        ['a,b,1\r', false, false],
    ] as const) {
        const verdict = await check(HEADER + text);
        assert.ok(verdict.ok);
        assert.deepEqual(
            [verdict.shape.hasLoneCr, verdict.shape.hasCrlf],
            [lone, crlf],
            JSON.stringify(text),
        );
    }
});

test('NDJSON has no header, and a payload of one line is enough', async () => {
    const verdict = await check('{"id":"a"}', NDJSON);
    assert.ok(verdict.ok);
    assert.deepEqual(
        [verdict.shape.headerLine, verdict.shape.records, verdict.shape.headerColumns],
        [0, 1, []],
    );
    const empty = await check('\n\n', NDJSON);
    assert.ok(!empty.ok && empty.refused.ruleId === 'file.empty');
});

test('a quoted header is read where the contract allows quotes', async () => {
    const text = '"id", "at" ,kwh\na,b,1\n';
    assert.ok((await check(text, small({ quoting: 'double' }))).ok);
    const verdict = await check(text);
    assert.ok(!verdict.ok && verdict.refused.ruleId === 'file.column-unknown');
});

test('a line may be as long as the contract says, and not a byte longer', async () => {
    const fitting = 'x'.repeat(1000 - ',b,1'.length);
    for (const end of ['', '\n']) {
        assert.ok((await check(`${HEADER}${fitting},b,1${end}`)).ok);
        const verdict = await check(`${HEADER}${fitting}x,b,1${end}`);
        assert.ok(!verdict.ok && verdict.refused.ruleId === 'file.line-too-long');
    }
});

test('the verdict does not depend on where chunks end', async () => {
    const piece = fc.oneof(
        fc.constantFrom(
            'a,b,1\n',
            '\n',
            ' \t\r\n',
            '€,ü,😀\r\n',
            'a\rb\n',
            'x'.repeat(400),
            'x'.repeat(999),
            ',',
            '"',
            '\r',
        ),
        fc.constantFrom('\0', '\x1e', 'id,at\n', 'id,at,kwh\n', '\ufeff'),
        fc.constantFrom(
            Buffer.from([0xe2, 0x82]),
            Buffer.from([0xc3]),
            Buffer.from([0xff]),
            Buffer.from([0xf0, 0x9f, 0x98]),
        ),
    );
    const places = fc.array(fc.nat(5000), { maxLength: 12 });
    const starts = fc.constantFrom(HEADER, `\ufeff${HEADER}`, '\n', '');
    await fc.assert(
        fc.asyncProperty(starts, fc.array(piece, { maxLength: 8 }), places, async (start, pieces, cuts) => {
            const bytes = Buffer.concat([start, ...pieces].map((part) => Buffer.from(part)));
            const whole = await checkPayload([bytes], CSV);
            assert.deepEqual(await checkPayload(cutAt(bytes, cuts), CSV), whole);
            const single = Array.from(bytes, (_, i) => bytes.subarray(i, i + 1));
            assert.deepEqual(await checkPayload(single, CSV), whole);
        }),
        { numRuns: 400 },
    );
});

test('a line of 2 GB is refused after its first part, in bounded memory', async () => {
    const chunk = Buffer.alloc(1 << 20, 'x');
    const longest = { ...CSV, layout: { ...CSV.layout, maxLineBytes: 1 << 20 } };
    for (const contract of [CSV, longest]) {
        let read = 0;
        async function* line(): AsyncGenerator<Buffer> {
            yield Buffer.from(`${HEADER}a,b,1\n`);
            for (; read < 2 ** 31; read += chunk.length) yield chunk;
        }
        const before = process.memoryUsage.rss();
        const verdict = await checkPayload(line(), contract);
        assert.ok(!verdict.ok);
        assert.deepEqual([verdict.refused.ruleId, verdict.refused.line], ['file.line-too-long', 3]);
        assert.ok(read <= 2 << 20, `${read} bytes were read`);
        assert.ok(process.memoryUsage.rss() - before < 100 << 20);
    }
});

test('a failure to read the payload is not called a fault of the payload', async () => {
    async function* failing(): AsyncGenerator<Buffer> {
        yield Buffer.from(HEADER);
        throw new Error('the disk failed');
    }
    await assert.rejects(checkPayload(failing(), CSV), /the disk failed/);
});
