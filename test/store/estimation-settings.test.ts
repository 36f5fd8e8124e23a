import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_ESTIMATION } from '../../src/contracts/estimation-policy.ts';
import { estimationSettings } from '../../src/store/estimation-settings.ts';

function complaints(settings: unknown): string[] {
    const { error } = estimationSettings.safeParse(settings);
    return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')} ${message}`);
}

test('what is left out is as usual', () => {
    const { loadShapes, ...usual } = DEFAULT_ESTIMATION;
    assert.deepEqual(estimationSettings.parse({}), usual);
    assert.deepEqual(loadShapes, {});
    const { registerDays, methods } = estimationSettings.parse({
        registerScaled: { upToDays: 92 },
        methods: [],
    });
    assert.deepEqual([registerDays, methods], [92, []]);
});

test('what a register counted is shared among all gaps at once, so its method is first, and flat is nothing without it', () => {
    assert.match(
        complaints({ methods: ['linear', 'register-scaled'] }).join(),
        /^methods must have register-scaled first/,
    );
    assert.match(
        complaints({ methods: ['like-day', 'flat'] }).join(),
        /^methods must have register-scaled where it has flat/,
    );
    assert.match(
        complaints({ methods: ['linear', 'linear'] }).join(),
        /^methods must name each method once$/,
    );
    assert.match(
        complaints({ registerScaled: { upToDays: 0 } }).join(),
        /must be a whole number from 1 to 400|>=1/,
    );
});

test('days are alike by kind or by the day of the week, and by nothing else', () => {
    assert.equal(estimationSettings.parse({ likeDay: { by: 'weekday' } }).likeDaysBy, 'weekday');
    assert.match(
        complaints({ likeDay: { by: 'month' } }).join(),
        /^likeDay.by must be one of kind, weekday$/,
    );
});
