import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVERY_FLAW, FLAWS, type Flaw } from '../../src/simulate/flaws.ts';
import { compareTown } from './town-comparison.ts';
import { openTown } from './town-run.ts';

const SMALL = { marketZone: 'Europe/London', flaws: { ...EVERY_FLAW, exchanged: 0.4, moved: 0.4 } } as const;

type Town = Parameters<typeof openTown>[0] & { readonly without?: readonly Flaw[] };

/** Over the clock changes of spring and autumn, in each form and each size of a delivery. */
const TOWNS = [
    {
        seed: 'spring',
        homes: 24,
        from: '2013-03-25',
        to: '2013-04-04',
        minutes: 'mixed',
        feed: 'generic-csv',
        compress: 'gzip',
    },
    {
        seed: 'autumn',
        homes: 24,
        from: '2013-10-22',
        to: '2013-11-01',
        minutes: 30,
        feed: 'generic-ndjson',
        compress: 'zstd',
        bucketSize: 16,
    },
    {
        seed: 'spring of New York',
        marketZone: 'America/New_York',
        homes: 12,
        from: '2013-03-09',
        to: '2013-03-13',
        minutes: 60,
        feed: 'generic-csv',
        delivery: 'per-device-hour',
    },
    {
        seed: 'half-hours of lcl',
        homes: 12,
        from: '2013-10-22',
        to: '2013-11-01',
        minutes: 30,
        feed: 'lcl',
        delivery: 'bulk',
        registeredByLoad: true,
        // for which its three columns, unknown meters that it registers, and one file leave no place
        without: [
            'estimated',
            'estimated-only',
            'stale-estimate',
            'withdrawn',
            'wrong-unit',
            'other-unit',
            'unknown-meter',
            'changed-format',
            'not-registered',
        ],
    },
] as const;

for (const { without = [], ...options } of TOWNS.map((town): Town => ({ ...SMALL, ...town }))) {
    test(`a town in ${options.seed} with every flaw is published as it truly was`, async () => {
        const town = await openTown(options);
        try {
            assert.deepEqual(
                Object.keys(FLAWS).filter((flaw) => !town.totals.flaws[flaw]),
                without,
            );
            assert.deepEqual(await compareTown(town, options.marketZone), []);
        } finally {
            await town.end();
        }
    });
}
