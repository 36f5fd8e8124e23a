import type { ValidationPolicy } from '../../src/contracts/validation-rules.ts';
import { parseYaml } from '../../src/kernel/yaml-document.ts';
import type { Chain } from '../../src/pipeline/chain.ts';
import { policyOf, validationSettings } from '../../src/store/validation-settings.ts';
import {
    type ChainWorld,
    openChainWorld,
    type ReadingRow,
    readingsCsv,
    variedContract,
} from './chain-world.ts';

export const HALF_HOUR = 1_800_000;

/** The part `validation` of a configuration, as a home reads it. */
export function policy(yaml: string): ValidationPolicy {
    return policyOf(validationSettings.parse(parseYaml(yaml, 'gridtally.yaml').value ?? {}));
}

/** The world's chain, as a home with this configuration would have it. */
export function validatedBy(world: ChainWorld, yaml: string): Chain {
    const { workspace } = world;
    return { ...workspace, lake: { ...workspace.lake, validation: policy(yaml) } };
}

/** A feed of history: its readings are never too old. */
export const HISTORY_FEED = 'history';

export function addHistoryFeed(world: ChainWorld): void {
    world.contract(HISTORY_FEED, variedContract('generic-csv', HISTORY_FEED, { backfill: 'true' }));
}

/** A Monday; until the end of March local time in London is UTC. */
export const MONDAY = Date.UTC(2024, 1, 5);
export const DAY = 48 * HALF_HOUR;

/** A world in London that estimates, with these meters of half-hours from Monday on. */
export async function openMeters(meters: readonly string[]): Promise<ChainWorld> {
    const world = await openChainWorld({ marketZone: 'Europe/London', estimates: true });
    addHistoryFeed(world);
    const rows = meters.map((meter) => `P-${meter},${meter},30,2024-02-05`);
    await world.load(
        'metering-points',
        'points.csv',
        `metering_point_id,meter_id,interval_minutes,valid_from\n${rows.join('\n')}\n`,
    );
    return world;
}

/** Rows of a meter from an instant on; a null has no row. */
export function halfHours(
    meter: string,
    from: number,
    values: readonly (string | null)[],
    part: Partial<ReadingRow> = {},
): ReadingRow[] {
    return values.flatMap((kwh, i) =>
        kwh === null ? [] : [{ meter, at: from + i * HALF_HOUR, kwh, ...part }],
    );
}

let fileNo = 0;

export async function ingestRows(
    world: ChainWorld,
    rows: readonly ReadingRow[],
    feed = HISTORY_FEED,
): Promise<void> {
    fileNo += 1;
    await world.ingest(feed, { [`rows-${fileNo}.csv`]: readingsCsv(rows) });
}

/** A day of so many values: all `base`, but for those named by their place. */
export function day(
    count: number,
    base: string,
    others: Readonly<Record<number, string | null>> = {},
): (string | null)[] {
    return Array.from({ length: count }, (_, i) => (i in others ? (others[i] ?? null) : base));
}
