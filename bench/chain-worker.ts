import { refreshAll } from '../src/pipeline/chain.ts';
import { readStatus } from '../src/pipeline/status.ts';
import { bytesBelow } from './folder-bytes.ts';
import { ingestFile, withoutVee, withTownHome } from './home.ts';
import { peerDuckdb } from './peer-duckdb.ts';

export interface StageReport {
    readonly seconds: number;
    readonly cpuSeconds: number;
}

/** Times stages by wall and by the process's own CPU. */
export class StageClock {
    readonly stages: Record<string, StageReport> = {};

    async time<T>(name: string, work: () => Promise<T>): Promise<T> {
        const from = performance.now();
        const cpu = process.cpuUsage();
        const result = await work();
        const used = process.cpuUsage(cpu);
        const before = this.stages[name] ?? { seconds: 0, cpuSeconds: 0 };
        this.stages[name] = {
            seconds: before.seconds + (performance.now() - from) / 1000,
            cpuSeconds: before.cpuSeconds + (used.user + used.system) / 1e6,
        };
        return result;
    }

    total(): StageReport {
        const all = Object.values(this.stages);
        return {
            seconds: all.reduce((sum, s) => sum + s.seconds, 0),
            cpuSeconds: all.reduce((sum, s) => sum + s.cpuSeconds, 0),
        };
    }
}

/** Master data are there before: not a part of what is compared. */
function gridtally(folder: string, clock: StageClock): Promise<object> {
    return withTownHome(folder, async (workspace) => {
        for (const name of ['readings.csv', 'corrections.csv'])
            await clock.time('receive, parse, append', () => ingestFile(workspace, folder, name));
        await clock.time('curate, roll up, commit', () => refreshAll(withoutVee(workspace)));
        const status = await readStatus(workspace.lake);
        return {
            check: { intervals: status.winning, kwh: status.kwh },
            writtenBytes: bytesBelow(workspace.home.lakeFolder) + bytesBelow(workspace.home.rawFolder),
        };
    });
}

async function main(side: string, folder: string): Promise<void> {
    const clock = new StageClock();
    const result = side === 'gridtally' ? await gridtally(folder, clock) : await peerDuckdb(folder, clock);
    const peakRssBytes = process.resourceUsage().maxRSS * 1024;
    process.stdout.write(
        `${JSON.stringify({ ...clock.total(), peakRssBytes, stages: clock.stages, ...result })}\n`,
    );
}

await main(process.argv[2] ?? '', process.argv[3] ?? '');
