import assert from 'node:assert/strict';
import { appendFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { DEFAULT_VALIDATION } from '../../src/contracts/validation-rules.ts';
import type { GridtallyError } from '../../src/kernel/errors.ts';
import { HOME_FILE, type Home, initHome, readHome } from '../../src/store/home.ts';
import { makeScratchFolder } from './scratch-home.ts';

const root = makeScratchFolder();
after(() => rmSync(root, { recursive: true }));

let count = 0;

async function homeWith(validation: string): Promise<Home> {
    count += 1;
    const folder = path.join(root, String(count));
    await initHome(folder);
    appendFileSync(path.join(folder, HOME_FILE), `\nvalidation:\n${validation}`);
    return readHome(folder);
}

async function faultsOf(validation: string): Promise<string[]> {
    try {
        await homeWith(validation);
    } catch (error) {
        const { code, faults } = error as GridtallyError;
        assert.equal(code, 'home.config-invalid');
        return faults.map((fault) => `${fault.field}: ${fault.message}`);
    }
    return [];
}

describe('settings of validation', () => {
    it('are those of the catalogue where a home says nothing', async () => {
        const folder = path.join(root, 'silent');
        assert.deepEqual((await initHome(folder)).validation, DEFAULT_VALIDATION);
        const { rules } = DEFAULT_VALIDATION;
        assert.deepEqual(rules['vee.spike'], {
            severity: 'mark',
            parameters: { percent: 180_000, leastKw: 3000 },
        });
        assert.deepEqual(rules['vee.maximum'].parameters, { ratedKw: null, percent: 110_000 });
    });

    it('of a class are those of all, but for what it says itself', async () => {
        const { validation } = await homeWith(
            '  classAttribute: segment\n  rules:\n    vee.spike: { percent: 200.125 }\n    vee.zero: off\n' +
                '  classes:\n    industrial: { vee.spike: hold, vee.maximum: { ratedKw: 0.5 } }\n',
        );
        assert.equal(validation.classAttribute, 'segment');
        assert.equal(validation.ratedPowerAttribute, 'rated_kw');
        assert.equal(validation.rules['vee.zero'].severity, 'off');
        const industrial = validation.classes.industrial;
        assert.deepEqual(industrial?.['vee.spike'], {
            severity: 'hold',
            parameters: { percent: 200_125, leastKw: 3000 },
        });
        assert.equal(validation.rules['vee.spike'].severity, 'mark');
        assert.equal(industrial?.['vee.maximum'].parameters.ratedKw, 500);
        assert.equal(industrial?.['vee.zero'].severity, 'off');
    });

    it('that cannot be are all told, each with its place', async () => {
        const faults = await faultsOf(
            '  rules:\n    vee.spike: { severity: refuse, percent: 0.0001 }\n    vee.interval-count: estimate\n    vee.spikes: mark\n' +
                '    vee.too-old: { days: 12.5 }\n    vee.zero: { hours: 25, percent: 3 }\n  class: x\n  classes:\n    a: { vee.zero: { hours: none } }\n',
        );
        assert.deepEqual(faults.toSorted(), [
            'validation.class: there is no such setting',
            'validation.classes.a.vee.zero.hours: must be a number with at most three decimals from 1 to 24 (h)',
            'validation.rules.vee.interval-count.severity: must be one of off, mark, hold',
            'validation.rules.vee.spike.percent: must be a number with at most three decimals from 1 to 100000 (%)',
            'validation.rules.vee.spike.severity: must be one of off, mark, estimate, hold',
            'validation.rules.vee.spikes: there is no such setting',
            'validation.rules.vee.too-old.days: must be a whole number from 1 to 36500 (days)',
            'validation.rules.vee.zero.hours: must be a number with at most three decimals from 1 to 24 (h)',
            'validation.rules.vee.zero.percent: there is no such setting',
        ]);
    });
});
