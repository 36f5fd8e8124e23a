import { refreshAll } from '../src/pipeline/chain.ts';
import type { Correction } from './correction.ts';
import { ingestFile, publishFile, secondsOf, withTownHome } from './home.ts';

async function main(folder: string): Promise<void> {
    await withTownHome(folder, async (workspace) => {
        await ingestFile(workspace, folder, 'readings.csv');
        const full = await secondsOf(() => refreshAll(workspace));
        const corrections: Correction[] = [];
        for (const spread of ['neighbours', 'scattered'] as const)
            corrections.push({ spread, ...(await publishFile(workspace, folder, `${spread}.csv`)) });
        process.stdout.write(`${JSON.stringify({ fullRefreshSeconds: full.seconds, corrections })}\n`);
    });
}

await main(process.argv[2] ?? '');
