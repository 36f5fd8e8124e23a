// test limit: 240 s
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { listRefusals, readStatus, refusedByFeed } from '../../src/pipeline/status.ts';
import { type ChainWorld, checkFile, openChainWorld, variedContract } from './chain-world.ts';

/** A vendor's change and what the refusal must say: `rule line field`, and texts of its message. */
interface Change {
    readonly name: string;
    readonly feed?: string;
    readonly file: string | Uint8Array;
    readonly refused: string;
    readonly says: readonly string[];
}

const HEADER = 'meter_id,register,read_at,minutes,value,unit,quality,version';
const at = (slot: number) => new Date(Date.parse('2013-05-01T00:00:00Z') + slot * 1_800_000).toISOString();
const rows = (
    part: { value?: string; unit?: string; quality?: string; at?: string; end?: string } = {},
    from = 0,
) =>
    Array.from({ length: 20 }, (_, i) => {
        const { value = '0.5', unit = 'kWh', quality = 'A', end = '' } = part;
        return `A,1,${part.at ?? at(from + i)},30,${value},${unit},${quality},1${end}\n`;
    }).join('');
const file = (header: string, body = rows()) => `${header}\n${body}`;
const half = (part: Parameters<typeof rows>[0]) => `${HEADER}\n${rows(part)}${rows({}, 20)}`;

const CHANGES: readonly Change[] = [
    {
        name: 'a column added',
        file: file(`${HEADER},firmware`, rows({ end: ',7' })),
        refused: 'file.column-unknown 1 firmware',
        says: ['waits 1.0.0', 'column added: "firmware"'],
    },
    {
        name: 'a column removed',
        file: 'meter_id,read_at\nA,2013-05-01T00:00:00Z\n',
        refused: 'file.column-missing 1 value',
        says: ['waits 1.0.0', 'missing: "value"'],
    },
    {
        name: 'a column renamed in case and signs',
        file: file(HEADER.replace('read_at', 'ReadAt')),
        refused: 'file.column-unknown 1 ReadAt',
        says: ['probably renamed: "read_at" → "ReadAt" (the names differ in case and signs only)'],
    },
    {
        name: 'a column renamed to a like one, another added and one removed',
        file: file(HEADER.replace('meter_id', 'meter_ref').replace(',version', ',batch')),
        refused: 'file.column-unknown 1 meter_ref',
        says: [
            '"meter_id" → "meter_ref" (the names are',
            'and it stands in the same place',
            'column added: "batch"',
        ],
    },
    {
        name: 'a column renamed to something else',
        file: file(HEADER.replace('value', 'consumption')),
        refused: 'file.column-unknown 1 consumption',
        says: ['"value" → "consumption" (it stands in the same place of as many columns)'],
    },
    {
        name: 'names in quotes',
        file: file(HEADER.replace('read_at', '"read_at"')),
        refused: 'file.column-unknown 1 "read_at"',
        says: ['differ in case and signs only'],
    },
    {
        name: 'columns in another order',
        file: file(HEADER.replace('read_at,minutes,value', 'value,read_at,minutes')),
        refused: 'file.column-order 1 value',
        says: ['waits 1.0.0', 'order changed: "value" stands too early'],
    },
    {
        name: 'another delimiter',
        file: file(HEADER).replaceAll(',', ';'),
        refused: `file.delimiter 1 ${HEADER.replaceAll(',', ';')}`,
        says: ['waits 1.0.0', 'delimiter changed: "," → ";"'],
    },
    {
        name: 'tabs',
        file: file(HEADER).replaceAll(',', '\t'),
        refused: `file.delimiter 1 ${HEADER.replaceAll(',', '\t')}`,
        says: ['delimiter changed: "," → a tab'],
    },
    {
        name: 'no header',
        file: '2013-05-01,00:30,17,1.5\n2013-05-01,01:00,17,1.5\n',
        refused: 'file.column-unknown 1 2013-05-01',
        says: ['the first line looks like a row'],
    },
    {
        name: 'UTF-16',
        file: Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(file(HEADER), 'utf16le')]),
        refused: 'file.encoding 1 -',
        says: ['waits 1.0.0', 'begins as UTF-16 does'],
    },
    {
        name: 'Windows-1252',
        file: Buffer.from(file(HEADER).replaceAll('A,1', 'Zürich,1'), 'latin1'),
        refused: 'file.encoding 2 -',
        says: ['waits 1.0.0', 'in Windows-1252 the byte 0xFC is ü'],
    },
    {
        name: 'a new unit in most rows',
        file: `${HEADER}\n${rows({ unit: 'kvarh' })}${rows({}, 20).split('\n').slice(1).join('\n')}`,
        refused: 'file.unit-unknown 2 unit',
        says: ['20 of 39 rows differ from the contract waits 1.0.0', 'unit added: "kvarh"', 'at most 50 %'],
    },
    {
        name: 'new quality codes in all rows',
        file: file(HEADER, rows({ quality: 'VAL' }) + rows({ quality: 'EST' }, 20)),
        refused: 'file.quality-unknown 2 quality',
        says: ['quality code added: "EST", "VAL"', 'known are "", "A", "E", "N", "W"'],
    },
    {
        name: 'a stricter limit by contract',
        feed: 'strict',
        file: `${HEADER}\n${rows({ quality: 'VAL' })}${rows({}, 20)}${rows({}, 40)}${rows({}, 60)}`,
        refused: 'file.quality-unknown 2 quality',
        says: ['20 of 80 rows', 'strict 1.0.0', 'at most 10 %'],
    },
    {
        name: 'decimal commas in quoted fields',
        feed: 'semicolons',
        file: file(HEADER).replaceAll(',', ';').replaceAll('0.5', '0,5'),
        refused: 'file.form-changed 2 value',
        says: ['20 of 20 rows', 'they break row.value-format, the first in line 2'],
    },
    {
        name: 'stamps in another form',
        file: file(HEADER, rows({ at: '01/05/2013 00:30' })),
        refused: 'file.form-changed 2 read_at',
        says: ['row.stamp-format'],
    },
    {
        name: 'a field more in each row than in the header',
        file: file(HEADER, rows({ end: ',7' })),
        refused: 'file.form-changed 2 -',
        says: ['row.fields'],
    },
    {
        name: 'a key that objects did not have',
        feed: 'objects',
        file: Array.from(
            { length: 12 },
            (_, i) => `{"meter_id":"A","read_at":"${at(i)}","value":1,"firmware":7}\n`,
        ).join(''),
        refused: 'file.form-changed 1 firmware',
        says: ['row.column-unknown', 'objects 1.0.0'],
    },
    {
        name: 'a key that objects have no more',
        feed: 'objects',
        file: Array.from({ length: 12 }, (_, i) => `{"meter_id":"A","read_at":"${at(i)}"}\n`).join(''),
        refused: 'file.form-changed 1 value',
        says: ['row.fields'],
    },
];

