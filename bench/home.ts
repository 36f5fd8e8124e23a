import { rmSync } from 'node:fs';
import path from 'node:path';
import { openWorkspace, type Workspace } from '../src/cli/workspace.ts';
import {
    DEFAULT_VALIDATION,
    type RuleSettings,
    type ValidationPolicy,
} from '../src/contracts/validation-rules.ts';
import { dimensionSnapshot } from '../src/lake/dimension-snapshot.ts';
import { type Chain, type IngestProgress, ingest, load, refreshAll } from '../src/pipeline/chain.ts';
import { removeDatabase } from '../src/store/embedded-postgres.ts';
import { type HomeOptions, initHome } from '../src/store/home.ts';
import { TOWN_ZONE } from './town.ts';

/**
 * Gives `work` a new home in which the meters of a town are registered and the file of its channels is made, as they are before a day begins; takes it away afterwards.
 * @param folder the one that `withTown` made
 */
export async function withTownHome<T>(
    folder: string,
    work: (workspace: Workspace) => Promise<T>,
    options: HomeOptions = {},
): Promise<T> {
    const homeFolder = path.join(folder, 'home');
    await initHome(homeFolder, { marketZone: TOWN_ZONE, ...options });
    const workspace = await openWorkspace(homeFolder);
    try {
        const points = path.join(folder, 'town', 'master', 'metering-points.csv');
        await load(workspace, { kind: 'metering-points', file: points });
        // that of the day before is there, in a home at work: it is made anew only where registrations have changed
        await dimensionSnapshot(workspace.lake, 'channels');
        return await work(workspace);
    } finally {
        await workspace.close();
        await removeDatabase(homeFolder);
        rmSync(homeFolder, { recursive: true, force: true });
    }
}

/** No rule judges a reading: also what a script by hand does, which has none. */
export const NO_RULES: ValidationPolicy = {
    ...DEFAULT_VALIDATION,
    rules: Object.fromEntries(
        Object.entries(DEFAULT_VALIDATION.rules).map(([id, rule]) => [id, { ...rule, severity: 'off' }]),
    ) as RuleSettings,
};

/** The same home as one that neither judges nor estimates, as the scripts do that it is compared with. */
export function withoutVee<T extends Chain>(chain: T): T {
    const estimation = { ...chain.lake.estimation, methods: [] };
    return { ...chain, lake: { ...chain.lake, validation: NO_RULES, estimation } };
}

/** Receives and parses one file of the town, such as `readings.csv`. */
export function ingestFile(
    workspace: Workspace,
    folder: string,
    name: string,
    onProgress?: (progress: IngestProgress) => void,
) {
    const payload = { sourceKey: name, path: path.join(folder, 'town', name) };
    return ingest(workspace, 'generic-csv', [payload], onProgress);
}

export interface Timed<T> {
    readonly value: T;
    readonly seconds: number;
    /** Of the processor, in this process: the engine's too, Postgres' not. On a machine with other work it scatters less. */
    readonly cpuSeconds: number;
}

export async function secondsOf<T>(work: () => Promise<T>): Promise<Timed<T>> {
    const from = performance.now();
    const before = process.cpuUsage();
    const value = await work();
    const { user, system } = process.cpuUsage(before);
    return { value, seconds: (performance.now() - from) / 1000, cpuSeconds: (user + system) / 1_000_000 };
}

/** What it took to publish corrections. */
export interface PublishedCorrections {
    readonly rows: number;
    /** Of readings that were made anew. */
    readonly partitions: number;
    readonly ingestSeconds: number;
    readonly refreshSeconds: number;
    readonly refreshCpuSeconds: number;
}

/** Receives a file of the town and publishes what it changes. */
export async function publishFile(
    workspace: Workspace,
    folder: string,
    name: string,
): Promise<PublishedCorrections> {
    const ingested = await secondsOf(() => ingestFile(workspace, folder, name));
    const refreshed = await secondsOf(() => refreshAll(workspace));
    return {
        rows: ingested.value.parsed.versions,
        partitions: refreshed.value.merged + refreshed.value.rebuilt,
        ingestSeconds: ingested.seconds,
        refreshSeconds: refreshed.seconds,
        refreshCpuSeconds: refreshed.cpuSeconds,
    };
}
