import assert from 'node:assert/strict';
import { test } from 'node:test';
import { totalText } from '../../src/billing/currency.ts';
import { decimal } from '../../src/kernel/decimal.ts';

test('a total has the decimals of its currency, and more where its lines have more', () => {
    const texts = (currency: string) =>
        ['423', '12.5', '0.125', '-7.00', '0'].map((amount) => totalText(decimal(amount), currency));
    assert.deepEqual(texts('GBP'), ['423.00', '12.50', '0.125', '-7.00', '0.00']);
    assert.deepEqual(texts('JPY'), ['423', '12.5', '0.125', '-7', '0']);
    assert.deepEqual(texts('KWD'), ['423.000', '12.500', '0.125', '-7.000', '0.000']);
    assert.deepEqual(texts('CLF'), ['423.0000', '12.5000', '0.1250', '-7.0000', '0.0000']);
    // by ISO 4217, whatever coins are in use
    for (const currency of ['HUF', 'COP', 'PKR', 'IDR']) assert.deepEqual(texts(currency), texts('GBP'));
    assert.deepEqual(texts('IQD'), texts('KWD'));
    // a code that nobody has given out yet
    assert.deepEqual(texts('ZZZ'), texts('GBP'));
});
