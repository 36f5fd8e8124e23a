import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { GridtallyError } from '../../src/kernel/errors.ts';
import { readContract } from '../../src/parsers/contract.ts';
import { columnSettings, feedSettings } from '../../src/parsers/contract-settings.ts';
import { shippedContracts } from '../../src/parsers/feed-catalogue.ts';
import { shipped, shippedText } from './sample-contracts.ts';

const GENERIC_COLUMNS = ['meter_id', 'register', 'read_at', 'minutes', 'value', 'unit', 'quality', 'version'];

/** Line and field of each fault of a shipped contract in which texts have been replaced. */
function faultsOf(
    feed: string,
    replaced: Record<string, string>,
): [number | undefined, string | undefined, string][] {
    let text = shippedText(feed);
    for (const [from, to] of Object.entries(replaced)) {
        assert.ok(text.includes(from), from);
        text = text.replace(from, to);
    }
    try {
        readContract(text, 'feeds/x.odcs.yaml');
    } catch (error) {
        assert.ok(error instanceof GridtallyError);
        return error.faults.map(({ line, field, message }) => [line, field, message]);
    }
    return [];
}

const placesOf = (feed: string, replaced: Record<string, string>) =>
    faultsOf(feed, replaced).map(([line, field]) => [line, field]);

test('the shipped feeds register unknown meters and read what they say', () => {
    const names = [...shippedContracts().keys()].sort();
    assert.deepEqual(names, ['generic-csv', 'generic-ndjson', 'generic-register-csv', 'lcl']);
    for (const [feed, { contract }] of shippedContracts()) {
        assert.equal(contract.feed, feed);
        if (contract.kind === 'register') continue;
        assert.deepEqual([contract.reading.unknownMeter, contract.reading.identifies], ['register', 'meter']);
    }
    const lcl = shipped('lcl');
    assert.deepEqual(
        lcl.columns.map(({ name, role }) => [name, role]),
        [
            ['LCLid', 'meter'],
            ['tstp', 'stamp'],
            ['energy(kWh/hh)', 'value'],
        ],
    );
    assert.equal(lcl.reading.intervalMinutes, 30);
    assert.equal(lcl.reading.value.maxDecimals, 7);
    assert.deepEqual(lcl.reading.stamp, {
        format: '%Y-%m-%d %H:%M:%S',
        marks: 'start',
        clock: { kind: 'utc' },
        repeatedHour: 'refuse',
        allows2400: false,
        maxFutureMinutes: 60,
    });
    const [csv, ndjson] = [shipped('generic-csv'), shipped('generic-ndjson')];
    assert.deepEqual(
        csv.columns.map(({ name }) => name),
        GENERIC_COLUMNS,
    );
    assert.deepEqual(ndjson.columns, csv.columns);
    assert.deepEqual(ndjson.reading, csv.reading);
    assert.deepEqual([csv.layout.format, ndjson.layout.format], ['delimited', 'ndjson']);
});

test('the identity of a contract is the SHA-256 of its text', () => {
    const text = shippedText('lcl');
    assert.notEqual(readContract(`${text}\n`, 'x').sha256, readContract(text, 'x').sha256);
});

test('clocks are UTC, a fixed offset or a zone', () => {
    const clockOf = (clock: string) =>
        readContract(shippedText('lcl').replace('value: utc', `value: '${clock}'`), 'x').reading.stamp.clock;
    assert.deepEqual(clockOf('+01:30'), { kind: 'fixed', offsetMinutes: 90 });
    assert.deepEqual(clockOf('-05:00'), { kind: 'fixed', offsetMinutes: -300 });
    assert.deepEqual(clockOf('Europe/London'), { kind: 'local', zone: 'Europe/London' });
    assert.deepEqual(placesOf('lcl', { 'value: utc': 'value: Europe/Nowhere' }), [[50, 'clock']]);
});

test('all faults of a contract are told at once, each with its line and field', () => {
    const found = placesOf('lcl', {
        'v3.1.0': 'v2.2.2',
        'status: active': 'state: active',
        'required: true': 'required: 1',
        'value: 30': 'value: 20',
        'property: clock': 'property: clokc',
        'value: 7': 'value: 7.5',
    });
    assert.deepEqual(found, [
        [1, 'apiVersion'],
        [1, 'status'],
        [6, 'state'],
        [15, 'schema[0].properties[0].required'],
    ]);
    const settings = placesOf('lcl', {
        'v3.1.0': 'v2.2.2',
        'value: stamp': 'value: timestamp',
        'value: 30': 'value: 20',
        'property: clock': 'property: clokc',
        'value: 7': 'value: 7.5',
    });
    assert.deepEqual(settings, [
        [1, 'apiVersion'],
        [26, 'tstp.role'],
        [34, 'clock'],
        [44, 'intervalMinutes'],
        [50, 'clokc'],
        [52, 'maxDecimals'],
    ]);
});

/** Keys of schema/odcs-json-schema-v3.1.0.json of the standard that gridtally does not read. */
const OF_ELEMENT = `id: an-id
businessName: Readings
physicalName: readings
physicalType: text
tags: [meters, half-hourly]
authoritativeDefinitions: [{ url: 'https://example.org', type: businessDefinition }]
quality: [{ metric: nullValues, mustBe: 0 }]
relationships: [{ to: homes.id }]
`;

