// test limit: 240 s
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LCL_SKIP, lclHomes } from './lcl-files.ts';
import { runWithheld } from './lcl-withheld.ts';

test('real readings that come late leave what they would have left at once, and were estimated meanwhile', {
    skip: LCL_SKIP,
}, async () => {
    const homes = lclHomes().slice(0, 8);
    const { withheld, estimated, errors, late, clean } = await runWithheld({
        homes,
        from: '2013-03-01',
        to: '2013-05-01',
        seed: 3,
    });
    assert.deepEqual(
        errors.map(({ method }) => method),
        ['like-day', 'linear'],
    );
    // of the home whose whole file is late nothing is known, so nothing can be estimated
    assert.ok(withheld > 4000 && estimated > 1000, `${estimated} of ${withheld} estimated`);
    assert.ok(clean.length > 8 * 61);
    assert.deepEqual(late, clean);
});
