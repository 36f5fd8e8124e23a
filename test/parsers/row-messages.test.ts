import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FeedContract } from '../../src/contracts/feed-contract.ts';
import { ROW_RULES } from '../../src/contracts/ingest-rules.ts';
import { messageOf } from '../../src/contracts/row-messages.ts';
import { readContract } from '../../src/parsers/contract.ts';
import { shippedContract, variedContract } from '../chain/chain-world.ts';

const read = (text: string) => readContract(text, 'contract.yaml');

/** By rule, what the contract is said to say. */
function told(contract: FeedContract): Record<string, string> {
    return Object.fromEntries(
        Object.entries(ROW_RULES).flatMap(([rule, sentence]) => {
            const message = messageOf(rule, contract);
            const [start, end] = [sentence.slice(0, -1), message.slice(sentence.length - 1)];
            assert.ok(message.startsWith(start), message);
            return end === '.' ? [] : [[rule, /^ \((.*)\)\.$/.exec(end)?.[1] ?? end]];
        }),
    );
}

test('what is wrong with a row is told with the setting of the contract that decides', () => {
    assert.deepEqual(told(read(shippedContract('lcl'))), {
        'row.fields': 'quoting: none',
        'row.quote': 'quoting: none',
        'row.stamp-format': 'stampFormat: %Y-%m-%d %H:%M:%S',
        'row.stamp-repeated-hour': 'repeatedHour: refuse',
        'row.stamp-off-grid': 'intervalMinutes: 30',
        'row.stamp-future': 'maxFutureMinutes: 60',
        'row.interval-length': 'intervalMinutes: 30',
        'row.value-format': 'decimalMark: point',
        'row.value-decimals': 'maxDecimals: 7',
        'row.value-too-large': 'maxKwh: 100000',
        'row.quality': 'qualityCodes: ""',
        'row.version': 'versionStamp: none',
        'row.repeated': 'repeatedInPayload: last',
    });
    const generic = told(read(variedContract('generic-csv', 'varied', { quoting: 'double' })));
    assert.equal(generic['row.fields'], undefined);
    assert.equal(generic['row.quote'], 'quoting: double');
    // its rows say their own length
    assert.equal(generic['row.stamp-off-grid'], undefined);
});

test('each of several rules is told with its own setting, and without a contract none is', () => {
    const rules = 'row.stamp-format row.value-format';
    assert.equal(
        messageOf(rules, read(shippedContract('lcl'))),
        'The stamp is not written as the contract says (stampFormat: %Y-%m-%d %H:%M:%S). The value is not a plain decimal number (decimalMark: point).',
    );
    assert.equal(
        messageOf(rules),
        'The stamp is not written as the contract says. The value is not a plain decimal number.',
    );
});
