import assert from 'node:assert/strict';
import { test } from 'node:test';
import { billNode, treeText } from '../../src/trace/trace-text.ts';

test('a tax is told as a percentage of what it is on, so that the line can be checked by hand', () => {
    const line = {
        lineNo: 2,
        kind: 'tax',
        charge: 'vat',
        band: null,
        tariffId: 'evening',
        serviceFrom: '2024-03-01',
        serviceTo: '2024-04-01',
        quantity: '375.36',
        unit: 'GBP',
        price: '5',
        amount: '18.77',
        kwh: null,
        days: [],
    } as const;
    const bill = {
        billId: 'B-1',
        accountId: 'A',
        state: 'draft',
        periodFrom: '2024-03-01',
        periodTo: '2024-04-01',
        energyKwh: '1',
        amountDue: '394.13',
        currency: 'GBP',
        lines: [line, { ...line, kind: 'subscription', charge: 'standing', quantity: '31', unit: 'day' }],
    } as const;
    const lines = treeText([billNode(bill, 'days')]);
    assert.match(lines[1] ?? '', /: 375\.36 GBP × 5 % = 18\.77 GBP$/);
    assert.match(lines[2] ?? '', /: 31 day × 5 = 18\.77 GBP$/);
});
