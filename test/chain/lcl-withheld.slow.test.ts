import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LCL_SKIP } from './lcl-files.ts';
import { runWithheld, wholeHomes } from './lcl-withheld.ts';

test('a year of real homes, a part of it late, leave the same content', {
    skip: LCL_SKIP,
}, async () => {
    const { late, clean } = await runWithheld({
        homes: wholeHomes(),
        from: '2013-01-01',
        to: '2014-01-01',
        seed: 2,
    });
    assert.ok(clean.length > 50 * 365);
    assert.deepEqual(late, clean);
});
