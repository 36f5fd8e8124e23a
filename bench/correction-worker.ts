import type { Workspace } from '../src/cli/workspace.ts';
import { refreshAll } from '../src/pipeline/chain.ts';
import type { Correction } from './correction.ts';
import { ingestFile, secondsOf, withTownHome } from './home.ts';

async function correct(
    workspace: Workspace,
    folder: string,
    spread: Correction['spread'],
): Promise<Correction> {
    const ingested = await secondsOf(() => ingestFile(workspace, folder, `${spread}.csv`));
    const refreshed = await secondsOf(() => refreshAll(workspace));
    return {
        spread,
        rows: ingested.value.parsed.versions,
        partitions: refreshed.value.merged + refreshed.value.rebuilt,
        ingestSeconds: ingested.seconds,
        refreshSeconds: refreshed.seconds,
    };
}

async function main(folder: string): Promise<void> {
    await withTownHome(folder, async (workspace) => {
        await ingestFile(workspace, folder, 'readings.csv');
        const full = await secondsOf(() => refreshAll(workspace));
        const corrections = [];
        for (const spread of ['neighbours', 'scattered'] as const)
            corrections.push(await correct(workspace, folder, spread));
        process.stdout.write(`${JSON.stringify({ fullRefreshSeconds: full.seconds, corrections })}\n`);
    });
}

await main(process.argv[2] ?? '');
