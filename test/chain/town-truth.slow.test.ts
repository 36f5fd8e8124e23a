import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVERY_FLAW, FLAWS } from '../../src/simulate/flaws.ts';
import type { TownOptions } from '../../src/simulate/town-options.ts';
import { compareTown } from './town-comparison.ts';
import { openTown } from './town-run.ts';

const OCCURRENCES = 100;
const SEEDS = 10;
const FEEDS = ['generic-csv', 'generic-ndjson'] as const;
const COMPRESSIONS = ['none', 'gzip', 'zstd'] as const;
// spring and autumn, so that half of the towns have a day of 23 hours and half one of 25
const PERIODS = [
    { from: '2013-03-22', to: '2013-04-05' },
    { from: '2013-10-18', to: '2013-11-01' },
] as const;

/** Files by the hour, so that flaws of files occur often enough; nearly every home moves and changes its meter. */
function townOf(n: number): Omit<TownOptions, 'outFolder' | 'feedName'> {
    return {
        seed: `town ${n}`,
        homes: 130,
        ...(PERIODS[n % 2] ?? PERIODS[0]),
        marketZone: 'Europe/London',
        minutes: n % 5 === 4 ? 30 : 'mixed',
        feed: FEEDS[(n >> 1) % 2] ?? 'generic-csv',
        compress: COMPRESSIONS[n % 3] ?? 'none',
        delivery: 'per-hour',
        flaws: {
            ...EVERY_FLAW,
            'not-registered': 0.04,
            'out-of-order': 0.45,
            'unknown-meter': 0.09,
            exchanged: 0.95,
            moved: 0.95,
        },
    };
}

for (let n = 0; n < SEEDS; n += 1) {
    const options = townOf(n);
    test(`${options.seed}, each flaw at least ${OCCURRENCES} times: ${options.feed}, ${options.compress}`, async () => {
        const town = await openTown(options);
        try {
            const { flaws } = town.totals;
            const rare = Object.keys(FLAWS).filter((flaw) => (flaws[flaw] ?? 0) < OCCURRENCES);
            assert.deepEqual(
                rare.map((flaw) => `${flaw}: ${flaws[flaw] ?? 0}`),
                [],
            );
            assert.deepEqual(await compareTown(town, options.marketZone), []);
        } finally {
            await town.end();
        }
    });
}
