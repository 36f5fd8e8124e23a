import path from 'node:path';
import { inTurns } from '../../src/kernel/turns.ts';
import { makeScratchFolder, removeScratchFolder } from '../store/scratch-home.ts';
import { makeTemplate } from './chaos-home.ts';
import type { PlantedFault } from './planted-faults.ts';
import { planSeed } from './seed-plan.ts';
import { runPlan, type SeedCounts, type SeedRun } from './seed-run.ts';

export interface SeedsOptions {
    /** Given one after the other, until there are no more. */
    readonly seeds: Iterable<string>;
    /** How many run at once. */
    readonly parallel: number;
    readonly planted?: PlantedFault;
    /** Folders of seeds that failed stay. */
    readonly keeps?: boolean;
    readonly onSeed?: (run: SeedRun) => void;
    /** No further seed begins once one has failed. */
    readonly stopsAtFailure?: boolean;
}

export interface SeedsRun {
    readonly seeds: number;
    readonly failed: readonly SeedRun[];
    readonly counts: SeedCounts;
    readonly seconds: number;
}

/** Runs seeds, several at a time, each in a home of its own. */
export async function runSeeds(options: SeedsOptions): Promise<SeedsRun> {
    const startedAt = performance.now();
    const root = makeScratchFolder();
    const failed: SeedRun[] = [];
    const all: SeedRun[] = [];
    try {
        const template = await makeTemplate(path.join(root, 'template'));
        const { planted, keeps = false } = options;
        const waiting = function* () {
            for (const seed of options.seeds) {
                if (options.stopsAtFailure && failed.length > 0) return;
                yield seed;
            }
        };
        await inTurns(waiting(), options.parallel, async (seed) => {
            const run = await runPlan({
                plan: planSeed(seed),
                template,
                keeps,
                ...(planted ? { planted } : {}),
            });
            all.push(run);
            if (run.findings.length > 0) failed.push(run);
            options.onSeed?.(run);
        });
        await removeScratchFolder(template);
    } finally {
        await removeScratchFolder(root);
    }
    const seconds = (performance.now() - startedAt) / 1000;
    return { seeds: all.length, failed, counts: sumOf(all.map(({ counts }) => counts)), seconds };
}

function sumOf(counts: readonly SeedCounts[]): SeedCounts {
    const total = (of: (each: SeedCounts) => number) => counts.reduce((sum, each) => sum + of(each), 0);
    const stages = [...new Set(counts.flatMap(({ crashesByStage }) => Object.keys(crashesByStage)))].sort();
    return {
        processes: total((each) => each.processes),
        crashes: total((each) => each.crashes),
        diskFailures: total((each) => each.diskFailures),
        pauses: total((each) => each.pauses),
        serverKills: total((each) => each.serverKills),
        resends: total((each) => each.resends),
        edits: total((each) => each.edits),
        backups: total((each) => each.backups),
        restores: total((each) => each.restores),
        crashesByStage: Object.fromEntries(
            stages.map((stage) => [stage, total((each) => each.crashesByStage[stage] ?? 0)]),
        ),
    };
}