let world: ChainWorld;
const found = new Map<string, { refused: string; message: string }>();
const nameOf = (c: Change) => `${CHANGES.indexOf(c)}.csv`;

before(async () => {
    world = await openChainWorld({ marketZone: 'UTC' });
    const wait = { unknownMeter: 'wait' };
    world.contract('waits', variedContract('generic-csv', 'waits', wait));
    world.contract('strict', variedContract('generic-csv', 'strict', { ...wait, formFaultsPercent: '10' }));
    world.contract('lax', variedContract('generic-csv', 'lax', { ...wait, formFaultsPercent: "'off'" }));
    world.contract('semicolons', variedContract('generic-csv', 'semicolons', { ...wait, delimiter: "';'" }));
    world.contract('objects', variedContract('generic-ndjson', 'objects', wait));
    await world.load(
        'metering-points',
        'm.csv',
        'metering_point_id,meter_id,interval_minutes,valid_from\nP,A,30,2013-01-01\n',
    );
    for (const [feed, changes] of Map.groupBy(CHANGES, (c) => c.feed ?? 'waits')) {
        const files = Object.fromEntries(changes.map((c) => [nameOf(c), c.file]));
        // the right file comes last: what differs stops its own file and no other
        const right = feed === 'waits' ? { 'right.csv': file(HEADER) } : {};
        await world.ingest(feed, { ...files, ...right });
    }
    const refused = await world.workspace.db.query<Record<string, string>>(
        'select source_key as key, rule_id as rule, line_no as line, field, message from refused_payloads',
    );
    for (const r of refused)
        found.set(r.key ?? '', {
            refused: `${r.rule} ${r.line ?? '-'} ${r.field ?? '-'}`,
            message: r.message ?? '',
        });
});

after(() => world.end());

for (const c of CHANGES) {
    test(`${c.name}: ${c.refused.split(' ')[0]}, and what differs`, () => {
        const outcome = found.get(nameOf(c)) ?? assert.fail('the file was not refused');
        assert.equal(outcome.refused, c.refused);
        for (const text of c.says)
            assert.ok(outcome.message.includes(text), `${text} in: ${outcome.message}`);
    });
}

test('a check of the file says the same before anything is received', async () => {
    for (const c of CHANGES.filter(({ feed }) => feed === undefined)) {
        const preview = await checkFile(world, 'waits', c.file as string);
        assert.equal(preview.refused?.message, found.get(nameOf(c))?.message, c.name);
    }
});

test('the right file beside them came in, and none of their rows did', async () => {
    const s = await readStatus(world.workspace.lake);
    assert.deepEqual([s.rowsReceived, s.versions, s.rowsQuarantined], [20, 20, 0]);
    assert.equal(s.payloadsRefused, CHANGES.length);
});

test('up to the limit rows are quarantined one by one, and with `off` always', async () => {
    const { parsed } = await world.ingest('waits', { 'half.csv': half({ unit: 'kvarh' }) });
    assert.deepEqual([parsed.refused, parsed.quarantined, parsed.versions], [0, 20, 20]);
    const few = `${HEADER}\n${rows({ quality: 'VAL' }).split('\n').slice(0, 9).join('\n')}\n`;
    const small = await world.ingest('waits', { 'few.csv': few });
    assert.deepEqual([small.parsed.refused, small.parsed.quarantined], [0, 9]);
    const lax = await world.ingest('lax', { 'all.csv': file(HEADER, rows({ quality: 'VAL' })) });
    assert.deepEqual([lax.parsed.refused, lax.parsed.quarantined], [0, 20]);
});

test('what is refused is listed with the contract that it differs from', async () => {
    const { db } = world.workspace;
    const [newest] = await listRefusals(db, 'strict');
    assert.deepEqual(
        [newest?.feed, newest?.contractVersion, newest?.ruleId],
        ['strict', '1.0.0', 'file.quality-unknown'],
    );
    const counts = await refusedByFeed(db);
    assert.deepEqual([counts.get('objects'), counts.get('strict'), counts.get('lax')], [2, 1, undefined]);
    assert.equal((await listRefusals(db)).length, 10);
});
