import path from 'node:path';
import { openWorkspace, type Workspace } from '../src/cli/workspace.ts';
import { ingest, load, refreshAll } from '../src/pipeline/chain.ts';
import { removeDatabase } from '../src/store/embedded-postgres.ts';
import { initHome } from '../src/store/home.ts';
import type { Correction } from './correction.ts';

async function seconds<T>(work: () => Promise<T>): Promise<{ value: T; seconds: number }> {
    const from = performance.now();
    return { value: await work(), seconds: (performance.now() - from) / 1000 };
}

async function correct(
    workspace: Workspace,
    town: string,
    spread: Correction['spread'],
): Promise<Correction> {
    const name = `${spread}.csv`;
    const ingested = await seconds(() =>
        ingest(workspace, 'generic-csv', [{ sourceKey: name, path: path.join(town, name) }]),
    );
    const refreshed = await seconds(() => refreshAll(workspace));
    return {
        spread,
        rows: ingested.value.parsed.versions,
        partitions: refreshed.value.merged + refreshed.value.rebuilt,
        ingestSeconds: ingested.seconds,
        refreshSeconds: refreshed.seconds,
    };
}

async function main(folder: string): Promise<void> {
    const home = path.join(folder, 'home');
    const town = path.join(folder, 'town');
    await initHome(home, { marketZone: 'Europe/London' });
    const workspace = await openWorkspace(home);
    try {
        await load(workspace, {
            kind: 'metering-points',
            file: path.join(town, 'master', 'metering-points.csv'),
        });
        const day = [{ sourceKey: 'readings.csv', path: path.join(town, 'readings.csv') }];
        await ingest(workspace, 'generic-csv', day);
        const full = await seconds(() => refreshAll(workspace));
        const corrections = [];
        for (const spread of ['neighbours', 'scattered'] as const)
            corrections.push(await correct(workspace, town, spread));
        process.stdout.write(`${JSON.stringify({ fullRefreshSeconds: full.seconds, corrections })}\n`);
    } finally {
        await workspace.close();
        await removeDatabase(home);
    }
}

await main(process.argv[2] ?? '');
