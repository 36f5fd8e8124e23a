// test limit: 240 s
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { checkLclCase } from './lcl-case.ts';
import { LCL_FOLDER, LCL_SKIP } from './lcl-files.ts';

test('sixty real homes give every figure that an independent script found', { skip: LCL_SKIP }, () =>
    checkLclCase(),
);

test('the reference has all the columns that are compared', { skip: LCL_SKIP }, () => {
    const [header = ''] = readFileSync(path.join(LCL_FOLDER, 'reference_totals.csv'), 'utf8').split('\n');
    assert.deepEqual(header.trim().split(',').slice(3), [
        'readings',
        'missing',
        'first',
        'last',
        'kwh_total',
        'kwh_high',
        'kwh_normal',
        'kwh_low',
        'cost_dtou_gbp',
        'cost_flat_gbp',
        'kwh_jan',
        'kwh_jul',
        'max_hh',
    ]);
});
