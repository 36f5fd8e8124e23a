// test limit: 7200 s
import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { test } from 'node:test';
import { LCL_SKIP } from '../chain/lcl-files.ts';
import { runCrashes } from './driver.ts';
import { STAGES, type Stage } from './worker-plan.ts';

interface SlowRun {
    readonly killsPerStage: number;
    readonly from: string;
    readonly days: number;
    /** Of the sixty, those that have readings then. */
    readonly homes: number;
    readonly stages: readonly Stage[];
}

// Fifty are the promise, under a new seed each time. A worker that has a year to publish lives a minute, and one with days a
// few seconds: so unless told otherwise the whole year takes fewer kills, and many kills fewer days.
// GRIDTALLY_CRASH_YEAR_KILLS=50 takes the fifty over the whole year too, but for open tables: they are published when all else is, each time after a minute.
const RUNS: readonly SlowRun[] = [
    {
        killsPerStage: Number(process.env.GRIDTALLY_CRASH_KILLS ?? '50'),
        from: '2013-03-25',
        days: 14,
        homes: 59,
        stages: STAGES,
    },
    {
        killsPerStage: Number(process.env.GRIDTALLY_CRASH_YEAR_KILLS ?? '2'),
        from: '2013-01-01',
        days: 365,
        homes: 60,
        stages:
            process.env.GRIDTALLY_CRASH_YEAR_KILLS === undefined
                ? STAGES
                : STAGES.filter((stage) => stage !== 'publish'),
    },
];
// GRIDTALLY_CRASH_PROGRESS names a file that is told how far it is: what a test prints is only shown at its end.
const progressFile = process.env.GRIDTALLY_CRASH_PROGRESS;
const tell =
    progressFile === undefined
        ? undefined
        : (line: string) => appendFileSync(progressFile, `${new Date().toISOString()} ${line}\n`);
const seed = process.env.GRIDTALLY_CRASH_SEED ?? new Date().toISOString();

for (const { killsPerStage, from, days, homes, stages } of RUNS) {
    test(`${killsPerStage} kills inside every stage of ${homes} homes' ${days} days leave the content of one quiet run`, {
        skip: LCL_SKIP,
    }, async (t) => {
        const serverKills = Math.ceil(killsPerStage / 5);
        const run = await runCrashes({
            seed,
            homes: 60,
            from,
            days,
            parallel: Number(process.env.GRIDTALLY_CRASH_PARALLEL ?? '3'),
            killsPerStage,
            stages,
            serverKills,
            ...(tell === undefined ? {} : { tell }),
        });
        t.diagnostic(JSON.stringify(run));
        assert.equal(run.homes, homes, 'homes with readings');
        assert.deepEqual(run.findings, [], `again with GRIDTALLY_CRASH_SEED=${seed}`);
        for (const stage of stages) assert.ok(run.kills[stage] >= killsPerStage, `kills inside ${stage}`);
    });
}
