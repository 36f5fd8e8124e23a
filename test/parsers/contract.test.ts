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