const OF_SCHEMA = `${OF_ELEMENT}description: What the trial measured.
dataGranularityDescription: One row for each home and half-hour.
`;

const OF_COLUMN = `${OF_ELEMENT}primaryKey: true
primaryKeyPosition: 1
partitioned: true
partitionKeyPosition: 1
unique: false
classification: restricted
encryptedName: sealed
criticalDataElement: true
transformSourceObjects: [head_end]
transformLogic: select wh / 1000
transformDescription: From the head-end.
examples: ['1']
`;

const OF_CONTRACT = `tenant: trial
domain: metering
dataProduct: readings
tags: [meters]
servers: [{ server: files, type: local, path: ./lcl, format: csv }]
team: { name: metering, members: [{ username: someone, role: owner }] }
roles: [{ role: reader }]
support: [{ channel: '#metering' }]
price: { priceAmount: 1, priceCurrency: GBP, priceUnit: megabyte }
slaProperties: [{ property: latency, value: 4, unit: d }]
slaDefaultElement: lcl_readings.tstp
authoritativeDefinitions: [{ url: 'https://example.org', type: tutorial }]
contractCreatedTs: '2026-01-01T00:00:00Z'
customProperties: [{ id: own, property: costCentre, value: { no: 7 }, description: Of the ledger. }]
`;

const indented = (text: string, by: number) => text.replace(/^(?=.)/gm, ' '.repeat(by));

/** The contract of lcl with every key of the standard; what they say of bytes is not what the file has. */
function withEveryKey(): string {
    const options = {
        string: '{ minLength: 99, pattern: "^x$", format: uuid }',
        timestamp: '{ format: dd/MM/yyyy HH.mm, timezone: true, defaultTimezone: Europe/Paris }',
        number: '{ maximum: 0.001, multipleOf: 5, format: f32 }',
    };
    return shippedText('lcl')
        .replace('status: active\n', `status: Under review\n${OF_CONTRACT}`)
        .replace('    logicalType: object\n', `    logicalType: object\n${indented(OF_SCHEMA, 4)}`)
        .replace(/ {8}logicalType: (string|timestamp|number)\n/g, (line, type: keyof typeof options) =>
            [line, `        logicalTypeOptions: ${options[type]}\n`, indented(OF_COLUMN, 8)].join(''),
        );
}

test('every key of the standard is accepted and changes nothing in how a file is read', () => {
    const text = withEveryKey();
    assert.equal(text.match(/transformLogic/g)?.length, 3);
    const { sha256: _with, ...read } = readContract(text, 'x');
    const { sha256: _without, ...plain } = readContract(shippedText('lcl'), 'x');
    assert.deepEqual(read, plain);
});

test('a key that the standard does not have is refused at its line, at each level', () => {
    const lines = withEveryKey().split('\n');
    for (const key of ['tenant', 'dataGranularityDescription', 'partitioned']) {
        const at = lines.findIndex((line) => line.trimStart().startsWith(`${key}:`));
        const text = lines.with(at, (lines[at] ?? '').replace(key, `${key}s`)).join('\n');
        assert.throws(
            () => readContract(text, 'x'),
            (error) => {
                assert.ok(error instanceof GridtallyError);
                assert.deepEqual(
                    error.faults.map(({ line, message }) => [line, message]),
                    [[at + 1, `${key}s is not known here.`]],
                );
                return true;
            },
        );
    }
    const within = { 'logicalType: string': 'logicalType: string\n        items: { logicalType: string }' };
    assert.deepEqual(faultsOf('lcl', within), [
        [15, 'schema[0].properties[0].items', 'A column holds one value: what lies within it is not read.'],
    ]);
});

test('a status is any text that is not blank', () => {
    const of = (status: string) => placesOf('lcl', { 'status: active': `status: ${status}` });
    assert.deepEqual(of('in production since May'), []);
    for (const status of ["''", "' \t'", '1', '[active]'])
        assert.deepEqual(of(status), [[6, 'status']], status);
});

test('a setting beside the schema is refused with the place where it belongs', () => {
    const beside = (property: string) =>
        faultsOf('lcl', {
            'status: active\n': `status: active\ncustomProperties:\n  - property: costCentre\n    value: 7\n  - property: ${property}\n    value: utc\n`,
        });
    assert.deepEqual(beside('ledger'), []);
    for (const [settings, place] of [
        [feedSettings, 'schema'],
        [columnSettings, 'column'],
    ] as const) {
        for (const name of Object.keys(settings.shape)) {
            const [fault, ...others] = beside(name);
            assert.deepEqual(others, [], name);
            assert.deepEqual(fault?.slice(0, 2), [10, 'customProperties[1].property'], name);
            assert.match(fault?.[2] ?? '', new RegExp(`^${name} .*customProperties of (the|a) ${place}`));
        }
    }
    assert.match(beside('Repeated_hour')[0]?.[2] ?? '', /differs from repeatedHour in case and signs only/);
});

