// test limit: 400 s
import { test } from 'node:test';
import { LCL_SKIP } from './lcl-files.ts';
import { checkLondonBills } from './london-bills-case.ts';

const MONTHS = Array.from({ length: 12 }, (_, i) => `2013-${String(i + 1).padStart(2, '0')}`);

test(
    'every bill of the sixty homes in London in their year equals a naive computation, line by line',
    {
        skip: LCL_SKIP,
    },
    () => checkLondonBills({ homes: 60, months: MONTHS, ingested: 'year' }),
);
