import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { openWorkspace, type Workspace } from '../../src/cli/workspace.ts';
import { monthPeriod } from '../../src/kernel/calendar-date.ts';
import { sweep } from '../../src/lake/sweep.ts';
import { ingest, load, parseReceived, refreshAll } from '../../src/pipeline/chain.ts';
import { draftPeriod } from '../../src/pipeline/draft-period.ts';
import { verifyRaw } from '../../src/raw/verify-raw.ts';
import { makeScratchFolder, removeScratchFolder } from '../store/scratch-home.ts';
import { countFindings, type ExpectedCounts } from './crash-counts.ts';
import { type MasterFile, type MasterFiles, makeCrashHome, writeMasterFiles } from './crash-home.ts';
import { type CrashInput, type Delivery, makeCrashInput } from './crash-input.ts';
import { contentOf, differences, type HomeContent } from './home-content.ts';
import { Storm, type StormCounts } from './storm.ts';
import type { Stage } from './worker-plan.ts';

export interface CrashRunOptions {
    readonly seed: string;
    readonly homes: number;
    readonly days: number;
    /** First day; see `CrashInputOptions`. */
    readonly from?: string;
    readonly killsPerStage: number;
    /** Workers at a time. */
    readonly parallel: number;
    /** How often the database server is killed too. */
    readonly serverKills: number;
    /** Where kills are wanted; every stage unless told. */
    readonly stages?: readonly Stage[];
    /** Plants a fault in the workers: see `parseMarkingFirst`. */
    readonly isPlanted?: boolean;
    /** Is told how far it is. */
    readonly tell?: (line: string) => void;
}

export interface CrashRun extends StormCounts {
    /** Every way in which the violent home is not what the quiet one is; none: the promise is kept. */
    readonly findings: readonly string[];
    readonly homes: number;
    readonly isReal: boolean;
    readonly orphansSwept: number;
    readonly seconds: number;
}

/** Runs the same input quietly in one home and violently in another, and compares what they publish. */
export async function runCrashes(options: CrashRunOptions): Promise<CrashRun> {
    const startedAt = performance.now();
    const root = makeScratchFolder();
    const homes = { quiet: path.join(root, 'quiet'), violent: path.join(root, 'violent') };
    try {
        const input = makeCrashInput(path.join(root, 'input'), options);
        const masterFiles = writeMasterFiles(path.join(root, 'master'), input);
        const expected = await quietContent(homes.quiet, input, masterFiles);
        await makeCrashHome(homes.violent);
        const storm = new Storm(homes.violent, input, masterFiles, {
            ...options,
            compileCache: path.join(root, 'compiled'),
        });
        const violent = await openWorkspace(homes.violent);
        let end: Awaited<ReturnType<typeof judgeViolent>>;
        try {
            await loadAll(violent, masterFiles.first);
            await storm.run();
            end = await judgeViolent(violent, storm, { ...input, masterFiles, expected });
        } finally {
            await violent.close();
        }
        const findings = [...storm.findings, ...end.findings];
        const seconds = (performance.now() - startedAt) / 1000;
        const { orphansSwept } = end;
        const { homes: homesRead, isReal } = input;
        return { ...storm.counts, findings, orphansSwept, homes: homesRead, isReal, seconds };
    } finally {
        for (const home of Object.values(homes)) {
            mkdirSync(home, { recursive: true });
            await removeScratchFolder(home);
        }
        await removeScratchFolder(root);
    }
}

/** What a home publishes that nobody disturbs. */
export async function quietContent(
    home: string,
    input: CrashInput,
    masterFiles: MasterFiles,
): Promise<HomeContent> {
    await makeCrashHome(home);
    const workspace = await openWorkspace(home);
    try {
        await loadAll(workspace, [...masterFiles.first, ...masterFiles.late]);
        for (const [feed, deliveries] of Map.groupBy(input.quiet, (delivery: Delivery) => delivery.feed)) {
            await ingest(workspace, feed, deliveries);
        }
        await publish(workspace, input.months);
        const rows = input.quiet.reduce((sum, delivery) => sum + delivery.rows, 0);
        const wrong = await countFindings(workspace, { rows, acknowledged: new Map() });
        if (wrong.length > 0) throw new Error(`the quiet run is wrong: ${wrong.join('; ')}`);
        return await contentOf(workspace);
    } finally {
        await workspace.close();
    }
}

export async function loadAll(workspace: Workspace, files: readonly MasterFile[]): Promise<void> {
    for (const file of files) await load(workspace, file);
}

async function publish(workspace: Workspace, months: readonly string[]): Promise<void> {
    await parseReceived(workspace);
    await refreshAll(workspace);
    for (const month of months) {
        const { unrated } = await draftPeriod(workspace, monthPeriod(month));
        if (unrated.length > 0) throw new Error(`accounts without a bill: ${JSON.stringify(unrated)}`);
    }
}

/** After the last worker: one quiet run, then counts, raw store and orphans, each of which must leave the content as it is. */
export async function judgeViolent(
    workspace: Workspace,
    counted: ExpectedCounts,
    {
        months,
        masterFiles,
        expected,
    }: Pick<CrashInput, 'months'> & { readonly masterFiles: MasterFiles; readonly expected: HomeContent },
): Promise<{ findings: string[]; orphansSwept: number }> {
    const findings: string[] = [];
    // The first difference is shown, not what follows from it.
    const compare = async (when: string) => {
        if (findings.length > 0) return;
        findings.push(...differences(expected, await contentOf(workspace), when));
    };
    await loadAll(workspace, masterFiles.late);
    await publish(workspace, months);
    await compare('after the last run');
    findings.push(...(await countFindings(workspace, counted)));

    const raw = await verifyRaw(workspace.raw, { rebuild: true });
    for (const damage of raw.damaged) findings.push(`raw store: ${JSON.stringify(damage)}`);
    for (const missing of raw.missing) findings.push(`raw store lacks ${missing}`);
    if (raw.entered !== raw.unknown.length)
        findings.push(`entered ${raw.entered} of ${raw.unknown.length} segments`);
    await publish(workspace, months);
    await compare('after segments that nobody acknowledged were entered');

    const now = Date.now() + 60_000;
    const swept = await sweep(workspace.lake, { retiredBefore: now });
    const again = await sweep(workspace.lake, { retiredBefore: now });
    if (again.orphanFiles + again.retiredFiles > 0) findings.push('a second sweep found more files');
    await compare('after the sweep');
    return { findings, orphansSwept: swept.orphanFiles };
}
