// test limit: 240 s
import { test } from 'node:test';
import { LCL_SKIP } from './lcl-files.ts';
import { checkLondonBills } from './london-bills-case.ts';

test('every bill of real homes in London equals a naive computation, line by line', { skip: LCL_SKIP }, () =>
    // both clock changes, Easter and Christmas
    checkLondonBills({ homes: 7, months: ['2013-03', '2013-04', '2013-10', '2013-12'], ingested: 'months' }),
);
