// test limit: 1200 s
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PLANTED_FAULTS, type PlantedFault } from './planted-faults.ts';
import { runSeeds } from './seeds-run.ts';

const SEEDS_MAX = 12;

/** The first of the seeds to try, and what must be among the findings. */
const FOUND: Readonly<Record<PlantedFault, { readonly from: number; readonly as: RegExp }>> = {
    // told by `verify`, or by the first query that reads what was received
    'a lost fsync': { from: 1, as: /raw: .*(payload|cut off|is missing)|segment at byte \d+: / },
    'a dropped version': { from: 1, as: /an interval, only in the truth/ },
    'a commit before its files': { from: 1, as: /parquet/ },
    'a doubled retry': { from: 1, as: /files: the chain says \d+, the truth \d+/ },
    'a stale estimate': { from: 24, as: /an interval, only in the chain: .*estimated/ },
    'an update that ignores compare-and-swap': { from: 30, as: /was published 2 times/ },
};

for (const name of Object.keys(PLANTED_FAULTS) as PlantedFault[]) {
    test(`${name} is found`, async (t) => {
        const { from, as } = FOUND[name];
        const run = await runSeeds({
            seeds: Array.from({ length: SEEDS_MAX }, (_, i) => String(from + i)),
            parallel: 2,
            planted: name,
            stopsAtFailure: true,
        });
        const findings = run.failed.flatMap((failed) => failed.findings).join('\n');
        t.diagnostic(`found by seed ${run.failed.map(({ seed }) => seed).join(', ')} of ${run.seeds}`);
        assert.match(findings, as);
    });
}
