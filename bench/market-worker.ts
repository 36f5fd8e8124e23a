import { openWorkspace } from '../src/cli/workspace.ts';
import { work } from '../src/pipeline/work.ts';

/** One `gridtally work` that also tells when each stage ended, and what it took. */
async function main(homeFolder: string): Promise<void> {
    const workspace = await openWorkspace(homeFolder);
    const endedAt = { parse: 0, refresh: 0 };
    try {
        const result = await work(workspace, {
            onProgress: ({ stage }) => {
                endedAt[stage] = Date.now();
            },
        });
        const { user, system } = process.cpuUsage();
        const peakRssBytes = process.resourceUsage().maxRSS * 1024;
        const cpuSeconds = (user + system) / 1e6;
        process.stdout.write(`${JSON.stringify({ ...result, endedAt, cpuSeconds, peakRssBytes })}\n`);
    } finally {
        await workspace.close();
    }
}

await main(process.argv[2] ?? '');
