import { rmSync } from 'node:fs';
import path from 'node:path';
import { openWorkspace } from '../src/cli/workspace.ts';
import { ingest, load, refreshAll } from '../src/pipeline/chain.ts';
import { readStatus } from '../src/pipeline/status.ts';
import { removeDatabase } from '../src/store/embedded-postgres.ts';
import { initHome } from '../src/store/home.ts';
import { bytesBelow } from './folder-bytes.ts';
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

async function gridtally(folder: string, clock: StageClock): Promise<object> {
    const town = path.join(folder, 'town');
    const homeFolder = path.join(folder, 'home');
    await initHome(homeFolder, { marketZone: 'Europe/London' });
    const workspace = await openWorkspace(homeFolder);
    try {
        // master data are there before a day begins: not a part of what is compared
        await load(workspace, {
            kind: 'metering-points',
            file: path.join(town, 'master', 'metering-points.csv'),
        });
        for (const name of ['readings.csv', 'corrections.csv']) {
            await clock.time('receive, parse, append', () =>
                ingest(workspace, 'generic-csv', [{ sourceKey: name, path: path.join(town, name) }]),
            );
        }
        await clock.time('curate, roll up, commit', () => refreshAll(workspace));
        const status = await readStatus(workspace.lake);
        const check = { intervals: status.winning, kwh: status.kwh };
        return {
            check,
            writtenBytes: bytesBelow(workspace.home.lakeFolder) + bytesBelow(workspace.home.rawFolder),
        };
    } finally {
        await workspace.close();
        await removeDatabase(homeFolder);
        rmSync(homeFolder, { recursive: true, force: true });
    }
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
