import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVERY_FLAW, FLAWS } from '../../src/simulate/flaws.ts';
import { compareTown } from './town-comparison.ts';
import { openTown } from './town-run.ts';

const SMALL = { marketZone: 'Europe/London', flaws: { ...EVERY_FLAW, exchanged: 0.4, moved: 0.4 } } as const;

/** One town over the clock change of spring, one over that of autumn. */
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
] as const;

for (const options of TOWNS) {
    test(`a town in ${options.seed} with every flaw is published as it truly was`, async () => {
        const town = await openTown({ ...SMALL, ...options });
        try {
            assert.deepEqual(
                Object.keys(FLAWS).filter((flaw) => !town.totals.flaws[flaw]),
                [],
            );
            assert.deepEqual(await compareTown(town, SMALL.marketZone), []);
        } finally {
            await town.end();
        }
    });
}