test('what contradicts itself is refused', () => {
    const cases: readonly [string, Record<string, string>, readonly (readonly [number, string])[]][] = [
        ['lcl', { 'name: tstp': 'name: LCLid' }, [[20, 'LCLid.name']]],
        [
            'lcl',
            { 'property: maxDecimals\n        value: 7': 'property: decimalMark\n        value: comma' },
            [[52, 'decimalMark']],
        ],
        ['lcl', { 'name: tstp': 'name: " tstp"' }, [[20, ' tstp.name']]],
        ['lcl', { 'name: tstp': 'name: "ts,tp"' }, [[20, 'ts,tp.name']]],
        [
            'lcl',
            { 'value: stamp': 'value: meter' },
            [
                [20, 'tstp.role'],
                [34, 'properties'],
            ],
        ],
        ['lcl', { 'required: true': 'required: false' }, [[13, 'LCLid.required']]],
        ['lcl', { 'logicalType: number': 'logicalType: string' }, [[28, 'energy(kWh/hh).logicalType']]],
        ['lcl', { 'property: identifies': 'property: format' }, [[39, 'format']]],
        ['lcl', { '%H:%M:%S': '%H:%M:%S.%f' }, [[46, 'stampFormat']]],
        ['lcl', { '%Y-%m-%d': '%y-%m-%d' }, [[46, 'stampFormat']]],
        ['lcl', { "%S'": "%S '" }, [[46, 'stampFormat']]],
        ['generic-csv', { 'value: integer': 'value: none' }, [[95, 'versionStamp']]],
        ['generic-csv', { 'value: version': 'value: ignored' }, [[95, 'versionStamp']]],
        [
            'generic-ndjson',
            { 'property: rank': 'property: delimiter', 'value: 100': 'value: ";"' },
            [[71, 'format']],
        ],
        [
            'generic-csv',
            { 'property: rank': 'property: repeatedHour', 'value: 100': 'value: first' },
            [[93, 'repeatedHour']],
        ],
        [
            'generic-csv',
            { 'property: rank': 'property: maxKwh', 'value: 100': 'value: 1e3' },
            [[93, 'maxKwh']],
        ],
    ];
    for (const [feed, replaced, expected] of cases) {
        const found = placesOf(feed, replaced);
        for (const place of expected) {
            assert.ok(
                found.some(([line, field]) => line === place[0] && field === place[1]),
                JSON.stringify([replaced, found]),
            );
        }
    }
});

test('exact numbers of a contract stay as they were written', () => {
    const text = shippedText('generic-csv')
        .replace('property: rank', 'property: maxKwh')
        .replace('value: 100', 'value: 12.50');
    assert.equal(readContract(text, 'x').reading.value.maxKwh, '12.50');
});

test('every setting is explained in docs/feeds.md, and nothing else is', () => {
    const page = readFileSync(new URL('../../docs/feeds.md', import.meta.url), 'utf8');
    const explained = [...page.matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1]);
    const known = [...Object.keys(columnSettings.shape), ...Object.keys(feedSettings.shape)];
    assert.deepEqual(explained.toSorted(), known.toSorted());
});

test('a feed of register reads has no interval, no unknown meter to register and no power', () => {
    const register = shipped('generic-register-csv');
    assert.deepEqual([register.kind, shipped('lcl').kind], ['register', 'interval']);
    assert.deepEqual([register.reading.intervalMinutes, register.reading.unknownMeter], [0, 'wait']);
    assert.equal(register.reading.value.maxKwh, '999999999.999999');
    const fieldsOf = (from: string, to: string) =>
        faultsOf('generic-register-csv', { [from]: to }).map(([, field]) => field);
    const interval = '      - property: intervalMinutes\n        value: 30\n      - property: rank\n';
    assert.deepEqual(fieldsOf('      - property: rank\n', interval), ['intervalMinutes']);
    assert.deepEqual(
        fieldsOf(
            'property: repeatedInPayload\n        value: last',
            'property: unknownMeter\n        value: register',
        ),
        ['unknownMeter'],
    );
    assert.deepEqual(fieldsOf('property: unit\n        value: kWh', 'property: unit\n        value: kW'), [
        'unit',
    ]);
    assert.deepEqual(fieldsOf('value: unit', 'value: minutes'), ['unit.role', 'unit.logicalType']);
    assert.deepEqual(
        fieldsOf('value: register\n      - property: format', 'value: index\n      - property: format'),
        ['intervalMinutes', 'stampMarks', 'kind'],
    );
});

test('a feed says that it is a back-fill, and is none unless it says so', () => {
    assert.equal(shipped('generic-csv').delivery.isBackfill, false);
    const marked = (value: string) =>
        shippedText('generic-csv').replace(
            '      - property: unit\n',
            `      - property: backfill\n        value: ${value}\n      - property: unit\n`,
        );
    assert.equal(readContract(marked('true'), 'x.odcs.yaml').delivery.isBackfill, true);
    assert.throws(
        () => readContract(marked('history'), 'x.odcs.yaml'),
        (error) => error instanceof GridtallyError && error.faults[0]?.field === 'backfill',
    );
});
